"""Packet files (.g800): packets of 32 bytes one after another, and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from app.errors import FileProblem
from app.storage import STANDARD_STREAM, check_readable
from codec.format import PACKET_BYTES

OTHER_KINDS = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an MP3 file"}
"""First bytes of files that are taken for packet files by mistake."""


class PacketReader:
    """A packet file, read packet by packet; `-` is standard input. Raises FileProblem.

    `fraction` (0..1, or None where the length is unknown) is how far reading has come; `left_over`, after the last
    packet, is the number of bytes at the end of the file that made no whole one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_over = 0
        self.fraction: float | None = None
        if path != STANDARD_STREAM:
            check_readable(path)

    def packets(self) -> Iterator[bytes]:
        """Yield the packets, 32 bytes each. Raises FileProblem for a file of another kind."""
        with contextlib.ExitStack() as stack:
            if self.path == STANDARD_STREAM:
                stream, size = sys.stdin.buffer, 0
            else:
                stream = stack.enter_context(open(self.path, "rb"))
                size = os.fstat(stream.fileno()).st_size
            done = 0
            while packet := stream.read(PACKET_BYTES):
                if not done:
                    self._refuse_other_kinds(packet)
                if len(packet) < PACKET_BYTES:
                    self.left_over = len(packet)
                    return
                done += len(packet)
                self.fraction = done / size if size else None
                yield packet

    def _refuse_other_kinds(self, start: bytes) -> None:
        for magic, kind in OTHER_KINDS.items():
            if start.startswith(magic):
                raise FileProblem(f"{self.path} is {kind}, not packets", "`gossamer encode` makes them from sound")
