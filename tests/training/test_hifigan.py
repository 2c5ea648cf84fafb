"""HiFi-GAN on the same features, and its adversarial training, on the tiny corpus. Needs the extra `train`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

import soundfile  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from codec import format  # noqa: E402
from codec.errors import ModelError  # noqa: E402
from codec.models import VOCODER, load_model  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.loop.checkpoint import save_half  # noqa: E402
from tests.support.networks import CODEC, assert_same_run, shaken, streamed  # noqa: E402
from tests.support.training import RECIPE, stage, together  # noqa: E402
from vocoder.training.export.hifigan_graph import HifiganGraph  # noqa: E402
from vocoder.training.model import vocoder_network  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.model.hifigan import HifiganVocoder  # noqa: E402
from vocoder.training.voice import VoiceNetwork, load_voice  # noqa: E402

ROOT = Path(__file__).parents[2]
PACKETS = 3
CONFIG = VocoderConfig(kind="hifigan", channels=16, blocks=1, kernels=(3, 5), dilations=(1, 2))
VOICE = '[vocoder]\nkind = "hifigan"\nchannels = 16\nblocks = 1\nkernels = [3, 5]\ndilations = [1, 2]\n'
ADVERSARY = (
    "[adversary]\nweight = 0.5\nfeature_weight = 0.5\nfirst_step = 1\nsamples = 2560\nchannels = 2\nscales = 2\n"
)


@torch.no_grad()
def test_the_graph_is_the_trained_network():
    """Packet by packet with the state carried is what training computes on a whole segment, in -1..1 and not silent."""
    vocoder = shaken(HifiganVocoder(CONFIG))
    table = torch.rand(1, 32 * PACKETS, format.FEATURES)
    expected = vocoder(table)
    found = streamed(HifiganGraph(vocoder), table.reshape(PACKETS, 1, 32, -1))
    assert (1, format.PACKET_SAMPLES * PACKETS) == expected.shape
    assert torch.allclose(expected, found.reshape(1, -1), atol=1e-5)
    assert 1e-3 < float(expected.std()) and float(expected.abs().max()) <= 1.0


@torch.no_grad()
def test_it_hears_nothing_of_later_packets():
    """What comes in the third packet changes no sample before it."""
    vocoder = shaken(HifiganVocoder(CONFIG))
    one = torch.rand(1, 32 * PACKETS, format.FEATURES)
    two = one.clone()
    two[:, 64:] = torch.rand(1, 32, format.FEATURES)
    a, b = vocoder(one), vocoder(two)
    assert torch.equal(a[:, :5120], b[:, :5120]) and not torch.allclose(a[:, 5120:], b[:, 5120:])


def test_an_unknown_kind_is_refused():
    """The message names those that there are."""
    with pytest.raises(TrainingError, match=r"kind = \"wavenet\": there are harmonic and hifigan"):
        vocoder_network(VocoderConfig(kind="wavenet"))


def test_weights_of_the_other_kind(tmp_path, start):
    """Stage B starts anew beside a codec out of a voice with the other vocoder; an export refuses it in one line."""
    voice = VoiceNetwork(CODEC, VocoderConfig(channels=16, blocks=1))
    save_half(voice, tmp_path / "harmonic.safetensors")
    other = VoiceNetwork(CODEC, CONFIG)
    before = {name: value.clone() for name, value in other.vocoder.state_dict().items()}
    load_voice(other, [tmp_path / "harmonic.safetensors"], other_kinds=True)
    assert torch.equal(voice.codec.encoder.stem.weight.half().float(), other.codec.encoder.stem.weight)
    assert all(torch.equal(value, other.vocoder.state_dict()[name]) for name, value in before.items())
    with pytest.raises(TrainingError, match="its vocoder has other layers or widths"):
        load_voice(other, [tmp_path / "harmonic.safetensors"])


def test_from_training_to_a_file_for_synth(prepared, tmp_path, start):
    """`train` with discriminators, resumed; `export`; and `gossamer decode --synth FILE.onnx` speaks with it."""
    text = RECIPE.format(vocoder=VOICE, steps=4) + ADVERSARY
    (tmp_path / "h.toml").write_text(text)
    (tmp_path / "half.toml").write_text(text.replace("steps = 4", "steps = 3"))
    run, out = tmp_path / "run", tmp_path / "out"
    given = ("train", "--data", prepared, "--run", run, "--from", start)
    for config in ("half.toml", "h.toml"):
        result = stage("vocoder.training", *given, "--config", tmp_path / config)
        assert 0 == result.returncode, result.stderr
    tensors = load_file(run / "checkpoint.safetensors")
    assert 4 == int(tensors["step"]) and any(name.startswith("adversary.opt.") for name in tensors)
    header, *rows = (run / "log.csv").read_text().splitlines()
    assert {"train_fooled", "train_matched", "train_discriminators"} < set(header.split(","))
    assert 2 == len(rows) and float(rows[-1].split(",")[header.split(",").index("train_discriminators")]) > 0
    export = ("export", "--from", run / "checkpoint.safetensors", "--out", out)
    result = stage("vocoder.training", *export, "--small")
    assert 0 == result.returncode, result.stderr
    model = load_model(VOCODER, out / "vocoder.onnx")
    assert 42 == len(model.metadata["gossamer.features"].split(","))
    with pytest.raises(ModelError, match=r"gossamer\.kind"):
        load_model("codec_decoder", out / "vocoder.onnx")
    packets = tmp_path / "speech.g800"
    packets.write_bytes(np.random.default_rng(1).bytes(32 * 3))
    command = [sys.executable, "-m", "app", "decode", packets, tmp_path / "heard.wav", "--synth", out / "vocoder.onnx"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=ROOT)
    assert 0 == result.returncode, result.stderr
    samples, rate = soundfile.read(tmp_path / "heard.wav")
    assert (3 * 2560, 8000) == (len(samples), rate) and np.abs(samples).max() > 0


def test_two_processes_with_discriminators_do_what_one_does(prepared, tmp_path, start):
    """Vocoder and discriminators have the same weights and moments after two steps."""
    (tmp_path / "h.toml").write_text(RECIPE.format(vocoder=VOICE, steps=2) + ADVERSARY)
    given = ("train", "--data", prepared, "--config", tmp_path / "h.toml", "--from", start, "--device", "cpu")
    alone = stage("vocoder.training", *given, "--run", tmp_path / "one")
    both = together("vocoder.training", *given, "--run-folder", tmp_path / "two")
    assert (0, 0) == (alone.returncode, both.returncode), alone.stderr + both.stderr
    assert any(name.startswith("adversary.net.") for name in load_file(tmp_path / "two" / "checkpoint.safetensors"))
    assert_same_run(tmp_path / "one", tmp_path / "two")
