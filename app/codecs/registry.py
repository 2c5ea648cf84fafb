"""All codecs by name, and which of them the link lab shows."""

from __future__ import annotations

from app.codecs.codec2 import MODES, Codec2
from app.codecs.gossamer import Gossamer
from app.codecs.opus import Opus
from app.codecs.pcm import Pcm
from app.codecs.reference import ReferenceCodec
from app.errors import GossamerError

IN_THE_LAB = ("codec2-700c", "codec2-3200", "opus-6k")
"""The codecs of others that the link lab shows, by key."""


def other_codecs() -> list[ReferenceCodec]:
    """Return the codecs of others by rate, those that are not installed too."""
    return [*(Codec2(mode) for mode in MODES), Opus()]


def codec_named(key: str) -> ReferenceCodec:
    """Return the codec of somebody else with this key. Raises GossamerError when there is none."""
    codecs = {codec.key: codec for codec in other_codecs()}
    if key not in codecs:
        raise GossamerError(f"no codec '{key}'; there are: {', '.join(codecs)}")
    return codecs[key]


def link_codecs() -> list[ReferenceCodec]:
    """Return the lanes of the lab's link scene: Gossamer first, then the others by rate."""
    return [Gossamer(), *(codec_named(key) for key in IN_THE_LAB), Pcm()]


def signal_codecs() -> list[ReferenceCodec]:
    """Return the lanes of the lab's bad-signal scene: Gossamer open and sealed, then the others by rate."""
    gossamer = [Gossamer("gossamer-open", "Gossamer open"), Gossamer("gossamer-sealed", "Gossamer sealed", sealed=True)]
    return [*gossamer, *link_codecs()[1:]]
