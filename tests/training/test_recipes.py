"""Recipes become configurations, and what they get wrong is said. Needs the extra `train`: make test-train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.training
pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import format  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.loop.config import RENAMED, Schedule, learning_rate_factor, read_recipe  # noqa: E402
from codec.training.stage_a import CodecTraining  # noqa: E402
from codec.training.stage_phones import PhoneTraining  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.voice import VoiceTraining, read_voice_recipe  # noqa: E402

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path for package in ("codec", "vocoder") for path in (ROOT / package / "training/recipes").rglob("*.toml")
)


def test_the_learning_rate_rises_and_decays():
    """Warm-up, then a cosine down to the final share."""
    schedule = Schedule(steps=1000, final_learning_rate=0.05, warmup_steps=100)
    assert 0.01 == pytest.approx(learning_rate_factor(0, schedule))
    assert 1.0 == pytest.approx(learning_rate_factor(100, schedule))
    assert 0.05 == pytest.approx(learning_rate_factor(1000, schedule))


def test_an_unknown_setting_is_refused(tmp_path):
    """A misspelt name in a configuration file is an error, not ignored."""
    (tmp_path / "config.toml").write_text("[schedule]\nstepz = 3\n")
    with pytest.raises(TrainingError, match="no setting 'stepz'"):
        read_recipe(tmp_path / "config.toml", CodecTraining)


def test_a_configuration_may_be_like_another(tmp_path):
    """What it sets overrules the other file, value by value in the tables too; the rest is that file's."""
    base = "phone_weight = 1.5\n[schedule]\nsteps = 3\nbatch_size = 5\n[codec]\nexpansion = 2\n"
    (tmp_path / "base.toml").write_text(base)
    differences = 'like = "base.toml"\n[schedule]\nsteps = 7\n[schedule.augmentation]\nnoise = 0.1\n'
    (tmp_path / "config.toml").write_text(differences)
    read = read_recipe(tmp_path / "config.toml", CodecTraining)
    assert (1.5, 2) == (read.phone_weight, read.codec.expansion)
    assert (7, 5) == (read.schedule.steps, read.schedule.batch_size)
    assert 0.1 == read.schedule.augmentation.noise


def test_the_recipe_of_hifigan_is_read():
    """The file that the documentation names is of this kind, with discriminators."""
    config = read_recipe(ROOT / "vocoder/training/recipes/trials/hifigan.toml", VoiceTraining)
    assert "hifigan" == config.vocoder.kind
    assert config.adversary.weight > 0
    assert config.adversary.samples <= config.schedule.packets * format.PACKET_SAMPLES
    assert config.adversary.first_step < config.schedule.steps


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read(path):
    """Each file in the folders of recipes is one, of its stage's kind."""
    kinds = {"phones": PhoneTraining, "codec": CodecTraining}
    config: Any = read_recipe(path, kinds.get(path.stem.split("_")[0], VoiceTraining))
    assert config.schedule.steps > 0


@pytest.mark.parametrize("name", RENAMED)
def test_the_name_of_an_older_recipe_is_refused_with_the_new_one(tmp_path, name):
    """One line says what it is called now; nothing is read as something else."""
    table, _, setting = name.rpartition(".")
    (tmp_path / "old.toml").write_text((f"[{table}]\n" if table else "") + f"{setting} = 1\n")
    kind = CodecTraining if name == "network" else VoiceTraining
    with pytest.raises(TrainingError, match=f"'{setting}' is now called '{RENAMED[name]}'$"):
        read_recipe(tmp_path / "old.toml", kind)


def test_a_missing_or_broken_recipe_is_a_line(tmp_path):
    """The cause, and for a missing one the cure."""
    with pytest.raises(TrainingError, match=r"no such recipe: name another with --config"):
        read_recipe(tmp_path / "none.toml", CodecTraining)
    (tmp_path / "broken.toml").write_text("[schedule\n")
    with pytest.raises(TrainingError, match=r"broken\.toml: no TOML file"):
        read_recipe(tmp_path / "broken.toml", CodecTraining)


def test_networks_are_as_in_the_checkpoint_where_the_recipe_is_silent(tmp_path, start):
    """Widths come from the checkpoint, the recipe's own lines come first, and another kind of vocoder starts anew."""
    recipe = tmp_path / "b.toml"
    recipe.write_text("[codec]\nencoder_frame_blocks = 3\n[vocoder]\nchannels = 24\n")
    config = read_voice_recipe(recipe, [start])
    assert (16, 24, 3, 1) == tuple(
        getattr(config.codec, name)
        for name in ("frame_channels", "latent_channels", "encoder_frame_blocks", "decoder_frame_blocks")
    )
    assert 24 == config.vocoder.channels
    shipped = ROOT / "assets" / "voice.safetensors"
    recipe.write_text("")
    assert ("harmonic", 2) == (read_voice_recipe(recipe, [shipped]).vocoder.kind, config.codec.expansion - 1)
    recipe.write_text('[vocoder]\nkind = "hifigan"\n')
    assert VocoderConfig(kind="hifigan") == read_voice_recipe(recipe, [shipped]).vocoder
