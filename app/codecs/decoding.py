"""Packets to speech, as whole files and as live play both need it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from codec import format as fmt
from vocoder.synthesizer import Synthesizer


class FeatureDecoder(Protocol):
    """`codec.decoder.Decoder`: 32 bytes, or None for a lost packet -> features, float32 [32, 42]."""

    @property
    def codec_id(self) -> int: ...
    def decode(self, packet: bytes | None) -> np.ndarray: ...
    def reset(self) -> None: ...


def decoded(packets: Iterable[bytes | None], decoder: FeatureDecoder, synthesizer: Synthesizer) -> Iterator[np.ndarray]:
    """Speech of these packets (None: lost), float32 [2560] a packet in all, aligned with what was encoded.

    Live play carries the declared delay of the codec; here it is dropped first, and the tail flushed at the end.
    """
    decoder.reset()
    synthesizer.reset()
    first = True
    for packet in packets:
        samples = synthesizer.synthesize(decoder.decode(packet))
        yield samples[fmt.DELAY_SAMPLES :] if first else samples
        first = False
    if not first:
        yield synthesizer.flush()
