"""The commands about past overs: list, save, delete, capture, reproduce."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trio
import trio.testing

from app import events
from app.__main__ import main
from app.audio.sound_files import read_speech
from app.history.capture import FORMAT
from app.history.folder import folder_bytes, over_files
from app.history.overs import RecordedOver, over_bytes, write_over
from app.paths import recordings_folder
from tests.support.recordings import ADA, BOB, an_over, overs_in
from tests.support.station import LosingLink, StaircaseDecoder, Station, in_virtual_time
from transport.links.memory import memory_pair

CLIP = Path(__file__).parents[3] / "assets" / "clips" / "gossamer.flac"


@pytest.fixture
def kept(tmp_path, monkeypatch) -> RecordedOver:
    """One over of real packets, the third of which was lost, in the user's folder, and an older one."""
    from codec.encoder import Encoder

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    encoder, samples = Encoder(), read_speech(CLIP)
    packets = [encoder.encode(samples[at : at + 2560]) for at in range(0, 5 * 2560, 2560)]
    packets[2] = bytes(32)
    over = an_over(codec_id=encoder.codec_id, flags="..-..", packets=tuple(packets))
    write_over(recordings_folder(), over)
    write_over(recordings_folder(), replace(over, began_utc_s=1_600_000_000, sender="Eve", direction="sent"))
    return over


def test_listing(kept, capsys):
    """The newest first, numbered, with what is wrong with each; as JSON with every fact but the speech."""
    assert 0 == main(["overs"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "1" and "Jörg" in first and "1.6 s" in first and first.endswith("1 lost")
    assert "Eve (this station)" in second
    assert 0 == main(["overs", "list", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [1, 2] == [over["number"] for over in told["overs"]]
    assert (5, 1, 1.6) == tuple(told["overs"][0][name] for name in ("packets", "lost", "duration_s"))
    assert "passphrase" not in told and 2 == told["kept"]


def test_saving(kept, tmp_path, capsys):
    """A WAV has every packet's time, the lost one concealed; a .g800 has the packets that came."""
    assert 0 == main(["overs", "save", "1", str(tmp_path / "out.wav")])
    assert 5 * 2560 == len(read_speech(tmp_path / "out.wav"))
    assert 0.01 < soundfile.read(tmp_path / "out.wav")[0].std()
    assert 0 == main(["overs", "save", "1", str(tmp_path / "out.g800")])
    assert b"".join(kept.packets[:2] + kept.packets[3:]) == (tmp_path / "out.g800").read_bytes()
    assert "1 of 5 are left out" in capsys.readouterr().err
    for flag, value in (("--synth", "classic"), ("--model", "small")):
        assert 2 == main(["overs", "save", "1", str(tmp_path / "more.g800"), flag, value])
        assert f"gossamer: {flag} is for a WAV file: leave it out\n" == capsys.readouterr().err
    assert 0 == main(["overs", "save", "1", str(tmp_path / "small.wav"), "--model", "small"])
    small = read_speech(tmp_path / "small.wav")
    assert 5 * 2560 == len(small) and (small != read_speech(tmp_path / "out.wav")).any()


def test_mistakes_are_said(kept, tmp_path, capsys):
    """One line each, exit code 2."""
    for words, message in (
        (["save", "3", str(tmp_path / "x.wav")], "there is no over 3"),
        (["save", "1", str(tmp_path / "x.mp3")], "name it .wav"),
        (["delete", "some"], "neither a number nor"),
        (["capture", str(tmp_path / "x")], "there is no run 1"),
        (["reproduce", str(tmp_path / "nothing")], "cannot read"),
    ):
        assert 2 == main(["overs", *words])
        said = capsys.readouterr().err
        assert message in said and 1 == len(said.splitlines())


def test_deleting(kept, capsys):
    """One, then all."""
    assert 0 == main(["overs", "delete", "2"])
    assert ["Jörg"] == [over.sender for over in overs_in(recordings_folder())]
    assert 0 == main(["overs", "delete", "all", "--json"])
    assert [] == over_files(recordings_folder())


def test_a_run_is_captured_and_reproduced_by_the_commands(tmp_path, monkeypatch, capsys):
    """From the user's folder to a file, and from there to the sound that was heard."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    from codec.decoder import Decoder
    from codec.encoder import Encoder

    ada = Station(ADA, encoder=Encoder(), decoder=Decoder())  # type: ignore[arg-type]
    bob = Station(BOB, recordings=recordings_folder(), decoder=StaircaseDecoder(Encoder().codec_id))
    bob.decoder.decode = lambda packet, copy=None: np.zeros((32, 1), np.float32)  # type: ignore[method-assign]
    here, there = memory_pair()
    ada.link, bob.link = here, there

    async def play(ada, bob):
        ada.engine.play_clip(read_speech(CLIP)[:20480])
        await bob.until(events.OverPlayed)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, ada, bob)
    capture, sound = tmp_path / "fault.capture", tmp_path / "heard.wav"
    assert 0 == main(["overs", "capture", str(capture)])
    assert "it holds the speech" in capsys.readouterr().out
    assert 0 == main(["overs", "reproduce", str(capture), "--output", str(sound), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [("Ada", 8, 0)] == [(over["sender"], over["packets"], over["lost"]) for over in told["overs"]]
    assert 0.01 < soundfile.read(sound)[0].std()
    assert 8 * 2560 == len(read_speech(sound))


def test_an_over_that_was_rebuilt_is_told_saved_and_reproduced(tmp_path, monkeypatch, capsys):
    """Its packet that came as a copy alone sounds wherever the over does, and a file of packets goes without it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    from codec.copies import CopyEncoder
    from codec.decoder import Decoder
    from codec.encoder import Encoder

    here, there = memory_pair()
    coarse = replace(ADA, link="udp://192.0.2.7?repeat=coarse")
    ada = Station(coarse, link=LosingLink(here, 5), encoder=Encoder(), copier=CopyEncoder(Decoder()))  # type: ignore[arg-type]
    decoder = StaircaseDecoder(Encoder().codec_id)
    decoder.decode = lambda packet, copy=None: np.zeros((32, 1), np.float32)  # type: ignore[method-assign]
    bob = Station(BOB, link=there, recordings=recordings_folder(), decoder=decoder)

    async def play(ada, bob):
        ada.engine.play_clip(read_speech(CLIP)[:20480])
        await bob.until(events.OverPlayed)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, ada, bob)
    assert 0 == main(["overs", "list"])
    assert capsys.readouterr().out.splitlines()[0].endswith("1 rebuilt")
    sound, packets, capture = tmp_path / "heard.wav", tmp_path / "heard.g800", tmp_path / "fault.capture"
    assert 0 == main(["overs", "save", "1", str(sound)])
    said, heard = (np.split(read_speech(path)[:20480], 8) for path in (CLIP, sound))
    assert 0.2 * said[5].std() < heard[5].std() < said[5].std()  # concealed, it would be less than half as loud
    assert 0 == main(["overs", "save", "1", str(packets)])
    assert "no word for a lost packet: 1 of 8 are left out" in capsys.readouterr().err
    assert 7 * 32 == packets.stat().st_size
    assert 0 == main(["overs", "capture", str(capture)])
    capsys.readouterr()
    assert 0 == main(["overs", "reproduce", str(capture)])
    told = capsys.readouterr().out
    assert "Ada: 2.6 s, 0 of 8 packets lost, 1 rebuilt, 0 damaged" in told
    assert "1 overs, 7 packets heard, 0 lost, 1 rebuilt, 0 late" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"name": "x" * 30}}, "name = 'xxx"),
        ({"settings": {"name": "x" * 100_000}}, "name = 'xxx"),
        ({"settings": {"name": 7}}, "name = 7: it must be 1 to 24 bytes of printable text"),
        ({"settings": {"channel": "\x1b[2J"}}, "channel = '\\x1b[2J': it must be 1 to 64 letters"),
    ],
)
def test_settings_that_no_station_can_have_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    """One line that names the file, exit code 2, no traceback."""
    path = tmp_path / "their.capture"
    header = {"format": FORMAT, "started_utc_s": 0, "link": "udp://:1", "channel": "open", "program": "1", **changes}
    path.write_text(json.dumps(header) + "\n")
    assert 2 == main(["overs", "reproduce", str(path), "--synth", "classic"])
    said = capsys.readouterr().err
    assert str(path) in said and message in said
    assert 1 == len(said.splitlines()) and len(said) < len(str(path)) + 250


