"""The judges of the benchmark: words by Whisper with its weights, nature by Distill-MOS, and which clips count.

What needs the packages of the extra `bench` is skipped where they are missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.models import asset_path
from tests.benchmarks import OFFLINE, clips, spoilt, weights
from tests.benchmarks import __main__ as command
from tests.benchmarks import study as studies
from tests.benchmarks.bootstrap import Interval
from tests.benchmarks.clips import Clip
from tests.benchmarks.errors import BenchmarkError
from tests.benchmarks.lanes import Coded, Lane, UncodedLane
from tests.benchmarks.lanes.ours import OurLane
from tests.benchmarks.metrics import Metric, nature, transcripts, whisper
from tests.benchmarks.weights import BASE, TINY_ENGLISH, Recogniser, recogniser_of

CLIP = Clip("s/1/a.opus", "s", "1", "f", "", "en", 2.0, "one two three four")


def clip_of(speaker: str, number: int = 0, text: str = CLIP.text) -> Clip:
    """An English clip of a speaker."""
    return replace(CLIP, path=f"s/{speaker}/{number}.opus", speaker=speaker, text=text)


def sentence(name: str) -> np.ndarray:
    """Synthesised speech of the repository, int16 [n] at 8 kHz."""
    import soundfile

    samples, rate_hz = soundfile.read(asset_path(f"sentences/{name}.flac"), dtype="int16")
    assert rate_hz == 8000
    return np.asarray(samples)


def installed(wanted: Recogniser | Metric) -> None:
    """Go on only where it can run."""
    problem = wanted.missing()
    if problem:
        pytest.skip(problem)


# -- counting words


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "It's NOT twenty-one, Tom's; well: done.", "it's not twenty one tom's well done"),
        ("en", "“Don’t!” she_said -- 'now'", "don't she said now"),
        ("nl", "Eén kat, géén hond.", "eén kat géén hond"),
        ("de", "Weißenburg-Gunzenhausen: Äpfel", "weissenburg gunzenhausen äpfel"),
        ("en", "... !", ""),
    ],
)
def test_words_are_counted_without_case_and_punctuation(language: str, text: str, expected: str) -> None:
    """An apostrophe counts inside a word only; a hyphen or an underscore parts two words."""
    assert expected.split() == transcripts.tokens(text, language)


def test_mandarin_is_counted_in_simplified_characters() -> None:
    """Spaces, Latin letters and digits do not count, and a recogniser may write traditional characters."""
    pytest.importorskip("opencc")
    assert list("背景攻关意义欢迎") == transcripts.tokens("背景 攻关 意义 欢迎", "zh")
    assert transcripts.tokens("背景 攻关 意义 欢迎", "zh") == transcripts.tokens("背景,攻關 意義歡迎 ok 3。", "zh")
    assert 8 == transcripts.token_count(replace(CLIP, language="zh", text="背景 攻关 意义 欢迎"))


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [("a b c d", "a b c d", 0), ("a b c d", "a x d", 50), ("a b", "", 100), ("a b", "a b a b a b a b", 100)],
)
def test_a_clip_loses_at_most_all_of_its_words(said: str, heard: str, expected: float) -> None:
    """A recogniser in a loop writes more words than were said; they count once."""
    assert expected == transcripts.error_percent(said.split(), heard.split())


def test_only_what_says_what_is_spoken_is_transcribed() -> None:
    """Neither clips without a text nor those whose text is another language's."""
    assert transcripts.transcribed(CLIP, "en")
    assert not transcripts.transcribed(CLIP, "nl")
    assert not transcripts.transcribed(replace(CLIP, text=""), "en")
    assert not transcripts.transcribed(replace(CLIP, language="ar"), "ar")


# -- weights


@pytest.fixture
def halves(tmp_path: Path) -> list[Path]:
    """The two packages of a recogniser, in small."""
    folders = [tmp_path / f"half_{number}" / "data" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        folder.mkdir(parents=True)
        (folder / f"model.bin.part{number}").write_bytes(bytes([number]) * 1000)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folders[0] / name).write_text("{}")
    return folders


