"""Past overs: what is kept of them, what becomes of a full disk, and captures that reproduce what happened."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio
import trio.testing
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app import events
from app.__main__ import main
from app.audio.sound_files import read_speech
from app.diagnostics.reproduce import reproduce
from app.errors import FileProblem
from app.history.capture import CapturedFrame, capture_text, newest_part, read_capture
from app.history.overs import (
    RecordedOver,
    capture_files,
    clear_oldest,
    folder_bytes,
    over_bytes,
    over_files,
    parse_over,
    read_over,
    write_over,
)
from app.paths import recordings_folder
from app.settings.model import Settings
from app.station.parts import Codec
from codec import format as fmt
from tests.support.station import StaircaseDecoder, StaircaseSynthesizer, Station, clip, in_virtual_time
from transport.impairment import Impairment
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.protocol import open_frames
from transport.protocol.frames import Begin, End, Voice
from transport.protocol.open_frames import encode
from transport.protocol.over import OverReceiver

ADA = Settings(name="Ada", permit_tone=False, courtesy_tone=False)
BOB = Settings(name="Bob", permit_tone=False, courtesy_tone=False)


def an_over(began_utc_s: float = 1_700_000_000, **changes) -> RecordedOver:
    """Three packets, one of them damaged and one lost."""
    packets = (bytes(range(32)), bytes(32), bytes(range(1, 33)))
    over = RecordedOver(began_utc_s, "heard", "Jörg", "", "udp://:7800", "open", 77, 2, True, ".-d", packets)
    return replace(over, **changes)


# --- the file of an over -----------------------------------------------------------------------------------------


def test_an_over_comes_back_as_it_was_written(tmp_path):
    """Every field and every packet; the file is for this user alone."""
    path = write_over(tmp_path / "overs", an_over())
    assert an_over() == read_over(path)
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert [bytes(range(32)), None, bytes(range(1, 33))] == read_over(path).heard_packets()
    assert (1, 1) == (an_over().lost, an_over().damaged)


def test_an_hour_of_speech_is_360_kilobytes():
    """The packets are all that grows, but for a letter each."""
    count = round(3600 / fmt.PACKET_S)
    over = an_over(flags="." * count, packets=(bytes(32),) * count)
    assert 360_000 == 32 * count
    assert len(over_bytes(over)) < 1.04 * 360_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"no json\n",
        b"[]\n",
        over_bytes(an_over())[:-1],
        over_bytes(an_over()) + b"x",
        over_bytes(an_over()).replace(b'".-d"', b'".-"'),
        over_bytes(an_over()).replace(b'".-d"', b'"abc"'),
        over_bytes(an_over()).replace(b"gossamer-over/1", b"gossamer-over/9"),
        over_bytes(an_over()).replace(b'"k"', b'"q"'),
        b"[" * 100_000,
    ],
)
def test_what_is_no_over_is_said(content):
    """One line, whatever the bytes."""
    with pytest.raises(FileProblem, match="is no recorded over"):
        parse_over(content)


@given(st.binary(max_size=200))
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_bytes_upset_the_reader(content):
    """Neither of overs nor of their first line."""
    for octets in (content, over_bytes(an_over())[:40] + content):
        with pytest.raises(FileProblem):
            parse_over(octets)


def test_overs_are_listed_newest_first(tmp_path):
    """By their time; of those of one second, in the order in which they were written."""
    for began_utc_s in (1_700_000_005, 1_700_000_000, *[1_700_000_003] * 11):
        write_over(tmp_path, an_over(began_utc_s))
    times = [read_over(path).began_utc_s - 1_700_000_000 for path in over_files(tmp_path)]
    assert [5, *[3] * 11, 0] == times
    of_one_second = [path.stem for path in over_files(tmp_path) if "-heard-" in path.stem]
    assert [f"20231114T221323Z-heard-{number}" for number in range(11, 1, -1)] == of_one_second


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    """The rest is well below the limit, and no newer one is gone while an older one stays."""
    for began_utc_s in range(1_700_000_000, 1_700_000_040):
        write_over(tmp_path, an_over(began_utc_s))
    limit = folder_bytes(tmp_path) // 2
    left = clear_oldest(tmp_path, limit)
    assert left == folder_bytes(tmp_path) <= 0.9 * limit
    times = sorted(read_over(path).began_utc_s for path in over_files(tmp_path))
    assert list(range(1_700_000_040 - len(times), 1_700_000_040)) == times
    assert left == clear_oldest(tmp_path, limit)


# --- what a station keeps ----------------------------------------------------------------------------------------


def converse(ada: Station, bob: Station, impairment: Impairment | None = None, seconds: float = 6.4) -> None:
    """Ada says something, then Bob."""
    here, there = memory_pair()
    ada.link, bob.link = here, there

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            if impairment:
                ada.link = impair(here, impairment, nursery)
            await nursery.start(ada.engine.run)
            await nursery.start(bob.engine.run)
            for talker in (ada, bob):
                talker.engine.play_clip(clip(seconds))
                await talker.until(events.OverSent)
                await trio.sleep(10)
            ada.engine.close()
            bob.engine.close()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()  # the tasks of the impaired link

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def overs_in(folder: Path) -> list[RecordedOver]:
    return [read_over(path) for path in reversed(over_files(folder))]


def test_both_ends_keep_both_overs(tmp_path):
    """The very packets that were sent, with who, over which link, and whether it was heard or sent."""
    ada, bob = Station(ADA, recordings=tmp_path / "ada"), Station(BOB, recordings=tmp_path / "bob")
    converse(ada, bob)
    for folder, first, second in (("ada", "sent", "heard"), ("bob", "heard", "sent")):
        one, other = overs_in(tmp_path / folder)
        assert ("Ada", first, True, 0, 0) == (one.sender, one.direction, one.complete, one.lost, one.damaged)
        assert ("Bob", second) == (other.sender, other.direction)
        assert tuple(ada.encoder.packets) == one.packets
        assert tuple(bob.encoder.packets) == other.packets
        assert ("memory://", "open") == (one.link, one.channel)
        assert one.began_utc_s > 1_700_000_000


@pytest.mark.parametrize(
    "impairment", [Impairment(loss=0.3, seed=2), Impairment(ber=0.002, seed=4), Impairment(jitter_s=0.6, seed=5)]
)
def test_what_the_link_did_is_in_the_flags(tmp_path, impairment):
    """Lost and damaged packets are marked, each in its place; what came too late to be played is there all the same."""
    ada, bob = Station(ADA, recordings=tmp_path / "ada"), Station(BOB, recordings=tmp_path / "bob")
    converse(ada, bob, impairment, seconds=20)
    [heard] = [over for over in overs_in(tmp_path / "bob") if over.direction == "heard"]
    sent = ada.encoder.packets
    assert len(sent) == len(heard.packets)
    for flag, packet, original in zip(heard.flags, heard.packets, sent, strict=True):
        assert {".": packet == original, "-": packet == bytes(32), "d": True}[flag]  # or its check is what was hit
    assert bool(impairment.loss) <= bool(heard.lost)
    assert bool(impairment.ber) == bool(heard.damaged)
    if impairment.jitter_s:
        assert 0 == heard.lost


def test_talkers_who_disappear_are_kept_as_far_as_they_came(tmp_path):
    """Without END the over is kept, marked so, when the next one begins or the station closes."""
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)

    async def play(station):
        for over, name in ((9, "Eve"), (10, "Zoe")):
            await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, 77, 1, name)))
            for sequence in (1, 2, 4):
                await here.send(encode(Voice(over, sequence, (bytes([over] * 32),))))
            await trio.sleep(6)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
    assert [("Eve", "..-.", False), ("Zoe", "..-.", False)] == [
        (over.sender, over.flags, over.complete) for over in overs_in(tmp_path)
    ]


def test_a_frame_is_decoded_and_matched_once_for_all_who_read_it(tmp_path, monkeypatch):
    """Floor, play-out and recorder read the same facts: nobody follows the over a second time."""
    decoded: list[bytes] = []
    matched: list[Begin | Voice | End] = []
    decode, receive = open_frames.decode, OverReceiver.receive

    def count_decode(octets: bytes):
        decoded.append(octets)
        return decode(octets)

    def count_match(self: OverReceiver, frame: Begin | Voice | End):
        matched.append(frame)
        return receive(self, frame)

    monkeypatch.setattr(open_frames, "decode", count_decode)
    monkeypatch.setattr(OverReceiver, "receive", count_match)
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)
    begin, end = Begin(9, 0, bytes(8), 0, 77, 1, "Ada"), End(9, 4, 3)
    frames: list[Begin | Voice | End] = [begin, *(Voice(9, sequence, (bytes(32),)) for sequence in (1, 2, 3)), end, end]

    async def play(station):
        for frame in frames:
            await here.send(encode(frame))
        await station.until(events.OverEnded)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
    assert frames == matched
    assert [encode(frame) for frame in frames] == decoded
    assert [("Ada", "...")] == [(over.sender, over.flags) for over in overs_in(tmp_path)]


def test_a_station_that_is_told_not_to_keeps_nothing(tmp_path):
    """Neither overs nor frames, nor the folder."""
    ada = Station(replace(ADA, record=False), recordings=tmp_path / "overs")
    converse(ada, Station(BOB))
    assert not (tmp_path / "overs").exists()


def test_the_limit_holds_while_a_station_runs(tmp_path):
    """Overs and journals together stay near it, and the newest over is among what is kept."""
    ada, bob = Station(replace(ADA, record_limit_mb=1.0), recordings=tmp_path), Station(BOB)
    for began_utc_s in range(1_600_000_000, 1_600_000_100):
        write_over(tmp_path, an_over(began_utc_s, flags="." * 500, packets=(bytes(32),) * 500))
    assert folder_bytes(tmp_path) > 1.5e6
    converse(ada, bob)
    assert folder_bytes(tmp_path) < 1.0e6
    assert "Bob" == overs_in(tmp_path)[-1].sender


def test_a_full_disk_stops_the_recording_and_not_the_conversation(tmp_path):
    """The system refuses to let files grow: it is told once, every packet is heard, nothing half-written stays."""
    ada, bob = Station(ADA, recordings=tmp_path / "ada"), Station(BOB)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        converse(ada, bob)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    [problem] = ada.only(events.RecordingProblem)
    assert "overs are not kept: file too large" == problem.cause
    assert ada.encoder.packets == bob.decoder.packets
    assert bob.encoder.packets == ada.decoder.packets
    assert [] == over_files(tmp_path / "ada")
    assert 0 == sum(path.stat().st_size for path in (tmp_path / "ada").iterdir())


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A file is in its place, say: the conversation goes on."""
    (tmp_path / "file").write_text("in the way")
    ada, bob = Station(ADA, recordings=tmp_path / "file" / "overs"), Station(BOB)
    converse(ada, bob)
    assert 1 == len(ada.only(events.RecordingProblem))
    assert ada.encoder.packets == bob.decoder.packets


