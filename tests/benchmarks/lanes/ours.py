"""Gossamer at 800 bit/s with either synthesiser, and the ceiling of the vocoder: true features, nothing quantised."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable

import numpy as np

from codec import features, format

from . import Coded, Decode, Encode


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def _float32(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / 32768


def _digest(names: Iterable[str]) -> str:
    """Of model files in assets/ and of Python modules (dotted, without a network): 8 hexadecimal digits."""
    from codec.models import asset_path

    digest = hashlib.sha256()
    for name in names:
        if name.endswith(".onnx"):
            digest.update(asset_path(name).read_bytes())
        else:
            module = importlib.util.find_spec(name)
            assert module is not None and module.origin is not None
            with open(module.origin, "rb") as stream:
                digest.update(stream.read())
    return digest.hexdigest()[:8]


def _missing(title: str, names: Iterable[str]) -> str | None:
    from codec.errors import ModelError
    from codec.models import asset_path

    for name in names:
        try:
            if not asset_path(name).is_file():
                return f"{title}: {name} is missing from assets/: fetch it with the repository, or train it"
        except ModelError as error:
            return f"{title}: {error}"
    return None


def _aligned(synthesize: Callable[[np.ndarray], np.ndarray], flush: Callable[[], np.ndarray], blocks) -> np.ndarray:
    """int16: what `gossamer decode` writes for these blocks of features."""
    parts = [synthesize(block) for block in blocks]
    return _int16(np.concatenate([*parts, flush()])[format.DELAY_SAMPLES :])


class OurLane:
    """Encoder, decoder and one of the two synthesisers."""

    ours = True
    frame_samples = format.PACKET_SAMPLES

    def __init__(self, synth: str) -> None:
        self.synth = synth
        self.key = f"gossamer-{synth}"
        self.title = f"Gossamer {synth}"
        self._models = ["codec_encoder.onnx", "codec_decoder.onnx"]
        self._synthesiser = "vocoder.onnx" if synth == "neural" else "vocoder.classic"

    def missing(self) -> str | None:
        return _missing(self.title, [n for n in [*self._models, self._synthesiser] if n.endswith(".onnx")])

    def version(self) -> str:
        return f"codec {_digest(self._models)}, {self._synthesiser} {_digest([self._synthesiser])}"

    def open_encoder(self) -> Encode:
        from codec.encoder import Encoder

        encoder = Encoder()
        return lambda samples: encoder.encode(_float32(samples))

    def open_decoder(self) -> Decode:
        from codec.decoder import Decoder
        from vocoder.stream import open_synthesizer

        decoder, synthesiser = Decoder(), open_synthesizer(self.synth)
        return lambda packet: _int16(synthesiser.synthesize(decoder.decode(packet)))

    def run(self, samples: np.ndarray) -> Coded:
        from codec.decoder import Decoder
        from codec.encoder import Encoder, encode_all
        from vocoder.stream import open_synthesizer

        content = encode_all(_float32(samples), Encoder())
        packets = [content[i : i + format.PACKET_BYTES] for i in range(0, len(content), format.PACKET_BYTES)]
        decoder, synthesiser = Decoder(), open_synthesizer(self.synth)
        decoded = _aligned(synthesiser.synthesize, synthesiser.flush, map(decoder.decode, packets))
        bits = 8 * len(content)
        return Coded(decoded, bits, bits, len(packets) * format.PACKET_S)


class TrueFeaturesLane:
    """Features of the clip itself (band energies, Praat's F0 and voicing) through the neural vocoder."""

    key = "gossamer-true-features"
    title = "true features, neural vocoder"
    ours = False

    def missing(self) -> str | None:
        if importlib.util.find_spec("parselmouth") is None:
            return f"{self.title}: the package praat-parselmouth is not installed: pip install '.[bench]'"
        return _missing(self.title, ["vocoder.onnx"])

    def version(self) -> str:
        return f"vocoder.onnx {_digest(['vocoder.onnx'])}, codec.features {_digest(['codec.features'])}"

    def run(self, samples: np.ndarray) -> Coded:
        from codec.training.corpus import pitch_targets
        from vocoder.stream import open_synthesizer

        packets = format.packet_count(len(samples))
        padded = np.pad(samples, (0, packets * format.PACKET_SAMPLES - len(samples)))
        energies = features.band_energies(features.power_spectrum(features.frames_of(_float32(padded))))
        table = features.assemble(pitch_targets(padded), energies)
        synthesiser = open_synthesizer("neural")
        blocks = table.reshape(packets, format.PACKET_FRAMES, format.FEATURES)
        return Coded(_aligned(synthesiser.synthesize, synthesiser.flush, blocks), 0, 0, packets * format.PACKET_S)
