"""Other codecs, each through its real library: what Gossamer is heard and measured beside. A file per library.

    for peer in other_codecs():
        if reason := peer.missing(): ...                      # one line that names the Debian package
        encode, decode = peer.open_encoder(), peer.open_decoder()
        samples = decode(encode(block))                       # block: int16 [peer.frame_samples], 8 kHz

To add one: a class with the members of `Peer`, named in `other_codecs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from app.errors import GossamerError

Encode = Callable[[np.ndarray], bytes]
"""int16 [frame_samples] -> the bytes of one frame, with the state of all before. Raises ValueError."""
Decode = Callable[[bytes | None], np.ndarray]
"""The bytes of one frame, as they are or damaged, or None for a lost one -> int16 [frame_samples], with the state of
all before. Bytes that are no frame at all count as lost."""


class CodecMissing(GossamerError):
    """A library that is not installed, or not able to; the command that installs it."""


class Peer(Protocol):
    """One codec at one rate."""

    @property
    def key(self) -> str:
        """For files and options: lower case, no spaces."""

    @property
    def title(self) -> str:
        """For tables and screens."""

    @property
    def rate_bps(self) -> float:
        """Nominal, of voice alone."""

    @property
    def frame_samples(self) -> int:
        """Samples of one frame at 8 kHz. Raises CodecMissing where only the library knows."""

    @property
    def frame_bits(self) -> int | None:
        """Of one frame, before it is padded to bytes; None: they differ in length, and are whole bytes."""

    def missing(self) -> str | None:
        """What is not installed and the command that installs it, in one line; None when it can run."""

    def version(self) -> str:
        """Library and version."""

    def open_encoder(self) -> Encode:
        """A fresh encoder. Raises CodecMissing."""

    def open_decoder(self) -> Decode:
        """A fresh decoder. Raises CodecMissing."""


def other_codecs() -> list[Peer]:
    """By rate, those that are missing too."""
    from app.codecs.codec2 import MODES, Codec2Peer
    from app.codecs.opus import OpusPeer

    return [*(Codec2Peer(mode) for mode in MODES), OpusPeer()]


def codec_named(key: str) -> Peer:
    """Raises GossamerError for a key that there is not."""
    peers = {peer.key: peer for peer in other_codecs()}
    if key not in peers:
        raise GossamerError(f"no codec '{key}'", f"there are: {', '.join(peers)}")
    return peers[key]
