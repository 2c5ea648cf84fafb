"""Gossamer at 800 bit/s with either synthesiser, of the shipped models or others; and the ceilings of its halves."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from codec import features, format

from . import Coded, Decode, Encode

ENCODER, DECODER, VOCODER = "codec_encoder.onnx", "codec_decoder.onnx", "vocoder.onnx"
Channel = Callable[[Sequence[bytes]], Sequence[bytes | None]]
"""What a link makes of packets; None is a lost one."""


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def _float32(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / 32768


def model_path(name: str, folder: Path | None) -> Path:
    """The model in `folder`, or the shipped one where there is none. Raises ModelError."""
    from codec.models import asset_path

    own = folder / name if folder is not None else None
    return own if own is not None and own.is_file() else asset_path(name)


def _digest(names: Iterable[str], folder: Path | None = None) -> str:
    """Of model files and of Python modules (dotted, without a network): 8 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in names:
        if name.endswith(".onnx"):
            digest.update(model_path(name, folder).read_bytes())
        else:
            module = importlib.util.find_spec(name)
            assert module is not None and module.origin is not None
            digest.update(Path(module.origin).read_bytes())
    return digest.hexdigest()[:8]


def _missing(title: str, names: Iterable[str], folder: Path | None) -> str | None:
    from codec.errors import ModelError

    for name in names:
        try:
            if not model_path(name, folder).is_file():
                return f"{title}: {name} is missing from assets/: fetch it with the repository, or train it"
        except ModelError as error:
            return f"{title}: {error}"
    return None


@lru_cache(maxsize=16)
def _loaded(kind: str, folder: Path | None) -> Any:
    """A model of this process, loaded once; whoever takes it resets it."""
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from vocoder.synthesizer import open_synthesizer

    if kind == ENCODER:
        return Encoder(model_path(ENCODER, folder))
    if kind == DECODER:
        return Decoder(model_path(DECODER, folder))
    return open_synthesizer(kind, model_path(VOCODER, folder) if kind == "neural" else None)


def _fresh(kind: str, folder: Path | None) -> Any:
    model = _loaded(kind, folder)
    model.reset()
    return model


