"""`python -m tests.benchmarks`: quality and speed beside real codecs, in one run."""

from __future__ import annotations

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

from . import OFFLINE, clips, quality, report, report_csv, robustness, speed, spoilt
from .errors import BenchmarkError
from .lanes import Candidate, Lane, UncodedLane, all_lanes, streaming_lanes
from .lanes.ours import OurLane
from .metrics import METRICS, Metric
from .metrics.whisper import whisper_metric
from .metrics.words import words_metric
from .options import ROOT, Options, arguments
from .reception import measure_reception
from .study import languages_left_out, load_originals, quality_study, whisper_studies, words_study
from .weights import Recogniser

FEWEST_CLIPS = 60
"""Of a run that may be published in assets/."""
SPEED_S = 30
"""Of speech for the real-time factors."""
PACKAGES = ("numpy", "onnxruntime", "soundfile")
SPOILT_METRICS = ("nature", "estoi", "warpq")


def processor() -> str:
    """Return the kind of CPU."""
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
        ("network", "not used: " + ", ".join(f"{name}={os.environ.get(name)}" for name in OFFLINE)),
        ("choice of clips", f"seed {clips.SEED}, {clips.SHORTEST_S:g} to {clips.LONGEST_S:g} s"),
    ]


def run(options: Options, given: Sequence[str]) -> report.Results:
    """Run the whole benchmark. Raises BenchmarkError when it cannot go on."""
    corpus = clips.find_corpus(options.corpus)
    work: Path = options.out
    notes: list[str] = []
    versions: dict[str, list[str]] = {}

    def usable(wanted: Metric | Lane | Recogniser) -> bool:
        problem = wanted.missing()
        if problem is None:
            versions.setdefault(wanted.version(), []).append(wanted.title)
        elif problem not in notes:
            notes.append(problem)
            print(problem, file=sys.stderr)
        return problem is None

    lanes = [lane for lane in all_lanes(options.candidates) if _wanted(lane, options) and usable(lane)]
    if not lanes:
        raise BenchmarkError("no codec can be measured: see what is named above, and --lanes")
    originals = load_originals(corpus, clips.validation_clips(corpus, options.clips))
    recognisers = [r for r in options.recognisers if usable(r) and usable(whisper_metric(r, "en"))]
    for recogniser in recognisers:
        recogniser.folder()  # joined here once, not by each process
    work.mkdir(parents=True, exist_ok=True)
    results = report.Results([], notes)
    started_s = time.monotonic()
    with quality.worker_map(options.processes) as map_:
        if "quality" in options.parts:
            metrics = [metric for metric in METRICS if metric.key in options.metrics and usable(metric)]
            results.studies.append(quality_study(lanes, originals, metrics, work, map_))
        if "words" in options.parts:
            for r in recognisers:
                counts = {code: n for code, n in options.whisper_clips.items() if usable(whisper_metric(r, code))}
                results.studies += whisper_studies(lanes, corpus, r, counts, work, map_)
            left_out = languages_left_out(corpus, options.whisper_clips) if recognisers else ""
            results.remarks += [left_out] if left_out else []
            if options.pocketsphinx and usable(words_metric()):
                results.studies.append(words_study(lanes, corpus, options.word_clips, work, map_))
        if "robustness" in options.parts:
            chosen = [m for m in METRICS if m.key in SPOILT_METRICS and m.key in options.metrics and usable(m)]
            count = min(options.clips, robustness.CLIPS)
            results.robustness.append(spoilt.measure(lanes, corpus, count, chosen, work, map_))
            for r in recognisers[:1]:
                count = options.spoilt_word_clips
                results.robustness.append(spoilt.measure_words(lanes, corpus, r, count, work, map_))
            spoilt.measure_silence(results, lanes)
    if "speed" in options.parts:
        _run_speed(results, np.concatenate(list(originals.values())), lanes, options.candidates, work)
    minutes = (time.monotonic() - started_s) / 60
    results.conditions = [*_conditions(given, versions), *results.conditions, ("wall time", f"{minutes:.1f} min")]
    return results


def _wanted(lane: Lane, options: Options) -> bool:
    """Return whether the command line asks for this codec."""
    if options.neural_only:
        whole = isinstance(lane, OurLane) and lane.synth == "neural" and not lane.small
        return whole or isinstance(lane, UncodedLane)
    return lane.key.startswith(tuple(options.lanes))


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
    """Write the report's files, and return the Markdown."""
    text = report.markdown(results)
    (out / "BENCHMARK.md").write_text(text, encoding="utf-8")
    report_csv.write_csv(results, out / "benchmark.csv")
    report_csv.write_clips(results, out / "clips.csv")
    return text


def publish(results: report.Results, options: Options) -> None:
    """Copy the report into assets/. Raises BenchmarkError for one of a run that was not whole."""
    if results.notes or options.clips < FEWEST_CLIPS or not options.whole:
        cure = "run it without --only, --fast, --metrics, --lanes, --languages, --recogniser and --quick"
        raise BenchmarkError(
            f"not published: a published run is whole, with at least {FEWEST_CLIPS} clips; "
            + ("; ".join(results.notes) or cure)
        )
    for name in ("BENCHMARK.md", "benchmark.csv"):
        shutil.copyfile(options.out / name, ROOT / "assets" / name)


def main(given: Sequence[str]) -> int:
    """Run the benchmark; return the exit code: 0, or 2 with one line about what is missing."""
    try:
        options = arguments(given)
        results = run(options, given)
        print(write(results, options.out))
        if options.publish:
            publish(results, options)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
