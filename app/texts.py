"""Text from outside in reports: plain text (transport/texts.py) that Markdown does not take for its own signs."""

from __future__ import annotations

import re

from transport.texts import plain_text

_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$:@-])")
"""Signs of Markdown, and of the HTML that it lets through."""


def markdown_text(text: object) -> str:
    """Return a text of others as one line of Markdown that shows it letter by letter: no link, picture, row or tag."""
    return _SIGNS.sub(r"\\\1", plain_text(str(text)))
