"""What strangers cost a relay's end of a link, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from app import events
from app.relay.link_end import LinkEnd
from app.station.transmitter import ANSWER_SHARE
from tests.support.air import Air, WatchedRelay, clock, play, relaying
from tests.support.attacker import forged
from tests.support.station import ADA, BOB, Station, clip, running
from transport.address import parse_address
from transport.links.memory import memory_pair
from transport.planning.airtime_budget import WINDOW_S, AirtimeBudget
from transport.planning.planner import link_model, plan
from transport.protocol.frames import MAX_NAME_BYTES, Begin, Ping, Type, Voice
from transport.protocol.open_frames import encode

pytestmark = pytest.mark.usefixtures("cheap_keys")


def test_a_flood_of_pings_leaves_a_radio_its_airtime() -> None:
    """An hour of pings costs a tenth of what the duty cycle allows, and a frame: overs are carried as before."""
    near, far = Air("udp://near"), Air("serial:///dev/b?radio=e22-2k4")
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)
    ada, bob = (Station(s, link=air.member(), clock=clock) for s, air in ((ADA, near), (BOB, far)))
    air = AirtimeBudget(link_model(parse_address(far.name)))

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob):
            for number in range(400):
                await intruder.send(encode(Ping(1, number, number)))
                await trio.sleep(9.0)
            ada.engine.play_clip(clip(2.0))
            await bob.until(events.OverPlayed, 1, 10.0)

    play(main)
    pongs = [frame for _, member, frame in far.frames if member == 1 and frame[0] & 15 == Type.PONG]
    spent_s, pong_s = sum(air.airtime_s(len(frame)) for frame in pongs), air.airtime_s(len(pongs[0]))
    most_s = ANSWER_SHARE * air.share * WINDOW_S
    assert 0.8 * most_s <= spent_s <= most_s + pong_s


@pytest.mark.parametrize(("speech_s", "enough"), [(9.9, False), (11.0, True)])
def test_an_over_begins_while_there_is_airtime_for_10_s_of_speech(speech_s: float, enough: bool) -> None:
    """A radio is silent for a part of that time: it takes less than 10 s of airtime."""
    address = parse_address("kiss://far?call=N0CALL&radio=lora-sf7")

    async def main() -> None:
        end = LinkEnd(0, ADA, address, memory_pair()[0], None, clock, lambda report: None)
        on_air = plan(address, name_bytes=MAX_NAME_BYTES)[end.k - 1].on_air
        assert on_air < 0.9
        while end.air.left_s(0.0) > speech_s * on_air:
            end.air.spend(1, 0.0)
        assert enough is end.may_begin

    play(main)


def sealed_begin(number: int) -> bytes:
    return forged(Type.BEGIN, 0, over=number % 256, nonce=number.to_bytes(8))


def open_begin(number: int) -> bytes:
    return encode(Begin(number // 50 % 256, 0, number.to_bytes(8), 0, 1, 1, "Eve"))


def open_voice(number: int) -> bytes:
    return encode(Voice(number // 50 % 256, 1, (bytes(32),)))


@pytest.mark.parametrize("passphrase", [None, "secret"], ids=["open", "sealed stations"])
@pytest.mark.parametrize("trickled", [sealed_begin, open_begin, open_voice])
def test_a_trickle_locks_nobody_out_for_long(trickled: Callable[[int], bytes], passphrase: str | None) -> None:
    """A frame every 2.4 s says next to nothing: overs and messages are carried, whether or not it ever pauses."""
    near, far = Air("udp://near"), Air("udp://far")
    intruder = far.member()
    hill = WatchedRelay("Hill", near, far)
    people = [(replace(s, passphrase=passphrase), air) for s, air in ((ADA, near), (BOB, far))]
    ada, bob = (Station(settings, link=air.member(), clock=clock) for settings, air in people)

    async def trickle() -> None:
        for number in range(1000):
            await intruder.send(trickled(number))
            await trio.sleep(4.0 if number % 46 == 45 else 2.4)

    async def main() -> None:
        async with relaying([near, far], hill), running(ada, bob), trio.open_nursery() as nursery:
            await trio.sleep(8.0)
            nursery.start_soon(trickle)
            await trio.sleep(6.0)
            for number in range(1, 11):
                before = len(bob.only(events.OverPlayed))
                ada.engine.play_clip(clip(2.0))
                ada.engine.send_text(f"number {number}", "")
                await trio.sleep(20.0)
                overs = bob.only(events.OverPlayed)[before:]
                assert 0 in {one.lost for one in overs if one.sender.startswith("Ada")}
                assert number == len(bob.only(events.TextHeard))
            nursery.cancel_scope.cancel()

    play(main)
