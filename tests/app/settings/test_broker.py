"""Where a broker's password comes from, and to whom it is given."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from app.cli.options import settings_from
from app.cli.parser import build_parser
from app.errors import FileProblem
from app.settings.broker import VARIABLE, access_of
from app.settings.file import read_configuration, write_configuration
from app.settings.model import Settings
from transport.protection.cipher import Secret
from transport.protocol.frames import Mode

LINK = "mqtts://ada@broker.example/harbour"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('[passwords]\n"ada@broker.example" = "from the file"\n"bob@broker.example" = "bobs"\n')
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def password(link: str, file: Path, *words: str) -> str | None:
    made = settings_from(build_parser().parse_args(["talk", link, "--config", str(file), *words]))
    return access_of(made, None).password


def test_the_file_is_asked_and_the_variable_goes_before_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the table is for one user of one broker; case does not matter in a host's name."""
    assert "from the file" == password(LINK, file) == password("mqtts://ada@Broker.Example:99/x", file)
    assert "bobs" == password(LINK.replace("ada", "bob"), file)
    assert None is password(LINK.replace("broker.", "other."), file)
    assert None is password("mqtts://broker.example/harbour", file)
    monkeypatch.setenv(VARIABLE, "from the variable")
    assert "from the variable" == password(LINK, file)
    assert None is password("udp://:7800", file)


def test_a_password_is_for_one_broker(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the same station goes on with another link, it does not take the password along."""
    monkeypatch.setenv(VARIABLE, "from the variable")
    made = settings_from(build_parser().parse_args(["talk", LINK, "--config", str(file)]))
    from dataclasses import replace

    other = replace(made, link="mqtts://ada@evil.example/harbour")
    assert ("from the variable", None) == (access_of(made, None).password, access_of(other, None).password)


def test_the_prompt(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for on a terminal where nothing holds it, once, with the user's name; not without a terminal."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert None is password("mqtts://eve@broker.example/harbour", file)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)})())
    assert "typed" == password("mqtts://eve@broker.example/harbour", file)
    assert "from the file" == password(LINK, file)
    assert ["Password of eve@broker.example: "] == asked


def test_a_file_that_others_can_read_is_warned_of(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it holds passwords; the line does not repeat them."""
    read_configuration(file)
    assert "" == capsys.readouterr().err
    file.chmod(0o644)
    read_configuration(file)
    said = capsys.readouterr().err
    assert f"others on this machine can read {file}: chmod 600 {file}" in said and "bobs" not in said


@pytest.mark.parametrize("text", ['passwords = "x"', '[passwords]\nada = "hush"', '[passwords]\n"ada@x" = 1234'])
def test_a_table_that_is_none(tmp_path: Path, text: str) -> None:
    """One line says how it is written, and repeats nothing of it."""
    path = tmp_path / "settings.toml"
    path.write_text(text + "\n")
    with pytest.raises(FileProblem) as caught:
        read_configuration(path)
    assert f'{path}: [passwords]: it must be lines of "USER@HOST" = "PASSWORD"' == str(caught.value)


def test_the_table_stays_and_is_shown_nowhere(file: Path) -> None:
    """Other settings are changed around it, the file stays private, and no text of ours has a password in it."""
    write_configuration(file, {"name": "Ada"}, {"bob": LINK})
    configuration = read_configuration(file)
    assert {"ada@broker.example": "from the file", "bob@broker.example": "bobs"} == configuration.passwords
    assert 0o600 == os.stat(file).st_mode & 0o777
    made = settings_from(build_parser().parse_args(["talk", LINK, "--config", str(file)]))
    assert "bobs" not in f"{configuration!r} {made!r} {access_of(made, None)!r}"


def test_the_key_hides_the_topic_of_sealed_channels_alone() -> None:
    """A ham channel hides nothing, and so does an open one."""
    settings = Settings(link=LINK, ca="own.pem")
    assert (bytes(32), "own.pem") == ((sealed := access_of(settings, Secret(Mode.SEALED, bytes(32)))).key, sealed.ca)
    assert None is access_of(settings, Secret(Mode.HAM, bytes(32))).key is access_of(settings, None).key
