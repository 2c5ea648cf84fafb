"""What is counted of a transcript: words, or in Mandarin characters; and how many of them a recogniser got wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..clips import Clip

LANGUAGES = {"en": "English", "nl": "Dutch", "de": "German", "zh": "Mandarin"}
"""Languages whose transcripts say what is spoken, by the corpus's code."""
BY_CHARACTER = frozenset({"zh"})
"""Languages that are written without spaces: their characters are counted instead of words."""
WITHOUT_TRANSCRIPT = {"ar": "its text column holds English names of the words, not what is said"}
"""Languages that cannot be counted though the corpus's text column is filled, and why."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_HAN = re.compile("[\u4e00-\u9fff]")


@cache
def _simplifier() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def tokens(text: str, language: str) -> list[str]:
    """Return what is counted of a text, without case and punctuation.

    Words, with an apostrophe inside a word kept; in Mandarin characters, the traditional ones as simplified ones,
    since a recogniser writes either.
    """
    if language in BY_CHARACTER:
        return _HAN.findall(_simplifier().convert(text))
    return _WORD.findall(text.casefold().replace("’", "'"))


def unit(language: str) -> str:
    """Return what the tokens of a language are."""
    return "characters" if language in BY_CHARACTER else "words"


def transcribed(clip: Clip, language: str) -> bool:
    """Return whether a clip is in this language and says what is spoken in all of it."""
    return clip.language == language and language in LANGUAGES and bool(clip.text)


READABLE = 0.5
"""Share of the words of an original that must be read right for its clip to count: of the others nothing can be
lost."""


def readable(clip_error_percent: float) -> bool:
    """Return whether a recogniser reads enough of an original for its clip to count."""
    return clip_error_percent <= 100 * (1 - READABLE)


def token_count(clip: Clip) -> float:
    """Return what weighs a clip in the share of wrong words."""
    return float(len(tokens(clip.text, clip.language)))


def edits(expected: Sequence[str], found: Sequence[str]) -> int:
    """Return how many words are wrong, missing or too many: the Levenshtein distance."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(expected, 1):
        before, row = row, [i]
        for j, other in enumerate(found, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def error_percent(expected: Sequence[str], found: Sequence[str]) -> float:
    """Return the edits in percent of the expected words, 0 to 100.

    More than all of them cannot be lost: a recogniser that falls into a loop writes one word a hundred times, and would
    outweigh every other clip.
    """
    return min(100.0, 100 * edits(expected, found) / len(expected))
