"""Packets to features."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.errors import ModelError
from codec.models import COPY_DECODER, DECODER, Model, load_copies, load_model

Array = NDArray[np.float32]
NO_PACKET = bytes(format.PACKET_BYTES)
SILENCE = np.zeros((format.PAST_FRAMES, format.FEATURES), np.float32)
"""The frames before the first packet."""


class Decoder:
    """The learned decoder.

    It conceals lost packets: at first it guesses from the past, and within 640 ms it fades to comfort noise. A lost
    packet whose coarse copy came is rebuilt from that and the frames before.
    """

    def __init__(self, path: Path | None = None, copies: Path | None = None) -> None:
        """Load the shipped graph, or that of a file. Raises ModelError.

        copies: the file of the graph of copies, loaded with the first one. Where that is missing, damaged or another
        codec's, a copy counts for nothing: what anybody sends ends no listener.
        """
        self._model = load_model(DECODER, path)
        self._copies_path = copies
        self._copies: Model | None = None
        self._copies_tried = False
        self._past = SILENCE

    @property
    def codec_id(self) -> int:
        """Number of the codec, 1..65535: encoders with the same one make packets that this decoder understands."""
        return self._model.codec_id

    def decode(self, packet: bytes | None, copy: bytes | None = None) -> Array:
        """Return the features of a packet of 32 bytes, or of a lost packet (None): float32 [32, 42] in 0..1.

        copy: the 8 bytes of a lost packet's copy, if that came. Any bytes decode to something. Raises ValueError for
        another length.
        """
        content = NO_PACKET if packet is None else packet
        if len(content) != format.PACKET_BYTES:
            raise ValueError(f"a packet is {format.PACKET_BYTES} bytes, not {len(content)}")
        values = np.frombuffer(content, np.uint8)[None]
        lost = np.array([1.0 if packet is None else 0.0], np.float32)
        table: Array = self._model.step(packet=values, lost=lost)[0]
        if packet is None and copy is not None:
            table = self._rebuilt(copy, table)
        self._past = table[-format.PAST_FRAMES :]
        return table

    def _rebuilt(self, copy: bytes, guess: Array) -> Array:
        """Return the features of a lost packet from its copy, or the guess where no graph reads copies."""
        if len(copy) != format.COPY_BYTES:
            raise ValueError(f"a copy is {format.COPY_BYTES} bytes, not {len(copy)}")
        if not self._copies_tried:
            self._copies_tried = True
            with contextlib.suppress(ModelError):
                self._copies = load_copies(COPY_DECODER, self.codec_id, self._copies_path)
        if self._copies is None:
            return guess
        table: Array = self._copies.step(copy=np.frombuffer(copy, np.uint8)[None], past=self._past[None])[0]
        return table

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._model.reset()
        self._past = SILENCE
