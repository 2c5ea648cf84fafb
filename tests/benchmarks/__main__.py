"""`python -m tests.benchmarks`: quality and speed beside real codecs, in one run."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from . import clips, quality, report, report_csv, robustness, speed, spoilt
from .errors import BenchmarkError
from .lanes import Candidate, Lane, all_lanes, streaming_lanes
from .metrics import METRICS, Metric
from .metrics.words import words_metric
from .reception import measure_reception
from .study import WORD_CLIPS, load_originals, quality_study, words_study

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUT = ROOT / "bench-results"
FEWEST_CLIPS = 60
"""Of a run that may be published in assets/."""
SPEED_S = 30
"""Of speech for the real-time factors."""
PACKAGES = ("numpy", "onnxruntime", "soundfile")
PARTS = ("quality", "words", "robustness", "speed")
QUICK_CLIPS = 16
SPOILT_METRICS = ("estoi", "warpq")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line. Raises BenchmarkError."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{QUICK_CLIPS} clips, to try things")
    add("--only", metavar="PART,...", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    models_help = "measure the .onnx files in DIR beside the shipped ones, which stand in for what is not there"
    add("--models", action="append", default=[], type=Path, metavar="DIR", help=f"{models_help} (several times)")
    add("--label", action="append", default=[], metavar="X", help="what to call these models (default: DIR's name)")
    add("--lanes", metavar="KEY,...", default="", help="only these codecs, by the start of their keys")
    add("--metrics", metavar="KEY,...", default="", help=f"only these measures, of {', '.join(m.key for m in METRICS)}")
    add("--clips", type=int, metavar="N", help=f"of validation speakers (default: {clips.DEFAULT_COUNT})")
    add("--word-clips", type=int, metavar="N", help=f"for the words (default: {WORD_CLIPS})")
    add("--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="for results and decoded audio")
    corpus_help = f"packed speech corpus (default: ${clips.CORPUS_VARIABLE}, else ../shared/speech beside the checkout)"
    add("--corpus", metavar="PATH", help=corpus_help)
    add("--processes", type=int, default=2, metavar="N", help="that decode and compute metrics (default: 2)")
    add("--publish", action="store_true", help="write assets/BENCHMARK.md and assets/benchmark.csv too")
    options = parser.parse_args(given)
    options.only = options.only.split(",")
    for part in options.only:
        if part not in PARTS:
            raise BenchmarkError(f"--only {part}: there are {', '.join(PARTS)}")
    known = {metric.key for metric in METRICS}
    options.metrics = options.metrics.split(",") if options.metrics else sorted(known)
    for key in options.metrics:
        if key not in known:
            raise BenchmarkError(f"--metrics {key}: there are {', '.join(sorted(known))}")
    options.clips = options.clips or (QUICK_CLIPS if options.quick else clips.DEFAULT_COUNT)
    options.word_clips = options.word_clips or (QUICK_CLIPS if options.quick else WORD_CLIPS)
    labels = options.label + [folder.resolve().name for folder in options.models[len(options.label) :]]
    pairs = zip(options.models, labels, strict=False)
    options.candidates = [Candidate(folder.resolve(), label) for folder, label in pairs]
    for folder in options.models:
        if not any(folder.glob("*.onnx")):
            raise BenchmarkError(f"--models {folder}: no .onnx files there; give the folder that an export wrote")
    return options


def processor() -> str:
    """The kind of CPU."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _revision() -> str:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _conditions(given: Sequence[str], versions: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [
        ("command", f"`python -m tests.benchmarks {shlex.join(given)}`".replace(" `", "`")),
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("revision", _revision()),
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        ("packages", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)),
        *((", ".join(titles), version) for version, titles in versions.items()),
        ("choice of clips", f"seed {clips.SEED}, {clips.SHORTEST_S:g} to {clips.LONGEST_S:g} s"),
    ]


