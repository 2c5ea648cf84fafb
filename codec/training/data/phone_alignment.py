"""Forced alignment: which phone is spoken when, in the part of a corpus whose English text is known.

The aligner is pocketsphinx, with the acoustic model and the dictionary of its package.
"""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from codec import format
from codec.training.data.batches import PreparedCorpus

PHONES = (
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The phones of the CMU dictionary; whatever is no phone (pauses, breath) is SIL."""
UNKNOWN = 255
"""Label of a frame whose text is unknown, or could not be aligned."""
LEAD_FRAMES = 2
"""Offset from the aligner's frames to ours, in frames.

The middle of its frame j is at 10 j + 12.8 ms, that of our frame i at 10 i - 10 ms.
"""
ALIGNER_RATE_HZ = 16000
SEED = 5


@cache
def _aligner() -> Any:
    from pocketsphinx import Decoder, get_model_path

    return Decoder(
        lm=None, dict=get_model_path("en-us/cmudict-en-us.dict"), hmm=get_model_path("en-us/en-us"), loglevel="FATAL",
        beam=1e-60, pbeam=1e-60, wbeam=1e-60, maxhmmpf=-1, bestpath=False, topn=8,
    )  # fmt: skip


def words_of(text: str) -> str:
    """Return the words of a text as the dictionary writes them: lower case, apostrophes kept, no punctuation."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def _listen(aligner: Any, sound: bytes) -> None:
    aligner.start_utt()
    aligner.process_raw(sound, full_utt=True)
    aligner.end_utt()


def aligned(samples: NDArray[np.int16], text: str) -> NDArray[np.uint8] | None:
    """Return an index into PHONES for each frame of 10 ms, uint8 [n // 80], of int16 [n] at 8 kHz and its text.

    Returns None where that fails: the dictionary lacks a word, or the speech is too far from the text.
    """
    wide = soxr.resample(samples.astype(np.float32) / 32768.0, format.SAMPLE_RATE_HZ, ALIGNER_RATE_HZ)
    sound = np.clip(np.round(wide * 32767), -32768, 32767).astype("<i2").tobytes()
    aligner = _aligner()
    try:
        aligner.set_align_text(words_of(text))
        _listen(aligner, sound)
        aligner.set_alignment()  # the phones inside the words that were found
        _listen(aligner, sound)
        labels = np.zeros(len(samples) // format.HOP_SAMPLES + LEAD_FRAMES, np.uint8)
        for word in aligner.get_alignment():
            for phone in word:
                if phone.name in PHONES:
                    begin = phone.start + LEAD_FRAMES
                    labels[begin : begin + phone.duration] = PHONES.index(phone.name)
    except RuntimeError:  # what the library says of both
        return None
    return labels[: len(samples) // format.HOP_SAMPLES]


def _row_aligned(job: tuple[int, NDArray[np.int16], str]) -> tuple[int, NDArray[np.uint8] | None]:
    number, samples, text = job
    return number, aligned(samples, text)


def label(prepared: Path, split: str, hours: float, workers: int = 2) -> tuple[int, int]:
    """Align about `hours` of the English utterances that have a text, in random order, and write `phones-SPLIT.npy`.

    It is uint8 [frames], as long as f0.npy, UNKNOWN where nothing is known. Return how many utterances were aligned,
    and how many were tried.
    """
    from tqdm import tqdm

    speech = PreparedCorpus(prepared, split)
    rows = [(n, row) for n, row in enumerate(speech.rows) if row["language"] == "en" and words_of(row["text"])]
    left = hours * 3600 * format.SAMPLE_RATE_HZ
    jobs = []
    for place in np.random.default_rng(SEED).permutation(len(rows)):
        number, row = rows[place]
        if left <= 0:
            break
        start, length = int(row["start"]), int(row["samples"])
        jobs.append((number, np.asarray(speech.audio[start : start + length]), row["text"]))
        left -= length
    labels = np.full(len(speech.f0), UNKNOWN, np.uint8)
    count = 0
    with ProcessPoolExecutor(workers) as pool:
        for number, found in tqdm(pool.map(_row_aligned, jobs, chunksize=8), total=len(jobs), unit=" utterances"):
            if found is not None:
                begin = int(speech.rows[number]["start"]) // format.HOP_SAMPLES
                labels[begin : begin + len(found)] = found
                count += 1
    np.save(prepared / f"phones-{split}.npy", labels)
    return count, len(jobs)
