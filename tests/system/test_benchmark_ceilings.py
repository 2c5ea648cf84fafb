"""Ceilings of the voice, judges that taught it, tables of what goes wrong, and the command line of the benchmark."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.models import TAUGHT_BY, asset_path
from codec.packing import unpack
from tests.benchmarks import __main__ as command
from tests.benchmarks import candidates, options, report, report_ceilings, report_csv
from tests.benchmarks import study as studies
from tests.benchmarks.bootstrap import Interval
from tests.benchmarks.clips import Clip
from tests.benchmarks.errors import BenchmarkError
from tests.benchmarks.lanes import Coded, Lane, UncodedLane, teachers
from tests.benchmarks.lanes.ours import ModelLane, OurLane
from tests.benchmarks.metrics import METRICS, Metric, whisper, words
from tests.benchmarks.quality import LaneScores
from tests.benchmarks.results import Results, Spoilt, SpoiltTable
from tests.benchmarks.robustness import Condition
from tests.benchmarks.study import Study
from tests.benchmarks.weights import BASE

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


# -- ceilings


def scored(lane: Lane, values: dict[Clip, float], key: str = "m") -> LaneScores:
    """A lane with these scores."""
    coded = dict.fromkeys(values, Coded(np.zeros(8, np.int16), 8, 8, 1.0))
    return LaneScores(lane, coded, dict.fromkeys(values, 0), 0, {key: dict(values)})


class Named(ModelLane):
    """A lane of this key; teachers: what taught it."""

    ours = True

    def __init__(self, key: str, *teachers: str) -> None:
        self.key, self.title, self._teachers = key, key.title(), frozenset(teachers)

    def taught_by(self) -> frozenset[str]:
        return self._teachers

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return "1"

    def run(self, samples: np.ndarray) -> Coded:
        raise NotImplementedError


SPEAKERS = [clip_of(str(number)) for number in range(12)]


def study_of(metric: Metric, **means: float) -> Study:
    """A study of lanes whose scores lie around these means, in step."""
    spread = np.linspace(-0.1, 0.1, len(SPEAKERS))
    lanes = [
        scored(Named(key), {clip: mean + d for clip, d in zip(SPEAKERS, spread, strict=True)}, metric.key)
        for key, mean in means.items()
    ]
    return Study(SPEAKERS, [metric], lanes)


@pytest.mark.parametrize(
    ("higher_is_better", "whole", "true", "pcm", "expected"),
    [
        (False, 28.0, 20.0, 16.0, "the codec loses 8.0 (8.0 to 8.0), the vocoder loses 4.0 (4.0 to 4.0): "
         "the weaker half is the **codec**."),
        (False, 28.0, 26.0, 16.0, "the weaker half is the **vocoder**."),
        (True, 3.2, 3.1, 3.5, "the codec loses -0.1 (-0.1 to -0.1), the vocoder loses 0.4 (0.4 to 0.4): "
         "the weaker half is the **vocoder**."),
        (True, 3.0, 3.25, 3.5, "though the interval of the difference holds zero."),
    ],
)  # fmt: skip
def test_the_weaker_half_is_named(higher_is_better: bool, whole: float, true: float, pcm: float, expected: str) -> None:
    """The one that loses more beside the original, whichever way the measure counts."""
    metric = Metric("m", "M", {}, lambda *given: 0.0, decimals=1, higher_is_better=higher_is_better)
    study = study_of(metric, whole=whole, true=true, pcm=pcm)
    assert expected in str(report_ceilings.weaker_half(study, metric, "whole", "true"))
    assert report_ceilings.weaker_half(study, metric, "whole", "elsewhere") is None


def test_the_report_has_a_table_of_ceilings() -> None:
    """A row a ceiling, with what the whole voice loses beside it, for judges alone; the sentence stands below."""
    from tests.benchmarks.lanes.ceilings import TrueFeaturesLane, UnroundedLane

    judge = Metric("words_w_en", "Words", {}, lambda *given: 0.0, decimals=1, higher_is_better=False, judge="w")
    other = Metric("estoi", "ESTOI", {}, lambda *given: 0.0)
    study = study_of(judge, **{"gossamer-neural": 28.0, "unrounded": 26.5, "true": 20.0, "pcm": 16.0})
    for place, lane in ((1, UnroundedLane()), (2, TrueFeaturesLane())):
        study.lanes[place] = replace(study.lanes[place], lane=lane)
    text = report.markdown(Results([], [], [study, replace(study, metrics=[other], lanes=[])]))
    table = text[text.index("## Ceilings") :]
    assert "| what is decoded | Words | lost by Gossamer-Neural beside it |" in table
    assert "| latents not rounded, neural vocoder | 26.5 (26.5 to 26.5) | 1.5 (1.5 to 1.5) |" in table
    assert "| true bands and F0, neural vocoder | 20.0 (20.0 to 20.0) | 8.0 (8.0 to 8.0) |" in table
    assert "the weaker half is the **codec**." in table
    assert "## By language" not in text, "all clips are of one group"
    assert "## Ceilings" not in report.markdown(Results([], [], [study_of(judge, whole=1.0)]))


def test_without_rounding_the_decoder_is_the_same_on_whole_levels() -> None:
    """Levels that are put in for the table of the packet's bytes give the packet's features, state and all."""
    pytest.importorskip("onnx")
    from codec.decoder import Decoder
    from tests.benchmarks.lanes.ceilings import decoder_of_levels

    shipped, of_levels, generator = Decoder(), decoder_of_levels(None), np.random.default_rng(7)
    for _ in range(4):
        packet = generator.bytes(32)
        levels = unpack(packet).reshape(1, 32, 4).astype(np.float32)
        expected = shipped.decode(packet)
        assert np.array_equal(expected, of_levels.step(levels=levels, lost=np.zeros(1, np.float32))[0])


def test_ceilings_differ_from_the_voice_where_they_say() -> None:
    """Bands, pitch or both are the clip's own; unrounded ones are near the decoded ones and not the same."""
    pytest.importorskip("onnx")
    pytest.importorskip("parselmouth")
    from tests.benchmarks.lanes import ceilings

    speech = sentence("harbour")
    decoded, true = ceilings.decoded_features(speech, None), ceilings.true_features(speech)
    made = {lane.kind: lane().features(speech) for lane in ceilings.CEILINGS}
    assert np.array_equal(true, made["true-features"])
    assert np.array_equal(true[..., 2:], made["true-bands"][..., 2:])
    assert np.array_equal(decoded[..., :2], made["true-bands"][..., :2])
    assert np.array_equal(true[..., :2], made["true-pitch"][..., :2])
    assert np.array_equal(decoded[..., 2:], made["true-pitch"][..., 2:])
    off = np.abs(made["unrounded"] - decoded).mean()
    assert 0 < off < np.abs(true - decoded).mean()