def _synthesized(synth: str, folder: Path | None, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """int16: what `gossamer decode` writes for these blocks of features."""
    synthesiser = _fresh(synth, folder)
    parts = [synthesiser.synthesize(block) for block in blocks]
    return _int16(np.concatenate([*parts, synthesiser.flush()])[format.DELAY_SAMPLES :])


def _packets(samples: np.ndarray, folder: Path | None) -> list[bytes]:
    from codec.encoder import encode_all

    content = encode_all(_float32(samples), _fresh(ENCODER, folder))
    return [content[i : i + format.PACKET_BYTES] for i in range(0, len(content), format.PACKET_BYTES)]


def _true_features(samples: np.ndarray) -> np.ndarray:
    """float32 [packets, 32, 42]: band energies of the clip itself, Praat's F0 and voicing."""
    from codec.training.data.corpus import pitch_targets

    packets = format.packet_count(len(samples))
    padded = np.pad(samples, (0, packets * format.PACKET_SAMPLES - len(samples)))
    energies = features.band_energies(features.power_spectrum(features.frames_of(_float32(padded))))
    table = features.assemble(pitch_targets(padded), energies)
    return table.reshape(packets, format.PACKET_FRAMES, format.FEATURES)


def _no_praat(title: str) -> str | None:
    if importlib.util.find_spec("parselmouth") is None:
        return f"{title}: the package praat-parselmouth is not installed: pip install '.[bench]'"
    return None


class OurLane:
    """Encoder, decoder and a synthesiser. folder: of other models than the shipped ones; label: theirs."""

    ours = True
    frame_samples = format.PACKET_SAMPLES

    def __init__(self, synth: str, folder: Path | None = None, label: str = "") -> None:
        self.synth, self.folder, self.label = synth, folder, label
        self.key = f"{_key(label)}-{synth}"
        self.title = f"{label or 'Gossamer'} {synth}"

    def missing(self) -> str | None:
        return _missing(self.title, [ENCODER, DECODER, *([VOCODER] if self.synth == "neural" else [])], self.folder)

    def version(self) -> str:
        synthesiser = VOCODER if self.synth == "neural" else "vocoder.classic"
        codec = _digest([ENCODER, DECODER], self.folder)
        return f"codec {codec}, {synthesiser} {_digest([synthesiser], self.folder)}"

    def open_encoder(self) -> Encode:
        from codec.encoder import Encoder

        encoder = Encoder(model_path(ENCODER, self.folder))
        return lambda samples: encoder.encode(_float32(samples))

    def open_decoder(self) -> Decode:
        from codec.decoder import Decoder
        from vocoder.synthesizer import open_synthesizer

        decoder = Decoder(model_path(DECODER, self.folder))
        synthesiser = open_synthesizer(self.synth, model_path(VOCODER, self.folder) if self.synth == "neural" else None)
        return lambda packet: _int16(synthesiser.synthesize(decoder.decode(packet)))

    def run(self, samples: np.ndarray, channel: Channel = list) -> Coded:
        packets = _packets(samples, self.folder)
        decoder = _fresh(DECODER, self.folder)
        decoded = _synthesized(self.synth, self.folder, map(decoder.decode, channel(packets)))
        bits = 8 * format.PACKET_BYTES * len(packets)
        return Coded(decoded, bits, bits, len(packets) * format.PACKET_S)


def _key(label: str) -> str:
    return "".join(c if c.isalnum() or c in "._" else "-" for c in (label or "gossamer").lower())


class MixedLane:
    """One set of models talks, another of the same codec listens; a folder of None is the shipped one."""

    ours = False

    def __init__(self, title: str, talks: Path | None, listens: Path | None) -> None:
        self.talks, self.listens, self.title = talks, listens, title
        self.key = f"{_key(title)}-neural"

    def missing(self) -> str | None:
        return _missing(self.title, [ENCODER], self.talks) or _missing(self.title, [DECODER, VOCODER], self.listens)

    def version(self) -> str:
        return f"encoder {_digest([ENCODER], self.talks)}, the rest {_digest([DECODER, VOCODER], self.listens)}"

    def run(self, samples: np.ndarray) -> Coded:
        packets = _packets(samples, self.talks)
        blocks = map(_fresh(DECODER, self.listens).decode, packets)
        bits = 8 * format.PACKET_BYTES * len(packets)
        return Coded(
            _synthesized("neural", self.listens, blocks), bits, bits, len(packets) * format.PACKET_S
        )


class TrueFeaturesLane:
    """Ceiling of the vocoder: features of the clip itself, nothing quantised."""

    ours = False

    def __init__(self, folder: Path | None = None, label: str = "") -> None:
        self.folder = folder
        self.key = f"{_key(label)}-true-features"
        self.title = f"{label}: true features, neural" if label else "true features, neural vocoder"

    def missing(self) -> str | None:
        return _no_praat(self.title) or _missing(self.title, [VOCODER], self.folder)

    def version(self) -> str:
        return f"{VOCODER} {_digest([VOCODER], self.folder)}, codec.features {_digest(['codec.features'])}"

    def run(self, samples: np.ndarray) -> Coded:
        blocks = _true_features(samples)
        return Coded(_synthesized("neural", self.folder, blocks), 0, 0, len(blocks) * format.PACKET_S)


class TruePitchLane:
    """Ceiling of the codec's pitch: quantised band energies with the clip's own F0 and voicing, neural vocoder."""

    ours = False

    def __init__(self, folder: Path | None = None, label: str = "") -> None:
        self.folder = folder
        self.key = f"{_key(label)}-true-pitch"
        self.title = f"{label}: quantised bands, true F0" if label else "quantised bands, true F0, neural vocoder"

    def missing(self) -> str | None:
        return _no_praat(self.title) or _missing(self.title, [ENCODER, DECODER, VOCODER], self.folder)

    def version(self) -> str:
        return f"models {_digest([ENCODER, DECODER, VOCODER], self.folder)}, {_digest(['codec.features'])}"

    def run(self, samples: np.ndarray) -> Coded:
        decoder = _fresh(DECODER, self.folder)
        blocks = np.stack([decoder.decode(packet) for packet in _packets(samples, self.folder)])
        blocks[:, :, :2] = _true_features(samples)[:, :, :2]
        return Coded(_synthesized("neural", self.folder, blocks), 0, 0, len(blocks) * format.PACKET_S)