def test_a_capture_without_settings_is_played_with_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in their place."""
    path = tmp_path / "their.capture"
    path.write_text(json.dumps({"format": FORMAT, "started_utc_s": 0, "channel": "open", "settings": 5}) + "\n")
    assert 0 == main(["overs", "reproduce", str(path), "--synth", "classic", "--json"])
    assert 0 == json.loads(capsys.readouterr().out)["frames"]


def test_deleting_all_leaves_nothing_with_speech_in_it(tmp_path, monkeypatch, capsys):
    """Overs, journals of frames, and what a killed program left behind; they are counted before."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = recordings_folder()
    path = write_over(folder, an_over())
    (folder / "20200101T000000Z-1-0000.capture").write_bytes(bytes(1000))
    (folder / "20200101T000000Z-1-1.part").write_bytes(bytes(500))
    (folder / "20200101T000000Z-heard.part").write_bytes(bytes(500))  # as earlier versions named it
    assert 2000 + path.stat().st_size == folder_bytes(folder)
    assert 0 == main(["overs", "delete", "all"])
    assert "deleted 4 files" in capsys.readouterr().out
    assert [] == list(folder.iterdir())


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
def test_overs_that_somebody_else_made_are_listed_as_plain_lines(tmp_path, monkeypatch, capsys, zone):
    """No escape of theirs reaches the terminal, no date ends the list, and what is none is a note."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    folder = recordings_folder()
    folder.mkdir(parents=True)
    content = over_bytes(an_over(sender="\x1b[2J\nforged", link="\x9b1m\u202e"))
    (folder / "20260101T000000Z-heard.over").write_bytes(content)
    (folder / "2.over").write_bytes(content.replace(b"1700000000", str(0xFFFFFFFF).encode()))
    (folder / "3.over").write_bytes(content.replace(b"1700000000", b"253402300799"))
    (folder / "4\x1b[2J.over").write_bytes(b"{}")
    os.mkfifo(folder / "5.over")
    assert 0 == main(["overs", "list"])
    told = capsys.readouterr()
    assert 2 == told.out.count("?[2J?forged")
    assert 3 == told.err.count("gossamer: ")
    assert all(line.isprintable() for line in (told.out + told.err).splitlines())
    assert 0 == main(["overs", "list", "--json"])
    assert capsys.readouterr().out.rstrip("\n").isprintable()
    monkeypatch.undo()
    time.tzset()
