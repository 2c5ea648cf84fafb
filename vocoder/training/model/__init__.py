"""The vocoder networks, and the one that a configuration names."""

from __future__ import annotations

from torch import nn

from codec.training.errors import TrainingError
from vocoder.training.model.config import VocoderConfig
from vocoder.training.model.harmonic import Vocoder
from vocoder.training.model.hifigan import HifiganVocoder

KINDS: dict[str, type[nn.Module]] = {"harmonic": Vocoder, "hifigan": HifiganVocoder}
"""The networks by their name in a configuration."""


def vocoder_network(config: VocoderConfig) -> nn.Module:
    """Return a new network of the configured kind. Raises TrainingError for a kind that does not exist."""
    if config.kind not in KINDS:
        raise TrainingError(f'[vocoder] kind = "{config.kind}": there are {" and ".join(KINDS)}')
    return KINDS[config.kind](config)
