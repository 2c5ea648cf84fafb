"""Flags that several commands share: none that is given is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.__main__ import main

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
