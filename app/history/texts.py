"""Past messages: one small file each, a line of JSON, beside the overs.

{"format": "gossamer-text/1", "at_utc_s": ..., "direction": "heard", "sender": "Bert", ..., "text": "on my way"}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import FileProblem, os_reason
from app.events import Direction
from app.history.folder import TEXT_SUFFIX, TEXTS_KEPT, Mark, Writer, clear_oldest_texts, marked, write_new
from app.history.overs import MAX_SHOWN_LETTERS, MAX_UTC_S, bounded_text
from app.storage import bounded_bytes
from transport.protocol.frames import MAX_NAME_BYTES, MAX_TEXT_BYTES, Mode
from transport.texts import plain_text

FORMAT = "gossamer-text/1"
"""Name and version of the file format."""
MAX_BYTES = 4096
"""Longest file that is read: six times a message of 140 bytes, all of them escaped, with its other facts."""
MAX_UNDELIVERED = 64
"""Messages of ours whose files are remembered for a receipt that may come."""


@dataclass(frozen=True, slots=True)
class RecordedText:
    """One message, of this station or of another."""

    at_utc_s: float
    """UTC seconds since 1970; 0 where there was no clock."""
    direction: Direction
    sender: str
    addressee: str
    """Name of the station that it is for; "" for everybody."""
    link: str
    mode: Mode
    """Protection of the channel; in the file it is "channel", one of "open", "sealed" and "ham"."""
    text: str

    @property
    def writer(self) -> Writer:
        """Writer of the message, by the room that it takes in the folder."""
        if self.direction == "sent":
            return Writer.OURS
        return Writer.ANYBODY if self.mode is Mode.OPEN else Writer.MEMBER

    def facts(self) -> dict[str, Any]:
        """Return everything, by the names and in the types that the file has, in its order."""
        facts = asdict(self)
        facts["mode"] = self.mode.word
        return {("channel" if name == "mode" else name): value for name, value in facts.items()}


def text_bytes(text: RecordedText) -> bytes:
    """Return the content of the file of a message."""
    return json.dumps({"format": FORMAT} | text.facts(), ensure_ascii=False).encode() + b"\n"


def parse_text(content: bytes, name: str = "this file") -> RecordedText:
    """Read the content of a file. Raises FileProblem where it is no message; `name` is the file's name in that."""
    try:
        return _parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FileProblem(f"{name} is no message, or was cut off", "leave it out") from None


def _parsed(content: bytes) -> RecordedText:
    """Read the content of a file. Raises one of the errors that wrong types and values lead to."""
    facts = json.loads(content)
    if facts.pop("format") != FORMAT:
        raise ValueError("this is not the line of a message")
    mode = Mode.of_word(facts.pop("channel"))
    return _made_plain(RecordedText(mode=mode, **facts))


def _made_plain(text: RecordedText) -> RecordedText:
    """Return a message from a file of anybody's with its texts made plain. Raises ValueError, TypeError."""
    if type(text.at_utc_s) not in (int, float) or not 0 <= text.at_utc_s <= MAX_UTC_S:
        raise ValueError("the time is not within its bounds")
    if text.direction not in ("heard", "sent"):
        raise ValueError("a field is not what it should be")
    return replace(
        text,
        sender=bounded_text(text.sender, MAX_NAME_BYTES),
        addressee=bounded_text(text.addressee, MAX_NAME_BYTES),
        link=plain_text(text.link[:MAX_SHOWN_LETTERS]),
        text=bounded_text(text.text, MAX_TEXT_BYTES),
    )


def read_text(path: Path) -> RecordedText:
    """Read the file of a message. Raises FileProblem."""
    try:
        content = bounded_bytes(path, MAX_BYTES)
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error
    return parse_text(content, str(path))


class TextWriter:
    """The messages of one run of a station, on their way to the disk. Blocking; for the thread that writes."""

    def __init__(self, folder: Path) -> None:
        """Prepare to write into `folder`; nothing is written yet."""
        self._folder = folder
        self._kept = dict.fromkeys(Writer, TEXTS_KEPT)
        """Number of messages in the folder, by their writers: too many, until they are counted."""
        self._sent: dict[int, Path] = {}
        """Files of the newest messages of ours, by their numbers."""

    def write(self, text: RecordedText, mark: Mark, number: int) -> Path:
        """Write a message, and remove the oldest where there are too many; return its path. Raises OSError."""
        writer = text.writer
        if self._kept[writer] >= TEXTS_KEPT:
            self._kept[writer] = clear_oldest_texts(self._folder, writer)
        path = write_new(self._folder, text.at_utc_s, mark, TEXT_SUFFIX, text_bytes(text))
        self._kept[writer] += 1
        if writer is Writer.OURS:
            self._sent[number] = path
            while len(self._sent) > MAX_UNDELIVERED:
                del self._sent[next(iter(self._sent))]
        return path

    def delivered(self, number: int) -> None:
        """Mark a message of ours as delivered, where its file is known. Raises OSError."""
        path = self._sent.pop(number, None)
        if path is not None and path.exists():
            marked(path, Mark.DELIVERED)
