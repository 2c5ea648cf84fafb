"""Words: how many of them a recogniser takes for others, by pocketsphinx with the model in its package.

The recogniser is old, off-line and made for 16 kHz; half of the speakers have English as a second language. So it is
helped: it knows how many words there are and chooses each among a few (the right one and others from the transcripts
of all clips, the same choice for every codec). What it makes of the originals themselves is stated, and clips of which
it cannot read half the words uncoded are left out for all codecs alike. The figures compare codecs; they say nothing
about what a person understands.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..clips import Clip
from . import Metric
from .transcripts import edits
from .warp import wideband

JUDGE = "pocketsphinx"
"""Its name in the record of what taught a voice: the phones of the training come from its alignments."""
CHOICES = 8
"""Words to choose from at each place."""
DRAWS = 2
"""Times that a clip is read, each with other choices: what is left to chance shrinks, and with it the lead that the
originals have from deciding which clips count (with three 5 points of it, on 42 clips)."""


@cache
def _dictionary() -> frozenset[str]:
    """Return every word that the recogniser can report."""
    from pocketsphinx import get_model_path

    with open(get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as lines:
        return frozenset(line.split()[0] for line in lines if line.strip())


def words_of(clip: Clip) -> list[str]:
    """Return the words that are said, as the dictionary writes them."""
    return clip.text.lower().split()


def speakable(clip: Clip) -> bool:
    """Return whether a clip is English with every word in the recogniser's dictionary."""
    return clip.language == "en" and bool(clip.text) and _dictionary().issuperset(words_of(clip))


def vocabulary(clips: Collection[Clip]) -> tuple[str, ...]:
    """Return every word of these clips, once."""
    return tuple(sorted({word for clip in clips for word in words_of(clip)}))


def grammar(words: Sequence[str], known: Sequence[str], draw: int = 0) -> str:
    """Return JSGF: at each place the right word or CHOICES - 1 others of `known`, drawn by the words themselves."""
    generator = random.Random(f"{draw} {' '.join(words)}")
    places = []
    for word in words:
        others = [other for other in known if other != word]
        choices = sorted({word, *generator.sample(others, min(CHOICES - 1, len(others)))})
        places.append(f"({' | '.join(choices)})")
    return f"#JSGF V1.0; grammar clip; public <clip> = {' '.join(places)};"


@cache
def _recogniser() -> Any:
    from pocketsphinx import Decoder, get_model_path

    return Decoder(
        lm=None, dict=get_model_path("en-us/cmudict-en-us.dict"), hmm=get_model_path("en-us/en-us"), loglevel="FATAL"
    )


def heard(samples: np.ndarray, jsgf: str) -> list[str]:
    """Return the words of int16 [n] at 8 kHz as the grammar allows them; fewer where the recogniser gave up."""
    recogniser = _recogniser()
    recogniser.add_jsgf_string("clip", jsgf)
    recogniser.activate_search("clip")
    recogniser.start_utt()
    recogniser.process_raw(np.round(wideband(samples) * 32767).astype("<i2").tobytes(), full_utt=True)
    recogniser.end_utt()
    best = recogniser.hyp()
    spoken = best.hypstr.split() if best is not None else []
    return [word.partition("(")[0] for word in spoken if not word.startswith("<")]


def word_errors(known: Sequence[str], original: np.ndarray, decoded: np.ndarray, clip: Clip) -> float:
    """Return the percentage of the clip's words that are wrong, missing or too many."""
    words = words_of(clip)
    wrong = sum(edits(words, heard(decoded, grammar(words, known, draw))) for draw in range(DRAWS))
    return 100 * wrong / (DRAWS * len(words))


def words_metric(clips: Collection[Clip] = ()) -> Metric:
    """Return the metric for a choice of clips; the recogniser chooses among their words."""
    known = vocabulary(clips)
    settings = f"{DRAWS} draws of {CHOICES} choices out of {len(known)} words"
    return Metric(
        "words",
        "English words wrong, % (pocketsphinx)",
        {"pocketsphinx": "pocketsphinx"},
        functools.partial(word_errors, known),
        decimals=1,
        higher_is_better=False,
        settings=settings,
        weight=word_count,
        judge=JUDGE,
    )


def word_count(clip: Clip) -> float:
    """Return the number of words in a clip, its weight in the share of wrong words."""
    return float(len(words_of(clip)))
