"""Speaker similarity: the cosine between the voices of original and decoded clip, as Resemblyzer hears them.

The weights are those in the package resemblyzer (a GE2E encoder: Wan et al., "Generalized end-to-end loss for speaker
verification", ICASSP 2018). The package itself imports PyTorch for three LSTM layers; they are computed here with
numpy, to the same embedding within rounding: audio.py and voice_encoder.py of resemblyzer 0.1.4, with its constants.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..clips import Clip
from .warp import RATE_HZ, wideband

LOUDNESS_DB = -30.0
VAD_SAMPLES = 30 * RATE_HZ // 1000
VAD_SMOOTHING = 8
VAD_BRIDGE = 6
PARTIAL_FRAMES = 160
PARTIAL_STEP = round(RATE_HZ / 1.3 / (RATE_HZ // 100))
"""Frames of 10 ms between two partial utterances: 1.3 of them a second."""
LEAST_COVERAGE = 0.75
LAYERS, SIZE = 3, 256
FEWEST_WINDOWS = 20
"""Of 30 ms with speech in them; with less there is no voice to compare."""


class _Storage:
    """A storage that a tensor's pickle refers to, filled later in the file."""

    def __init__(self, kind: str, count: int) -> None:
        self.values = np.empty(count, {"FloatStorage": "<f4", "LongStorage": "<i8"}[kind])


def _tensor(storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
    return lambda: np.lib.stride_tricks.as_strided(
        storage.values[offset:], size, [s * storage.values.itemsize for s in stride]
    ).copy()


class _Unpickler(pickle.Unpickler):
    """A reader of PyTorch's old file format and nothing else: no other class is ever imported."""

    def __init__(self, stream: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(stream)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if name == "OrderedDict":
            return OrderedDict
        if name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return _tensor
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a checkpoint of weights")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, count, *_ = pid
        return self._storages.setdefault(key, _Storage(kind, count))


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of `model_state`, float32 by name, in a file of torch.save before version 1.6."""
    storages: dict[str, _Storage] = {}
    with path.open("rb") as stream:
        magic, _, _, content, keys = (_Unpickler(stream, storages).load() for _ in range(5))
        if magic != 0x1950A86A20F9469CFC6C:
            raise pickle.UnpicklingError(f"{path} is not in PyTorch's old format")
        for key in keys:
            values = storages[key].values
            count = int.from_bytes(stream.read(8), "little")
            assert count == len(values)
            values[:] = np.frombuffer(stream.read(count * values.itemsize), values.dtype)
    return {name: read() for name, read in content["model_state"].items()}


@cache
def _weights() -> dict[str, np.ndarray]:
    package = importlib.util.find_spec("resemblyzer")  # found, not imported: importing it imports torch
    assert package is not None and package.origin is not None
    return read_checkpoint(Path(package.origin).with_name("pretrained.pt"))


def lstm(weights: dict[str, np.ndarray], inputs: np.ndarray, layers: int = LAYERS) -> np.ndarray:
    """Return the last layer's last hidden state, float32 [partials, size], of float32 [partials, frames, values]."""
    from scipy.special import expit

    sequence = inputs
    for layer in range(layers):
        into, back = weights[f"lstm.weight_ih_l{layer}"], weights[f"lstm.weight_hh_l{layer}"]
        driven = sequence @ into.T + weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        hidden = cell = np.zeros((len(inputs), back.shape[1]), np.float32)
        outputs = []
        for frame in range(driven.shape[1]):
            enter, forget, candidate, leave = np.split(driven[:, frame] + hidden @ back.T, 4, axis=1)
            cell = expit(forget) * cell + expit(enter) * np.tanh(candidate)
            hidden = expit(leave) * np.tanh(cell)
            outputs.append(hidden)
        sequence = np.stack(outputs, axis=1)
    return sequence[:, -1]


def voiced_windows(speech: np.ndarray) -> np.ndarray:
    """Return bool [windows of 30 ms]: true in speech and its short pauses. speech: float32 at 16 kHz."""
    import webrtcvad
    from scipy.ndimage import binary_dilation

    detector = webrtcvad.Vad(mode=3)
    whole = speech[: len(speech) // VAD_SAMPLES * VAD_SAMPLES].reshape(-1, VAD_SAMPLES)
    windows = np.round(whole * 32767).astype("<i2")
    flags = np.array([detector.is_speech(window.tobytes(), sample_rate=RATE_HZ) for window in windows], float)
    padded = np.r_[np.zeros((VAD_SMOOTHING - 1) // 2), flags, np.zeros(VAD_SMOOTHING // 2)]
    smooth = np.round(np.convolve(padded, np.ones(VAD_SMOOTHING) / VAD_SMOOTHING, mode="valid")).astype(bool)
    return np.asarray(binary_dilation(smooth, np.ones(VAD_BRIDGE + 1)))


def partial_starts(samples: int) -> list[int]:
    """Return the first frames of the partial utterances of 1.6 s in so many samples at 16 kHz."""
    frames = -(-(samples + 1) // (RATE_HZ // 100))
    starts = list(range(0, max(1, frames - PARTIAL_FRAMES + PARTIAL_STEP + 1), PARTIAL_STEP))
    coverage = samples / (RATE_HZ // 100) - starts[-1]
    return starts[:-1] if coverage < LEAST_COVERAGE * PARTIAL_FRAMES and len(starts) > 1 else starts


def embedding(speech: np.ndarray) -> np.ndarray:
    """Return float32 [256] of length 1: the voice in `speech`, float32 at 16 kHz, already free of pauses."""
    import librosa

    starts = partial_starts(len(speech))
    whole = np.pad(speech, (0, max(0, (starts[-1] + PARTIAL_FRAMES) * (RATE_HZ // 100) - len(speech))))
    mel = (
        librosa.feature.melspectrogram(y=whole, sr=RATE_HZ, n_fft=RATE_HZ // 40, hop_length=RATE_HZ // 100, n_mels=40)
        .astype(np.float32)
        .T
    )
    partials = np.stack([mel[start : start + PARTIAL_FRAMES] for start in starts])
    weights = _weights()
    raw = np.maximum(lstm(weights, partials) @ weights["linear.weight"].T + weights["linear.bias"], 0)
    mean = np.mean(raw / np.linalg.norm(raw, axis=1, keepdims=True), axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _voice(samples: np.ndarray) -> np.ndarray | None:
    """Return the embedding of int16 samples at 8 kHz; None where there is too little speech."""
    speech = wideband(samples)
    level = np.sqrt(np.mean(speech**2))
    if level <= 0:
        return None
    speech = speech * max(1.0, 10 ** (LOUDNESS_DB / 20) / level)
    keep = voiced_windows(np.clip(speech, -1, 1))
    if keep.sum() < FEWEST_WINDOWS:
        return None
    return embedding(speech[: len(keep) * VAD_SAMPLES].reshape(-1, VAD_SAMPLES)[keep].reshape(-1))


def speaker_similarity(original: np.ndarray, decoded: np.ndarray, clip: Clip | None = None) -> float:
    """Return up to 1 (the same speaker); NaN for under 0.6 s of speech, 0 where the decoded clip has lost it."""
    true = _voice(original)
    if true is None:
        return float("nan")
    found = _voice(decoded)
    return 0.0 if found is None else float(true @ found)
