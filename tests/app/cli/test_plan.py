"""The command gossamer plan."""

from __future__ import annotations

import json

import pytest

from app.__main__ import main
from transport.radio.radios import RADIOS

QUICK = "kiss://localhost?call=N0CALL&radio=afsk1200&txdelay=100&txtail=20&slottime=10&persist=255"


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people, one object for programs, exit code 2 and one line where no speech gets through."""
    assert 0 == main(["plan", QUICK])
    said = capsys.readouterr().out
    assert "* 6   93.7%" in said and "TXDELAY 100 ms" in said and "- 5   98.9%" in said
    assert 0 == main(["plan", "--radio", "hc-12-far", "--duty", "1%", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert (1, None, [1, 2, 3, 4, 5, 6]) == (facts["k"], facts["refused"], [row["k"] for row in facts["rows"]])
    assert 0.6 / facts["rows"][0]["on_air"] == pytest.approx(facts["rows"][0]["speech_min_an_hour"])
    assert 2 == main(["plan", "--radio", "lora-sf10"])
    refused = capsys.readouterr().err
    assert 1 == refused.count("\n")
    assert "busy 117% of the time. What would: radio=lora-sf9; or a link 1.3 times as fast" in refused
    assert 2 == main(["plan", "--radio", "lora-sf10", "--json"])
    assert "carries no speech" in json.loads(capsys.readouterr().out)["refused"]
    assert 0 == main(["plan"])
    listed = capsys.readouterr().out
    assert all(name in listed and radio.link in listed for name, radio in RADIOS.items())


def test_a_k_that_the_address_names_is_said_to_be_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the plan would choose."""
    assert 0 == main(["plan", "udp://h:1?rate=1200&k=1"])
    assert "The address says k=1, and that is taken: it does not fit.\n" in capsys.readouterr().out
    assert 0 == main(["plan", "udp://h:1?rate=1200&k=6"])
    assert "The address says k=6, and that is taken: it fits.\n" in capsys.readouterr().out


def test_a_waiting_end_says_how_many_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    """Each caller takes a copy of every frame of the uplink; a calling end serves nobody."""
    assert 0 == main(["plan", "udp://:?rate=8000&k=4"])
    assert "As a waiting end it serves 6 callers" in capsys.readouterr().out
    assert 0 == main(["plan", "udp://:?rate=8000&k=4", "--json"])
    assert 6 == json.loads(capsys.readouterr().out)["callers"]
    assert 0 == main(["plan", "udp://h?rate=8000", "--json"])
    assert None is json.loads(capsys.readouterr().out)["callers"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--radio", "walkman"], "no radio that is known here"),
        (["udp://h:1", "--duty", "2"], "share of time"),
        (["--duty", "2"], "--duty is for the plan of a link: name a LINK, or --radio RADIO"),
        (["--json", "--sealed"], "--sealed is for the plan of a link: name a LINK, or --radio RADIO"),
        (["udp://h:1", "--radio", "sik"], "'radio' means nothing"),
        (["nowhere"], "is not a link"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the cause and the cure, exit code 2."""
    assert 2 == main(["plan", *words])
    problem = capsys.readouterr().err
    assert said in problem and 1 == problem.count("\n")
