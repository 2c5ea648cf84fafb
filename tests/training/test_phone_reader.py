"""The loss on phones: alignment, the reader, and training with it. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec.training.data.batches import PreparedCorpus  # noqa: E402
from codec.training.data.phone_alignment import PHONES, UNKNOWN, aligned, words_of  # noqa: E402
from codec.training.losses import phone_distance  # noqa: E402
from codec.training.model.phone_reader import PhoneReader, PhoneReaderConfig  # noqa: E402
from tests.support.training import RECIPE, stage  # noqa: E402


def test_words_are_written_as_in_the_dictionary():
    """No capitals, no punctuation but the apostrophe."""
    assert "don't you see i'm here" == words_of("Don't you see: I'm here!")


def test_phones_are_found_in_their_order(prepared):
    """The phones of what is said, one after the other; a word that no dictionary has is refused."""
    speech = PreparedCorpus(prepared, "train")
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
    reader, true = PhoneReader(PhoneReaderConfig(16, 1)), torch.rand(2, 64, 40)
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
    reader, energies = PhoneReader(PhoneReaderConfig(16, 1)), 0.3 + 0.4 * torch.rand(1, 64, 40)
    assert torch.allclose(reader(energies), reader(energies - 0.2), atol=1e-4)


def test_aligning_reading_and_training_with_the_reader(prepared, tmp_path):
    """`align`, `phones`, then a codec stage with the loss on words: one command each."""
    assert 0 == stage("codec.training", "align", "--data", prepared, "--hours", 0.01).returncode
    labels = np.load(prepared / "phones-train.npy")
    assert UNKNOWN in labels and (labels < len(PHONES)).any()
    config = tmp_path / "phones.toml"
    schedule = "[schedule]\nsteps = 4\nbatch_size = 2\npackets = 4\nvalidate_every = 2\n"
    config.write_text("[phone_reader]\nchannels = 16\nblocks = 1\n" + schedule)
    reader = tmp_path / "reader"
    result = stage("codec.training", "phones", "--data", prepared, "--run", reader, "--config", config)
    assert 0 == result.returncode, result.stderr
    (tmp_path / "a.toml").write_text(RECIPE.format(vocoder="", steps=3))
    options = ("--config", tmp_path / "a.toml", "--phones", reader / "checkpoint.safetensors")
    result = stage("codec.training", "train", "--data", prepared, "--run", tmp_path / "run", *options)
    assert 0 == result.returncode, result.stderr
    assert "train_phones" in (tmp_path / "run" / "log.csv").read_text()


def test_a_missing_reader_is_named(prepared, tmp_path):
    """One line, exit code 2."""
    result = stage("codec.training", "train", "--data", prepared, "--run", tmp_path, "--phones", tmp_path / "no")
    assert 2 == result.returncode
    assert "no such phone reader" in result.stderr and "Traceback" not in result.stderr
