"""`python -m tests.benchmarks.gallery`: ten synthesised sentences through each codec, to hear and to see.

The speech is made here by flite and espeak-ng, so all of it may be passed on. A folder a sentence, with a WAV a codec
and spectrograms.png: all codecs one below the other on the same scale.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codec.format import SAMPLE_RATE_HZ

from .alignment import find_delay, shifted
from .errors import BenchmarkError
from .lanes import Candidate, Lane, UncodedLane, all_lanes
from .quality import to_int16

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("gossamer-neural", "gossamer-classic", "codec2-700c", "codec2-1200", "codec2-2400", "codec2-3200", "opus-6k")
PEAK = 0.5
FLOOR_DB = -80
CLIPS: tuple[tuple[str, str, str], ...] = (
    ("harbour", "flite:slt", "The harbour lies still in the early morning light."),
    ("mountain", "flite:rms", "We reach the mountain hut an hour before the storm."),
    ("numbers", "flite:awb", "Four seven nine, three zero, over to channel two."),
    ("question", "flite:slt", "Did you see the six small ships beyond the reef?"),
    ("whisky", "flite:kal", "Whisky tango, this is the valley station, go ahead."),
    ("weather", "espeak-ng:en-gb", "Wind from the south west, rain later, visibility good."),
    ("hafen", "espeak-ng:de", "Der Hafen liegt still im ersten Licht des Tages."),
    ("haven", "espeak-ng:nl", "De haven ligt stil in het eerste licht van de dag."),
    ("puerto", "espeak-ng:es", "El puerto duerme todavía con la primera luz del día."),
    ("child", "espeak-ng:en+f4", "Can we take the little boat out to the island?"),
)
"""(folder, synthesiser and voice, sentence)."""


def spoken(voice: str, sentence: str) -> np.ndarray:
    """Return a sentence in a voice, int16 [n] at 8 kHz. Raises BenchmarkError."""
    import soundfile
    import soxr

    program, _, name = voice.partition(":")
    if shutil.which(program) is None:
        raise BenchmarkError(f"{program} is not installed: apt-get install {program}")
    if program == "flite":
        command = ["flite", "-voice", name, "-t", sentence, "-o", "/dev/stdout"]
    else:
        pitch = ["-p", "75"] if "+" in name else []
        command = ["espeak-ng", "-v", name, *pitch, "--stdout", sentence]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32")
    speech = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    pause = np.zeros(SAMPLE_RATE_HZ // 5, np.float32)
    return to_int16(np.concatenate([pause, speech * PEAK / np.abs(speech).max(), pause]))


def draw(decoded: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Draw spectrograms of (title, int16 [n]) in a column: 20 ms windows, 0..4 kHz, 80 dB below the loudest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.5 * len(decoded)), layout="constrained")
    for place, (title, samples) in enumerate(decoded, 1):
        axes = figure.add_subplot(len(decoded), 1, place)
        signal = samples / 32768 + 1e-9 * np.random.default_rng(0).standard_normal(len(samples))
        axes.specgram(
            signal, NFFT=160, noverlap=140, pad_to=512, Fs=SAMPLE_RATE_HZ, cmap="magma", vmin=FLOOR_DB - 30, vmax=-30
        )
        axes.set_ylabel("Hz", fontsize=7)
        axes.set_title(title, fontsize=8, loc="left", pad=2)
        axes.tick_params(labelsize=6)
    figure.savefig(path, dpi=100)


def make(out: Path, lanes: Sequence[Lane], sentences: Sequence[tuple[str, str, str]] = CLIPS) -> None:
    """Write the gallery. Raises BenchmarkError."""
    import soundfile

    lines = [
        "# What the codecs make of it",
        "",
        "Synthesised by flite and espeak-ng; 8 kHz, 16 bit. In each folder a",
        "WAV a codec and `spectrograms.png`.",
        "",
    ]
    for name, voice, sentence in sentences:
        original = spoken(voice, sentence)
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for lane in lanes:
            coded = lane.run(original)
            samples = shifted(coded.samples, find_delay(original, coded.samples), len(original))
            soundfile.write(folder / f"{lane.key}.wav", samples, SAMPLE_RATE_HZ, subtype="PCM_16")
            rows.append((f"{lane.title}, {coded.bits / coded.seconds:.0f} bit/s", samples))
        draw(rows, folder / "spectrograms.png")
        lines.append(f'- `{name}/` ({voice.partition(":")[0]}): "{sentence}"')
        print(folder, flush=True)
    (out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_clips(folder: Path) -> None:
    """Write assets/sentences: the sentences as FLAC, with text and voice in their tags. Raises BenchmarkError."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for name, voice, sentence in CLIPS:
        with soundfile.SoundFile(folder / f"{name}.flac", "w", SAMPLE_RATE_HZ, 1, "PCM_16") as file:
            file.title, file.artist = sentence, voice.replace(":", " ")
            file.write(spoken(voice, sentence))


def main(given: Sequence[str]) -> int:
    """Write the gallery; return the exit code: 0, or 2 with one line about what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gallery", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "bench-results" / "gallery", metavar="DIR")
    parser.add_argument("--models", type=Path, metavar="DIR", help="these models too")
    parser.add_argument("--clips", type=int, default=len(CLIPS), metavar="N", help="only the first ones")
    parser.add_argument("--clips-to", type=Path, metavar="DIR", help="write the sentences alone, as FLAC")
    options = parser.parse_args(given)
    if options.clips_to:
        write_clips(options.clips_to)
        return 0
    candidates = [Candidate(options.models.resolve(), options.models.resolve().name)] if options.models else []
    lanes: list[Lane] = [UncodedLane()]
    for lane in all_lanes(candidates):
        if lane.key in KEYS or (lane.ours and lane.key.endswith("-neural")):
            problem = lane.missing()
            if problem is not None:
                print(f"gallery: {problem}", file=sys.stderr)
                return 2
            lanes.append(lane)
    try:
        make(options.out, lanes, CLIPS[: options.clips])
    except BenchmarkError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
