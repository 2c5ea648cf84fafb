"""Flags that several commands share: none that is given is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.__main__ import main
from app.cli.options import settings_from
from app.cli.parser import build_parser
from tests.support.processes import free_port

KEY = "nutmeg tractor ruby walnut harbour"


@pytest.mark.parametrize("in_file", [False, True], ids=["flag", "settings file"])
def test_a_passphrase_file_opens_no_open_channel(
    tmp_path: Path, in_file: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names one on the command line does not talk in the open, whoever said mode open."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "settings.toml").write_text('mode = "open"\n' if in_file else "")
    words = ["who", "udp://:1", "--seconds", "0.1", "--config", str(tmp_path / "settings.toml")]
    mode = [] if in_file else ["--mode", "open"]
    assert 2 == main([*words, *mode, "--passphrase-file", str(tmp_path / "key")])
    assert "mode open and a passphrase contradict each other: leave one out\n" in capsys.readouterr().err


def test_a_channel_on_the_command_line_is_not_left_open_by_the_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name in the file is left alone, as a passphrase is: mode open says which of the two counts."""
    (tmp_path / "settings.toml").write_text('mode = "open"\n')
    words = ["who", "udp://:1", "--seconds", "0.1", "--config", str(tmp_path / "settings.toml")]
    assert 2 == main([*words, "--channel", "harbour"])
    assert "mode open and --channel contradict each other: leave one out\n" in capsys.readouterr().err
    (tmp_path / "settings.toml").write_text('mode = "open"\nchannel = "harbour"\n')
    main([*words[:1], f"udp://:{free_port()}", *words[2:]])
    assert "contradict" not in capsys.readouterr().err


def test_certificates_for_one_link_of_a_relay_are_enough() -> None:
    """The others are joined all the same."""
    words = ["relay", "udp://:7800", "mqtts://127.0.0.1:1/a", "--ca", "ca.crt"]
    settings = settings_from(build_parser().parse_args(words))
    assert "ca.crt" == settings.ca


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["send", "udp://h", "--input", "a.wav", "--microphone", "1"], "--microphone is for --input mic"),
        (["send", "udp://h", "--input", "a.wav", "--pre-roll", "1"], "--pre-roll is for --input mic"),
        (["send", "udp://h", "--input", "-", "--station", "Ada"], "--station is for --input mic"),
        (["listen", "udp://h", "--output", "a.wav", "--volume", "1"], "--volume is for --output speaker"),
        (["listen", "udp://h", "--output", "-", "--loudspeaker", "1"], "--loudspeaker is for --output speaker"),
        (
            ["who", "mqtt://127.0.0.1:1/a", "--ca", "ca.crt"],
            "--ca is for mqtts://, and mqtt:// has no certificate",
        ),
        (["who", "udp://h", "--ca", "ca.crt"], "--ca is for mqtts://, and udp:// has no certificate"),
        (
            ["relay", "udp://h", "mqtt://h/a", "--ca", "ca.crt"],
            "--ca is for mqtts://, and udp:// has no certificate",
        ),
        (["who", "udp://h", "--mode", "open", "--channel", "a"], "mode open and --channel contradict each other"),
        (["decode", "a.g800", "a.wav", "--seed", "7"], "--seed is for --drop"),
        (["inspect", "a.g800", "--packet", "2", "--flip", "17@3"], "--packet 2 and --flip 17@3 name two packets"),
        (["lab", "--tables", "--volume", "1"], "--volume is for the lab's screen"),
        (["lab", "--tables", "--muted"], "--muted is for the lab's screen"),
        (["lab", "--tables", "--snr", "20"], "--snr is for --scene signal"),
        (["lab", "--json", "--scene", "signal", "--loss", "0"], "--loss is for the scenes link and conversations"),
        (["lab", "--json", "--scene", "signal", "--link", "mesh"], "--link is for the scenes link and conversations"),
        (
            ["lab", "--tables", "--scene", "conversations", "--seconds", "20"],
            "--seconds is for the tables of the scenes",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_without_effect_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, before anything is opened or read."""
    assert 2 == main(words)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"gossamer: {said}")