WHOLE = bytes([1]) * 1000 + bytes([2]) * 1000


def test_the_halves_are_joined_once(halves: list[Path], tmp_path: Path) -> None:
    """The parts in their order, what lies beside them too; the second time nothing is read."""
    out = weights.join(halves, tmp_path / "joined", hashlib.sha256(WHOLE).hexdigest())
    assert WHOLE == (out / "model.bin").read_bytes()
    assert {"config.json", "model.bin", "tokenizer.json", "vocabulary.txt"} == {path.name for path in out.iterdir()}
    shutil.rmtree(halves[1])
    assert out == weights.join(halves, tmp_path / "joined", "")


def test_an_interrupted_join_is_done_again(halves: list[Path], tmp_path: Path) -> None:
    """Half a file is not taken for the whole one."""
    (tmp_path / "joined").mkdir()
    (tmp_path / "joined" / "model.bin.part").write_bytes(WHOLE[:1500])
    out = weights.join(halves, tmp_path / "joined", hashlib.sha256(WHOLE).hexdigest())
    assert WHOLE == (out / "model.bin").read_bytes()


def test_other_weights_than_the_known_ones_are_refused(halves: list[Path], tmp_path: Path) -> None:
    """One line with both digests and the cure; nothing is left that a later run would take."""
    with pytest.raises(BenchmarkError, match=r"not the known ones .* install the versions") as refused:
        weights.join(halves, tmp_path / "joined", hashlib.sha256(b"other").hexdigest())
    assert 1 == len(str(refused.value).splitlines())
    assert not list((tmp_path / "joined").glob("model.bin*"))


