"""Words by Whisper: how many of them it takes for others in the decoded speech, in every language with transcripts.

Whisper (Radford et al., "Robust speech recognition via large-scale weak supervision", 2022) runs in CTranslate2 by way
of faster-whisper, with 8-bit weights: greedy, temperature 0, no context from before and no time stamps. It is told the
language, hears 16 kHz with nothing above 4 kHz, and writes numbers in words, as the transcripts do: tokens with digits
are ruled out. No grammar helps it. Clips of which it cannot read half the words uncoded are left out for all codecs.
"""

from __future__ import annotations

import functools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..clips import Clip
from ..weights import Recogniser
from . import Metric
from .transcripts import BY_CHARACTER, LANGUAGES, error_percent, token_count, tokens, unit
from .warp import wideband

DECODING: dict[str, Any] = {
    "beam_size": 1,
    "best_of": 1,
    "temperature": 0.0,
    "condition_on_previous_text": False,
    "without_timestamps": True,
    "vad_filter": False,
    "max_new_tokens": 160,
}
"""Arguments of faster-whisper's `transcribe`, the same for every codec.

Nobody says 160 tokens in 8 s: more of them come out of a loop alone, which would take as long as ten clips.
"""


@cache
def _recogniser(folder: Path) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
    )


@cache
def _ruled_out(folder: Path) -> list[int]:
    """Return the tokens that Whisper itself never writes (-1 stands for them), and those with digits."""
    tokenizer = _recogniser(folder).hf_tokenizer
    texts = (tokenizer.decode([token]) for token in range(tokenizer.get_vocab_size(with_added_tokens=False)))
    return [-1, *(token for token, text in enumerate(texts) if any(c.isdigit() for c in text))]


def heard(samples: np.ndarray, folder: Path, language: str) -> str:
    """Return what Whisper reads in int16 [n] at 8 kHz. folder: of its weights."""
    model = _recogniser(folder)
    segments, _ = model.transcribe(wideband(samples), language=language, suppress_tokens=_ruled_out(folder), **DECODING)
    return " ".join(segment.text.strip() for segment in segments)


def word_errors(recogniser: Recogniser, original: np.ndarray, decoded: np.ndarray, clip: Clip) -> float:
    """Return the percentage of the clip's words (or characters) that are wrong, missing or too many."""
    found = heard(decoded, recogniser.folder(), clip.language)
    return error_percent(tokens(clip.text, clip.language), tokens(found, clip.language))


def whisper_metric(recogniser: Recogniser, language: str) -> Metric:
    """Return the metric for clips of one language."""
    packages = {"faster-whisper": "faster_whisper", "ctranslate2": "ctranslate2"}
    if language in BY_CHARACTER:
        packages["opencc"] = "opencc"
    return Metric(
        f"words_{recogniser.name}_{language}",
        f"{LANGUAGES[language]} {unit(language)} wrong, % ({recogniser.title})",
        packages,
        functools.partial(word_errors, recogniser),
        decimals=1,
        higher_is_better=False,
        settings=f"{recogniser.version()}, int8, greedy, no digits, {DECODING['max_new_tokens']} tokens",
        weight=token_count,
        judge=recogniser.name,
    )
