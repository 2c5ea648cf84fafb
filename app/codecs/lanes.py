"""The codecs of the lab, each a unit of speech at a time: samples to bytes to samples. Real ones, with their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.audio.sound_files import from_int16, to_float, to_int16
from app.codecs import Peer, codec_named
from codec import format as fmt

Array = NDArray[np.float32]
PEERS = ("codec2-700c", "codec2-3200", "opus-6k")
EncodeUnit = Callable[[Array], bytes]
"""float32 [frame_samples] -> the bytes of one unit."""
DecodeUnit = Callable[[bytes | None], Array]
"""The bytes of one unit, or None for a lost one -> float32 [frame_samples]."""


class ReferenceCodec(Protocol):
    """One codec at one rate."""

    @property
    def key(self) -> str:
        """For options and JSON."""

    @property
    def title(self) -> str:
        """For tables and screens."""

    @property
    def rate_bps(self) -> float:
        """Nominal, of voice alone."""

    @property
    def frame_samples(self) -> int:
        """Samples at 8 kHz that are coded at once. Raises CodecMissing."""

    @property
    def frame_bits(self) -> int | None:
        """Of one unit; None: they differ, and are whole bytes. Raises CodecMissing."""

    def missing(self) -> str | None:
        """What is not installed and the command that installs it; None when it can run."""

    def open_encoder(self) -> EncodeUnit:
        """From a fresh start. Raises CodecMissing, CodecError."""

    def open_decoder(self) -> DecodeUnit:
        """From a fresh start. Raises CodecMissing, CodecError."""


class Gossamer:
    """Ours, with the neural vocoder."""

    rate_bps = float(fmt.BIT_RATE_BPS)
    frame_samples = fmt.PACKET_SAMPLES
    frame_bits: int | None = fmt.PACKET_BITS

    def __init__(self, key: str = "gossamer", title: str = "Gossamer 800", *, sealed: bool = False) -> None:
        self.key, self.title, self.sealed = key, title, sealed

    def missing(self) -> str | None:
        return None

    def open_encoder(self) -> EncodeUnit:
        from codec.encoder import Encoder

        return Encoder().encode

    def open_decoder(self) -> DecodeUnit:
        from codec.decoder import Decoder
        from vocoder.synthesizer import open_synthesizer

        decoder, synthesizer = Decoder(), open_synthesizer()
        return lambda packet: synthesizer.synthesize(decoder.decode(packet))


class OtherCodec:
    """Another codec, through its library."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.key, self.title, self.rate_bps = peer.key, peer.title, peer.rate_bps

    @property
    def frame_samples(self) -> int:
        return self._peer.frame_samples

    @property
    def frame_bits(self) -> int | None:
        return self._peer.frame_bits

    def missing(self) -> str | None:
        return self._peer.missing()

    def open_encoder(self) -> EncodeUnit:
        encode = self._peer.open_encoder()
        return lambda samples: encode(to_int16(samples))

    def open_decoder(self) -> DecodeUnit:
        decode = self._peer.open_decoder()
        return lambda unit: from_int16(decode(unit))


class Pcm:
    """Samples as they are, 16 bit, little-endian; a lost unit is silence."""

    key, title = "pcm", "PCM"
    frame_samples = 120
    """15 ms in 240 bytes, which fit into one frame of any link here."""
    frame_bits: int | None = 16 * frame_samples
    rate_bps = 16.0 * fmt.SAMPLE_RATE_HZ

    def missing(self) -> str | None:
        return None

    def open_encoder(self) -> EncodeUnit:
        return lambda samples: to_int16(samples).astype("<i2").tobytes()

    def open_decoder(self) -> DecodeUnit:
        silence = np.zeros(self.frame_samples, np.float32)
        return lambda unit: silence if unit is None else to_float(unit)


def link_codecs() -> list[ReferenceCodec]:
    """The lanes of the link scene, the most frugal first where it is ours."""
    return [Gossamer(), *(OtherCodec(codec_named(key)) for key in PEERS), Pcm()]


def signal_codecs() -> list[ReferenceCodec]:
    """The lanes of the bad-signal scene: ours twice."""
    ours: list[ReferenceCodec] = [
        Gossamer("gossamer-open", "Gossamer open"),
        Gossamer("gossamer-sealed", "Gossamer sealed", sealed=True),
    ]
    return [*ours, *link_codecs()[1:]]
