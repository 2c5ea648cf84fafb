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
from codec.models import VOCODER, ModelError, load_model  # noqa: E402
from codec.training.loop.distributed import ALONE  # noqa: E402
from codec.training.loop.trainer import Schedule, TrainingError, read_config, save_half  # noqa: E402
from tests.training.test_distributed import CODEC, compared, start, together  # noqa: E402, F401
from tests.training.test_graphs import shaken, streamed  # noqa: E402
from tests.training.test_stages import SMALL, packed, prepared, stage  # noqa: E402, F401
from vocoder.training.joint import Voice, VoiceTraining, load_voice  # noqa: E402
from vocoder.training.losses.adversarial import Adversary, AdversaryConfig  # noqa: E402
from vocoder.training.losses.discriminators import Discriminators  # noqa: E402
from vocoder.training.model.harmonic import VocoderConfig  # noqa: E402
from vocoder.training.model.hifigan import HifiganGraph, HifiganVocoder, vocoder_network  # noqa: E402

ROOT = Path(__file__).parents[2]
PACKETS = 3
CONFIG = VocoderConfig(kind="hifigan", channels=16, blocks=1, kernels=(3, 5), dilations=(1, 2))
VOICE = '[vocoder]\nkind = "hifigan"\nchannels = 16\nblocks = 1\nkernels = [3, 5]\ndilations = [1, 2]\n'
ADVERSARY = "[adversary]\nshare = 0.5\nfeature_share = 0.5\nfrom_step = 1\nsamples = 2560\nchannels = 2\nscales = 2\n"


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


def test_the_discriminators_are_the_papers():
    """With 32 channels: five of 8.2 million values each for periods (2, 3, 5, 7, 11), three for scales, 70.7 million
    in all, as published; each tells of every layer."""
    network = Discriminators(32, (2, 3, 5, 7, 11), 3)
    count = sum(p.numel() for p in network.parameters())
    assert 70.7e6 == pytest.approx(count, rel=2e-3)
    small = Discriminators(2, (2, 3), 2)(torch.randn(2, 2001))
    assert [6, 6, 8, 8] == [len(layers) for _, layers in small]
    assert all(2 == len(judgement) for judgement, _ in small)


def test_discriminators_learn_and_the_vocoder_learns_from_them():
    """They come to tell a buzz from hiss, and then their gradient makes hiss less easy to tell."""
    torch.manual_seed(3)
    config = AdversaryConfig(1.0, 1.0, samples=2560, channels=2, periods=(2, 3), scales=1, rate=2e-3)
    adversary = Adversary(config, Schedule(steps=100, warm_steps=1), ALONE)
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(4000) / 8000
    true = torch.stack([(torch.sin(2 * torch.pi * hz * time) > 0.8).float() for hz in (110.0, 140.0)])
    made = (0.3 * torch.randn(2, 4000)).requires_grad_()
    first = adversary(true, made, 0, generator)
    for step in range(1, 25):
        last = adversary(true, made, step, generator)
    assert float(last["discriminators"]) < 0.7 * float(first["discriminators"])
    assert not last["discriminators"].requires_grad
    (last["fooled"] + last["matched"]).backward()
    assert float(made.grad.abs().sum()) > 0
    assert all(p.requires_grad and p.grad is not None for p in adversary.network.parameters())
    assert not any(adversary(true, made, -1, generator).values())


def test_its_configuration_is_read():
    """The file that the documentation names is of this kind, with discriminators."""
    config = read_config(ROOT / "vocoder" / "training" / "hifigan.toml", VoiceTraining)
    assert "hifigan" == config.vocoder.kind and config.adversary.share > 0
    assert config.adversary.samples <= config.schedule.packets * format.PACKET_SAMPLES
    assert config.adversary.from_step < config.schedule.steps


def test_weights_of_the_other_kind(tmp_path, start):  # noqa: F811
    """Stage B starts anew beside a codec out of a voice with the other vocoder; an export refuses it in one line."""
    voice = Voice(CODEC, VocoderConfig(channels=16, blocks=1))
    save_half(dict(voice.state_dict()), tmp_path / "harmonic.safetensors")
    other = Voice(CODEC, CONFIG)
    before = {name: value.clone() for name, value in other.vocoder.state_dict().items()}
    load_voice(other, [tmp_path / "harmonic.safetensors"], other_kinds=True)
    assert torch.equal(voice.codec.encoder.stem.weight.half().float(), other.codec.encoder.stem.weight)
    assert all(torch.equal(value, other.vocoder.state_dict()[name]) for name, value in before.items())
    with pytest.raises(TrainingError, match="its vocoder has other layers or widths"):
        load_voice(other, [tmp_path / "harmonic.safetensors"])


def test_from_training_to_a_file_for_synth(prepared, tmp_path, start):  # noqa: F811
    """`train` with discriminators, resumed; `export`; and `gossamer decode --synth FILE.onnx` speaks with it."""
    text = SMALL.format(codec="[codec]", vocoder=VOICE, steps=4) + ADVERSARY
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
    export = ("export", "--from", run / "checkpoint.safetensors", "--config", tmp_path / "h.toml", "--out", out)
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


def test_two_processes_with_discriminators_do_what_one_does(prepared, tmp_path, start):  # noqa: F811
    """Vocoder and discriminators have the same weights and moments after two steps."""
    (tmp_path / "h.toml").write_text(SMALL.format(codec="[codec]", vocoder=VOICE, steps=2) + ADVERSARY)
    given = ("train", "--data", prepared, "--config", tmp_path / "h.toml", "--from", start, "--device", "cpu")
    alone = stage("vocoder.training", *given, "--run", tmp_path / "one")
    both = together("vocoder.training", *given, "--run-folder", tmp_path / "two")
    assert (0, 0) == (alone.returncode, both.returncode), alone.stderr + both.stderr
    assert any(name.startswith("adversary.net.") for name in load_file(tmp_path / "two" / "checkpoint.safetensors"))
    compared(tmp_path / "one", tmp_path / "two")