# --- captures ----------------------------------------------------------------------------------------------------


def captured(folder: Path):
    [path] = capture_files(folder)
    return read_capture(path)


@pytest.mark.parametrize("passphrase", [None, "correct horse battery staple"])
def test_a_capture_reproduces_what_was_heard(tmp_path, passphrase):
    """The same overs, the same losses, the same sound, sample by sample; and no passphrase in the file."""
    trouble = Impairment(loss=0.15, burst_frames=2, jitter_s=0.4, delay_s=0.1, reorder=0.1, duplicate=0.1, seed=9)
    mode = {"passphrase": passphrase, "mode": "sealed" if passphrase else "open"}
    ada = Station(replace(ADA, **mode), recordings=tmp_path / "ada")
    bob = Station(replace(BOB, **mode), recordings=tmp_path / "bob")
    converse(ada, bob, trouble, seconds=25)
    capture = captured(tmp_path / "bob")
    assert {"in", "out"} == {frame.way for frame in capture.frames}
    text = capture_files(tmp_path / "bob")[0].read_text()
    assert "correct horse" not in text
    assert "passphrase" not in json.loads(text.splitlines()[0])["settings"]
    again = reproduce(capture, replace(BOB, **mode), Codec(None, StaircaseDecoder(), StaircaseSynthesizer()))
    assert bob.only(events.OverEnded) == again.overs
    assert bob.only(events.OverEnded)[0].lost > 0
    assert np.array_equal(np.concatenate(bob.heard), again.samples)


