"""Figures that compare decoded speech with the original: some need numpy alone, some a package that may be missing."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.analysis.pitch import track_again
from codec import features
from codec.format import BANDS_SLICE, SAMPLE_RATE_HZ

Array = NDArray[np.float32]
AUDIBLE_DB = 40.0
"""Level below the loudest frame, in dB, down to which a frame counts in the spectral distance."""
assert BANDS_SLICE.start == 2


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, a column of a table."""

    key: str
    title: str
    says: str
    """Explanation in a few words, with the range and which direction is better."""
    score: Callable[[Array, Array], float | None]
    """Function of original and decoded speech, float32 [n] each at 8 kHz; None where the figure is not defined."""
    decimals: int
    """Digits after the point to show."""
    higher_is_better: bool
    package: str = ""
    """Package that computes it, which is also the name to import; "" where numpy is enough."""

    def missing(self) -> str | None:
        """Return the command that installs what it needs, in one line; None where it can be computed."""
        if not self.package or importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.title}: pip install {self.package}"


def mel_distance(original: Array, decoded: Array) -> float | None:
    """Return the mean distance of the 40 log-mel bands in dB, level included, over frames audible in the original."""
    wanted, found = (_bands_db(samples) for samples in (original, decoded))
    loudness = 10 * np.log10(np.mean(10 ** (wanted / 10), axis=1))
    if not len(loudness):
        return None
    audible = loudness > loudness.max() - AUDIBLE_DB
    return float(np.abs(wanted - found)[audible].mean())


def _bands_db(samples: Array) -> NDArray[np.floating]:
    return features.decibels_of_energy(features.band_energies(features.power_spectrum(features.frames_of(samples))))


def pitch_cents(original: Array, decoded: Array) -> float | None:
    """Return the median distance of the pitch in cents, over frames that are voiced in both."""
    wanted, found = track_again(original), track_again(decoded)
    both = (wanted > 0) & (found > 0)
    return float(np.median(1200 * np.abs(np.log2(found[both] / wanted[both])))) if both.any() else None


def voicing_error(original: Array, decoded: Array) -> float | None:
    """Return the percentage of frames that are voiced in one and not in the other."""
    wanted, found = track_again(original), track_again(decoded)
    return float(100 * np.mean((wanted > 0) != (found > 0))) if len(wanted) else None


def estoi(original: Array, decoded: Array) -> float | None:
    """Return the extended short-time objective intelligibility (Jensen and Taal 2016), 0 (unrelated) to 1 (the same).

    Takes float [n] at 8 kHz, any scale; what one is longer than the other does not count. None without the package
    pystoi, or with less than 0.4 s of speech.
    """
    try:
        from pystoi import stoi
    except ImportError:
        return None
    count = min(len(original), len(decoded))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # pystoi warns when too few frames are left
        try:
            return float(stoi(original[:count], decoded[:count], SAMPLE_RATE_HZ, extended=True))
        except (RuntimeWarning, ValueError):
            return None


def pesq_nb(original: Array, decoded: Array) -> float | None:
    """Return PESQ narrowband (ITU-T P.862 with the mapping of P.862.1), 1.0 to 4.55.

    Takes float32 [n] at 8 kHz, -1..1. None without the package pesq, or where it finds no utterance.
    """
    try:
        import pesq
    except ImportError:
        return None
    try:
        return float(pesq.pesq(SAMPLE_RATE_HZ, original, decoded, "nb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError, ValueError):  # ValueError: the result is not a number
        return None


METRICS = (
    Metric("estoi", "ESTOI", "intelligibility, 0 to 1; higher is better", estoi, 3, True, "pystoi"),
    Metric(
        "pesq", "PESQ-NB", "nearness as a listener would rate it, 1 to 4.55; higher is better", pesq_nb, 2, True, "pesq"
    ),
    Metric(
        "mel",
        "mel dB",
        "distance of the spectral envelopes in dB, level included; lower is better",
        mel_distance,
        1,
        False,
    ),
    Metric(
        "f0",
        "F0 cents",
        "how far the pitch is off, in hundredths of a semitone; lower is better",
        pitch_cents,
        0,
        False,
    ),
    Metric("voicing", "voicing %", "frames whose voicing is wrong; lower is better", voicing_error, 1, False),
)


def load_packages() -> None:
    """Import the packages that compute figures, before any work begins: a Ctrl-C during an import may get lost."""
    for metric in METRICS:
        if metric.package and metric.missing() is None:
            importlib.import_module(metric.package)


def scores(original: Array, decoded: Array) -> dict[str, float | None]:
    """Return the figures that can be computed here, by the key of their metric.

    Takes float32 [n] each at 8 kHz; `decoded` is cut or padded to the length of `original`.
    """
    same = np.zeros(len(original), np.float32)
    same[: len(decoded)] = decoded[: len(original)]
    found = {}
    for metric in METRICS:
        if metric.missing() is None:
            score = metric.score(original, same)
            found[metric.key] = None if score is None else round(score, 4)
    return found
