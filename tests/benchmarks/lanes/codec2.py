"""Codec2 at its modes, through the program's own binding."""

from __future__ import annotations

from app.codecs.codec2 import Codec2

from . import CodecLane

FLUSH_S = 0.2


class Codec2Lane(CodecLane):
    """Codec2 at one of its modes."""

    def __init__(self, mode: str) -> None:
        super().__init__(Codec2(mode), FLUSH_S)
