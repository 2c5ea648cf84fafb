"""All stages of the training pipeline, on a tiny corpus made by a speech synthesiser. Needs the extra `train`."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec.models import DECODER, ENCODER, VOCODER, load_model  # noqa: E402
from tests.support.training import RECIPE, stage  # noqa: E402


def test_all_stages_from_corpus_to_graphs(prepared, tmp_path):
    """Codec, vocoder, both jointly, export: one command each; the exported graphs equal the trained networks."""
    (tmp_path / "a.toml").write_text(RECIPE.format(vocoder="", steps=6))
    voice = "[vocoder]\nchannels = 16\nblocks = 1\n"
    (tmp_path / "b.toml").write_text(RECIPE.format(vocoder=voice, steps=3))
    (tmp_path / "c.toml").write_text("train_codec = true\n" + RECIPE.format(vocoder=voice, steps=3))
    runs = {name: tmp_path / f"run-{name}" for name in "abc"}
    for name, module, command, start in (
        ("a", "codec.training", "train", []),
        ("b", "vocoder.training", "train", ["--from", runs["a"] / "checkpoint.safetensors"]),
        ("c", "vocoder.training", "joint", ["--from", runs["b"] / "checkpoint.safetensors"]),
    ):
        config = tmp_path / f"{name}.toml"
        result = stage(module, command, "--data", prepared, "--run", runs[name], "--config", config, *start)
        assert 0 == result.returncode, result.stderr
        assert (runs[name] / "log.png").exists() and (runs[name] / "log.csv").read_text().count("\n") >= 2
    assert list((runs["c"] / "samples").glob("*-made.wav")) and list((runs["c"] / "samples").glob("*.png"))
    out = tmp_path / "graphs"
    result = stage(
        "vocoder.training",
        "export",
        "--from",
        runs["c"] / "checkpoint.safetensors",
        "--out",
        out,
        "--fixture",
        tmp_path / "reference.npz",
    )
    assert 0 == result.returncode, result.stderr
    for kind in (ENCODER, DECODER, VOCODER):
        assert load_model(kind, out / f"{kind}.onnx").state.shape[0] == 1
    assert {"samples", "packets", "features", "sound"} == set(np.load(tmp_path / "reference.npz"))
    again = stage(
        "vocoder.training",
        "export",
        "--from",
        out / "voice.safetensors",
        "--out",
        tmp_path / "again",
    )
    assert 0 == again.returncode, again.stderr
    identities = {load_model(ENCODER, folder / f"{ENCODER}.onnx").codec_id for folder in (out, tmp_path / "again")}
    assert 1 == len(identities)


def test_a_run_resumes_where_it_stopped(prepared, tmp_path):
    """Three steps and three more give the weights of six at once."""
    from safetensors.torch import load_file

    still = "\n[schedule.augmentation]\nspeed = 0.0\n"
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    text = RECIPE.format(vocoder="", steps=6).replace("seed = 4", "seed = 4\nbit_errors = 0.0") + still
    (tmp_path / "a.toml").write_text(text)
    # The learning rate depends on the number of steps, so the first half is cut off, not shorter.
    short = (
        "import sys, pathlib; from codec.training import stage_a as t\n"
        "from codec.training.loop.config import read_recipe\n"
        "from codec.training.loop.trainer import Run\n"
        "log = Run.log\n"
        "def stop(self, metrics):\n    self.save(); raise KeyboardInterrupt\n"
        "Run.log = stop\n"
        f"t.train(read_recipe(pathlib.Path({str(tmp_path / 'a.toml')!r}), t.CodecTraining), "
        f"pathlib.Path({str(prepared)!r}), pathlib.Path({str(halved)!r}))"
    )
    assert 0 != subprocess.run([sys.executable, "-c", short], capture_output=True, check=False).returncode
    for folder in (whole, halved):
        result = stage("codec.training", "train", "--data", prepared, "--run", folder, "--config", tmp_path / "a.toml")
        assert 0 == result.returncode, result.stderr
    one, two = load_file(whole / "checkpoint.safetensors"), load_file(halved / "checkpoint.safetensors")
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name].float(), two[name].float(), atol=2e-5), name


def test_a_missing_checkpoint_is_named(prepared, tmp_path):
    """One line, exit code 2."""
    result = stage("vocoder.training", "train", "--data", prepared, "--run", tmp_path, "--from", tmp_path / "no")
    assert 2 == result.returncode
    assert "no such checkpoint" in result.stderr and "Traceback" not in result.stderr
