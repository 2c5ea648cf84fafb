"""Coarse copies of packets: 8 bytes each, which travel behind a packet and stand in for it where it was lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec.decoder import Decoder
from codec.models import COPY_ENCODER, load_copies

Array = NDArray[np.float32]


class CopyEncoder:
    """The maker of copies, at the sender. It decodes each packet as the listener will, and describes what came out."""

    def __init__(self, decoder: Decoder, path: Path | None = None) -> None:
        """Take a decoder that nothing else uses, and load the shipped graph, or that of a file.

        Raises ModelError, also where the graph is for the packets of another codec.
        """
        self._decoder = decoder
        self._model = load_copies(COPY_ENCODER, decoder.codec_id, path)

    def copy(self, packet: bytes) -> bytes:
        """Return the 8 bytes for a packet of 32 bytes; each packet of a transmission passes through here, in order.

        Raises ValueError for another length.
        """
        return self._model.step(features=self._decoder.decode(packet)[None]).tobytes()

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._decoder.reset()
