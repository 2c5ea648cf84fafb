"""The interface of every codec that is heard, measured or drawn beside another one.

Speech is mono at 8 kHz: float32 [n], -1..1. A codec frame is the shortest piece of speech that a codec codes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import GossamerError

Speech = NDArray[np.float32]
"""Mono speech at 8 kHz, float32 [n], -1..1."""
Encode = Callable[[Speech], bytes]
"""Function from float32 [frame_samples] to the bytes of one codec frame; it carries its state from call to call.

It raises ValueError for another shape or dtype."""
Decode = Callable[[bytes | None], Speech]
"""Function from the bytes of one codec frame to float32 [frame_samples]; it carries its state from call to call.

None stands for a lost frame, which is concealed. Damaged bytes are decoded as they are; bytes that make no frame count
as lost."""


class CodecMissing(GossamerError):
    """A codec whose library is not installed, or cannot do what is needed."""

    def __init__(self, reason: str, cure: str, *, title: str = "") -> None:
        """Take the reason, the command that installs the library, and the title of the codec, for the whole message."""
        super().__init__(f"{title}: {reason}" if title else reason, cure)
        self.reason = reason


class ReferenceCodec(Protocol):
    """One codec at one rate."""

    @property
    def key(self) -> str:
        """Name for files, options and JSON: lower case, no spaces."""

    @property
    def title(self) -> str:
        """Name for tables and screens."""

    @property
    def description(self) -> str:
        """Return what distinguishes the codec, in a few words."""

    @property
    def rate_bps(self) -> float:
        """Nominal rate of the speech alone, in bit/s."""

    @property
    def frame_samples(self) -> int:
        """Samples of one codec frame at 8 kHz. Raises CodecMissing where only the library knows."""

    @property
    def frame_bits(self) -> int | None:
        """Bits of one codec frame, without those that fill up its last byte; None where the length varies.

        Frames of varying length are whole bytes. Raises CodecMissing where only the library knows.
        """

    @property
    def delay_samples(self) -> int:
        """Samples by which the decoded speech lags behind the original."""

    def missing(self) -> CodecMissing | None:
        """Return what is not installed, with the command that installs it; None when the codec can run."""

    def version(self) -> str:
        """Return the library and its version, or a digest of the model files."""

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises CodecMissing or CodecError."""

    def open_decoder(self) -> Decode:
        """Return a decoder at the start of a transmission. Raises CodecMissing or CodecError."""
