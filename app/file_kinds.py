"""Kinds of files, told by their first bytes and by the ends of their names: what is read, what is written over."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from app.errors import FileProblem, os_reason

START_BYTES = 64
"""First bytes of a file that tell its kind."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file."""

    name: str
    """Its name with an article, as in "this is a WAV file"."""
    suffixes: tuple[str, ...]
    """Ends of the names of such files, the usual one first."""
    magic: tuple[tuple[int, bytes], ...] = ()
    """Places and bytes that mark such a file, any of which is enough; none where nothing marks it."""


PACKETS = FileKind("a file of packets", (".g800",))
WAV = FileKind("a WAV file", (".wav", ".wave"), ((0, b"RIFF"), (0, b"RIFX"), (0, b"RF64")))
FLAC = FileKind("a FLAC file", (".flac",), ((0, b"fLaC"),))
OGG = FileKind("an Ogg file", (".ogg", ".oga", ".opus"), ((0, b"OggS"),))
AIFF = FileKind("an AIFF file", (".aiff", ".aif"), ((0, b"FORM"),))
AU = FileKind("an AU file", (".au", ".snd"), ((0, b".snd"),))
CAF = FileKind("a CAF file", (".caf",), ((0, b"caff"),))
MP3 = FileKind("an MP3 file", (".mp3",), ((0, b"ID3"),))
M4A = FileKind("an MP4 file", (".m4a", ".mp4", ".aac", ".3gp", ".mov"), ((4, b"ftyp"),))
WEBM = FileKind("a WebM file", (".webm", ".mkv", ".mka"), ((0, b"\x1a\x45\xdf\xa3"),))
WMA = FileKind("a WMA file", (".wma", ".wmv", ".asf"), ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),))
AMR = FileKind("an AMR file", (".amr",), ((0, b"#!AMR"),))
PNG = FileKind("a PNG picture", (".png",), ((0, b"\x89PNG"),))
HTML = FileKind("a web page", (".html", ".htm"), ((0, b"<!doctype html"), (0, b"<!DOCTYPE html")))
CAPTURE = FileKind("a capture of frames", (".capture",), ((0, b'{"format": "gossamer-capture'),))
OVER = FileKind("a recorded over", (".over",), ((0, b'{"format": "gossamer-over'),))
TEXT = FileKind("text", (".txt", ".md", ".json", ".csv", ".toml"))
KINDS = (PACKETS, WAV, FLAC, OGG, AIFF, AU, CAF, MP3, M4A, WEBM, WMA, AMR, PNG, HTML, CAPTURE, OVER, TEXT)
"""All kinds that are known."""
SOUND = (WAV, FLAC, OGG, AIFF, AU, CAF, MP3)
"""Sound that can be read."""
OTHER_SOUND = (M4A, WEBM, WMA, AMR)
"""Sound that cannot be read here."""
_LETTERS = frozenset(range(0x20, 0x7F)) | {9, 10, 12, 13}


def kind_of(start: bytes) -> FileKind | None:
    """Return the kind of a file that begins so; None where nothing marks it, as in packets and raw sound.

    What consists of letters is text: packets, or sound, of which that is true by chance are none in 10^13.
    """
    for kind in KINDS:
        if any(start.startswith(octets, place) for place, octets in kind.magic):
            return kind
    return TEXT if start and all(octet in _LETTERS for octet in start) else None


def kind_of_file(path: str | Path) -> FileKind | None:
    """Return the kind of an ordinary file, None for anything else. Raises FileProblem."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            ordinary = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return kind_of(stream.read(START_BYTES)) if ordinary else None
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error


def check_output(path: str | Path, kind: FileKind, *, force: bool = False) -> None:
    """Raise FileProblem where a file of this kind would replace one of another kind, or have the name of one.

    force: the user has said that it may.
    """
    target = Path(path)
    if force or str(path) == "-":
        return
    for other in KINDS:
        if target.suffix.lower() in other.suffixes and other is not kind:
            cause = f"what is written is {kind.name}, and {target} is the name of {other.name}"
            raise FileProblem(cause, f"name it {target.stem}{kind.suffixes[0]}, or add --force")
    if not target.is_file() or not target.stat().st_size:
        return
    found = kind_of_file(target)
    same = found is kind if kind.magic else found is None and target.suffix.lower() in kind.suffixes
    if not same:
        raise FileProblem(f"{target} is there already, and is not {kind.name}", "name another file, or add --force")
