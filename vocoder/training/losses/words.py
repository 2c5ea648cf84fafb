"""The loss on words: the distance between the states of Whisper's encoder (Radford et al. 2022) for two sounds.

Two sounds of which a recogniser thinks the same say the same words. The recogniser is frozen. One that is used to judge
the result does not belong here: the benchmark judges by Whisper base, training listens with tiny.en.

Letters: B segments, S samples at 8 kHz, N = S / 80 frames, T = N / 2 tokens of 20 ms, C channels.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.errors import TrainingError
from codec.training.loop.distributed import ALONE, Processes
from codec.training.losses import Loss
from vocoder.training.losses.ctranslate2_file import read_variables
from vocoder.training.losses.sound import SoundComparison

WINDOW, HOP, MELS = 200, 80, 80
"""Window (25 ms) and hop (10 ms) in samples, and the number of bands.

A bin is 40 Hz wide, as in Whisper's 400 points at 16 kHz.
"""
POWER_SCALE = 4.0
"""Factor of the power: half as many samples at half the rate have a quarter of that of the same sound at 16 kHz."""
SIZES = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large"}
"""Sizes of Whisper by the channels of its encoder."""
ENGLISH_TOKENS = 51864
"""Vocabulary of the models for English alone."""


def mel_matrix() -> NDArray[np.float32]:
    """Return Whisper's 80 triangles over the bins up to 4 kHz, float32 [101, 80], for 0..8 kHz.

    The scale is Slaney's, linear up to 1 kHz and logarithmic above it; each triangle has unit area.
    """
    highest = 15 + 27 * math.log(8000.0 / 1000) / math.log(6.4)
    mels = np.linspace(0, highest, MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(math.log(6.4) / 27 * (mels - 15)))
    bins = np.arange(WINDOW // 2 + 1)[:, None] * (format.SAMPLE_RATE_HZ / WINDOW)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))
    return np.asarray(triangles, np.float32)


class Pair(nn.Module):
    """Weights and bias of a map, or gain and shift of a norm; frozen."""

    weight: Tensor
    bias: Tensor

    def __init__(self, variables: dict[str, NDArray[Any]], name: str, norm: bool, kind: torch.dtype) -> None:
        """Take the variables `name`/...; kind: the type in which a map multiplies. Raises KeyError, TrainingError."""
        super().__init__()
        for own, stored in (("weight", "gamma" if norm else "weight"), ("bias", "beta" if norm else "bias")):
            values = variables[f"{name}/{stored}"]
            if values.dtype.kind != "f":
                raise TrainingError(f"{name} holds whole numbers", "convert the model without --quantization")
            tensor = torch.from_numpy(values.astype(np.float32))
            self.register_buffer(own, tensor if norm else tensor.to(kind), persistent=False)

    def normed(self, x: Tensor) -> Tensor:
        """Return x [..., C] normalised, with this gain and shift."""
        return functional.layer_norm(x, x.shape[-1:], self.weight, self.bias)

    def mapped(self, x: Tensor) -> Tensor:
        """Return [..., outputs] of x [..., inputs]."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


