"""Checkpoints say how their networks are built. Needs the extra `train`: make test-train."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from codec.models import asset_path  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.loop.checkpoint import NETWORKS, load_networks, read_configs, save_half  # noqa: E402
from codec.training.loop.config import Schedule  # noqa: E402
from codec.training.loop.trainer import Run  # noqa: E402
from codec.training.model.network import Codec, CodecConfig  # noqa: E402
from tests.support.networks import CODEC  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.voice import VoiceNetwork, open_voice  # noqa: E402


def test_networks_are_built_from_what_the_checkpoint_says(tmp_path):
    """Widths that no shape of a weight gives away, kernels and dilations, come back too."""
    config = VocoderConfig(kind="hifigan", channels=16, blocks=1, kernels=(3, 5), dilations=(2, 1))
    voice = VoiceNetwork(CODEC, config)
    save_half(voice, tmp_path / "voice.safetensors")
    found = open_voice([tmp_path / "voice.safetensors"])
    assert (CODEC, config) == (found.codec.config, found.vocoder.config)
    for name, value in voice.state_dict().items():
        assert torch.equal(value.half().float(), found.state_dict()[name]), name


def test_a_later_file_overrules_an_earlier_one(tmp_path, start):
    """Codec and vocoder may come from several files, each with its own widths."""
    voice, out = (
        VoiceNetwork(CodecConfig(frame_channels=24, latent_channels=16), VocoderConfig(channels=16, blocks=1)),
        tmp_path,
    )
    save_half(voice, out / "voice.safetensors")
    found = open_voice([out / "voice.safetensors", start])
    assert (16, 16) == (found.codec.config.frame_channels, found.vocoder.config.channels)
    with pytest.raises(TrainingError, match="no vocoder there: name a checkpoint of it too"):
        open_voice([start])


def test_a_file_without_configurations_is_refused(tmp_path):
    """Nothing is guessed from the shapes of its weights."""
    save_file(Codec(CODEC).state_dict(), tmp_path / "old.safetensors")
    with pytest.raises(TrainingError, match="does not say how its networks are built: name one that this version"):
        load_networks(tmp_path / "old.safetensors")
    (tmp_path / "no.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match="no checkpoint"):
        read_configs(tmp_path / "no.safetensors")


def test_a_run_goes_on_with_its_own_networks_alone(tmp_path):
    """Another width than the run began with is a line that names it."""
    Run(tmp_path, Codec(CODEC), Schedule(batch_size=2)).save()
    assert Run(tmp_path, Codec(CODEC), Schedule(batch_size=2)).resume()
    wider = Codec(CodecConfig(frame_channels=16, latent_channels=24, encoder_frame_blocks=1))
    with pytest.raises(TrainingError, match=r"its codec has encoder_latent_blocks 1, .*unlike this recipe's: go on"):
        Run(tmp_path, wider, Schedule(batch_size=2)).resume()


def test_the_shipped_checkpoint_says_how_it_is_built():
    """`export` and `train-voice` need nothing else."""
    path = asset_path("voice.safetensors")
    with safe_open(str(path), "pt") as file:
        assert {"codec", "vocoder"} == set(json.loads(file.metadata()[NETWORKS]))
    voice = open_voice([Path(path)])
    weights = load_file(path)
    assert weights.keys() == voice.state_dict().keys()
    assert (5, 128) == (voice.codec.config.encoder_frame_blocks, voice.codec.config.encoder_stem_hidden)
