"""Settings from flags, file and defaults: which one wins, what is refused and how, and what stays in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.options import settings_from
from app.cli.parser import build_parser
from app.errors import FileProblem, GossamerError
from app.paths import settings_file
from app.settings.file import read_configuration, write_configuration
from app.settings.model import OPTIONS, PARROT_LINK, Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def settings(*words: str) -> Settings:
    return settings_from(build_parser().parse_args(words))


def test_flags_win_over_the_file_and_the_file_over_defaults(file: Path) -> None:
    """Each where the one above is silent."""
    file.write_text('name = "Ada"\ngain_db = 6\nvox = true\npackets_per_frame = 2\n')
    made = settings("talk", "udp://:7800", "--config", str(file), "--gain", "-3", "--no-vox")
    assert ("Ada", -3.0, False, 2, 1.0) == (
        made.name,
        made.gain_db,
        made.vox,
        made.packets_per_frame,
        made.volume,
    )


def test_the_default_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under the platform's configuration folder, without being named; there need not be one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert PARROT_LINK == settings().link
    write_configuration(settings_file(), {"link": "udp://:7800"}, {"bob": "udp://192.0.2.7:7800"})
    assert tmp_path / "gossamer" / "settings.toml" == settings_file()
    assert "udp://:7800" == settings().link
    assert "udp://192.0.2.7:7800" == settings("talk", "Bob").link


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("volume = 3\n", "volume = 3: it must be a number from 0 to 1"),
        ("volume = true\n", "volume = True: it must be a number from 0 to 1"),
        ("volume = nan\n", "volume = nan: it must be a number from 0 to 1"),
        ('gain_db = "loud"\n', "gain_db = 'loud': it must be a number of dB from -20 to 30"),
        ("packets_per_frame = 1.5\n", "it must be a whole number from 1 to 6"),
        ('vox = "yes"\n', "vox = 'yes': it must be true or false"),
        ('name = "\\u001b[2J"\n', "it must be 1 to 24 bytes of printable text"),
        ("name = []\n", "it must be 1 to 24 bytes of printable text"),
        ("synth = 7\n", "synth = 7: it must be neural, classic, or the path of a vocoder, FILE.onnx"),
        ('model = "tiny"\n', "model = 'tiny': it must be standard or small"),
        ("packets_per_frame = inf\n", "packets_per_frame = inf: it must be a whole number from 1 to"),
        ("volum = 1\n", "'volum' is no setting: did you mean 'volume'?"),
        ("[radio]\n", "'radio' is no setting: "),
        ("[contact]\n", "'contact' is no setting: did you mean 'contacts'?"),
        ("contacts = 5\n", 'must be lines of NAME = "LINK"'),
        ('[contacts]\nbob = "nowhere"\n', "contacts.bob = 'nowhere'"),
        ("name = \n", "is no TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line(file: Path, text: str, message: str) -> None:
    """It names the file, the key and what is allowed."""
    file.write_text(text)
    with pytest.raises(FileProblem) as raised:
        read_configuration(file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)
    assert 1 == len(str(raised.value).splitlines())


@pytest.mark.parametrize("text", ["volume = {}", "name = {}", "[contacts]\nAda = {}"])
def test_a_number_that_python_does_not_write_is_refused_in_a_line(file: Path, text: str) -> None:
    """TOML reads hex of any length; Python writes no decimals of more than 4300 digits."""
    file.write_text(text.format("0x" + "f" * 5000))
    with pytest.raises(FileProblem, match="a number that is too long"):
        read_configuration(file)


def test_bytes_that_are_no_text_are_said(file: Path) -> None:
    """Not raised as something else."""
    file.write_bytes(b"name = \xff\n")
    with pytest.raises(FileProblem, match="not UTF-8"):
        read_configuration(file)


def test_a_wrong_flag_names_the_flag() -> None:
    """As it was written."""
    with pytest.raises(GossamerError, match=r"--time-out 0: it must be a number of seconds from 1 to 3600"):
        settings("talk", "udp://:7800", "--time-out", "0")


def test_what_the_user_wrote_stays(file: Path) -> None:
    """Comments, order and spacing; only what changes changes, and None takes a key out."""
    file.write_text('# mine\nname  =  "Ada" # me\n\nmuted = true\n\n[contacts] # friends\nbob = "udp://b:1"\n')
    write_configuration(file, {"name": "Eve", "muted": None, "gain_db": 3.0}, {"cid": "udp://c:1"})
    written = file.read_text()
    for kept in ("# mine\n", '"Eve" # me\n', "[contacts] # friends\n", 'bob = "udp://b:1"\n'):
        assert kept in written
    read = read_configuration(file)
    assert {"name": "Eve", "gain_db": 3.0} == read.values
    assert {"bob": "udp://b:1", "cid": "udp://c:1"} == read.contacts


def test_every_default_can_stand_in_a_file(file: Path) -> None:
    """And means the same there."""
    write_configuration(
        file,
        {
            name: getattr(Settings(), name) or ""
            if name in ("microphone", "loudspeaker")
            else getattr(Settings(), name)
            for name in OPTIONS
        },
    )
    assert Settings() == Settings(**read_configuration(file).values)


def test_every_setting_has_a_flag_in_a_command_that_uses_it_and_stands_in_the_manual() -> None:
    """But for the link, which has a place of its own on the command line."""
    manual = (ROOT / "app" / "docs" / "manual.md").read_text(encoding="utf-8")
    for name, option in OPTIONS.items():
        assert f"`{name}`" in manual, name
        if name != "link":
            assert option.flag.startswith("--") and option.used_by, name


def test_a_mark_at_the_beginning_is_no_part_of_the_file(tmp_path: Path) -> None:
    """Editors on Windows put a byte order mark before UTF-8."""
    path = tmp_path / "settings.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "J\xc3\xb6rg"\n')
    assert {"name": "Jörg"} == read_configuration(path).values