# -- who taught whom


def test_graphs_say_which_recognisers_taught_them(tmp_path: Path) -> None:
    """From the metadata; those from before the record were taught with pocketsphinx; an empty record is none."""
    onnx = pytest.importorskip("onnx")
    names = ("codec_encoder.onnx", "codec_decoder.onnx", "vocoder.onnx")
    for name, said in zip(names, ("whisper-tiny.en,pocketsphinx", "", "whisper-tiny.en"), strict=True):
        model = onnx.load(str(asset_path(name)))
        entry = model.metadata_props.add()
        entry.key, entry.value = TAUGHT_BY, said
        onnx.save(model, str(tmp_path / name))
    assert {"whisper-tiny.en", "pocketsphinx"} == teachers(OurLane("neural", tmp_path, "x"))
    (tmp_path / names[0]).unlink()
    assert {"whisper-tiny.en", "pocketsphinx"} == teachers(OurLane("neural", tmp_path, "x")), "the shipped encoder"
    assert frozenset() == teachers(UncodedLane())


def test_scores_by_a_judge_that_taught_the_voice_are_marked() -> None:
    """That cell, the differences with it, and a remark; the same judge's scores of other codecs are not."""
    metric = replace(words.words_metric(), key="words")
    lanes = [Named("ours", "pocketsphinx"), Named("others", "whisper-tiny.en")]
    lanes[1].ours = False
    study = Study(SPEAKERS, [metric], [scored(lane, dict.fromkeys(SPEAKERS, 20.0), "words") for lane in lanes])
    text = report.markdown(Results([], [], [study]))
    assert "| Ours | 8 | 8 | 20.0 (20.0 to 20.0) † |" in text
    assert "| Others | 8 | 8 | 20.0 (20.0 to 20.0) |" in text
    assert "| Others | +0.0 (+0.0 to +0.0) level † |" in text
    assert "may favour it: English words wrong, % (pocketsphinx) for Ours.\n" in text


