"""The lab without a screen: `gossamer lab` as JSON and tables."""

from __future__ import annotations

import json

import pytest

from app.__main__ import main
from app.codecs import codec2


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lane says which package brings it; the others go on."""
    monkeypatch.setattr(codec2, "_library", lambda: None)
    assert 0 == main(["lab", "--link", "afsk1200", "--seconds", "3", "--json"])
    lanes = {lane["codec"]: lane for lane in json.loads(capsys.readouterr().out)["scenes"][0]["lanes"]}
    assert "apt-get install codec2" in lanes["codec2-700c"]["missing"]
    assert lanes["gossamer"]["missing"] is None and lanes["gossamer"]["asked_bps"] > 0


@pytest.mark.parametrize(
    "words", [["--link", "pigeon"], ["--snr", "99"], ["--seconds", "0"], ["--loss", "2"], ["x.wav"]]
)
def test_a_wrong_word_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, and nothing on standard output."""
    assert 2 == main(["lab", *words])
    told = capsys.readouterr()
    assert ("", 1) == (told.out, told.err.count("\n"))
