"""`gossamer passphrase`: a passphrase that nobody guesses and everybody can read out."""

from __future__ import annotations

import argparse

from app.cli.options import add_json
from app.console import say
from app.errors import GossamerError

FEWEST_WORDS, MOST_WORDS = 4, 12


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--words", metavar="N", type=int, default=5, help=f"number of words, {FEWEST_WORDS} to {MOST_WORDS} (5)"
    )
    add_json(parser)
    parser.set_defaults(run=run_passphrase)


def run_passphrase(arguments: argparse.Namespace) -> int:
    """Draw a passphrase, and print it. Raises GossamerError."""
    from app.settings.words import WORDS, random_passphrase

    if not FEWEST_WORDS <= arguments.words <= MOST_WORDS:
        raise GossamerError(f"--words {arguments.words}", f"it must be {FEWEST_WORDS} to {MOST_WORDS}")
    passphrase = random_passphrase(arguments.words)
    bits = arguments.words * (len(WORDS).bit_length() - 1)
    return say({"passphrase": passphrase, "bits": bits}, passphrase, as_json=arguments.json)
