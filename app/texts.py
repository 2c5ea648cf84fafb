"""Words for reports: numbers of things, and text from outside that Markdown does not take for its own signs."""

from __future__ import annotations

import re

from transport.texts import plain_text

_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$:@-])")
"""Signs of Markdown, and of the HTML that it lets through."""


def markdown_text(text: object) -> str:
    """Return a text of others as one line of Markdown that shows it letter by letter: no link, picture, row or tag."""
    return _SIGNS.sub(r"\\\1", plain_text(str(text)))


def counted(count: int, thing: str) -> str:
    """Return a number of things in words: `counted(1, "packet") == "1 packet"`, and "2 packets", "0 packets"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