def test_rubbish_is_in_the_capture_too(tmp_path):
    """What was no frame is counted again where the capture is played."""
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)

    async def play(station):
        for octets in (b"", b"\0" * 40, bytes(range(72))):
            await here.send(octets)
        await trio.sleep(5)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
    again = reproduce(captured(tmp_path), BOB, Codec(None, StaircaseDecoder(), StaircaseSynthesizer()))
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


# --- the command -------------------------------------------------------------------------------------------------

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
    bob.decoder.decode = lambda packet: np.zeros((32, 1), np.float32)  # type: ignore[method-assign]
    here, there = memory_pair()
    ada.link, bob.link = here, there

    async def play(ada, bob):
        ada.engine.play_clip(read_speech(CLIP)[:20480])
        await bob.until(events.OverEnded)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, ada, bob)
    capture, sound = tmp_path / "fault.capture", tmp_path / "heard.wav"
    assert 0 == main(["overs", "capture", str(capture)])
    assert "it holds the speech" in capsys.readouterr().out
    assert 0 == main(["overs", "reproduce", str(capture), "--output", str(sound), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [("Ada", 8, 0)] == [(over["sender"], over["packets"], over["lost"]) for over in told["overs"]]
    assert 0.01 < soundfile.read(sound)[0].std()
    assert 8 * 2560 == len(read_speech(sound))
