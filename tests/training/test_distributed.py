"""Training in several processes, as `torchrun` starts them, on the tiny corpus. Needs the extra `train`."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from safetensors.torch import load_file  # noqa: E402

from codec.training.loop.distributed import Ranks  # noqa: E402
from codec.training.loop.trainer import save_half  # noqa: E402
from codec.training.model.network import Codec, CodecConfig  # noqa: E402
from tests.training.test_stages import SMALL, packed, prepared, stage  # noqa: E402, F401

CODEC = CodecConfig(
    frame_channels=16,
    latent_channels=24,
    encoder_frame_blocks=1,
    encoder_latent_blocks=1,
    decoder_latent_blocks=1,
    decoder_frame_blocks=1,
)
VOICE = "[vocoder]\nchannels = 16\nblocks = 1\n"


def together(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a stage in two processes, as a user does."""
    command = [Path(sys.executable).with_name("torchrun"), "--nproc-per-node", 2, "--rdzv-backend", "c10d"]
    command += ["--rdzv-endpoint", "localhost:0", "-m", module, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a codec that has learned nothing."""
    torch.manual_seed(6)
    path = tmp_path_factory.mktemp("start") / "codec.safetensors"
    save_half(dict(Codec(CODEC).state_dict()), path)
    return path


def compared(one: Path, two: Path) -> None:
    """Asserts that two runs have come to the same weights, moments of the gradient, and losses. AdamW takes a whole
    step where the gradient is as good as nothing, so that a few weights may differ by more than rounding."""
    first, second = (load_file(folder / "checkpoint.safetensors") for folder in (one, two))
    assert first.keys() == second.keys()
    for name in first:
        a, b = first[name].float(), second[name].float()
        if name.startswith("opt."):
            assert float((a - b).norm()) <= (2e-2 if name.endswith(".v") else 1e-2) * float(a.norm()) + 1e-9, name
        else:
            assert float((a - b).abs().mean()) <= 5e-6, name
    rows = [list(csv.DictReader((folder / "log.csv").open())) for folder in (one, two)]
    for a, b in zip(*rows, strict=True):
        assert a.keys() == b.keys()
        for name in (name for name in a if name.startswith("train_")):  # what is rounded to bits may tip over
            assert float(a[name]) == pytest.approx(float(b[name]), rel=2e-3, abs=2e-3), name


def moved(run: Path) -> float:
    """How far the weights are from their average, which begins where they began: mean over all."""
    tensors = load_file(run / "checkpoint.safetensors")
    far = [(value - tensors[f"avg.{name[4:]}"]).abs() for name, value in tensors.items() if name.startswith("now.")]
    return float(torch.cat([each.flatten() for each in far]).mean())


def test_two_processes_do_what_one_does(prepared, tmp_path, start):  # noqa: F811
    """The codec and the vocoder of a joint stage have the same weights, averages, moments and log after three steps;
    one process alone writes, and shows a bar."""
    text = "train_codec = true\n" + SMALL.format(codec="[codec]", vocoder=VOICE, steps=3) + "flips = 0.9\nloss = 0.4\n"
    (tmp_path / "c.toml").write_text(text.replace("validate_every = 3", "validate_every = 2"))
    given = ("joint", "--data", prepared, "--config", tmp_path / "c.toml", "--from", start, "--device", "cpu")
    alone = stage("vocoder.training", *given, "--run", tmp_path / "one")
    both = together("vocoder.training", *given, "--run-folder", tmp_path / "two")
    assert (0, 0) == (alone.returncode, both.returncode), alone.stderr + both.stderr
    compared(tmp_path / "one", tmp_path / "two")
    assert moved(tmp_path / "two") > 1e-4
    assert 1 == both.stdout.count("step 3  minutes") + both.stderr.count("step 3  minutes")
    assert 1 == both.stderr.count("0/3 [")


def test_two_processes_go_on_with_what_one_began(prepared, tmp_path, start):  # noqa: F811
    """A checkpoint says nothing of the number of processes."""
    text = SMALL.format(codec="[network]", vocoder="", steps=4) + "apart = true\n"
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
    compared(tmp_path / "one", tmp_path / "two")


def test_a_batch_that_cannot_be_shared_is_said_once(prepared, tmp_path, start):  # noqa: F811
    """By one process; a stage that is the work of one process is refused too."""
    text = SMALL.format(codec="[network]", vocoder="", steps=2)
    (tmp_path / "a.toml").write_text(text.replace("batch = 2", "batch = 3"))
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
    assert torch.equal(whole, torch.cat([Ranks(number, 3).part(whole) for number in range(3)]))
