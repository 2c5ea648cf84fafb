"""Codec and vocoder together: their networks, the recipe of stages B and C, and their weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codec import format
from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import load_networks, load_weights, read_configs
from codec.training.loop.config import Schedule, filled, overruled, recipe_values
from codec.training.model.analysis import Analysis
from codec.training.model.grow import load_grown
from codec.training.model.network import Codec, CodecConfig, sharpened
from vocoder.training.losses.adversarial import AdversaryConfig
from vocoder.training.model import vocoder_network
from vocoder.training.model.config import VocoderConfig

NETWORKS = ("codec", "vocoder")


@dataclass(frozen=True)
class VoiceTraining:
    """The recipe of stages B and C."""

    codec: CodecConfig = field(default_factory=CodecConfig)
    """The codec's network."""
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    """The vocoder's network."""
    schedule: Schedule = field(default_factory=Schedule)
    """Length and speed of the training, and its data."""
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    """Discriminators, if there are any."""
    train_codec: bool = False
    """True where the codec is trained too (stage C). In stage B it stays as it is."""
    feature_weight: float = 0.3
    """Weight of the losses on features, in stage C."""
    pesq_weight: float = 0.5
    """Weight of a point on PESQ's scale."""
    phone_weight: float = 0.4
    """Weight of a nat a frame of the distance between phones read in the sound, where a reader is given. A codec that
    is trained too gets `feature_weight` of it for its features."""
    pitch_weight: float = 1.0
    """Weight of the losses on F0 among those on features: no gradient reaches F0 through the sound."""
    lost_packet_weight: float = 0.3
    """Weight of a frame of a lost packet, 0..1."""
    word_weight: float = 10.0
    """Weight of the distance between a recogniser's states (`losses/words.py`), where one is given."""
    hearing_weight: float = 0.5
    """Weight of the losses on what the encoder hears before the bottleneck, where its network says so."""


class VoiceNetwork(nn.Module):
    """Codec and vocoder in one module."""

    def __init__(self, codec: CodecConfig, vocoder: VocoderConfig) -> None:
        """Build new networks. Raises TrainingError for a kind of vocoder that does not exist."""
        super().__init__()
        self.codec = Codec(codec)
        self.vocoder = vocoder_network(vocoder)


def stored_configs(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Return the configurations of codec and vocoder in checkpoints; later files overrule earlier ones."""
    found = {name: config for path in paths for name, config in read_configs(path).items()}
    return {name: found[name] for name in NETWORKS if name in found}


def read_voice_recipe(path: Path, start: list[Path]) -> VoiceTraining:
    """Return a recipe of stage B or C for training from these checkpoints.

    What it does not say of the networks is as it is there; of a vocoder only if it is of the same kind. Raises
    TrainingError.
    """
    values, stored = recipe_values(path), stored_configs(start)
    kind = values.get("vocoder", {}).get("kind")
    if kind is not None and kind != stored.get("vocoder", {}).get("kind"):
        stored.pop("vocoder", None)
    return filled(VoiceTraining, overruled(stored, values), str(path))


def load_voice(voice: VoiceNetwork, paths: list[Path], other_kinds: bool = False, smaller: bool = False) -> None:
    """Load the weights of the stages before: a codec's, a vocoder's, or both in one file.

    Later files overrule earlier ones. other_kinds: leave out a vocoder of another kind instead of refusing it. smaller:
    the stored networks may be smaller ones, which these grow from (`codec/training/model/grow.py`). Raises
    TrainingError for a missing file, and for weights of another kind or width.
    """
    found = {name: (path, stored) for path in paths for name, stored in load_networks(path).items()}
    for name, (path, stored) in found.items():
        if name not in NETWORKS:
            raise TrainingError(f"{path} holds a {name.replace('_', ' ')}", "name a checkpoint of a codec or a vocoder")
        if name == "vocoder" and stored.config.get("kind") != voice.vocoder.config.kind and other_kinds:
            continue
        load = load_grown if smaller else load_weights
        load(voice.get_submodule(name), stored.weights, f"{path}: its {name}")


def open_voice(paths: list[Path]) -> VoiceNetwork:
    """Return codec and vocoder out of checkpoints, as these say that they are built. Raises TrainingError."""
    configs = stored_configs(paths)
    missing = [name for name in NETWORKS if name not in configs]
    if missing:
        names = ", ".join(map(str, paths))
        raise TrainingError(f"{names}: no {missing[0]} there", "name a checkpoint of it too, with --from")
    codec = filled(CodecConfig, configs["codec"], "its codec", "codec")
    voice = VoiceNetwork(codec, filled(VocoderConfig, configs["vocoder"], "its vocoder", "vocoder"))
    load_voice(voice, paths)
    return voice


@torch.no_grad()
def resynthesised(voice: nn.Module, analysis: Analysis, sound: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what becomes of sound, float32 [B, 240 + 80 N], where nothing is lost.

    That is: its energies [B, N, 40], the decoded features [B, N, 42], the original and the made samples [B, 80 N], all
    on the voice's device.
    """
    clean = torch.from_numpy(sound).to(next(voice.parameters()).device)
    energies, periodicity = analysis(clean)
    count, packets = len(clean), energies.shape[1] // format.PACKET_FRAMES
    nothing = clean.new_zeros(count, packets, 1, 1), clean.new_zeros(count, 1, 1, 1)
    _, table = voice.codec(energies, periodicity, *nothing)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)).to(clean.device)
    made = voice.vocoder(sharpened(table), noise)
    return energies, table, clean[:, : made.shape[1]], made
