"""The loss on phones and the narrowing of networks, on the tiny corpus. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec.training.data.batches import Speech  # noqa: E402
from codec.training.data.phone_alignment import PHONES, UNKNOWN, aligned, words_of  # noqa: E402
from codec.training.loop.trainer import load_networks  # noqa: E402
from codec.training.model.phone_reader import PhoneReader, phone_distance  # noqa: E402
from tests.training.test_stages import SMALL, packed, prepared, stage  # noqa: E402, F401
from vocoder.training.export.prune import narrowed  # noqa: E402


def test_words_are_written_as_in_the_dictionary():
    """No capitals, no punctuation but the apostrophe."""
    assert "don't you see i'm here" == words_of("Don't you see: I'm here!")


def test_phones_are_found_in_their_order(prepared):  # noqa: F811
    """The phones of what is said, one after the other; a word that no dictionary has is refused."""
    speech = Speech(prepared, "train")
    row = next(row for row in speech.rows if row["text"] == "the quick brown fox")
    samples = np.asarray(speech.audio[int(row["start"]) : int(row["start"]) + int(row["samples"])])
    labels = aligned(samples, row["text"])
    assert labels is not None and len(samples) // 80 == len(labels)
    order = [PHONES[label] for place, label in enumerate(labels) if place == 0 or labels[place - 1] != label]
    assert ["K", "W", "IH", "K", "B", "R", "AW", "N", "F", "AA", "K", "S"] == [p for p in order if p != "SIL"][-12:]
    assert aligned(samples, "zzyzxq") is None


def test_the_distance_between_phones_is_none_for_the_same():
    """0 for equal energies, more for others, and a gradient for what was made."""
    torch.manual_seed(1)
    reader, true = PhoneReader(16, 1), torch.rand(2, 64, 40)
    heard = torch.ones(2, 64)
    made = (true + 0.3 * torch.rand(2, 64, 40)).requires_grad_()
    assert abs(float(phone_distance(reader, true, true, heard))) < 1e-6
    distance = phone_distance(reader, true, made, heard)
    assert float(distance) > 1e-5
    distance.backward()
    assert float(made.grad.abs().sum()) > 0


def test_level_changes_no_phone():
    """The reader hears quiet speech as it hears loud speech."""
    torch.manual_seed(1)
    reader, energies = PhoneReader(16, 1), 0.3 + 0.4 * torch.rand(1, 64, 40)
    assert torch.allclose(reader(energies), reader(energies - 0.2), atol=1e-4)


def test_aligning_reading_and_training_with_the_reader(prepared, tmp_path):  # noqa: F811
    """`align`, `phones`, then a codec stage with the loss on words: one command each."""
    assert 0 == stage("codec.training", "align", "--data", prepared, "--hours", 0.01).returncode
    labels = np.load(prepared / "phones-train.npy")
    assert UNKNOWN in labels and (labels < len(PHONES)).any()
    config = tmp_path / "phones.toml"
    config.write_text("channels = 16\nblocks = 1\n[schedule]\nsteps = 4\nbatch = 2\npackets = 4\nvalidate_every = 2\n")
    reader = tmp_path / "reader"
    result = stage("codec.training", "phones", "--data", prepared, "--run", reader, "--config", config)
    assert 0 == result.returncode, result.stderr
    (tmp_path / "a.toml").write_text(SMALL.format(codec="[network]", vocoder="", steps=3))
    options = ("--config", tmp_path / "a.toml", "--phones", reader / "checkpoint.safetensors")
    result = stage("codec.training", "train", "--data", prepared, "--run", tmp_path / "run", *options)
    assert 0 == result.returncode, result.stderr
    assert "train_phones" in (tmp_path / "run" / "log.csv").read_text()


def test_a_missing_reader_is_named(prepared, tmp_path):  # noqa: F811
    """One line, exit code 2."""
    result = stage("codec.training", "train", "--data", prepared, "--run", tmp_path, "--phones", tmp_path / "no")
    assert 2 == result.returncode
    assert "no such reader" in result.stderr and "Traceback" not in result.stderr


def test_hidden_values_that_repeat_others_can_go():
    """Of eight values of which four are sums of the others, four are enough: the outputs stay what they were."""
    random = torch.Generator().manual_seed(2)
    inner = torch.randn(500, 4, generator=random)
    hidden = torch.cat([inner, inner @ torch.randn(4, 4, generator=random)], dim=1) + 1.0
    weight, bias = torch.randn(3, 8, generator=random), torch.randn(3, generator=random)
    kept, fitted, offset = narrowed(hidden, weight, bias, 4)
    expected = hidden @ weight.t() + bias
    assert float((hidden[:, kept] @ fitted.t() + offset - expected).std()) < 0.05 * float(expected.std())


def test_a_narrowed_voice_is_trained_on(prepared, tmp_path):  # noqa: F811
    """`prune` writes a checkpoint of the narrower widths, which `joint` takes."""
    voice = "[vocoder]\nchannels = 16\nblocks = 1\n"
    wide = "train_codec = true\n" + SMALL.format(codec="[codec]", vocoder=voice, steps=2)
    (tmp_path / "wide.toml").write_text(wide)
    (tmp_path / "a.toml").write_text(SMALL.format(codec="[network]", vocoder="", steps=2))
    (tmp_path / "b.toml").write_text(SMALL.format(codec="[codec]", vocoder=voice, steps=2))
    data = ("--data", prepared)
    a, b = tmp_path / "a", tmp_path / "b"
    options = ("--run", a, "--config", tmp_path / "a.toml")
    assert 0 == stage("codec.training", "train", *data, *options).returncode
    last = ("--run", b, "--config", tmp_path / "b.toml", "--from", a / "checkpoint.safetensors")
    assert 0 == stage("vocoder.training", "train", *data, *last).returncode
    out = tmp_path / "narrow.safetensors"
    result = stage(
        "vocoder.training",
        "prune",
        *data,
        "--from",
        b / "checkpoint.safetensors",
        "--config",
        tmp_path / "wide.toml",
        "--packet-hidden",
        32,
        "--out",
        out,
    )
    assert 0 == result.returncode, result.stderr
    narrow = load_networks(out)
    assert (32, 192) == tuple(narrow["codec"]["encoder.mixer.gather.weight"].shape)
    assert 32 == len(narrow["vocoder"]["gains.stack.blocks.0.widen.bias"])
    widths = wide.replace("[codec]", "[codec]\nexpansion = 2\npacket_hidden = 32")
    widths = widths.replace(voice, voice + "expansion = 2\n")
    (tmp_path / "narrow.toml").write_text(widths)
    result = stage(
        "vocoder.training", "joint", *data, "--run", tmp_path / "c", "--config", tmp_path / "narrow.toml", "--from", out
    )
    assert 0 == result.returncode, result.stderr
