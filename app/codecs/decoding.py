"""Packets to speech, as files and live play both need it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from codec import format as fmt
from transport.playout.items import ReceivedPacket
from vocoder.synthesizer import Synthesizer


class FeatureDecoder(Protocol):
    """Anything that turns packets into features: `codec.decoder.Decoder`, or what wraps it."""

    @property
    def codec_id(self) -> int:
        """Name of the encoders whose packets these are, 0..65535."""
        ...

    def decode(self, packet: bytes | None, copy: bytes | None = None) -> np.ndarray:
        """Return the features of 32 bytes, or of a lost packet (None): float32 [32, 42] in 0..1.

        copy: the coarse copy of a lost packet, 8 bytes; None conceals it.
        """
        ...

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        ...


def decoded(
    packets: Iterable[ReceivedPacket], decoder: FeatureDecoder, synthesizer: Synthesizer
) -> Iterator[np.ndarray]:
    """Yield the speech of these packets, float32 [2560] a packet in all, aligned with what was encoded.

    Live play carries the declared delay of the codec; here it is dropped first, and the tail is flushed at the end.
    """
    decoder.reset()
    synthesizer.reset()
    first = True
    for packet in packets:
        samples = synthesizer.synthesize(decoder.decode(packet.content, packet.copy))
        yield samples[fmt.DELAY_SAMPLES :] if first else samples
        first = False
    if not first:
        yield synthesizer.flush()
