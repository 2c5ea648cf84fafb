"""Opus at 6 kbit/s, through the program's own binding; its bytes counted."""

from __future__ import annotations

from app.codecs.opus import Opus

from . import CodecLane

FLUSH_S = 0.1


class OpusLane(CodecLane):
    """Opus at 6 kbit/s."""

    def __init__(self) -> None:
        super().__init__(Opus(), FLUSH_S, "Opus 6k VBR")
