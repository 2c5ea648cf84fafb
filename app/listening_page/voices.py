"""The codecs of the page, each as packets of 320 ms, so that all of them can travel alike.

To add one: a class with the members of `Voice`, named in `all_voices`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from app.analysis.pitch import track
from app.audio.sound_files import from_int16, to_float, to_int16
from app.simulation.journey import DecodePacket
from codec import features, format

if TYPE_CHECKING:
    from app.codecs import Peer
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from vocoder.synthesizer import Synthesizer

Array = NDArray[np.float32]
DELAYS_S = {
    "codec2-450": 0.027,
    "codec2-700c": 0.031,
    "codec2-1200": 0.020,
    "codec2-1300": 0.020,
    "codec2-1600": 0.019,
    "codec2-2400": 0.019,
    "codec2-3200": 0.019,
    "opus-6k": 0.0065,
}
"""Of the other codecs, measured: what is heard lags what was said by so much. Opus says so itself (its lookahead)."""


class Voice(Protocol):
    """One codec at one rate."""

    key: str
    """Lower case, no spaces."""
    title: str
    says: str
    """What it is, in a few words."""
    delay_samples: int
    """What comes out is so late."""

    def missing(self) -> str | None:
        """What is not installed and the command that installs it; None when it can run."""

    def encode(self, samples: Array) -> list[bytes]:
        """float32 [2560 n], from a fresh start -> n packets."""

    def open_decoder(self) -> DecodePacket:
        """From a fresh start."""

    def bit_rate_bps(self, packets: Sequence[bytes]) -> float:
        """Of these packets, in what the codec itself calls bits."""


class Original:
    """The clip itself, uncompressed."""

    key, title, says, delay_samples = "original", "Original", "8 kHz, 16 bit, uncompressed", 0

    def missing(self) -> str | None:
        return None

    def encode(self, samples: Array) -> list[bytes]:
        return [to_int16(block).tobytes() for block in samples.reshape(-1, format.PACKET_SAMPLES)]

    def open_decoder(self) -> DecodePacket:
        silence = np.zeros(format.PACKET_SAMPLES, np.float32)
        return lambda packet: silence if packet is None else to_float(packet)

    def bit_rate_bps(self, packets: Sequence[bytes]) -> float:
        return _byte_rate_bps(packets)


class Models:
    """The three graphs, loaded once."""

    @cached_property
    def encoder(self) -> Encoder:
        from codec.encoder import Encoder

        return Encoder()

    @cached_property
    def decoder(self) -> Decoder:
        from codec.decoder import Decoder

        return Decoder()

    @cached_property
    def vocoder(self) -> Synthesizer:
        from vocoder.synthesizer import open_synthesizer

        return open_synthesizer("neural")


class Gossamer:
    """Ours, with the network or without."""

    delay_samples = format.DELAY_SAMPLES

    def __init__(self, models: Models, synth: str) -> None:
        self._models = models
        self._synth = synth
        self.key = synth
        self.title = f"Gossamer, {synth}"
        self.says = {"neural": "neural vocoder", "classic": "same packets, harmonics and noise, no network"}[synth]

    def missing(self) -> str | None:
        return None

    def encode(self, samples: Array) -> list[bytes]:
        encoder = self._models.encoder
        encoder.reset()
        return [encoder.encode(block) for block in samples.reshape(-1, format.PACKET_SAMPLES)]

    def open_decoder(self) -> DecodePacket:
        from vocoder.synthesizer import open_synthesizer

        decoder = self._models.decoder
        synthesizer = self._models.vocoder if self._synth == "neural" else open_synthesizer(self._synth)
        decoder.reset()
        synthesizer.reset()
        return lambda packet: synthesizer.synthesize(decoder.decode(packet))

    def bit_rate_bps(self, packets: Sequence[bytes]) -> float:
        return _byte_rate_bps(packets)

    @property
    def codec_id(self) -> int:
        return self._models.encoder.codec_id


class Unquantised:
    """The ceiling of the vocoder: it gets the features of the clip itself, and no bit is saved. A packet is 32 frames
    of 42 numbers in float32; nobody would send that."""

    key, title = "unquantised", "Not quantised"
    says = "the clip's own features through our vocoder: its ceiling, nothing is sent"
    delay_samples = format.DELAY_SAMPLES

    def __init__(self, models: Models) -> None:
        self._models = models

    def missing(self) -> str | None:
        return None

    def encode(self, samples: Array) -> list[bytes]:
        energies = features.band_energies(features.power_spectrum(features.frames_of(samples)))
        table = features.assemble(track(samples, format.F0_LEAD_SAMPLES), energies)
        return [block.tobytes() for block in table.reshape(-1, format.PACKET_FRAMES, format.FEATURES)]

    def open_decoder(self) -> DecodePacket:
        vocoder = self._models.vocoder
        vocoder.reset()
        shape = (format.PACKET_FRAMES, format.FEATURES)
        return lambda packet: vocoder.synthesize(np.frombuffer(packet or b"", np.float32).reshape(shape))

    def bit_rate_bps(self, packets: Sequence[bytes]) -> float:
        return _byte_rate_bps(packets)


class OtherCodec:
    """A codec of app.codecs: its frames of 320 ms, packed without the bits that fill up each frame's last byte; frames
    of varying length with a byte of length before each."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.key, self.title, self.says = peer.key, peer.title, "its real library"
        self.delay_samples = round(DELAYS_S[peer.key] * format.SAMPLE_RATE_HZ)

    def missing(self) -> str | None:
        return self._peer.missing()

    @cached_property
    def _frame(self) -> tuple[int, int | None]:
        """Samples; bits where all have as many. Frames fill 320 ms without a rest."""
        samples, bits = self._peer.frame_samples, self._peer.frame_bits
        assert format.PACKET_SAMPLES % samples == 0
        return samples, bits

    def encode(self, samples: Array) -> list[bytes]:
        frame_samples, _ = self._frame
        encode = self._peer.open_encoder()
        frames = [encode(frame) for frame in to_int16(samples).reshape(-1, frame_samples)]
        each = format.PACKET_SAMPLES // frame_samples
        return [self._packed(frames[first : first + each]) for first in range(0, len(frames), each)]

    def open_decoder(self) -> DecodePacket:
        decode = self._peer.open_decoder()
        return lambda packet: from_int16(np.concatenate([decode(frame) for frame in self._unpacked(packet)]))

    def bit_rate_bps(self, packets: Sequence[bytes]) -> float:
        _, bits = self._frame
        lengths = 0 if bits is not None else format.PACKET_SAMPLES // self._frame[0]
        return _byte_rate_bps(packets) - 8 * lengths / format.PACKET_S

    def _packed(self, frames: Sequence[bytes]) -> bytes:
        _, bits = self._frame
        if bits is None:
            return b"".join(bytes([len(frame)]) + frame for frame in frames)
        rows = [np.unpackbits(np.frombuffer(frame, np.uint8))[:bits] for frame in frames]
        return np.packbits(np.concatenate(rows)).tobytes()

    def _unpacked(self, packet: bytes | None) -> list[bytes | None]:
        """The frames; None for each where nothing came, or a damaged length makes nonsense of the rest."""
        frame_samples, bits = self._frame
        each = format.PACKET_SAMPLES // frame_samples
        frames: list[bytes | None] = []
        if packet is not None and bits is not None:
            rows = np.unpackbits(np.frombuffer(packet, np.uint8))[: each * bits].reshape(each, bits)
            return [np.packbits(row).tobytes() for row in rows]
        rest = packet or b""
        while rest and len(frames) < each and 0 < rest[0] < len(rest):
            frames.append(rest[1 : 1 + rest[0]])
            rest = rest[1 + rest[0] :]
        return frames + [None] * (each - len(frames))


