"""Kinds of files, and which may take the place of which."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from app.errors import FileProblem
from app.file_kinds import (
    CAPTURE,
    FLAC,
    KINDS,
    M4A,
    OGG,
    PACKETS,
    PNG,
    TEXT,
    WAV,
    WEBM,
    FileKind,
    check_output,
    kind_of,
)

STARTS = {WAV: b"RIFF\0\0\0\0WAVE", OGG: b"OggS", PNG: b"\x89PNG\r\n", FLAC: b"fLaC", PACKETS: bytes(range(128, 192))}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_known_by_its_mark(kind: FileKind) -> None:
    """Wherever it stands."""
    for place, octets in kind.magic:
        assert kind is kind_of(bytes(place) + octets + bytes(9))


def test_packets_and_sound_are_taken_for_nothing_else() -> None:
    """Random bytes and silence are of no kind; letters are text."""
    chance = random.Random(1)
    assert {None} == {kind_of(chance.randbytes(32)) for _ in range(2000)}
    assert None is kind_of(bytes(64)) is kind_of(b"")
    assert TEXT is kind_of(b"hello\n") is kind_of(b"hello world, " * 5)
    assert (M4A, WEBM) == (kind_of(b"\0\0\0\x20ftypM4A "), kind_of(b"\x1a\x45\xdf\xa3...."))


@pytest.mark.parametrize("kind", [WAV, PACKETS, PNG, CAPTURE], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", ["a.ogg", "a.mp3", "a.OGG", "a.g800", "a.wav", "a.txt", "a.png", "a.over"])
def test_nothing_is_written_under_the_name_of_another_kind(tmp_path: Path, kind: FileKind, name: str) -> None:
    """Whether a file is there or not; with --force it is."""
    path = tmp_path / name
    if path.suffix.lower() in kind.suffixes:
        check_output(path, kind)
    else:
        with pytest.raises(FileProblem, match="--force"):
            check_output(path, kind)
    check_output(path, kind, force=True)


@pytest.mark.parametrize("kind", [WAV, PACKETS, PNG], ids=lambda kind: kind.name)
@pytest.mark.parametrize("old", STARTS, ids=lambda kind: kind.name)
def test_a_file_of_another_kind_is_not_replaced(tmp_path: Path, kind: FileKind, old: FileKind) -> None:
    """Whatever it is called; one of the same kind is, and an empty one."""
    path = tmp_path / f"a{kind.suffixes[0]}"
    path.write_bytes(STARTS[old])
    if kind is old:
        check_output(path, kind)
    else:
        with pytest.raises(FileProblem, match="is there already"):
            check_output(path, kind)
    other = tmp_path / "without"
    other.write_bytes(STARTS[OGG])
    with pytest.raises(FileProblem, match="is there already"):
        check_output(other, kind)
    path.write_bytes(b"")
    check_output(path, kind)
    check_output("-", kind)


@pytest.mark.parametrize("old", [b"PK\3\4" + bytes(60), b"\xff\xfb\x90\xc4" + bytes(413), bytes(33), bytes(31)])
def test_only_whole_packets_are_replaced_by_packets(tmp_path: Path, old: bytes) -> None:
    """Their name alone is no proof: another kind, or a size that packets cannot have, is somebody's file."""
    path = tmp_path / "a.g800"
    path.write_bytes(old)
    with pytest.raises(FileProblem, match="is there already"):
        check_output(path, PACKETS)
    check_output(path, PACKETS, force=True)
    path.write_bytes(bytes(range(128, 160)) * 3)
    check_output(path, PACKETS)
