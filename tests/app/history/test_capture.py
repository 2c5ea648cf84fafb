"""Captures of frames, and that they reproduce what was heard."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing

from app import events
from app.__main__ import main
from app.audio.devices import Block
from app.diagnostics.reproduce import TELLS, reproduce
from app.errors import FileProblem
from app.history.capture import CapturedFrame, capture_text, newest_part, read_capture
from app.history.folder import capture_files
from app.station.parts import StationCodec
from tests.support.recordings import ADA, BOB, converse
from tests.support.station import StaircaseDecoder, StaircaseSynthesizer, Station, in_virtual_time
from transport.impairment import Impairment
from transport.links.memory import memory_pair
from transport.protocol.frames import Mode


def captured(folder: Path):
    [path] = capture_files(folder)
    return read_capture(path)


@pytest.mark.parametrize("passphrase", [None, "correct horse battery staple"])
def test_a_capture_reproduces_what_was_heard(tmp_path, passphrase):
    """The same overs, the same losses, the same sound, sample by sample; and no passphrase in the file."""
    trouble = Impairment(loss=0.15, burst_frames=2, jitter_s=0.4, delay_s=0.1, reorder=0.1, duplicate=0.1, seed=9)
    mode = {"passphrase": passphrase, "mode": Mode.SEALED if passphrase else Mode.OPEN}
    ada = Station(replace(ADA, **mode), recordings=tmp_path / "ada")
    bob = Station(replace(BOB, **mode), recordings=tmp_path / "bob")
    converse(ada, bob, trouble, seconds=25)
    capture = captured(tmp_path / "bob")
    assert {"in", "out"} == {frame.way for frame in capture.frames}
    text = capture_files(tmp_path / "bob")[0].read_text()
    assert "correct horse" not in text
    assert "passphrase" not in json.loads(text.splitlines()[0])["settings"]
    codec, heard = StationCodec(None, StaircaseDecoder(), StaircaseSynthesizer()), list[Block]()
    again = reproduce(capture, replace(BOB, **mode), codec, heard.append)
    assert bob.only(events.OverPlayed) == again.overs
    assert bob.only(events.OverPlayed)[0].lost > 0
    assert np.array_equal(np.concatenate(bob.heard), np.concatenate(heard))


def test_what_a_capture_plays_is_not_kept(tmp_path):
    """Each block of sound goes on to whoever hears it, and is gone: a capture may play for a day."""
    ada, bob = Station(ADA), Station(BOB, recordings=tmp_path)
    converse(ada, bob, seconds=25)
    blocks: list[weakref.ref[Block]] = []
    most = 0

    def hear(samples: Block) -> None:
        nonlocal most
        blocks.append(weakref.ref(samples))
        most = max(most, sum(block() is not None for block in blocks))

    reproduce(captured(tmp_path), BOB, StationCodec(None, StaircaseDecoder(), StaircaseSynthesizer()), hear)
    assert len(blocks) > 60
    assert most < 10


def test_it_is_told_how_far_a_capture_has_come(tmp_path, monkeypatch, capsys):
    """From the first frame to the last, about a hundred times, for a large one takes minutes; the command shows it."""
    ada, bob = Station(ADA), Station(BOB, recordings=tmp_path)
    converse(ada, bob, seconds=60)
    codec, told = StationCodec(None, StaircaseDecoder(), StaircaseSynthesizer()), list[float]()
    capture = captured(tmp_path)
    reproduce(capture, BOB, codec, at=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and told[0] < 0.02
    assert TELLS <= len(told) <= 2 * TELLS
    shown = list[float]()
    monkeypatch.setattr("app.console.Progress.at", lambda bar, fraction: shown.append(fraction))
    monkeypatch.setattr("app.station.parts.load_codec", lambda *arguments, **how: codec)
    assert 0 == main(["overs", "reproduce", str(capture_files(tmp_path)[0])])
    assert told == shown


def test_rubbish_is_in_the_capture_too(tmp_path):
    """What was no frame is counted again where the capture is played."""
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)

    async def play(station):
        for octets in (b"", b"\0" * 40, bytes(range(72))):
            await here.send(octets)
        await trio.sleep(5)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
    again = reproduce(captured(tmp_path), BOB, StationCodec(None, StaircaseDecoder(), StaircaseSynthesizer()))
    assert 3 == again.counts.rubbish


HEADER = {"format": "gossamer-capture/1", "program": "0", "started_utc_s": 1_700_000_000, "link": "x"}


def test_a_capture_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    """A program that was killed leaves half a line."""
    frames = [CapturedFrame(0.5 * number, "in", bytes([number])) for number in range(100)]
    path = tmp_path / "a.capture"
    path.write_text(capture_text(HEADER, frames)[:-4])
    assert tuple(frames[:-1]) == read_capture(path).frames
    assert tuple(frames[-21:-1]) == newest_part(read_capture(path), 0.16).frames


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}\n",
        capture_text(HEADER, []) + 'rubbish\n[1,"in","00"]\n',
        capture_text(HEADER, []) + '[1, "up", "00"]\n',
        capture_text(HEADER, []) + '[1, "in", "0g"]\n',
        capture_text(HEADER, []) + '[-1, "in", "00"]\n',
        capture_text(HEADER, []) + '[NaN, "in", "00"]\n',
        capture_text(HEADER | {"started_utc_s": "x"}, []),
    ],
)
def test_what_is_no_capture_is_said(tmp_path, text):
    """One line that names the file, and the line in it."""
    path = tmp_path / "a.capture"
    path.write_text(text)
    with pytest.raises(FileProblem, match=r"a\.capture"):
        read_capture(path)
