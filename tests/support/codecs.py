"""Codecs for tests: the real ones where their libraries are installed, and one of any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.reference import CodecMissing, Decode, Encode, ReferenceCodec
from codec.format import PACKET_S, PACKET_SAMPLES


def installed(codec: ReferenceCodec) -> ReferenceCodec:
    """Return the codec; skip the test where its library is missing."""
    if reason := codec.missing():
        pytest.skip(str(reason))
    return codec


def numbered(count: int, size: int) -> list[bytes]:
    """Return so many codec frames of `size` bytes, each full of its own number."""
    return [bytes([number % 256]) * size for number in range(count)]


class SizedCodec:
    """A silent codec whose frames last 320 ms and have `frame_bytes` bytes."""

    key, title, description = "sized", "Sized", "a codec of any size"
    frame_samples = PACKET_SAMPLES
    delay_samples = 0

    def __init__(self, frame_bytes: int) -> None:
        self.frame_bits: int | None = 8 * frame_bytes
        self.rate_bps = 8 * frame_bytes / PACKET_S

    def missing(self) -> CodecMissing | None:
        return None

    def version(self) -> str:
        return "1"

    def open_encoder(self) -> Encode:
        return lambda samples: bytes((self.frame_bits or 0) // 8)

    def open_decoder(self) -> Decode:
        return lambda frame: np.zeros(self.frame_samples, np.float32)


class SilentGossamer(Gossamer):
    """Gossamer's codec without its networks: every packet is 32 zero bytes, and decodes to silence."""

    def open_encoder(self) -> Encode:
        return lambda samples: bytes(32)

    def open_decoder(self) -> Decode:
        silence: Callable[[bytes | None], np.ndarray] = lambda packet: np.zeros(PACKET_SAMPLES, np.float32)  # noqa: E731
        return silence
