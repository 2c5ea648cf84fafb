"""The command line of the benchmark: which parts, codecs, models, measures and judges."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import clips, study
from .candidates import candidate_of
from .errors import BenchmarkError
from .lanes import Candidate
from .metrics import METRICS
from .metrics.words import JUDGE as POCKETSPHINX
from .weights import BASE, KNOWN, Recogniser, recogniser_of

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUT = ROOT / "bench-results"
PARTS = ("quality", "words", "robustness", "speed")
QUICK_CLIPS = 16
JUDGES = ("base", POCKETSPHINX)
"""Recognisers that count words where none is named: the independent one first."""
FAST = "words and nature alone, of the neural voices alone: to compare models while they are trained"
FAST_PARTS, FAST_METRICS, FAST_JUDGES, FAST_LANGUAGES = ("quality", "words"), ("nature",), ("base",), ("en",)


@dataclass(frozen=True)
class Options:
    """The measurements that a run is to make."""

    parts: Sequence[str]
    candidates: Sequence[Candidate]
    """Models beside the shipped ones."""
    lanes: Sequence[str]
    """Beginnings of the keys of the codecs to measure; one empty one for all."""
    neural_only: bool
    """Whether codecs that are neither a neural voice nor the original are left out, unless `lanes` names them."""
    metrics: Sequence[str]
    """Keys of the measures beside the words."""
    recognisers: Sequence[Recogniser]
    """Whisper models that count words; the first one under bad conditions too."""
    pocketsphinx: bool
    """Whether pocketsphinx counts words too."""
    clips: int
    word_clips: int
    """For pocketsphinx."""
    whisper_clips: Mapping[str, int]
    """By language."""
    spoilt_word_clips: int
    out: Path
    corpus: str | None
    processes: int
    publish: bool

    @property
    def whole(self) -> bool:
        """Return whether nothing is left out that a published run has."""
        return (
            set(self.parts) == set(PARTS)
            and len(self.metrics) == len(METRICS)
            and self.lanes == [""]
            and not self.neural_only
            and BASE in self.recognisers
            and self.pocketsphinx
            and set(self.whisper_clips) == set(study.WHISPER_CLIPS)
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{QUICK_CLIPS} clips, to try things")
    add("--fast", action="store_true", help=FAST)
    add("--only", metavar="PART,...", help=f"of {', '.join(PARTS)}")
    models_help = "measure the .onnx files in DIR, or those exported from the one checkpoint there, beside the shipped"
    add("--models", action="append", default=[], type=Path, metavar="DIR", help=f"{models_help} ones (several times)")
    add("--label", action="append", default=[], metavar="X", help="what to call these models (default: DIR's name)")
    add("--lanes", metavar="KEY,...", default="", help="only these codecs, by the start of their keys")
    add("--metrics", metavar="KEY,...", help=f"only these measures, of {', '.join(m.key for m in METRICS)}")
    names = ", ".join([*KNOWN, POCKETSPHINX])
    judges_help = f"that counts words: {names}, or a folder of Whisper's weights (several times; default: "
    add("--recogniser", action="append", default=[], metavar="NAME|DIR", help=f"{judges_help}{' and '.join(JUDGES)})")
    add("--languages", metavar="CODE,...", help=f"for Whisper, of {', '.join(study.WHISPER_CLIPS)}")
    add("--clips", type=int, metavar="N", help=f"of validation speakers (default: {clips.DEFAULT_COUNT})")
    per_language = ", ".join(f"{code} {count}" for code, count in study.WHISPER_CLIPS.items())
    words_help = f"for the words of each language (default: {per_language}; {study.WORD_CLIPS} for {POCKETSPHINX})"
    add("--word-clips", type=int, metavar="N", help=words_help)
    add("--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="for results and decoded audio")
    corpus_help = f"packed speech corpus (default: ${clips.CORPUS_VARIABLE}, else ../shared/speech beside the checkout)"
    add("--corpus", metavar="PATH", help=corpus_help)
    add("--processes", type=int, default=2, metavar="N", help="that decode and compute metrics (default: 2)")
    add("--publish", action="store_true", help="write assets/BENCHMARK.md and assets/benchmark.csv too")
    return parser


def _some(name: str, given: str | None, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """Return the values of a list option. Raises BenchmarkError for one that there is not."""
    chosen = given.split(",") if given else list(default)
    for value in chosen:
        if value not in known:
            raise BenchmarkError(f"--{name} {value}: there are {', '.join(known)}")
    return chosen


def arguments(given: Sequence[str]) -> Options:
    """Return what the command line asks for. Raises BenchmarkError."""
    options = _parser().parse_args(given)
    fast, keys = options.fast, [metric.key for metric in METRICS]
    languages = _some(
        "languages", options.languages, list(study.WHISPER_CLIPS), FAST_LANGUAGES if fast else list(study.WHISPER_CLIPS)
    )
    names = options.recogniser or (FAST_JUDGES if fast else JUDGES)
    quick = QUICK_CLIPS if options.quick else None
    labels = options.label + [folder.resolve().name for folder in options.models[len(options.label) :]]
    pairs = zip(options.models, labels, strict=False)
    words = options.word_clips or quick
    return Options(
        parts=_some("only", options.only, PARTS, FAST_PARTS if fast else PARTS),
        candidates=[candidate_of(folder, label, options.out) for folder, label in pairs],
        lanes=options.lanes.split(","),
        neural_only=fast and not options.lanes,
        metrics=_some("metrics", options.metrics, keys, FAST_METRICS if fast else keys),
        recognisers=[recogniser_of(name) for name in names if name != POCKETSPHINX],
        pocketsphinx=POCKETSPHINX in names,
        clips=options.clips or quick or clips.DEFAULT_COUNT,
        word_clips=words or study.WORD_CLIPS,
        whisper_clips={code: words or study.WHISPER_CLIPS[code] for code in languages},
        spoilt_word_clips=min(words or study.SPOILT_WORD_CLIPS, study.SPOILT_WORD_CLIPS),
        out=options.out,
        corpus=options.corpus,
        processes=options.processes,
        publish=options.publish,
    )
