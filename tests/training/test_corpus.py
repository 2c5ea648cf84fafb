"""Corpora are read, split and prepared. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from codec import format
from codec.training.data import corpus
from codec.training.data.batches import PreparedCorpus
from tests.support.signals import vowel
from tests.support.training import stage

pytestmark = pytest.mark.training


def test_preparing_keeps_speakers_apart(prepared):
    """Speakers of the recorded split are for validation, the others for training."""
    train, validation = PreparedCorpus(prepared, "train"), PreparedCorpus(prepared, "validation")
    assert {"somebody"} == {row["speaker"] for row in train.rows}
    assert 3 == len(validation.rows)
    assert not {row["speaker"] for row in train.rows} & {row["speaker"] for row in validation.rows}
    frames = sum(int(row["samples"]) for row in train.rows + validation.rows) // format.HOP_SAMPLES
    assert (frames,) == train.f0.shape
    assert (frames, format.BANDS) == np.load(prepared / "bands.npy").shape


def test_a_libritts_tree_is_read_as_published(tmp_path):
    """SUBSET/SPEAKER/CHAPTER/NAME.wav, with SPEAKERS.txt and texts; dev and test are for validation."""
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84")):
        chapter = tmp_path / subset / speaker / "198"
        chapter.mkdir(parents=True)
        name = f"{speaker}_198_000000_000000"
        soundfile.write(chapter / f"{name}.wav", vowel(120, 1.0), 24000)
        (chapter / f"{name}.normalized.txt").write_text("Some words.\n")
    (tmp_path / "speakers.tsv").write_text("READER\tGENDER\tSUBSET\tNAME\n19\tF\ttrain-clean-100\tA\n84\tM\tdev\tB\n")
    one, two = sorted(corpus.utterances(tmp_path), key=lambda utterance: utterance.source)
    assert ("dev-clean", "84", "m", "Some words.") == (one.source, one.speaker, one.sex, one.text)
    assert [True, False] == [corpus.is_validation(each.source, each.speaker) for each in (one, two)]
    assert 8000 // 3 == pytest.approx(len(two.samples), abs=2)


def test_a_librispeech_tree_is_read_as_published(tmp_path):
    """SUBSET/SPEAKER/CHAPTER/NAME.flac at 16 kHz, with SPEAKERS.TXT's table and CHAPTER.trans.txt."""
    chapter = tmp_path / "train-clean-100" / "103" / "1240"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "103-1240-0000.flac", vowel(120, 1.0), 16000)
    (chapter / "103-1240.trans.txt").write_text("103-1240-0000 CHAPTER ONE\n103-1240-0001 NO FILE\n")
    (tmp_path / "SPEAKERS.txt").write_text("; ID |SEX| SUBSET\n103 | F | train-clean-100 | 25.1 | Karen\n")
    (found,) = corpus.utterances(tmp_path)
    assert ("103", "f", "CHAPTER ONE", 4000) == (found.speaker, found.sex, found.text, len(found.samples))


def test_a_folder_without_speech_is_refused(tmp_path):
    """The message says what a corpus is; exit code 2."""
    result = stage("codec.training", "prepare", tmp_path, "--data", tmp_path / "out")
    assert 2 == result.returncode
    assert "no corpus here" in result.stderr and "Traceback" not in result.stderr


def test_pitch_targets_are_those_of_the_sound():
    """A buzz of 150 Hz has 150 Hz, silence none, at one value every 80 samples."""
    sound = (np.concatenate([vowel(150, 1.0), np.zeros(8000)]) * 32767).astype(np.int16)
    f0 = corpus.pitch_targets(sound)
    assert len(sound) // 80 == len(f0)
    assert np.allclose(150, f0[10:90], rtol=0.01)
    assert not f0[115:].any()
