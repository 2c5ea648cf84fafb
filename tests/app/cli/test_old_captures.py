"""Captures of sealed channels, whose key was derived from the passphrase in the old way or in the present one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio.testing

from app import events
from app.__main__ import main
from app.audio.sound_files import read_speech
from app.paths import recordings_folder
from tests.support.processes import CLIP
from tests.support.recordings import ADA, BOB
from tests.support.station import StaircaseDecoder, Station, in_virtual_time
from transport.links.memory import memory_pair
from transport.protection.cipher import KEY_VERSION

PASSPHRASE = "canoe tiger lamp moss river"


@pytest.fixture
def make_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Let a sealed over of eight packets be captured, with the key of one version; return the file."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    from codec.encoder import Encoder

    def make(version: int) -> Path:
        ours, theirs = (
            replace(settings, passphrase=PASSPHRASE, channel="harbour", key_version=version) for settings in (ADA, BOB)
        )
        here, there = memory_pair()
        ada = Station(ours, link=here, encoder=Encoder())  # type: ignore[arg-type]
        decoder = StaircaseDecoder(Encoder().codec_id)
        decoder.decode = lambda packet, copy=None: np.zeros((32, 1), np.float32)  # type: ignore[method-assign]
        bob = Station(theirs, link=there, recordings=recordings_folder(), decoder=decoder)

        async def play(ada: Station, bob: Station) -> None:
            ada.engine.play_clip(read_speech(CLIP)[:20480])
            await bob.until(events.OverPlayed)

        in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, ada, bob)
        assert 0 == main(["overs", "capture", str(tmp_path / "sealed.capture")])
        capsys.readouterr()
        return tmp_path / "sealed.capture"

    return make


def with_version(capture: Path, version: int | None) -> None:
    """Have a capture say another version of the derivation; None is one from before there was more than one."""
    header, _, frames = capture.read_text().partition("\n")
    facts = json.loads(header)
    del facts["settings"]["key_version"]
    if version is not None:
        facts["settings"]["key_version"] = version
    capture.write_text(f"{json.dumps(facts)}\n{frames}")


def reproduce(capture: Path) -> int:
    """Return the exit code of the command."""
    key = capture.with_name("key")
    key.write_text(f"{PASSPHRASE}\n")
    key.chmod(0o600)
    return main(["overs", "reproduce", str(capture), "--passphrase-file", str(key), "--synth", "classic", "--json"])


@pytest.mark.parametrize(("made_with", "says"), [(1, None), (1, 1), (KEY_VERSION, KEY_VERSION)])
def test_a_sealed_capture_is_opened_with_the_key_that_it_was_made_with(make_capture, capsys, made_with, says):
    """One that does not say which is of the first version."""
    capture = make_capture(made_with)
    with_version(capture, says)
    assert 0 == reproduce(capture)
    told = json.loads(capsys.readouterr().out)
    assert [("Ada", 8, 0)] == [(over["sender"], over["packets"], over["lost"]) for over in told["overs"]]


@pytest.mark.parametrize("says", [0, 9])
def test_a_key_of_a_version_that_there_is_not_is_one_line(make_capture, capsys, says):
    """Exit code 2, and nothing is made of it."""
    capture = make_capture(KEY_VERSION)
    with_version(capture, says)
    assert 2 == reproduce(capture)
    said = capsys.readouterr()
    assert "" == said.out and f"there is no key derivation {says}" in said.err
    assert 1 == len(said.err.splitlines())
