"""Packet files (.g800): packets of 32 bytes one after another, and nothing else."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from app.errors import FileProblem
from app.file_kinds import kind_of
from app.storage import STANDARD_STREAM, is_ordinary, open_input
from codec.format import PACKET_BYTES

MADE_BY = "`gossamer encode` makes them from sound"
"""Cure for a file that holds no packets."""


class PacketReader:
    """A packet file, read packet by packet; `-` is standard input. Raises FileProblem.

    `fraction` (0..1, or None where the length is unknown) is how far reading has come; `left_over`, after the last
    packet, is the number of bytes at the end of the file that made no whole one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_over = 0
        self.fraction: float | None = None
        self._stream = open_input(path)

    def packets(self) -> Iterator[bytes]:
        """Yield the packets, 32 bytes each. Raises FileProblem for a file of another kind."""
        done = 0
        with contextlib.nullcontext(self._stream) if self.path == STANDARD_STREAM else self._stream as stream:
            size = os.fstat(stream.fileno()).st_size if is_ordinary(stream) else 0
            while packet := stream.read(PACKET_BYTES):
                if not done and (kind := kind_of(packet)) is not None:
                    raise FileProblem(f"{self.path} is {kind.name}, not packets", MADE_BY)
                if len(packet) < PACKET_BYTES:
                    self.left_over = len(packet)
                    break
                done += len(packet)
                self.fraction = min(1.0, done / size) if size else None
                yield packet
