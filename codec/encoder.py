"""Samples to packets."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.models import ENCODER, load_model

Array = NDArray[np.float32]


class PacketEncoder(Protocol):
    """Anything that makes packets: the encoder, or a stand-in in a test."""

    def encode(self, samples: Array) -> bytes:
        """Return the 32 bytes of float32 [2560]."""

    def reset(self) -> None:
        """Go back to the start of a transmission."""


class Encoder:
    """The learned encoder, with its state: the last 30 ms, and what its layers keep of the packets before."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the shipped graph, or that of a file. Raises ModelError."""
        self._model = load_model(ENCODER, path)

    @property
    def codec_id(self) -> int:
        """Number of the codec, 1..65535: decoders with the same one understand these packets."""
        return self._model.codec_id

    def encode(self, samples: Array) -> bytes:
        """Return the 32 bytes of float32 [2560] in [-1, 1].

        Values outside are clipped, and what is not a number counts as silence. Raises ValueError for another number of
        samples.
        """
        if samples.shape != (format.PACKET_SAMPLES,):
            raise ValueError(f"a packet is {format.PACKET_SAMPLES} samples, not {samples.shape}")
        packet = self._model.step(samples=np.ascontiguousarray(samples, np.float32)[None])
        return packet.tobytes()

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._model.reset()


class PacketAssembler:
    """A buffer that cuts blocks of any size into whole packets, so that the size of the blocks does not matter."""

    def __init__(self, encoder: PacketEncoder) -> None:
        self._encoder = encoder
        self._waiting = np.zeros(0, np.float32)

    def push(self, samples: Array) -> list[bytes]:
        """Add float32 [n], any n; return the packets that are complete now."""
        self._waiting = np.concatenate([self._waiting, samples.astype(np.float32, copy=False)])
        packets = []
        while len(self._waiting) >= format.PACKET_SAMPLES:
            packets.append(self._encoder.encode(self._waiting[: format.PACKET_SAMPLES]))
            self._waiting = self._waiting[format.PACKET_SAMPLES :]
        return packets

    def flush(self) -> list[bytes]:
        """Return the last packet, zero-padded, in a list that is empty where no samples are waiting."""
        missing = -len(self._waiting) % format.PACKET_SAMPLES
        return self.push(np.zeros(missing, np.float32)) if missing else []

    def reset(self) -> None:
        """Forget the waiting samples and start a new transmission."""
        self._waiting = np.zeros(0, np.float32)
        self._encoder.reset()