def test_packages_of_weights_are_found_without_importing_them(
    halves: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole where both are installed, one clear line where one is not."""
    for folder in halves:
        (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    small = Recogniser("whisper-x", "Whisper x", ("half_1", "half_2"), "data", hashlib.sha256(WHOLE).hexdigest())
    assert small.missing() is None
    assert tmp_path / "joined" / "whisper-x" == small.folder(tmp_path / "joined")
    assert small.version().endswith(small.sha256[:8])
    lacking = replace(small, packages=("half_1", "half_of_nothing"))
    assert "Whisper x: the package half-of-nothing is not installed: make bench sets up what it needs" == (
        lacking.missing()
    )
    with pytest.raises(BenchmarkError, match="half-of-nothing"):
        lacking.folder()


def test_a_folder_of_weights_can_be_named(halves: list[Path], tmp_path: Path) -> None:
    """It must hold all that is read, or something would be fetched; its digest is part of its version."""
    folder = halves[0]
    with pytest.raises(BenchmarkError, match=r"has no model\.bin: name a folder"):
        recogniser_of(str(folder))
    (folder / "model.bin").write_bytes(WHOLE)
    named = recogniser_of(str(folder))
    assert ("whisper-data", folder) == (named.name, named.folder())
    assert f"whisper-data {hashlib.sha256(WHOLE).hexdigest()[:8]}" == named.version()
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer.json" in str(named.missing())
    assert BASE is recogniser_of("base")


def test_a_recogniser_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; the known ones are named. Languages that nobody counts words in likewise."""
    assert 2 == command.main(["--recogniser", "huge"])
    complaint = capsys.readouterr().err
    assert 1 == len(complaint.splitlines()) and "base, tiny.en" in complaint
    assert 2 == command.main(["--recogniser", str(tmp_path)])
    assert "has no model.bin and no config.json" in capsys.readouterr().err
    assert 2 == command.main(["--languages", "en,ar"])
    assert "--languages ar: there are en, nl, zh" in capsys.readouterr().err


def test_only_multilingual_weights_read_other_languages() -> None:
    """The English-only models end a text with another token."""
    for recogniser in (BASE, TINY_ENGLISH):
        installed(recogniser)
    assert not BASE.english_only()
    assert TINY_ENGLISH.english_only()


# -- the judges at work


def test_whisper_reads_a_sentence_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all words, numbers in words; the hub is switched off, and no socket is opened."""

    def refuse(*_: Any) -> None:
        pytest.fail("the network was asked")

    assert {"1"} == {os.environ.get(name) for name in OFFLINE}
    metric = whisper.whisper_metric(BASE, "en")
    installed(metric)
    installed(BASE)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    speech = sentence("numbers")
    text = whisper.heard(speech, BASE.folder(), "en")
    assert not any(letter.isdigit() for letter in text)
    clip = replace(CLIP, text="Four seven nine, three zero, over to channel two.")
    assert metric.score(speech, speech, clip) <= 40
    assert 100 == metric.score(speech, np.zeros_like(speech), clip)


def test_nature_falls_with_noise() -> None:
    """Speech is more natural than the same speech in noise as loud as itself; of silence nothing is said."""
    metric = nature_metric()
    installed(metric)
    speech = sentence("harbour")
    noise = np.random.default_rng(1).normal(0, speech.std(), len(speech)).astype(np.int16)
    clean, noisy = metric.score(speech, speech, CLIP), metric.score(speech, speech + noise, CLIP)
    assert 1 <= noisy < clean - 0.3 <= 5
    assert np.isnan(metric.score(speech, np.zeros_like(speech), CLIP))
    assert "torchaudio" not in sys.modules or sys.modules["torchaudio"].__spec__ is not None, "the stand-in is gone"


def nature_metric() -> Metric:
    """The one of the benchmark."""
    from tests.benchmarks.metrics import METRICS

    return next(metric for metric in METRICS if metric.key == "nature")


def test_a_stand_in_module_goes_when_it_has_served() -> None:
    """Nobody else finds the empty module, and one that is really there is left alone."""
    with nature.stand_in("no_such_module_here"):
        assert "no_such_module_here" in sys.modules
    assert "no_such_module_here" not in sys.modules
    with nature.stand_in("json"):
        assert sys.modules["json"].__name__ == "json" and hasattr(sys.modules["json"], "loads")
    assert "json" in sys.modules


# -- which clips count


class Repeater:
    """A codec that loses nothing."""

    ours = True

    def __init__(self, key: str = "repeater") -> None:
        self.key, self.title = key, key.title()

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return "1"

    def run(self, samples: np.ndarray) -> Coded:
        return Coded(samples, 800, 800, 1.0)


@pytest.fixture
def fake_corpus(monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """Three clips of two speakers, noise all of them; whisper_metric reads the first as half wrong, the second right,
    and of the third nothing."""
    found = [clip_of("1"), clip_of("2", text="one two three four five six seven eight"), clip_of("2", 1)]
    made = {clip: np.random.default_rng(n).integers(-99, 99, 16_000, np.int16) for n, clip in enumerate(found)}
    errors = dict(zip([clip.path for clip in found], (50.0, 0.0, 75.0), strict=True))
    metric = Metric(
        "words_x_en",
        "English words wrong, % (x)",
        {"numpy": "numpy"},
        lambda a, b, clip: errors[clip.path],
        decimals=1,
        higher_is_better=False,
        weight=transcripts.token_count,
        judge="whisper-x",
    )
    others = [clip_of("3", number) for number in range(3)]
    made |= dict.fromkeys(others, made[found[0]])

    def chosen(corpus: Path, count: int, wanted: Callable[[Clip], bool] | None = None) -> list[Clip]:
        return others if wanted is None else list(filter(wanted, found))[:count]

    monkeypatch.setattr(clips, "validation_clips", chosen)
    for module in (studies, spoilt):
        monkeypatch.setattr(module, "load_originals", lambda corpus, chosen: {clip: made[clip] for clip in chosen})
        monkeypatch.setattr(module, "whisper_metric", lambda recogniser, language: metric)
    monkeypatch.setattr(Recogniser, "english_only", lambda recogniser: True)
    return found


def test_clips_that_cannot_be_read_uncoded_are_left_out(fake_corpus: list[Clip], tmp_path: Path) -> None:
    """For every codec, and said; words weigh alike, whichever clip they are in. Other languages are not for a
    recogniser of English."""
    lanes: list[Lane] = [Repeater(), UncodedLane()]
    counts = {"en": 3, "nl": 3}
    found = studies.whisper_studies(lanes, tmp_path, BASE, counts, tmp_path, map, say=lambda text: None)
    assert 1 == len(found)
    assert fake_corpus[:2] == list(found[0].clips)
    assert ["repeater", "pcm"] == [result.lane.key for result in found[0].lanes]
    for result in found[0].lanes:
        assert 100 * 2 / 12 == pytest.approx(studies.summary(result, found[0].metrics[0], found[0].clips).mean)
    remark = found[0].remarks[0]
    assert "12 words in 2 of 3 clips, of 2 speakers; of the others more than half" in remark
    assert f"Of all words of the 3 originals {100 * 5 / 16:.1f} % were wrong." in remark


def test_words_under_bad_conditions_are_those_of_readable_clips(fake_corpus: list[Clip], tmp_path: Path) -> None:
    """Noise and what befalls packets, each on the clips that can be read uncoded; levels and hum cost too much."""
    table = spoilt.measure_words([UncodedLane(), OurLane("classic")], tmp_path, BASE, 3, tmp_path, map)
    assert "12 words in 2 English clips." == table.title
    assert ["clean", "loss", "coarse", "flips", "pink", "babble"] == [row.condition.key for row in table.rows]
    assert {"gossamer-classic"} == {row.lane.key for row in table.rows}, "the original is no codec"
    assert all(100 * 2 / 12 == pytest.approx(row.means[0].mean) and 0 == row.changes[0].mean for row in table.rows)


def test_a_recogniser_of_another_language_is_one_line(fake_corpus: list[Clip], tmp_path: Path) -> None:
    """Where no original can be read there is nothing to compare."""
    fake_corpus[:2] = []
    with pytest.raises(BenchmarkError, match="it reads none of 1 originals"):
        studies.whisper_studies([Repeater()], tmp_path, BASE, {"en": 3}, tmp_path, map, say=lambda text: None)


def test_languages_without_words_are_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those whose text is in another language, those whose speakers were all trained on, those not asked for."""

    def chosen(corpus: Path, count: int, wanted: Callable[[Clip], bool]) -> list[Clip]:
        if not wanted(replace(CLIP, language="nl")):
            raise BenchmarkError("none")
        return []

    monkeypatch.setattr(
        clips, "read_manifest", lambda corpus: [{"language": code} for code in ("en", "de", "ar", "nl")]
    )
    monkeypatch.setattr(clips, "validation_clips", chosen)
    said = studies.languages_left_out(tmp_path, {"en": 3})
    assert "ar, since its text column holds English names" in said
    assert "de, since no speaker that nothing was trained on has transcripts" in said
    assert "nl, which was not asked for" in said
    assert "" == studies.languages_left_out(tmp_path, dict.fromkeys(("en", "de", "ar", "nl"), 3))


def test_the_interval_of_one_speaker_is_over_clips() -> None:
    """It would be as narrow as a point otherwise, and every difference a lead."""
    metric = Metric("m", "M", {}, lambda *given: 0.0)
    alone = studies.interval_of([0.0, 1.0, 0.0, 1.0], metric, [clip_of("1", number) for number in range(4)])
    assert 0.5 == alone.mean and alone.low < 0.3 and alone.high > 0.7
    two = [clip_of(speaker, number) for speaker in "12" for number in range(2)]
    assert Interval(0.5, 0.5, 0.5) == studies.interval_of([0.0, 1.0, 0.0, 1.0], metric, two)


def test_kept_scores_are_of_the_same_weights() -> None:
    """Another recogniser's, or another language's, is another score."""
    base, dutch = whisper.whisper_metric(BASE, "en"), whisper.whisper_metric(BASE, "nl")
    tiny = whisper.whisper_metric(TINY_ENGLISH, "en")
    assert 3 == len({base.key, dutch.key, tiny.key})
    assert "whisper-base d01c3014" in base.settings and base.settings != tiny.settings
    assert ("whisper-base", "whisper-tiny.en") == (base.judge, tiny.judge)
