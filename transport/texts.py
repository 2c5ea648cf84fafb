"""Text from outside made fit for a terminal, a report or a screen. The one place that decides which characters pass.

Names and messages of other stations, file names, fields of files that came by mail, and settings all go through here.
"""

from __future__ import annotations

import unicodedata

JOINERS_AND_MARKS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Invisible characters that pass: joiners, which Persian and emoji need, and marks of direction.

The marks act on their neighbours only, unlike embeddings, overrides and isolates, which can turn the rest of a line.
"""
REPLACEMENT = "?"
"""Stands for a character that does not pass."""


def passes(character: str) -> bool:
    """Tell whether a character may be shown: it is printable, a space of any width, a joiner or a mark."""
    return character.isprintable() or character in JOINERS_AND_MARKS or unicodedata.category(character) == "Zs"


def is_plain(text: str) -> bool:
    """Tell whether a text can be shown as it is, on one line."""
    return text.isprintable() or all(map(passes, text))


def plain_text(text: str, *, keep: str = "") -> str:
    """Return the text with "?" for whatever could steer a terminal: control, escape, direction, line break.

    keep: characters that pass all the same, such as the line breaks of a text of our own.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter in keep or passes(letter) else REPLACEMENT for letter in text)
