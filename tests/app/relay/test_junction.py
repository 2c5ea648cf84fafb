"""What a relay carries, and how, in virtual time: stations on two or three links that hear each other through it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from app import events
from app.relay.reasons import NO_AIRTIME, NO_ROOM, NOBODY_THERE, SOMEBODY_TALKS
from app.relay.reports import (
    OverNotRelayed,
    OverRelayed,
    OverWaits,
    RelayClosed,
    RelayFigures,
    RelayReady,
    TextNotRelayed,
    TextRelayed,
)
from tests.support.air import UTC_S, Air, WatchedRelay, clock, play, relaying
from tests.support.overs import over_frames
from tests.support.station import ADA, BOB, Station, clip, running
from transport.protocol.frames import Beacon, Begin, End, Mode, Repeat, Text, Type, Voice
from transport.protocol.open_frames import decode, encode, peek_mode

pytestmark = pytest.mark.usefixtures("cheap_keys")

PACKETS = 10
SPOKEN_S = PACKETS * 0.32 - 0.1
KEY = {"passphrase": "secret"}


def station(settings, air: Air, name: str = "", **changes) -> Station:
    """A station on this air."""
    named = replace(settings, name=name or settings.name, link=air.name, **changes)
    return Station(named, link=air.member(), clock=clock, speaks_clips=False)


@pytest.mark.parametrize("protection", [{}, KEY, {**KEY, "mode": Mode.HAM}], ids=["open", "sealed", "ham"])
def test_an_over_reaches_the_other_link(protection: dict) -> None:
    """Every packet as it was said, packed for that link, under the talker's name and the way; the receipt returns."""
    near, far = Air("udp://near"), Air("udp://far?k=4")
    ada, bob = station(ADA, near, **protection), station(BOB, far, **protection)
    hill = WatchedRelay("Hill", near, far, **protection)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(8.0)
            assert ["Bob via Hill"] == [one.name for one in ada.only(events.PresenceChanged)[-1].stations]
            ada.engine.play_clip(clip(SPOKEN_S))
            played = await bob.until(events.OverPlayed)
            assert ("Ada via Hill", PACKETS, 0, True) == (played.sender, played.packets, played.lost, played.complete)
            receipt = await ada.until(events.OverConfirmed)
            assert (PACKETS, PACKETS, "Bob via Hill") == (receipt.heard, receipt.packets, receipt.station)
            bob.engine.play_clip(clip(SPOKEN_S, seed=2))
            played = await ada.until(events.OverPlayed)
            assert ("Bob via Hill", PACKETS) == (played.sender, played.packets)
            await bob.until(events.OverConfirmed)

    play(main)
    assert ada.encoder.packets == bob.decoder.packets
    assert bob.encoder.packets == ada.decoder.packets
    mode = protection.get("mode", Mode.SEALED if protection else Mode.OPEN)
    ready = hill.only(RelayReady)[0]
    assert (mode, [1, 4]) == (ready.mode, [link.packets_per_frame for link in ready.links])
    assert [RelayClosed()] == hill.only(RelayClosed)
    assert [0, 0] == [one.lost for one in hill.only(OverRelayed)]
    assert [] == [*ada.only(events.Collision, events.ChannelProblem), *bob.only(events.Collision)]


