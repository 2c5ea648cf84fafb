"""Packets to features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.models import DECODER, load_model

Array = NDArray[np.float32]
NO_PACKET = bytes(format.PACKET_BYTES)


class Decoder:
    """The learned decoder.

    It conceals lost packets: at first it guesses from the past, and within 640 ms it fades to comfort noise.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Load the shipped graph, or that of a file. Raises ModelError."""
        self._model = load_model(DECODER, path)

    @property
    def codec_id(self) -> int:
        """Number of the codec, 1..65535: encoders with the same one make packets that this decoder understands."""
        return self._model.codec_id

    def decode(self, packet: bytes | None) -> Array:
        """Return the features of a packet of 32 bytes, or of a lost packet (None): float32 [32, 42] in 0..1.

        Any 32 bytes decode to something. Raises ValueError for another length.
        """
        content = NO_PACKET if packet is None else packet
        if len(content) != format.PACKET_BYTES:
            raise ValueError(f"a packet is {format.PACKET_BYTES} bytes, not {len(content)}")
        values = np.frombuffer(content, np.uint8)[None]
        lost = np.array([1.0 if packet is None else 0.0], np.float32)
        table: Array = self._model.step(packet=values, lost=lost)[0]
        return table

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._model.reset()