def run(given: Sequence[str]) -> report.Results:
    """All of it. Raises BenchmarkError when it cannot go on."""
    options = arguments(given)
    corpus = clips.find_corpus(options.corpus)
    work: Path = options.out
    notes: list[str] = []
    versions: dict[str, list[str]] = {}

    def usable(wanted: Metric | Lane) -> bool:
        problem = wanted.missing()
        if problem is None:
            versions.setdefault(wanted.version(), []).append(wanted.title)
        elif problem not in notes:
            notes.append(problem)
            print(problem, file=sys.stderr)
        return problem is None

    prefixes = tuple(options.lanes.split(","))
    lanes = [lane for lane in all_lanes(options.candidates) if lane.key.startswith(prefixes) and usable(lane)]
    if not lanes:
        raise BenchmarkError("no codec can be measured: see what is named above, and --lanes")
    originals = load_originals(corpus, clips.validation_clips(corpus, options.clips))
    work.mkdir(parents=True, exist_ok=True)
    results = report.Results([], notes)
    started_s = time.monotonic()
    with quality.worker_map(options.processes) as map_:
        if "quality" in options.only:
            metrics = [metric for metric in METRICS if metric.key in options.metrics and usable(metric)]
            results.studies.append(quality_study(lanes, originals, metrics, work, map_))
        if "words" in options.only and usable(words_metric()):
            results.studies.append(words_study(lanes, corpus, options.word_clips, work, map_))
        if "robustness" in options.only:
            chosen = [metric for metric in METRICS if metric.key in SPOILT_METRICS and usable(metric)]
            count = min(options.clips, robustness.CLIPS)
            spoilt.measure(results, lanes, corpus, count, chosen, work, map_)
    if "speed" in options.only:
        _run_speed(results, np.concatenate(list(originals.values())), lanes, options.candidates, work)
    minutes = (time.monotonic() - started_s) / 60
    results.conditions = [*_conditions(given, versions), *results.conditions, ("wall time", f"{minutes:.1f} min")]
    return results


def _run_speed(
    results: report.Results, speech: np.ndarray, lanes: Sequence[Lane], candidates: Sequence[Candidate], work: Path
) -> None:
    samples = speech[: SPEED_S * clips.SAMPLE_RATE_HZ]
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = " (busy: wall times say little, processor times hold)" if load > cores / 2 else ""
    results.conditions.append(("load when speed was measured", f"{load:.1f} on {cores} cores{busy}"))
    keys = {lane.key for lane in lanes}
    for lane in streaming_lanes(candidates):
        if lane.key in keys:
            results.speeds.append(speed.measure(lane, samples, work, candidates))
            quality.say_now(f"{lane.title}: speed measured")
    try:
        results.commands = speed.cold_commands(samples, work)
        results.listener = speed.listener(samples[: 8 * clips.SAMPLE_RATE_HZ], work)
        results.reception = measure_reception(samples)
    except BenchmarkError as error:
        results.notes.append(str(error))


def write(results: report.Results, out: Path) -> str:
    """The report's files; returns the Markdown."""
    text = report.markdown(results)
    (out / "BENCHMARK.md").write_text(text, encoding="utf-8")
    report_csv.write_csv(results, out / "benchmark.csv")
    report_csv.write_clips(results, out / "clips.csv")
    return text


def main(given: Sequence[str]) -> int:
    """The exit code: 0, or 2 with one line about what is missing."""
    try:
        options = arguments(given)
        results = run(given)
        print(write(results, options.out))
        if options.publish:
            whole = set(options.only) == set(PARTS) and len(options.metrics) == len(METRICS)
            if results.notes or options.clips < FEWEST_CLIPS or not whole:
                raise BenchmarkError(
                    f"not published: a published run is whole, with at least {FEWEST_CLIPS} clips; "
                    + ("; ".join(results.notes) or "run it without --only, --metrics and --quick")
                )
            for name in ("BENCHMARK.md", "benchmark.csv"):
                shutil.copyfile(options.out / name, ROOT / "assets" / name)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
