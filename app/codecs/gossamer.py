"""Gossamer's own codec among the others: packets of 32 bytes, 320 ms each, with either synthesiser."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from app.codecs.reference import CodecMissing, Decode, Encode
from codec import format as fmt
from codec.models import DECODER, ENCODER, VOCODER, model_path

if TYPE_CHECKING:
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from vocoder.synthesizer import Synthesizer

NEURAL, CLASSIC = "neural", "classic"
DESCRIPTIONS = {NEURAL: "neural vocoder", CLASSIC: "same packets, harmonics and noise, no network"}
"""Few words on each synthesiser."""


class LoadedModels:
    """The shipped models, each loaded once and used again from a fresh start.

    What was opened with them before stops making sense when the next encoder or decoder is opened: good for one clip
    after the other, not for lanes side by side.
    """

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, loaded when first asked for. Raises ModelError."""
        from codec.encoder import Encoder

        return Encoder()

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder, loaded when first asked for. Raises ModelError."""
        from codec.decoder import Decoder

        return Decoder()

    @cached_property
    def vocoder(self) -> Synthesizer:
        """The neural vocoder, loaded when first asked for. Raises ModelError."""
        from vocoder.synthesizer import open_synthesizer

        return open_synthesizer(NEURAL)


class Gossamer:
    """Gossamer at 800 bit/s."""

    rate_bps = float(fmt.BIT_RATE_BPS)
    frame_samples = fmt.PACKET_SAMPLES
    frame_bits: int | None = fmt.PACKET_BITS
    delay_samples = fmt.DELAY_SAMPLES

    def __init__(
        self,
        key: str = "gossamer",
        title: str = "Gossamer 800",
        *,
        synth: str = NEURAL,
        sealed: bool = False,
        models: LoadedModels | None = None,
    ) -> None:
        """Take the synthesiser (NEURAL or CLASSIC), and whether a link carries the packets in sealed frames.

        Without `models`, each encoder and each decoder loads its own, so that any number can work at the same time.
        """
        self.key, self.title, self.description = key, title, DESCRIPTIONS[synth]
        self.sealed = sealed
        self._synth = synth
        self._models = models

    def missing(self) -> CodecMissing | None:
        """Return None: the models are part of the program."""
        return None

    def version(self) -> str:
        """Return a digest of the model files, 8 hexadecimal digits. Raises OSError for one that cannot be read."""
        digest = hashlib.sha256()
        for kind in (ENCODER, DECODER, *([VOCODER] if self._synth == NEURAL else [])):
            digest.update(model_path(kind).read_bytes())
        return f"models {digest.hexdigest()[:8]}"

    def open_encoder(self) -> Encode:
        """Return an encoder at the start of a transmission. Raises ModelError."""
        encoder = (self._models or LoadedModels()).encoder
        encoder.reset()
        return encoder.encode

    def open_decoder(self) -> Decode:
        """Return a decoder with its synthesiser, at the start of a transmission. Raises ModelError."""
        from vocoder.synthesizer import open_synthesizer

        models = self._models or LoadedModels()
        decoder = models.decoder
        synthesizer = models.vocoder if self._synth == NEURAL else open_synthesizer(self._synth)
        decoder.reset()
        synthesizer.reset()
        return lambda packet: synthesizer.synthesize(decoder.decode(packet))
