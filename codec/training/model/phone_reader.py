"""The phone reader: a small network that says which phone each frame of band energies is.

It is trained on the labels of `data/phone_alignment.py`. It should read the same in original and decoded speech: that
is a loss on words, for all languages, which needs no text.

Letters: B segments, N frames, 40 bands, L phones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from codec import format
from codec.training.data.phone_alignment import PHONES
from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import load_networks, load_weights
from codec.training.loop.config import filled
from codec.training.model.analysis import frame_weights

KERNEL = 7
SCALE = 6.0
"""Factor that brings energies less their level, in 0..1, to a deviation of about 1."""


@dataclass(frozen=True)
class PhoneReaderConfig:
    """Width and depth of the phone reader; stored in its checkpoint."""

    channels: int = 128
    """Channels at 100 Hz."""
    blocks: int = 4
    """Blocks at 100 Hz."""


class ReaderBlock(nn.Module):
    """ConvNeXt block over time that sees both sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, 2 * channels)
        self.narrow = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return y of x, both [B, N, C]."""
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.narrow(functional.gelu(self.widen(self.norm(mixed))))


class PhoneReader(nn.Module):
    """A network that reads log-probabilities of phones [B, N, L] in energies [B, N, 40], 0..1, at any level."""

    name = "phone_reader"

    def __init__(self, config: PhoneReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Linear(format.BANDS, config.channels)
        self.blocks = nn.Sequential(*(ReaderBlock(config.channels) for _ in range(config.blocks)))
        self.norm = nn.LayerNorm(config.channels)
        self.head = nn.Linear(config.channels, len(PHONES))

    def forward(self, energies: Tensor) -> Tensor:
        """Return log-probabilities [B, N, L] of energies [B, N, 40]."""
        weights = frame_weights(energies.detach()).unsqueeze(-1)
        level = (energies * weights).sum((1, 2), keepdim=True) / (weights.sum((1, 2), keepdim=True) * format.BANDS)
        x = self.blocks(self.stem(SCALE * (energies - level)))
        return functional.log_softmax(self.head(self.norm(x)), dim=-1)


def load_reader(path: Path) -> PhoneReader:
    """Return the trained reader, frozen. Raises TrainingError for a file that is missing or holds none."""
    if not path.exists():
        raise TrainingError(f"{path}: no such phone reader", "train one with `python -m codec.training phones`")
    stored = load_networks(path).get(PhoneReader.name)
    if stored is None:
        raise TrainingError(f"{path} holds no phone reader", "train one with `python -m codec.training phones`")
    reader = PhoneReader(filled(PhoneReaderConfig, stored.config, str(path)))
    load_weights(reader, stored.weights, str(path))
    reader.eval().requires_grad_(False)
    return reader
