"""Files that appear whole or not at all: rights, pipes, and what cannot be written."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app import storage
from app.errors import FileProblem
from app.storage import make_folder, open_input, packet_output, recording_file, whole_file, write_whole
from tests.support.processes import read_line


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


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_that_is_replaced_keeps_its_rights(tmp_path: Path, mode: int) -> None:
    """Of outputs and of settings alike."""
    for write in (lambda path: write_whole(path, "new"), lambda path: whole_file_of(path, b"new")):
        path = tmp_path / "file"
        path.write_text("old")
        path.chmod(mode)
        write(path)
        assert ("new", mode) == (path.read_text(), stat.S_IMODE(path.stat().st_mode))


def whole_file_of(path: Path, octets: bytes) -> None:
    """Write a file whole."""
    with whole_file(path) as stream:
        stream.write(octets)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("exists", [False, True])
def test_a_link_stays_a_link(tmp_path: Path, relative: bool, exists: bool) -> None:
    """What it names is replaced, or made: settings may be kept in a folder under version control."""
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "settings.toml", tmp_path / "settings.toml"
    link.symlink_to(Path("kept/settings.toml") if relative else real)
    if exists:
        real.write_text("old")
    write_whole(link, "new")
    assert link.is_symlink()
    assert "new" == real.read_text()
    assert [real] == list(real.parent.iterdir())


def test_an_old_file_is_never_half_a_file(tmp_path: Path) -> None:
    """It is another file that takes the name: whoever holds the old one open goes on reading it."""
    path = tmp_path / "settings.toml"
    write_whole(path, "old")
    with path.open() as held:
        write_whole(path, "new")
        assert "old" == held.read()
    assert "new" == path.read_text()


KILLED = """
import os, signal, sys
from app import storage
from app.storage import make_folder, open_input, packet_output, recording_file, whole_file, write_whole
with whole_file(sys.argv[1]) as stream:
    stream.write(b"speech")
    stream.flush()
    if sys.argv[2:]:
        print("writing", flush=True)
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_program_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """And what a living one writes is not."""
    path = tmp_path / "out [1].wav"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60)
    assert 1 == len(list(tmp_path.iterdir()))
    words = [sys.executable, "-c", KILLED, str(path), "wait"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        read_line(process.stdout)
        whole_file_of(path, b"whole")
        assert 2 == len(list(tmp_path.iterdir()))
        process.communicate(timeout=10)
    whole_file_of(path, b"whole again")
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [RuntimeError(), KeyboardInterrupt(), OSError(28, "No space left on device"), None])
def test_a_recording_stays_however_it_ends(tmp_path: Path, ending: BaseException | None) -> None:
    """What was written is there, under its name, at once."""
    path = tmp_path / "a.wav"
    with contextlib.suppress(RuntimeError, KeyboardInterrupt, FileProblem), recording_file(path) as stream:
        stream.write(b"speech")
        assert b"speech" == path.read_bytes()
        if ending is not None:
            raise ending
    assert b"speech" == path.read_bytes()


def test_a_recording_is_never_replaced(tmp_path: Path) -> None:
    """A file that is there is refused, unless it is empty."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(FileProblem, match="is there already"), recording_file(path):
        pass
    assert b"old" == path.read_bytes()
    path.write_bytes(b"")
    with recording_file(path) as stream:
        stream.write(b"new")
    assert b"new" == path.read_bytes()


def test_a_pipe_is_read_once_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer may come later; one that never comes is said."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Timer(0.5, lambda: path.write_bytes(b"octets"))
    writer.start()
    with open_input(path) as stream:
        assert b"octets" == stream.read()
    monkeypatch.setattr(storage, "WRITER_S", 0.1)
    with pytest.raises(FileProblem, match="nobody writes into the pipe"):
        open_input(path)


def test_closed_standard_streams_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line, where they are asked for."""
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(FileProblem, match="standard input is closed"):
        open_input("-")
    with pytest.raises(FileProblem, match="standard output is closed"), packet_output("-"):
        pass
