"""Folders of the user: a runtime folder that is ours, and no home at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from app import paths
from app.__main__ import main
from app.errors import FileProblem, GossamerError
from app.paths import control_sockets_folder
from app.runtime_folder import is_ours
from app.settings.contacts import recent_links, remember
from app.station import control_client

STRANGER = 12345
ROOT = Path(__file__).parents[2]


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that is left where there is no XDG_RUNTIME_DIR: anybody may make it first."""
    folder = tmp_path / "tmp" / "runtime-1000"
    folder.parent.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_runtime_path", lambda program: folder / program)
    return folder


def test_a_folder_of_the_platform_that_is_ours_is_used(fallback: Path) -> None:
    """As a session manager makes it."""
    fallback.mkdir(mode=0o700)
    assert fallback / "gossamer" == control_sockets_folder()


@pytest.mark.parametrize("what", ["nothing", "writable", "file", "link", "stranger's"])
def test_a_folder_that_may_be_somebody_elses_is_not(fallback: Path, tmp_path: Path, what: str) -> None:
    """The sockets go to the user's own state folder, and the station of one command is found by the other."""
    if what == "file":
        fallback.write_text("")
    elif what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        fallback.symlink_to(tmp_path / "elsewhere")
    elif what != "nothing":
        fallback.mkdir(mode=0o700)
        fallback.chmod(0o777 if what == "writable" else 0o700)
    if what == "stranger's":
        if os.getuid():
            pytest.skip("only root can give a folder away")
        os.chown(fallback, STRANGER, STRANGER)
    assert tmp_path / "state" / "gossamer" / "run" == control_sockets_folder() == Path(control_client.folder())
    assert is_ours(control_client.folder())


def test_a_platform_that_refuses_is_no_traceback(
    fallback: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """platformdirs raises where a stranger was first: `ptt` says that no station runs."""

    def refuse(program: str) -> Path:
        raise PermissionError(13, "somebody else has it")

    monkeypatch.setattr(platformdirs, "user_runtime_path", refuse)
    assert 2 == main(["ptt", "status"])
    assert "gossamer: no station is running: start one, `gossamer talk LINK`\n" == capsys.readouterr().err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """He could answer in the place of a station, or press its key."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "gossamer").mkdir(mode=0o700)
    os.chown(tmp_path / "gossamer", STRANGER, STRANGER)
    with pytest.raises(GossamerError, match="belongs to somebody else"):
        control_client.folder()
    assert 0o700 == (tmp_path / "gossamer").stat().st_mode & 0o777
    assert STRANGER == (tmp_path / "gossamer").stat().st_uid


def test_a_socket_folder_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made the link decides where it leads."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "gossamer").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GossamerError, match="belongs to somebody else"):
        control_client.folder()


def test_without_a_home_nothing_is_written_and_nothing_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder called "~" appears where we happen to be; commands that need no home do without."""
    monkeypatch.chdir(tmp_path)
    for name in ("user_config_path", "user_state_path", "user_data_path", "user_log_path"):
        monkeypatch.setattr(platformdirs, name, lambda program: Path("~/.somewhere") / program)
    for path in (paths.settings_file, paths.recordings_folder, paths.recent_links_file, paths.failure_file):
        with pytest.raises(FileProblem, match="no home folder: set HOME"):
            path()
    remember("udp://:7800")
    assert [] == recent_links()
    assert 2 == main(["overs", "list"])
    assert 2 == main(["listen", "udp://:0", "--output", "out.wav"])
    said = capsys.readouterr().err
    assert "gossamer: this user has no home folder: set HOME to a folder that may be written to\n" in said
    assert "names no port" in said  # it came as far as that
    assert [] == list(tmp_path.iterdir())


def test_a_user_whom_the_system_does_not_know_gets_a_line(tmp_path: Path) -> None:
    """As in a container: no HOME, and no entry for the user."""
    if os.getuid():
        pytest.skip("only root can become somebody else")
    program = (  # what is imported comes first: the stranger may not read our folders
        "import os, sys, json, locale, app.__main__, app.signals, app.cli.parser, app.cli.overs\n"
        "from app.settings.file import read_configuration\n"
        f"os.setgid({STRANGER}); os.setuid({STRANGER})\n"
        "for name in list(os.environ):\n    if name.startswith(('XDG', 'HOME')): del os.environ[name]\n"
        "assert {} == read_configuration().values\n"
        "sys.exit(app.__main__.main(['overs', 'list']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (2, 1) == (run.returncode, run.stderr.count("\n")), run.stderr
    assert "no home folder" in run.stderr
