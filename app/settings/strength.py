"""The strength of a passphrase against guessing, estimated by zxcvbn from the patterns that people use."""

from __future__ import annotations

from app.errors import GossamerError
from app.settings.words import random_passphrase

LEAST_GUESSES = 1e12
"""Fewest guesses that a passphrase must be worth.

With the present key derivation a graphics card makes some 200 guesses in half a second: a hundred cards need a year.
"""
LONGEST_ESTIMATED = 72
"""Number of letters that are looked at: zxcvbn takes no more, and far fewer decide."""


def guesses(passphrase: str, known: list[str]) -> float:
    """Return the number of guesses that the passphrase takes, estimated. known: words that a guesser tries first."""
    from zxcvbn import zxcvbn  # here: its lists take a moment, and an open station needs none of them

    return float(zxcvbn(passphrase[:LONGEST_ESTIMATED], user_inputs=known)["guesses"])


def check_strength(passphrase: str, known: list[str]) -> None:
    """Raise GossamerError for a passphrase that is soon guessed, with another one as the cure."""
    if guesses(passphrase, known) < LEAST_GUESSES:
        raise GossamerError(
            "this passphrase is soon guessed by whoever records a frame",
            f"take one like '{random_passphrase()}', which `gossamer passphrase` draws",
        )
