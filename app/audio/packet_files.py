"""Packet files (.g800): packets of 32 bytes one after another, and nothing else.

Which codec made them stands beside the file, in an extended attribute, where the file system keeps such: a move keeps
it, as does a copy that keeps attributes (`cp -a`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import IO

from app.errors import FileProblem
from app.file_kinds import OTHER_SOUND, SOUND, START_BYTES, kind_by_name, kind_of
from app.storage import STANDARD_STREAM, is_ordinary, open_input
from codec.format import PACKET_BYTES

MADE_BY = "`gossamer encode` makes them from sound"
"""Cure for a file that holds no packets."""

CODEC_ATTRIBUTE = "user.gossamer.codec_id"
"""Name of the extended attribute: the number of the codec, in decimal digits."""


def mark_codec(stream: IO[bytes], codec_id: int) -> None:
    """Note which codec, 1..65535, makes a packet file that is being written; nothing where such is not kept."""
    with contextlib.suppress(OSError, AttributeError, ValueError):  # no such attributes here, or a pipe
        os.setxattr(stream.fileno(), CODEC_ATTRIBUTE, str(codec_id).encode())


def marked_codec(stream: IO[bytes]) -> int | None:
    """Return the number of the codec that stands beside a packet file, or None."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        digits = os.getxattr(stream.fileno(), CODEC_ATTRIBUTE)
        if len(digits) <= 5 and digits.isdigit():
            return int(digits)
    return None


class PacketReader:
    """A packet file, read packet by packet; `-` is standard input. Raises FileProblem.

    `fraction` (0..1, or None where the length is unknown) is how far reading has come; `left_over`, after the last
    packet, is the number of bytes at the end of the file that made no whole one; `codec_id` is the number of the codec
    that made the packets, or None where nothing says so.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_over = 0
        self.fraction: float | None = None
        self._stream = open_input(path)
        self.codec_id = marked_codec(self._stream)

    def check_codec(self, codec_id: int) -> str | None:
        """Return a warning where another codec than this one made the packets, else None."""
        if self.codec_id in (None, codec_id):
            return None
        return (
            f"{self.path} was made with codec {self.codec_id}, this is codec {codec_id}: words and voice may be lost; "
            "decode it with the version that made it"
        )

    def packets(self) -> Iterator[bytes]:
        """Yield the packets, 32 bytes each. Raises FileProblem for a file of another kind."""
        done = 0
        with contextlib.nullcontext(self._stream) if self.path == STANDARD_STREAM else self._stream as stream:
            size = os.fstat(stream.fileno()).st_size if is_ordinary(stream) else 0
            peek = getattr(stream, "peek", None)  # as much as is there, so that a live pipe is not held up
            start = peek(START_BYTES)[:START_BYTES] if peek else b""
            while packet := stream.read(PACKET_BYTES):
                if not done:
                    self._check(start if len(start) > len(packet) else packet)
                if len(packet) < PACKET_BYTES:
                    self.left_over = len(packet)
                    break
                done += len(packet)
                self.fraction = min(1.0, done / size) if size else None
                yield packet

    def _check(self, start: bytes) -> None:
        """Raise FileProblem where a file that begins so, or is named so, holds no packets."""
        kind, named = kind_of(start), kind_by_name(self.path)
        if kind is not None:
            raise FileProblem(f"{self.path} is {kind.name}, not packets", MADE_BY)
        if named is not None and named in SOUND + OTHER_SOUND:
            raise FileProblem(f"{self.path} has the name of {named.name}, not of packets", MADE_BY)
