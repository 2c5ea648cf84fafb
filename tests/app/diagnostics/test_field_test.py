"""Field tests: two stations in virtual time, two processes over a bad UDP link, and the figures of the report."""

from __future__ import annotations

import gc
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing
from trio.testing import trio_test

from app import events
from app.audio.devices import absent_devices
from app.audio.sound_files import read_speech
from app.diagnostics.field_records import FieldTest, HeardClip, KnownClip, encode_clips, recognise
from app.diagnostics.field_report import aligned, figures, report_text, worst_moment, write_report
from app.diagnostics.field_test import run_field_test
from app.diagnostics.field_test_observer import OVER_WORDS, FieldTestObserver
from app.history.overs import RecordedOver
from app.settings.model import Settings
from app.station.parts import Parts, StationCodec
from codec import format as fmt
from tests.support.processes import free_port, start
from tests.support.station import (
    CODEC_ID,
    LeftOpen,
    StaircaseDecoder,
    StaircaseEncoder,
    StaircaseSynthesizer,
    at_once,
    clip,
)
from transport.impairment import Impairment
from transport.links.base import Link
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.protocol.frames import Begin, End, Mode, Text
from transport.protocol.open_frames import encode
from transport.protocol.over import OverBegun, OverEnded, PacketHeard

HAS_PYSTOI = importlib.util.find_spec("pystoi") is not None


def known_clips() -> list[KnownClip]:
    return encode_clips({"one": clip(4.0, seed=1), "two": clip(5.0, seed=2)}, StaircaseEncoder())


def parts(link: Link) -> Parts:
    async def open_link(*_: object) -> tuple[Link, str]:
        return LeftOpen(link), ""

    return Parts(
        load_codec=lambda synth, model: StationCodec(StaircaseEncoder(), StaircaseDecoder(), StaircaseSynthesizer()),
        open_link=open_link,
        open_sound=absent_devices,
        load_clip=lambda number: np.zeros(0, np.float32),
        in_thread=lambda: at_once,
    )


def between_two(impairment: Impairment | None, minutes: float, **more: Any) -> tuple[FieldTest, FieldTest]:
    """The caller's and the answerer's. more: of the settings of both."""
    results: dict[bool, FieldTest] = {}

    async def main() -> None:
        here, there = memory_pair()
        async with trio.open_nursery() as nursery:
            link: Link = impair(here, impairment, nursery) if impairment else here

            async def side(answer: bool, link: Link, name: str) -> None:
                settings = Settings(name=name, link="udp://:7800", permit_tone=False, courtesy_tone=False, **more)
                results[answer] = await run_field_test(
                    settings, parts(link), known_clips(), minutes=minutes, answer=answer
                )
                if len(results) == 2:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(side, True, there, "Bob")
            nursery.start_soon(side, False, link, "Ada")

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return results[False], results[True]


def test_on_a_good_link_everything_is_heard_confirmed_and_told():
    """Both hear every packet of every clip, know each other's name, and the caller knows what the answerer heard."""
    ada, bob = between_two(None, minutes=1.0)
    assert ("Bob", "Ada", "caller", "answerer") == (ada.peer, bob.peer, ada.role, bob.role)
    assert ["one", "two"] == [over.clip for over in bob.heard][:2]
    assert ["two", "one"] == [over.clip for over in ada.heard][:2]
    assert len(ada.sent) == len(bob.heard) == len(bob.sent) == len(ada.heard) >= 4
    assert 0 == sum(over.lost + over.damaged for over in ada.heard + bob.heard)
    assert [over.packets for over in ada.sent[1:]] == [over.confirmed for over in ada.sent[1:]]  # the first is to all
    assert [over.packets for over in bob.sent] == [over.confirmed for over in bob.sent]
    assert ada.there is not None and ada.there["heard"] == sum(over.packets for over in ada.sent)
    assert (ada.pings, 0, []) == (len(ada.round_trips_s), ada.unanswered, ada.problems)
    said, heard = aligned(bob.heard[0], known_clips()[0])
    assert np.abs(said - heard).max() < 0.01