class Layer(nn.Module):
    """One layer of the encoder."""

    def __init__(self, variables: dict[str, NDArray[Any]], name: str, heads: int, kind: torch.dtype) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = Pair(variables, f"{name}/self_attention/layer_norm", True, kind)
        self.mix = Pair(variables, f"{name}/self_attention/linear_0", False, kind)
        self.attention_out = Pair(variables, f"{name}/self_attention/linear_1", False, kind)
        self.norm = Pair(variables, f"{name}/ffn/layer_norm", True, kind)
        self.widen = Pair(variables, f"{name}/ffn/linear_0", False, kind)
        self.narrow = Pair(variables, f"{name}/ffn/linear_1", False, kind)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states after the layer, for those before it: both float32 [B, T, C]."""
        x = x + self.attended(x)
        return x + self.narrow.mapped(functional.gelu(self.widen.mapped(self.norm.normed(x)))).float()

    def attended(self, x: Tensor) -> Tensor:
        """Return what self attention adds to x [B, T, C]."""
        batch, tokens, channels = x.shape
        mixed = self.mix.mapped(self.attention_norm.normed(x)).float().reshape(batch, tokens, 3, self.heads, -1)
        asked, keys, values = mixed.permute(2, 0, 3, 1, 4).reshape(3, batch * self.heads, tokens, -1)
        shares = torch.softmax(torch.bmm(asked * asked.shape[-1] ** -0.5, keys.transpose(1, 2)), dim=-1)
        h = torch.bmm(shares, values).reshape(batch, self.heads, tokens, -1).transpose(1, 2)
        return self.attention_out.mapped(h.reshape(batch, tokens, channels)).float()


class Recogniser(nn.Module):
    """Whisper's encoder, frozen."""

    window: Tensor
    mel: Tensor
    places: Tensor

    def __init__(self, variables: dict[str, NDArray[Any]], fast: bool = True) -> None:
        """Take the variables of a model file; fast: multiply in bfloat16. Raises KeyError, TrainingError."""
        super().__init__()
        kind, heads, depth = torch.bfloat16 if fast else torch.float32, int(variables["encoder/num_heads"]), 1
        while f"encoder/layer_{depth}/ffn/linear_0/weight" in variables:
            depth += 1
        self.front = nn.ModuleList(Pair(variables, f"encoder/{name}", False, kind) for name in ("conv1", "conv2"))
        self.layers = nn.ModuleList(Layer(variables, f"encoder/layer_{n}", heads, kind) for n in range(depth))
        self.last_norm = Pair(variables, "encoder/layer_norm", True, kind)
        encodings = variables["encoder/position_encodings/encodings"].astype(np.float32)
        bands, channels = self.front[0].weight.shape[1], encodings.shape[-1]
        if bands != MELS:
            raise TrainingError(f"it listens to {bands} bands and not {MELS}", "name an older or smaller Whisper")
        english = len(variables["decoder/embeddings/weight"]) == ENGLISH_TOKENS
        self.name = f"whisper-{SIZES.get(channels, channels)}{'.en' if english else ''}"
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel_matrix()), persistent=False)
        self.register_buffer("places", torch.from_numpy(encodings), persistent=False)

    def loudness(self, samples: Tensor) -> Tensor:
        """Return log10 of the mel power [B, N, 80] of samples [B, S]."""
        padded = functional.pad(samples[:, None], (WINDOW // 2, WINDOW // 2), "reflect")[:, 0]
        spectrum = torch.fft.rfft(padded.unfold(1, WINDOW, HOP)[:, : samples.shape[1] // HOP] * self.window)
        power = POWER_SCALE * (spectrum.real.square() + spectrum.imag.square())
        return torch.log10((power @ self.mel).clamp(min=1e-10))

    def states(self, loudness: Tensor, places: Tensor) -> list[Tensor]:
        """Return the states after each layer, float32 [B, T, C], the last one's normalised as the decoder gets it.

        loudness: [B, N, 80] as Whisper scales it; places: [B], the position of the first token in the encoder's 30 s.
        """
        one, two = self.front
        x = loudness.transpose(1, 2).to(one.weight.dtype)
        x = functional.gelu(functional.conv1d(x, one.weight, one.bias, padding=1))
        x = functional.gelu(functional.conv1d(x, two.weight, two.bias, stride=2, padding=1)).transpose(1, 2).float()
        x = x + self.places[places[:, None] + torch.arange(x.shape[1], device=x.device)]
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return [*found[:-1], self.last_norm.normed(x)]

    def distance(self, true: Tensor, made: Tensor, places: Tensor) -> Tensor:
        """Return 1 - the cosine between the states of two sounds [B, S], a mean over the layers: [B, T].

        places: see `states`. A gradient reaches the second sound alone.
        """
        with torch.no_grad():
            expected = self.loudness(true)
            floor = expected.amax((1, 2), keepdim=True) - 8.0
            known = self.states((torch.maximum(expected, floor) + 4.0) / 4.0, places)
            known = [functional.normalize(state, dim=-1) for state in known]
        found = self.states((torch.maximum(self.loudness(made), floor) + 4.0) / 4.0, places)
        near = [(a * b).sum(-1) * (b.square().sum(-1) + 1e-9).rsqrt() for a, b in zip(known, found, strict=True)]
        return 1.0 - torch.stack(near).mean(0)


def load_recogniser(path: Path, fast: bool = True) -> Recogniser:
    """Return the encoder of the Whisper in a CTranslate2 model file; fast: see `Recogniser`. Raises TrainingError."""
    variables = read_variables(path, "WhisperSpec")
    try:
        return Recogniser(variables, fast)
    except KeyError as error:
        raise TrainingError(f"{path}: a Whisper without {error}", "convert the model once more") from error
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from error


class WordLoss(Loss):
    """Distance of what a recogniser hears, over the tokens of a `SoundComparison`."""

    def __init__(self, recogniser: Recogniser, weight: float = 10.0, processes: Processes = ALONE) -> None:
        super().__init__(weight)
        self.recogniser, self.processes = recogniser, processes

    def parts(self, batch: SoundComparison) -> dict[str, Tensor]:
        """Return "words". Where in its 30 s the encoder is told that a segment begins is drawn at random."""
        count, tokens = len(batch.true), batch.true.shape[1] // (2 * HOP)
        last = max(1, len(self.recogniser.places) - tokens + 1)
        places = torch.randint(0, last, (self.processes.count * count,), generator=batch.generator)
        distance = self.recogniser.distance(batch.true, batch.made, self.processes.part(places))
        weights = batch.whole_received[:, : 2 * tokens].reshape(count, tokens, 2).mean(-1)
        return {"words": (distance * weights).sum() / self.processes.total(weights, least=1.0)}
