"""Training in several processes, as `torchrun` starts them, on the tiny corpus. Needs the extra `train`."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from pathlib import Path  # noqa: E402

from safetensors.torch import load_file  # noqa: E402

from codec.training.loop.distributed import Processes  # noqa: E402
from tests.support.networks import assert_same_run  # noqa: E402
from tests.support.training import RECIPE, stage, together  # noqa: E402

VOICE = "[vocoder]\nchannels = 16\nblocks = 1\n"


def moved(run: Path) -> float:
    """How far the weights are from their average, which begins where they began: mean over all."""
    tensors = load_file(run / "checkpoint.safetensors")
    far = [(value - tensors[f"avg.{name[4:]}"]).abs() for name, value in tensors.items() if name.startswith("now.")]
    return float(torch.cat([each.flatten() for each in far]).mean())


def test_two_processes_do_what_one_does(prepared, tmp_path, start):
    """The codec and the vocoder of a joint stage have the same weights, averages, moments and log after three steps;
    one process alone writes, and shows a bar."""
    text = "train_codec = true\n" + RECIPE.format(vocoder=VOICE, steps=3) + "bit_errors = 0.9\npacket_loss = 0.4\n"
    (tmp_path / "c.toml").write_text(text.replace("validate_every = 3", "validate_every = 2"))
    given = ("joint", "--data", prepared, "--config", tmp_path / "c.toml", "--from", start, "--device", "cpu")
    alone = stage("vocoder.training", *given, "--run", tmp_path / "one")
    both = together("vocoder.training", *given, "--run-folder", tmp_path / "two")
    assert (0, 0) == (alone.returncode, both.returncode), alone.stderr + both.stderr
    # A vocoder that has learned nothing has many gains whose gradient is as good as nothing.
    assert_same_run(tmp_path / "one", tmp_path / "two", noise=0.3)
    assert moved(tmp_path / "two") > 1e-4
    assert 1 == both.stdout.count("step 3  minutes") + both.stderr.count("step 3  minutes")
    assert 1 == both.stderr.count("0/3 [")


def test_two_processes_go_on_with_what_one_began(prepared, tmp_path, start):
    """A checkpoint says nothing of the number of processes."""
    text = RECIPE.format(vocoder="", steps=4) + "seed_per_segment = true\n"
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "half.toml").write_text(text.replace("steps = 4", "steps = 2"))
    given = ("train", "--data", prepared, "--from", start)
    for number, folder in enumerate(("one", "two")):
        first = stage("codec.training", *given, "--config", tmp_path / "half.toml", "--run", tmp_path / folder)
        assert 0 == first.returncode, first.stderr
        run = together if number else stage
        then = run("codec.training", *given, "--config", tmp_path / "a.toml", "--run-folder", tmp_path / folder)
        assert 0 == then.returncode, then.stderr
    assert 4 == int(load_file(tmp_path / "two" / "checkpoint.safetensors")["step"])
    assert_same_run(tmp_path / "one", tmp_path / "two")


def test_a_batch_that_cannot_be_shared_is_said_once(prepared, tmp_path, start):
    """By one process; a stage that is the work of one process is refused too."""
    text = RECIPE.format(vocoder="", steps=2)
    (tmp_path / "a.toml").write_text(text.replace("batch_size = 2", "batch_size = 3"))
    given = ("--data", prepared, "--config", tmp_path / "a.toml", "--run-folder", tmp_path / "run")
    result = together("codec.training", "train", *given)
    assert 0 != result.returncode
    assert 1 == result.stderr.count("2 processes cannot share 3 segments")
    result = together("codec.training", "align", "--data", prepared)
    assert 0 != result.returncode
    assert 1 == result.stderr.count("`align` is the work of one process")


def test_each_process_takes_its_slice():
    """Together the slices are the whole, in order."""
    whole = torch.arange(12).reshape(6, 2)
    assert torch.equal(whole, torch.cat([Processes(number, 3).part(whole) for number in range(3)]))