def test_words_come_before_nature_before_the_rest() -> None:
    """The columns that decide stand first, and the independent judge's before pocketsphinx."""
    nearness = [METRICS[0], Metric("estoi", "ESTOI", {}, lambda *given: 0.0)]
    judged = [whisper.whisper_metric(BASE, code) for code in ("en", "nl")]
    all_of = [Study(SPEAKERS, chosen, []) for chosen in (nearness, *([m] for m in [*judged, words.words_metric()]))]
    columns = report._columns(Results([], [], all_of))
    assert ["words_whisper-base_en", "words_whisper-base_nl", "words", "nature", "estoi"] == [m.key for _, m in columns]


# -- when something is wrong


def test_each_table_of_what_is_wrong_is_written(tmp_path: Path) -> None:
    """Nature and words have other clips, so they stand in two tables, and in one file."""
    lane, condition = Named("ours"), Condition("loss", "10 % of packets lost", lost=0.1)
    tables = []
    for key, mean in (("nature", 3.0), ("words", 30.0)):
        metric = Metric(key, key.title(), {}, lambda *given: 0.0, decimals=1)
        row = Spoilt(lane, condition, 9, [Interval(mean, mean, mean)], [Interval(-0.5, -1, 0)], [None])
        tables.append(SpoiltTable(f"Of {key}.", [metric], [row]))
    results = Results([], [], robustness=tables, silence=[(lane, -80.0)])
    text = report.markdown(results)
    assert "Of nature.\n\n| what is wrong | codec | Nature | change |" in text
    assert "Of words.\n" in text
    assert "| 10 % of packets lost | Ours | 30.0 | -0.5 (-1.0 to +0.0) |  |" in text
    assert "Digital silence comes out as: Ours -80 dBFS." in text
    report_csv.write_csv(results, tmp_path / "all.csv")
    rows = (tmp_path / "all.csv").read_text().splitlines()
    assert "robustness,ours,,loss,words,9,30,30,30" in rows
    assert "robustness change,ours,,loss,nature,9,-0.5,-1,0" in rows


# -- the command line


def test_fast_is_words_and_nature_of_the_neural_voices(tmp_path: Path) -> None:
    """By the independent judges, in English; other lanes where they are named. It is not for publishing."""
    fast = options.arguments(["--fast"])
    assert (["quality", "words"], ["nature"], [BASE], False) == (
        fast.parts,
        fast.metrics,
        fast.recognisers,
        fast.pocketsphinx,
    )
    assert {"en": studies.WHISPER_CLIPS["en"]} == fast.whisper_clips
    wanted = [lane.key for lane in command.all_lanes([]) if command._wanted(lane, fast)]
    assert ["gossamer-neural", "pcm"] == wanted
    named = options.arguments(["--fast", "--lanes", "opus,pcm"])
    assert ["opus-6k", "pcm"] == [lane.key for lane in command.all_lanes([]) if command._wanted(lane, named)]
    assert not fast.whole and options.arguments([]).whole
    for less in (["--recogniser", "base"], ["--languages", "en"], ["--lanes", "pcm"], ["--only", "words"]):
        assert not options.arguments(less).whole


def test_a_checkpoint_is_exported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of graphs is taken as it is, one of neither is one line, and so is a failure."""
    asked: list[list[str]] = []
    folder, code = tmp_path / "run", 0

    def run(arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        out = Path(arguments[arguments.index("--out") + 1])
        if not code:
            out.mkdir(parents=True)
            (out / "vocoder.onnx").touch()
        return subprocess.CompletedProcess(arguments, code, "", "some\nlines\nno layer 'x'\n")

    monkeypatch.setattr(candidates.subprocess, "run", run)
    folder.mkdir()
    with pytest.raises(BenchmarkError, match=r"no \.onnx files there and no checkpoint\.safetensors or voice\.saf"):
        candidates.candidate_of(folder, "x", tmp_path)
    (folder / "checkpoint.safetensors").write_bytes(b"1")
    found = [candidates.candidate_of(folder, "x", tmp_path / "out") for _ in range(2)]
    assert 1 == len(asked)
    assert str(folder / "checkpoint.safetensors") in asked[0]
    assert found[0] == found[1] and (found[0].folder / "vocoder.onnx").is_file()
    (folder / "checkpoint.safetensors").write_bytes(b"2")
    code = 2
    with pytest.raises(BenchmarkError, match="cannot be exported: no layer 'x'; "):
        candidates.candidate_of(folder, "x", tmp_path / "out")
    (folder / "vocoder.onnx").touch()
    assert folder == candidates.candidate_of(folder, "x", tmp_path).folder
