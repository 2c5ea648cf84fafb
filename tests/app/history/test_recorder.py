"""What a station keeps of its overs, and what becomes of that when the disk is full."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.history.folder import folder_bytes, over_files
from app.history.overs import write_over
from tests.support.recordings import ADA, BOB, an_over, converse, overs_in
from tests.support.station import Station, running
from transport.impairment import Impairment
from transport.links.memory import memory_pair
from transport.protocol import open_frames
from transport.protocol.frames import Begin, End, Mode, Voice
from transport.protocol.open_frames import encode
from transport.protocol.over_receiver import OverReceiver


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
        assert ("memory://", Mode.OPEN) == (one.link, one.mode)
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


@trio_test
async def test_talkers_who_disappear_are_kept_as_far_as_they_came(tmp_path, virtual_time):
    """Without END the over is kept, marked so, when the next one begins or the station closes."""
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)

    async with running(station):
        for over, name in ((9, "Eve"), (10, "Zoe")):
            await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, 77, 1, name)))
            for sequence in (1, 2, 4):
                await here.send(encode(Voice(over, sequence, (bytes([over] * 32),))))
            await trio.sleep(6)
    assert [("Eve", "..-.", False), ("Zoe", "..-.", False)] == [
        (over.sender, over.flags, over.complete) for over in overs_in(tmp_path)
    ]


@trio_test
async def test_a_frame_is_decoded_and_matched_once_for_all_who_read_it(tmp_path, monkeypatch, virtual_time):
    """Floor, play-out and recorder read the same facts: nobody follows the over a second time."""
    decoded: list[bytes] = []
    matched: list[Begin | Voice | End] = []
    decode, receive = open_frames.decode, OverReceiver.receive

    def count_decode(octets: bytes):
        decoded.append(octets)
        return decode(octets)

    def count_match(self: OverReceiver, frame: Begin | Voice | End, now: float):
        matched.append(frame)
        return receive(self, frame, now)

    monkeypatch.setattr(open_frames, "decode", count_decode)
    monkeypatch.setattr(OverReceiver, "receive", count_match)
    here, there = memory_pair()
    station = Station(BOB, link=there, recordings=tmp_path)
    begin, end = Begin(9, 0, bytes(8), 0, 77, 1, "Ada"), End(9, 4, 3)
    frames: list[Begin | Voice | End] = [begin, *(Voice(9, sequence, (bytes(32),)) for sequence in (1, 2, 3)), end, end]

    async with running(station):
        for frame in frames:
            await here.send(encode(frame))
        await station.until(events.OverPlayed)
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
