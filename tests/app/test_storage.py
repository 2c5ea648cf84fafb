"""Files that appear whole or not at all: rights, pipes, and what cannot be written."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from app.errors import FileProblem
from app.storage import make_folder, whole_file, write_whole


def test_a_text_of_the_user_is_for_nobody_else(tmp_path: Path) -> None:
    """Its folder is made, and an old file is replaced."""
    path = tmp_path / "new" / "settings.toml"
    write_whole(path, "one")
    write_whole(path, "two: ä")
    assert "two: ä" == path.read_text(encoding="utf-8")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_a_file_is_not_there_before_it_is_complete(tmp_path: Path) -> None:
    """Whoever looks while it is written finds the old one."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with whole_file(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert b"old" == path.read_bytes()
    assert b"new" == path.read_bytes()


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """It cannot be replaced by a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with whole_file(path) as stream:
        stream.write(b"octets")
    reader.join(10)
    assert [b"octets"] == read
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    """One line with the path: a folder below a file, and a text there."""
    (tmp_path / "file").write_text("")
    for attempt in (
        lambda: make_folder(tmp_path / "file" / "folder"),
        lambda: write_whole(tmp_path / "file" / "a", ""),
    ):
        with pytest.raises(FileProblem, match=r"not a directory|file exists") as caught:
            attempt()
        assert str(tmp_path / "file") in str(caught.value)
