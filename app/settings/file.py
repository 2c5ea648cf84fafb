"""The settings file: one TOML file. What the user wrote in it, comments too, stays when a setting is changed.

name = "Anna"
gain_db = 6.0

[contacts]
bob = "udp://192.0.2.7:7800"

[passwords]
"anna@broker.example" = "..."
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from app.errors import FileProblem, os_reason
from app.paths import settings_file
from app.settings.model import OPTIONS
from app.storage import open_input, warn_of_readers, write_whole
from transport.texts import is_plain

CONTACTS = "contacts"
"""Table of names for addresses."""
PASSWORDS = "passwords"
"""Table of the passwords of brokers' users."""
MAX_FILE_BYTES = 256_000
"""Longest settings file that is read: some 4,000 contacts."""
HEADING = "Gossamer's settings. What can stand here is in app/docs/manual.md; flags win over it."
"""Comment at the head of a file that we make."""


@dataclass(frozen=True)
class Configuration:
    """The content of a settings file."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    """Settings by field name, checked."""
    contacts: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    """Passwords of brokers' users, by "USER@HOST"."""
    exists: bool = False


def read_configuration(path: Path | None = None, *, warns: bool = True) -> Configuration:
    """Return the content of this settings file, or of the default one, which may be missing.

    warns: tell the user who else can read passwords that stand in it; False where somebody else tells that.
    Raises FileProblem, which names the file, the key and what is allowed.
    """
    named = path is not None
    try:
        path = path or settings_file()
    except FileProblem:  # no home, so no settings, and nowhere to write any: the set-up is not offered
        return Configuration(Path("settings.toml"), exists=True)
    document = _read(path)
    if document is None:
        if named:
            raise FileProblem(f"there is no settings file {path}", "leave out --config, or write one")
        return Configuration(path)
    values: dict[str, Any] = {}
    for key, value in document.unwrap().items():
        if key in (CONTACTS, PASSWORDS):
            continue
        if key not in OPTIONS:
            known = [*OPTIONS, CONTACTS, PASSWORDS]
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise FileProblem(f"{path}: '{key}' is no setting", hint)
        values[key] = OPTIONS[key].value_of(value, f"{path}: {key} = {_shown(value)}", FileProblem)
    tables = document.unwrap()
    contacts, passwords = _contacts(path, tables.get(CONTACTS, {})), _passwords(path, tables.get(PASSWORDS, {}))
    if passwords and warns:
        warn_of_readers(path)
    return Configuration(path, values, contacts, passwords, exists=True)


def _shown(value: Any) -> str:
    """Return a value of a settings file as it is shown."""
    try:
        return repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits, and TOML reads one in hex
        return "a number that is too long"


def _passwords(path: Path, table: Any) -> dict[str, str]:
    """Return the passwords. An error does not repeat them."""
    named = isinstance(table, dict) and all("@" in who and isinstance(word, str) for who, word in table.items())
    if not named:
        raise FileProblem(f"{path}: [{PASSWORDS}]", 'it must be lines of "USER@HOST" = "PASSWORD"')
    return {who.lower(): word for who, word in table.items()}


def _contacts(path: Path, table: Any) -> dict[str, str]:
    wanted = '[contacts] must be lines of NAME = "LINK"'
    if not isinstance(table, dict):
        raise FileProblem(str(path), wanted)
    for name, link in table.items():
        if not isinstance(link, str) or "://" not in link:
            raise FileProblem(f"{path}: contacts.{name} = {_shown(link)}", wanted)
        if not (is_plain(name) and is_plain(link)):
            raise FileProblem(
                f"{path}: contacts.{name} = {link!r} has characters that cannot be shown", "write it anew"
            )
    return dict(table)


def write_configuration(path: Path, changes: Mapping[str, Any], contacts: Mapping[str, str] | None = None) -> None:
    """Change settings and add contacts in the file; everything else in it, comments too, stays. Raises FileProblem.

    changes: values by setting; None takes one out. contacts: addresses by name.
    """
    document = _read(path)
    if document is None:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADING))
        document.add(tomlkit.nl())
    for key, value in changes.items():
        if value is not None:
            document[key] = value
        elif key in document:
            del document[key]
    for name, link in (contacts or {}).items():
        document.setdefault(CONTACTS, tomlkit.table())[name] = link
    write_whole(path, tomlkit.dumps(document))


def _read(path: Path) -> tomlkit.TOMLDocument | None:
    """Return the content of the file, None where there is none. Raises FileProblem."""
    try:
        if not path.exists():
            return None
        with open_input(path) as stream:
            octets = stream.read(MAX_FILE_BYTES + 1)
        if len(octets) > MAX_FILE_BYTES:
            raise FileProblem(f"{path} is longer than {MAX_FILE_BYTES} bytes: it is no settings file", "name another")
        return tomlkit.parse(octets.decode("utf-8-sig"))
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error
    except UnicodeDecodeError:
        raise FileProblem(f"{path} is not UTF-8 text", "correct it, or move it away") from None
    except (TOMLKitError, ValueError, RecursionError) as error:  # the last two: numbers, brackets without end
        raise FileProblem(f"{path} is no TOML ({error})", "correct it, or move it away") from None
