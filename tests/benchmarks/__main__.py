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

from . import clips, quality, report, speed
from .errors import BenchmarkError
from .lanes import Lane, all_lanes, streaming_lanes
from .metrics import METRICS, Metric
from .reception import measure_reception

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUT = ROOT / "bench-results"
FEWEST_CLIPS = 60
"""Of a run that may be published in assets/."""
SPEED_S = 30
"""Of speech for the real-time factors."""
PACKAGES = ("numpy", "onnxruntime", "soundfile")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--clips", type=int, default=clips.DEFAULT_COUNT, metavar="N", help="of validation speakers")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="for results and decoded audio")
    corpus_help = f"packed speech corpus (default: ${clips.CORPUS_VARIABLE}, else ../shared/speech beside the checkout)"
    parser.add_argument("--corpus", metavar="PATH", help=corpus_help)
    parser.add_argument("--lanes", metavar="KEY,...", help="only these codecs, by the start of their keys")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1, help="that compute metrics")
    parser.add_argument("--no-quality", action="store_true", help="only speed and memory")
    parser.add_argument("--no-speed", action="store_true", help="only quality")
    parser.add_argument("--publish", action="store_true", help="write assets/BENCHMARK.md and assets/benchmark.csv too")
    return parser.parse_args(given)


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
    chosen = clips.validation_clips(corpus, options.clips)
    originals = {clip: quality.to_int16(samples) for clip, samples in clips.load(corpus, chosen).items()}
    work: Path = options.out
    work.mkdir(parents=True, exist_ok=True)

    prefixes = tuple((options.lanes or "").split(","))
    notes: list[str] = []
    versions: dict[str, list[str]] = {}

    def usable(wanted: Metric | Lane) -> bool:
        problem = wanted.missing()
        if problem is None:
            versions.setdefault(wanted.version(), []).append(wanted.title)
        else:
            notes.append(problem)
            print(problem, file=sys.stderr)
        return problem is None

    metrics = [metric for metric in METRICS if usable(metric)]
    lanes = [lane for lane in all_lanes() if lane.key.startswith(prefixes) and usable(lane)]
    if not lanes:
        raise BenchmarkError("no codec can be measured: install what is named above")

    results = report.Results(_conditions(given, versions), notes, chosen, metrics, [])
    if not options.no_quality:
        results.lanes = quality.run_all(lanes, originals, metrics, work, options.processes)
    if not options.no_speed:
        _run_speed(results, np.concatenate(list(originals.values())), {lane.key for lane in lanes}, work)
    return results


def _run_speed(results: report.Results, speech: np.ndarray, keys: set[str], work: Path) -> None:
    samples = speech[: SPEED_S * clips.SAMPLE_RATE_HZ]
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = " (busy: wall times say little, processor times hold)" if load > cores / 2 else ""
    results.conditions.append(("load when speed was measured", f"{load:.1f} on {cores} cores{busy}"))
    for lane in streaming_lanes():
        if lane.key in keys:
            results.speeds.append(speed.measure(lane, samples, work))
            print(f"{lane.title}: speed measured")
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
    report.write_csv(results, out / "benchmark.csv")
    report.write_clips(results, out / "clips.csv")
    return text


def main(given: Sequence[str]) -> int:
    """The exit code: 0, or 2 with one line about what is missing."""
    options = arguments(given)
    try:
        results = run(given)
        print(write(results, options.out))
        if options.publish:
            if results.notes or len(results.clips) < FEWEST_CLIPS or not results.lanes or not results.speeds:
                raise BenchmarkError(
                    f"not published: a published run is whole, with at least {FEWEST_CLIPS} clips; "
                    + ("; ".join(results.notes) or "run it without --no-quality, --no-speed and with more --clips")
                )
            for name in ("BENCHMARK.md", "benchmark.csv"):
                shutil.copyfile(options.out / name, ROOT / "assets" / name)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
