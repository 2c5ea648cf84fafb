"""What is measured of a decoded clip beside its original: some with numpy alone, some where a package is there."""

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
"""Frames less than this below the loudest one count in the spectral distance."""
assert BANDS_SLICE.start == 2


@dataclass(frozen=True, slots=True)
class Metric:
    """One column."""

    key: str
    title: str
    says: str
    score: Callable[[Array, Array], float | None]
    decimals: int
    higher_is_better: bool
    package: str = ""
    """What computes it, where numpy does not; also the name to import."""

    def missing(self) -> str | None:
        """How to get it, or None where it can be computed."""
        if not self.package or importlib.util.find_spec(self.package) is not None:
            return None
        return f"{self.title}: pip install {self.package}"


def mel_distance(original: Array, decoded: Array) -> float | None:
    """Mean distance of the 40 log-mel bands in dB, over frames that are audible in the original, level included."""
    wanted, found = (_bands_db(samples) for samples in (original, decoded))
    loudness = 10 * np.log10(np.mean(10 ** (wanted / 10), axis=1))
    if not len(loudness):
        return None
    audible = loudness > loudness.max() - AUDIBLE_DB
    return float(np.abs(wanted - found)[audible].mean())


def _bands_db(samples: Array) -> NDArray[np.floating]:
    return features.decibels_of_energy(features.band_energies(features.power_spectrum(features.frames_of(samples))))


def pitch_cents(original: Array, decoded: Array) -> float | None:
    """Median distance of F0 in cents over frames that are voiced in both."""
    wanted, found = track_again(original), track_again(decoded)
    both = (wanted > 0) & (found > 0)
    return float(np.median(1200 * np.abs(np.log2(found[both] / wanted[both])))) if both.any() else None


def voicing_error(original: Array, decoded: Array) -> float | None:
    """Percent of the frames that are voiced in one and not in the other."""
    wanted, found = track_again(original), track_again(decoded)
    return float(100 * np.mean((wanted > 0) != (found > 0))) if len(wanted) else None


def estoi(original: Array, decoded: Array) -> float | None:
    """0 (unrelated) to 1 (the same); None with under 0.4 s of speech."""
    from pystoi import stoi

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # pystoi's way to say that too few frames are left
        try:
            return float(stoi(original, decoded, SAMPLE_RATE_HZ, extended=True))
        except (RuntimeWarning, ValueError):
            return None


def pesq_nb(original: Array, decoded: Array) -> float | None:
    """ITU-T P.862 with the mapping of P.862.1, 1.0 to 4.55; None where it finds no utterance."""
    import pesq

    try:
        return float(pesq.pesq(SAMPLE_RATE_HZ, original, decoded, "nb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError, ValueError):  # ValueError: of silence it makes no number
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
    """Imports what computes the figures, before anything is begun: a Ctrl-C during that is not always heard as one."""
    for metric in METRICS:
        if metric.package and metric.missing() is None:
            importlib.import_module(metric.package)


def scores(original: Array, decoded: Array) -> dict[str, float | None]:
    """By the metric's key, those that can be computed here. float32 [n] each, decoded is cut or padded to the same."""
    same = np.zeros(len(original), np.float32)
    same[: len(decoded)] = decoded[: len(original)]
    found = {}
    for metric in METRICS:
        if metric.missing() is None:
            score = metric.score(original, same)
            found[metric.key] = None if score is None else round(score, 4)
    return found