def all_voices() -> list[Voice]:
    """In the order of the page: the original, ours, our ceiling, the others by rate."""
    from app.codecs import other_codecs

    models = Models()
    ours: list[Voice] = [Gossamer(models, "neural"), Gossamer(models, "classic"), Unquantised(models)]
    return [Original(), *ours, *(OtherCodec(peer) for peer in other_codecs() if peer.key in DELAYS_S)]


def _byte_rate_bps(packets: Sequence[bytes]) -> float:
    return 8 * sum(map(len, packets)) / (len(packets) * format.PACKET_S) if packets else 0.0


def whole_packets(samples: Array, extra: int = 0) -> Array:
    """Silence behind it to a multiple of 2560 samples, and `extra` packets more."""
    count = format.packet_count(len(samples)) + extra
    return np.pad(samples, (0, count * format.PACKET_SAMPLES - len(samples))).astype(np.float32)


def clean(voice: Voice, samples: Array) -> tuple[Array, list[bytes]]:
    """float32 [n] -> what comes back without a link, float32 [n], the codec's delay taken out; and the clip's packets,
    without the one of silence that pushes out what the codec still holds."""
    packets = voice.encode(whole_packets(samples, extra=1))
    decode = voice.open_decoder()
    sound = np.concatenate([decode(packet) for packet in packets])
    return sound[voice.delay_samples : voice.delay_samples + len(samples)], packets[:-1]
