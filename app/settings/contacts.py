"""Contacts, which are names for addresses, and the links that were opened last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from app.errors import FileProblem, GossamerError
from app.paths import recent_links_file
from app.storage import bounded_bytes, write_whole

RECENT_KEPT = 8
"""Number of recent links that are remembered."""
MAX_RECENT_BYTES = 64_000
"""Longest list of recent links that is read."""


def resolve(text: str, contacts: Mapping[str, str], path: Path) -> str:
    """Return the address that a word on the command line means: itself, or that of the contact of this name.

    path: the settings file, for the message. Raises GossamerError for a word that is neither.
    """
    if "://" in text:
        return text
    if text in contacts:
        return contacts[text]
    by_case = {name.casefold(): link for name, link in contacts.items()}
    if text.casefold() in by_case:
        return by_case[text.casefold()]
    known = f"there are {', '.join(contacts)}" if contacts else "there are none yet"
    raise GossamerError(
        f"'{text}' is no link and no contact ({known})", f"write udp://HOST:PORT, or add it under [contacts] in {path}"
    )


def recent_links() -> list[str]:
    """Return the links that were opened last, the newest first; none where the file is missing or damaged."""
    try:
        links = tomlkit.parse(bounded_bytes(recent_links_file(), MAX_RECENT_BYTES).decode()).unwrap().get("links", [])
    except (OSError, FileProblem, ValueError, RecursionError, TOMLKitError):
        return []
    return [link for link in links if isinstance(link, str) and link.isprintable()] if isinstance(links, list) else []


def remember(link: str) -> None:
    """Put a link at the head of the recent ones. A home that is read-only stops nobody from talking."""
    links = [link, *(other for other in recent_links() if other != link)][:RECENT_KEPT]
    try:
        write_whole(recent_links_file(), tomlkit.dumps({"links": links}))
    except FileProblem:
        pass  # the list is a convenience