def test_the_gain_of_the_microphone_is_none_of_the_clips():
    """They are recognised by their packets, whatever the settings file says."""
    _, bob = between_two(None, minutes=0.5, gain_db=12.0)
    assert ["one", "two"] == [over.clip for over in bob.heard][:2]


def test_a_bad_link_is_seen_in_the_figures(tmp_path):
    """What was lost is in the flags and the loss, the worst moment is where most of it is, and both are written."""
    trouble = Impairment(loss=0.25, burst_frames=2, jitter_s=0.1, delay_s=0.2, seed=5)
    ada, bob = between_two(trouble, minutes=4.0)
    lost = sum(over.flags.count("-") for over in bob.heard)
    assert 0.1 < lost / sum(over.packets for over in bob.heard) < 0.4
    assert min(ada.round_trips_s) >= 0.4 - 1e-9 and max(ada.round_trips_s) < 0.7
    told = write_report(tmp_path / "report", bob, known_clips(), {"one": None, "two": None})
    assert told["here"]["goodput_bps"] == pytest.approx(800 * (1 - told["here"]["loss"]))
    assert told["here"]["lost"] >= lost
    assert json.loads((tmp_path / "report" / "report.json").read_text())["here"]["lost"] == told["here"]["lost"]
    text = (tmp_path / "report" / "report.md").read_text()
    assert all(f"`{over.flags}`" in text for over in bob.heard)
    worst = told["worst"]
    flags = bob.heard[worst["over"]].flags
    start = round(worst["from_s"] / fmt.PACKET_S)
    most = max(over.flags[at : at + 10].count("-") for over in bob.heard for at in range(len(over.flags)))
    assert most == flags[start : start + 10].count("-")
    assert len(read_speech(tmp_path / "report" / "worst.wav")) == len(
        read_speech(tmp_path / "report" / "worst-original.wav")
    )


def test_nobody_answers(tmp_path):
    """The caller ends all the same, and its report says that nothing was heard."""
    results = []

    async def main() -> None:
        here, _ = memory_pair()
        settings = Settings(name="Ada", link="udp://127.0.0.1:7800", permit_tone=False)
        results.append(await run_field_test(settings, parts(here), known_clips(), minutes=0.5, answer=False))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert results[0].unanswered == len(results[0].sent) >= 1
    told = figures(results[0], known_clips(), {})
    assert told["here"]["loss"] is None and told["delay"]["round_trip_s"] is None
    assert "0 of 0 packets" in report_text(told, False)
    assert worst_moment(results[0]) is None


def test_what_somebody_writes_meanwhile_is_told():
    """The station confirms it; what the other side of the test says by messages is read by the test alone."""
    told: list[str] = []

    async def main() -> None:
        here, there = memory_pair()
        texts = [Text(1, 1, "Cid", "dinner?", "Ada"), Text(1, 2, "Cid", "{", "Ada"), Text(1, 3, "Bob", OVER_WORDS)]
        for text in (*texts, Text(1, 4, "Bob", '{"heard": 1}')):
            await there.send(encode(text))
        settings = Settings(name="Ada", link="udp://127.0.0.1:7800", permit_tone=False)
        await run_field_test(settings, parts(here), known_clips(), minutes=0.1, answer=False, say=told.append)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert ["Cid writes to Ada: dinner?", "Cid writes to Ada: {"] == [line for line in told if " writes" in line]


@trio_test
async def test_a_link_that_fails_is_told_of_at_once():
    """The report, which has it too, comes minutes later."""
    told: list[str] = []
    observer = FieldTestObserver(FieldTest(Settings(), "caller"), known_clips(), told.append)
    problem = events.LinkProblem("the broker at h is gone", "it is tried again", lasting=False)
    for event in (problem, events.LinkRecovered(), events.CodecMismatch("Bob", 1, 2)):
        observer.note(event)
    assert [str(problem), "the link works again", "Bob speaks codec 2, this is 1"] == told
    assert [str(problem), "Bob speaks codec 2, this is 1"] == observer.test.problems