def test_every_frame_has_a_nonce_of_its_own() -> None:
    """On a sealed channel the same nonce and header never stand before two contents, whatever links there are."""
    near, far = Air("udp://near?k=1"), Air("udp://far?k=2")
    ada, bob = station(ADA, near, **KEY), station(BOB, far, **KEY)
    hill = WatchedRelay("Hill", near, far, **KEY)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(6.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            await bob.until(events.OverPlayed)

    play(main)
    begins = {}
    for air in (near, far):
        for _, member, frame in air.frames:
            if frame[0] & 15 == 1:
                begins[air.name, member] = frame[4:12]
    assert 2 == len(begins) == len(set(begins.values()))
    assert 1 == len({nonce[:4] for nonce in begins.values()})


def test_a_busy_link_is_waited_for() -> None:
    """Both talk at once on their own links: each hears the other's over whole, later, and is told that his waits."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            bob.engine.play_clip(clip(SPOKEN_S, seed=2))
            for one in (ada, bob):
                played = await one.until(events.OverPlayed)
                assert (PACKETS, 0, True) == (played.packets, played.lost, played.complete)

    play(main)
    assert ada.encoder.packets == bob.decoder.packets and bob.encoder.packets == ada.decoder.packets
    assert {"udp://near", "udp://far"} == {one.link for one in hill.only(OverWaits)}
    assert "your over waits: somebody talks on link 2 (udp)" == ada.only(events.TextHeard)[0].text
    assert ("Hill", "Ada") == (ada.only(events.TextHeard)[0].sender, ada.only(events.TextHeard)[0].addressee)
    assert all(one.waited_s > 1.0 for one in hill.only(OverRelayed))


def test_a_relay_that_tells_a_talker_something_is_not_there() -> None:
    """His only partner stays the only other one, and his next over is confirmed without being asked."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station(ADA, near, addressee=""), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(10.0)
            bob.engine.play_clip(clip(5.0))
            ada.engine.play_clip(clip(SPOKEN_S))
            assert "Hill" == (await ada.until(events.TextHeard)).sender
            await trio.sleep(20.0)
            assert ["Bob via Hill"] == [one.name for one in ada.only(events.PresenceChanged)[-1].stations]
            before = len(ada.only(events.OverConfirmed))
            ada.engine.play_clip(clip(SPOKEN_S))
            assert "Bob via Hill" == (await ada.until(events.OverConfirmed, before + 1)).station

    play(main)


@pytest.mark.parametrize("ends", [True, False])
def test_an_over_without_a_packet_does_not_wait(ends: bool) -> None:
    """Whoever keyed a moment too late has said nothing: it takes nobody's floor, and nobody is told of it."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob, cara = station(ADA, near), station(BOB, near), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            await trio.sleep(0.05)
            await cara.send(encode(Begin(9, 0, bytes(8), UTC_S, 1, 1, "Cara")))
            if ends:
                await trio.sleep(0.3)
                await cara.send(encode(End(9, 1, 0)))
            await trio.sleep(20.0)

    play(main)
    assert ["Ada"] == [one.sender for one in hill.only(OverRelayed)]
    assert [] == hill.only(OverNotRelayed)
    assert [] == [frame for _, _, frame in far.frames if isinstance(decode(frame), Text)]
    assert ["Ada"] == [played.sender for played in bob.only(events.OverPlayed)]


def test_an_over_is_refused_where_the_floor_is_never_free() -> None:
    """A third link that somebody keeps busy: the over waits a minute there, and is given up; elsewhere it is heard."""
    one, two, three = Air("udp://one"), Air("udp://two"), Air("udp://three")
    ada, bob = station(ADA, one), station(BOB, two)
    hill = WatchedRelay("Hill", one, two, three)
    intruder = three.member()

    async def keep_busy() -> None:
        while True:  # voice without a BEGIN, which nobody can play, and nobody carries
            await intruder.send(encode(Voice(9, 1, (bytes(32),))))
            await trio.sleep(0.32)

    async def main() -> None:
        async with relaying([one, two, three], hill), running(ada, bob), trio.open_nursery() as nursery:
            nursery.start_soon(keep_busy)
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            assert PACKETS == (await bob.until(events.OverPlayed)).packets
            text = await ada.until(events.TextHeard, 2, 90.0)
            assert f"your over did not reach link 3 (udp): {SOMEBODY_TALKS}" == text.text
            nursery.cancel_scope.cancel()

    play(main)
    refused = hill.only(OverNotRelayed)
    assert [("Ada", "udp://one", "udp://three", SOMEBODY_TALKS)] == [
        (each.sender, each.source, each.link, each.reason) for each in refused
    ]
    assert all(member for _, member, frame in three.frames if frame[0] == 0x12)


def test_lost_packets_keep_their_place() -> None:
    """Where every fourth VOICE is lost before the relay, the far end conceals as much, and all else is in its place."""
    count = iter(range(1000))

    def loses(frame: bytes) -> bool:
        return frame[0] == 0x12 and next(count) % 4 == 3

    near, far = Air("udp://near?k=1", loses=loses), Air("udp://far?k=1")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(16 * 0.32 - 0.1))
            played = await bob.until(events.OverPlayed)
            assert (16, 4, True) == (played.packets, played.lost, played.complete)

    play(main)
    expected = [None if number % 4 == 3 else packet for number, packet in enumerate(ada.encoder.packets)]
    assert expected[:-1] == bob.decoder.packets[:15]
    assert 4 == hill.only(OverRelayed)[0].lost


def test_a_packet_missing_among_others_is_filled_and_marked() -> None:
    """Packed four to a frame, a lost one is replaced by the one before it, and the frame says that it is damaged."""
    count = iter(range(1000))

    def loses(frame: bytes) -> bool:
        return frame[0] == 0x12 and next(count) == 2

    near, far = Air("udp://near?k=1", loses=loses), Air("udp://far?k=4")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(8 * 0.32 - 0.1))
            played = await bob.until(events.OverPlayed)
            assert (8, 0, 4, True) == (played.packets, played.lost, played.damaged, played.complete)

    play(main)
    said = ada.encoder.packets
    assert [said[0], said[1], said[1], *said[3:8]] == bob.decoder.packets


def test_messages_go_both_ways_and_are_confirmed() -> None:
    """A text is carried once, to whom it is for, and its confirmation comes back; so does who is there."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station(ADA, near, **KEY), station(BOB, far, **KEY)
    hill = WatchedRelay("Hill", near, far, **KEY)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(6.0)
            ada.engine.send_text("on my way", "Bob via Hill", confirm=True)
            await ada.until(events.TextConfirmed)
            assert "Bob via Hill" == ada.only(events.TextConfirmed)[0].addressee
            ada.engine.send_text("to nobody here", "Cid", confirm=True)
            await ada.until(events.TextUnconfirmed, 1, 120.0)

    play(main)
    heard = [(text.sender, text.text, text.addressee) for text in bob.only(events.TextHeard)]
    assert [("Ada via Hill", "on my way", "Bob"), ("Ada via Hill", "to nobody here", "Cid")] == heard
    assert 5 == len(hill.only(TextRelayed))  # the second one four times, as its sender sent it


@pytest.mark.parametrize(("busy_s", "said"), [(20.0, True), (90.0, False)])
def test_a_message_is_reported_when_it_is_said(busy_s: float, said: bool) -> None:
    """It waits for the end of an over, and is dropped after a minute: what became of it is told then, not before."""
    near, far = Air("udp://near"), Air("udp://far")
    visitor, talker = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(round(busy_s / 0.32)):
                await talker.send(encode(Voice(9, 1, (bytes(32),))))
                if number == 3:
                    await visitor.send(encode(Text(1, 2, "Ada", "on my way")))
                assert [] == hill.only(TextRelayed)
                await trio.sleep(0.32)
            await trio.sleep(10.0)

    play(main)
    assert said == bool([frame for _, _, frame in far.frames if isinstance(decode(frame), Text)])
    assert [("Ada", near.name, far.name)] * said == [
        (one.sender, one.source, one.link) for one in hill.only(TextRelayed)
    ]
    assert [SOMEBODY_TALKS] * (not said) == [one.reason for one in hill.only(TextNotRelayed)]


def test_whoever_leaves_is_gone_everywhere() -> None:
    """After many comings and goings too: greetings are left out where there are too many, leaves wait instead."""
    near, far = Air("udp://near"), Air("udp://far")
    visitor, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for number in range(12):
                for frame in (Beacon(number, 1, f"Ada{number}"), Beacon(number, 2, f"Ada{number}", leaves=True)):
                    await visitor.send(encode(frame))
                    await trio.sleep(0.7)
            await trio.sleep(60.0)

    play(main)
    said = [decode(frame) for _, _, frame in far.frames]
    assert [f"Ada{number} via Hill" for number in range(12)] == [
        one.sender for one in said if isinstance(one, Beacon) and one.leaves
    ]


def test_a_station_whose_name_was_cut_confirms() -> None:
    """On a ham channel, behind two relays that cut it: it is called by its own name where it is."""
    one, two, three = Air("udp://one"), Air("udp://two"), Air("udp://three")
    ham: dict = {**KEY, "mode": Mode.HAM}
    ada, bob = station(ADA, one, **ham), station(BOB, three, "AB1CDE Long Name Here 12", **ham)
    relays = [
        WatchedRelay("N0HILL", one, two, **ham),
        WatchedRelay("N0BAY", two, three, **ham),
    ]

    async def main() -> None:
        async with relaying([one, two, three], *relays), running(ada, bob):
            await trio.sleep(6.0)
            ada.engine.send_text("on my way", "AB1CDE Long ~ via N0HILL", confirm=True)
            await ada.until(events.TextConfirmed)
            ada.engine.play_clip(clip(SPOKEN_S))
            assert "AB1CDE Long ~ via N0HILL" == (await ada.until(events.OverConfirmed)).station

    play(main)
    assert [bob.settings.name] == [text.addressee for text in bob.only(events.TextHeard)]


def test_two_relays_in_a_row() -> None:
    """The way is shown, and an over addressed along it finds its way back, receipt included."""
    one, two, three = Air("udp://one"), Air("udp://two"), Air("udp://three")
    ada, bob = station(ADA, one, **KEY), station(BOB, three, **KEY)
    hill = WatchedRelay("Hill", one, two, **KEY)
    bay = WatchedRelay("Bay", two, three, **KEY)

    async def main() -> None:
        async with relaying([one, two, three], hill, bay), running(ada, bob):
            await trio.sleep(6.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            played = await bob.until(events.OverPlayed)
            assert ("Ada via Hill, Bay", PACKETS, 0) == (played.sender, played.packets, played.lost)
            receipt = await ada.until(events.OverConfirmed)
            assert ("Bob via Bay, Hill", PACKETS) == (receipt.station, receipt.heard)

    play(main)
    assert ada.encoder.packets == bob.decoder.packets


def test_a_relay_that_ends_says_so() -> None:
    """The over that it carries gets its END at once, so that nobody waits for its rest."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            ada.engine.play_clip(clip(20.0))
            await bob.until(events.OverBegan)
            await trio.sleep(3.0)
            hill.relay.close()
            began_s = trio.current_time()
            played = await bob.until(events.OverPlayed)
            assert played.complete and trio.current_time() - began_s < 2.0

    play(main)
    assert not hill.only(OverRelayed)[0].complete


def test_open_overs_keep_the_time_and_the_codec() -> None:
    """BEGIN goes on with its codec and its talker's clock, and without a speaker's profile."""
    near, far = Air("udp://near"), Air("udp://far")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            ada.engine.play_clip(clip(1.0))
            await bob.until(events.OverPlayed)

    play(main)
    begins = [decode(frame) for _, _, frame in (*near.frames, *far.frames) if frame[0] == 0x11]
    first, second = (frame for frame in begins if isinstance(frame, Begin))
    assert (first.codec_id, first.utc_s) == (second.codec_id, second.utc_s)
    assert first.nonce != second.nonce and first.nonce[:4] == second.nonce[:4]
    assert NOBODY_THERE and None is peek_mode(far.frames[0][2])


def test_each_link_has_its_own_way_to_repeat() -> None:
    """From a link that says every packet twice, and to one: what the first way lost is not lost on the other."""
    count = iter(range(1000))

    def loses(frame: bytes) -> bool:
        return frame[0] == 0x12 and next(count) % 5 == 2

    near, far = Air("udp://near?k=1&repeat=1", loses=loses), Air("udp://far?k=2&repeat=1")
    ada, bob = station(ADA, near), station(BOB, far)
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(1.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            played = await bob.until(events.OverPlayed)
            assert (PACKETS, 0, 0) == (played.packets, played.lost, played.damaged)

    play(main)
    assert ada.encoder.packets == bob.decoder.packets
    assert [0] == [one.lost for one in hill.only(OverRelayed)]


@pytest.mark.parametrize(("far_link", "repeat"), [("udp://far", Repeat.NONE), ("udp://far?repeat=1", Repeat.PACKETS)])
@pytest.mark.parametrize("protection", [{}, KEY], ids=["open", "sealed"])
def test_an_over_with_copies_goes_on_by_its_packets(far_link: str, repeat: Repeat, protection: dict) -> None:
    """A relay makes no copies and passes none on: what was lost stays lost, and BEGIN says what is repeated."""
    count = iter(range(1000))

    def loses(frame: bytes) -> bool:
        return frame[0] & 15 == Type.VOICE_WITH_COPIES and next(count) == 2

    near, far = Air("udp://near", loses=loses), Air(far_link)
    coarse = replace(ADA, link="udp://near?repeat=coarse", **protection)
    ada = Station(coarse, link=near.member(), clock=clock, speaks_clips=False)
    bob = station(BOB, far, **protection)
    hill = WatchedRelay("Hill", near, far, **protection)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            await trio.sleep(8.0)
            ada.engine.play_clip(clip(SPOKEN_S))
            played = await bob.until(events.OverPlayed)
            assert (PACKETS, 0) == (played.packets, played.rebuilt)

    play(main)
    assert [1] == [one.lost for one in hill.only(OverRelayed)]
    assert ada.encoder.packets[3] not in bob.decoder.packets and [] == bob.decoder.copies
    assert PACKETS - 1 == sum(frame[0] & 15 == Type.VOICE_WITH_COPIES for _, _, frame in near.frames)
    assert 0 == sum(frame[0] & 15 == Type.VOICE_WITH_COPIES for _, _, frame in far.frames)
    if not protection:
        said = [decode(octets) for _, _, octets in far.frames]
        assert {repeat} == {frame.repeat for frame in said if isinstance(frame, Begin)}


def test_a_duty_cycle_is_kept() -> None:
    """The over ends on the radio where its airtime does, no other is begun, and the talker is told; a message goes."""
    near, radio = Air("udp://near"), Air("kiss://h?call=N0CALL&radio=lora-sf7")
    ada, bob = station(ADA, near, presence="off"), station(BOB, radio)
    hill = WatchedRelay("Hill", near, radio, presence="off")

    async def main() -> None:
        async with relaying([near, radio], hill), running(ada, bob):
            for number in range(3):
                ada.engine.play_clip(clip(60.0))
                await ada.until(events.OverSent, number + 1, 90.0)
                await trio.sleep(5.0)
            text = await ada.until(events.TextHeard, 1, 30.0)
            assert text.text.endswith(NO_AIRTIME)
            ada.engine.send_text("still here", "")
            await bob.until(events.TextHeard, 1, 30.0)

    play(main)
    cut = [one for one in hill.only(OverNotRelayed) if one.reason == NO_AIRTIME]
    assert len(cut) >= 2
    whole = [one for one in hill.only(OverRelayed) if one.complete]
    assert len(whole) < 3
    assert ["still here"] == [one.text for one in bob.only(events.TextHeard)]
    left = [one.links[1].airtime_left_s for one in hill.only(RelayFigures)]
    assert min(left) >= 0.0 and left[-1] < 15.0


def test_an_over_for_which_there_is_no_room_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where so much waits for a link that BEGIN finds no place, the over does not wait for ever to be begun."""
    monkeypatch.setattr("app.station.transmitter.MAX_WAITING", 0)
    near, far = Air("udp://near"), Air("udp://far")
    cara, _ = near.member(), far.member()
    hill = WatchedRelay("Hill", near, far)

    async def main() -> None:
        async with relaying([near, far], hill):
            for frame in over_frames(3):
                await cara.send(encode(frame))
            await trio.sleep(30.0)

    play(main)
    assert [NO_ROOM] == [one.reason for one in hill.only(OverNotRelayed)]
    figures = hill.only(RelayFigures)[-1].links[1]
    assert (0, "idle") == (figures.waiting, figures.state.value) and figures.dropped