@trio_test
async def test_overs_that_are_never_played_take_no_room():
    """Those of another codec, say, however many come: the over that is played then is the one that is noted."""
    observer = FieldTestObserver(FieldTest(Settings(), "caller"), known_clips(), lambda line: None)
    before = overs_in_memory()
    for number in range(100):
        begin = Begin(number, 0, bytes([number]) * 8, 0, CODEC_ID + 1, 1, "Eve")
        packets = [PacketHeard(index, bytes([number]) * 32, False) for index in range(3 + number)]
        end = OverEnded(End(number, 4 + number, len(packets)), len(packets), begin)
        observer.watch("in", b"", [OverBegun(begin, 0), *packets, end])
    assert overs_in_memory() - before <= 1
    observer.note(events.OverPlayed(99, "Eve", 102, 0, 0, 32.64, complete=True))
    assert [102] == [over.packets for over in observer.test.heard]


def overs_in_memory() -> int:
    """How many recorded overs anybody holds."""
    gc.collect()
    return sum(isinstance(thing, RecordedOver) for thing in gc.get_objects())


def recorded(packets: tuple[bytes, ...], flags: str) -> RecordedOver:
    return RecordedOver(0.0, "heard", "Ada", "", "", Mode.OPEN, CODEC_ID, 1, True, flags, packets)


def test_a_clip_is_recognised_by_its_packets():
    """With losses and flipped bits too; other speech is none of ours."""
    known = known_clips()
    packets = list(known[1].packets)
    assert recognise(recorded(tuple(packets), "." * len(packets)), known) is known[1]
    packets[3] = bytes(32)
    packets[4] = bytes(octet ^ 0x11 for octet in packets[4])
    assert recognise(recorded(tuple(packets), "...-d" + "." * (len(packets) - 5)), known) is known[1]
    noise = tuple(np.random.default_rng(1).bytes(32) for _ in range(10))
    assert recognise(recorded(noise, "." * 10), known) is None
    assert recognise(recorded((bytes(32),) * 3, "---"), known) is None
    assert recognise(recorded((*noise[:9], known[1].packets[9]), "c" * 9 + "."), known) is known[1]


def test_the_worst_moment_weighs_losses_and_damage():
    """Ten packets with most lost or damaged; of equals the first."""

    def heard(flags: str) -> HeardClip:
        return HeardClip(0.0, "one", len(flags), flags, flags.count("-"), 0, 0, 0, 0, np.zeros(0, np.float32))

    test = FieldTest(Settings(), "caller", heard=[heard("." * 30), heard("." * 12 + "c-d" + "." * 15), heard("-" * 2)])
    assert (1, 5) == worst_moment(test)
    assert (0, 0) == worst_moment(FieldTest(Settings(), "caller", heard=[heard("." * 30)] * 2))


def test_two_processes_over_a_bad_udp_link(tmp_path):
    """The real program and models at both ends: two report folders, with ESTOI where pystoi is installed."""
    link = f"udp://127.0.0.1:{free_port()}"
    port = link.rsplit(":", 1)[1]
    answering = start("field-test", f"udp://:{port}", "--answer", "--name", "Bob", "--out", tmp_path / "bob")
    calling = start(
        "field-test",
        f"{link}?loss=0.1&jitter=100&seed=3",
        "--name",
        "Ada",
        "--minutes",
        "0.05",
        "--out",
        tmp_path / "ada",
        "--json",
    )
    said, problems = calling.communicate(timeout=240)
    answering.communicate(timeout=60)
    assert (0, 0) == (calling.returncode, answering.returncode), problems
    told = json.loads(said)
    assert told["peer"] == "Bob" and told["here"]["packets"] > 20 and told["here"]["loss"] < 0.5
    assert told["there"]["told"]["packets"] > 20
    if HAS_PYSTOI:
        assert 0.3 < told["here"]["estoi"] <= told["here"]["estoi_without_a_link"] + 0.02
    else:
        assert "pip install pystoi" in (tmp_path / "ada" / "report.md").read_text()
    for name in ("ada", "bob"):
        assert {"report.md", "report.json", "worst.wav", "worst-original.wav"} == {
            path.name for path in (tmp_path / name).iterdir()
        }
        assert 0.001 < read_speech(Path(tmp_path / name / "worst.wav")).std()
