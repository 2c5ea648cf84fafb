"""The over of `gossamer send`: what is said of it."""

from __future__ import annotations

from dataclasses import fields

import pytest
import trio
from trio.testing import trio_test

from app.cli import send
from app.cli.outgoing_over import OutgoingOver
from app.events import EndReason, FloorChanged, LinkProblem, LinkRecovered, OverSent, TalkDenied, TalkEnded
from app.station.messages import WAITS_S
from transport.protocol.floor_states import State

UNPLUGGED = LinkProblem("/dev/ttyUSB0 was unplugged", "plug it in again, it is waited for")


@pytest.mark.parametrize(("packets", "told"), [(0, "0 packets"), (1, "1 packet"), (12, "12 packets")])
def test_an_over_whose_link_is_gone_is_lost_in_a_line(capsys, packets: int, told: str) -> None:
    """Why the link fails is said once, nobody is told to wait for what ends, and what had left is counted."""
    over = OutgoingOver(live=False)
    over.note(UNPLUGGED)
    over.note(TalkEnded(1, packets, 3.84, EndReason.LINK_LOST))
    over.note(TalkDenied(str(UNPLUGGED)))
    assert over.done.is_set()
    assert "gossamer: /dev/ttyUSB0 was unplugged\n" == capsys.readouterr().err
    assert f"the over was lost after 3.8 s, {told} had left: send it again when the link works" == over.problem


@pytest.mark.parametrize("lasting", [False, True])
def test_a_far_end_that_leaves_after_the_over_is_no_problem(capsys, lasting: bool) -> None:
    """`listen --once` ends with the over, while `send` stays a moment longer: the over was sent all the same."""
    over = OutgoingOver(live=False)
    sent = OverSent(**{field.name: 1 for field in fields(OverSent)})
    over.note(sent)
    over.note(LinkProblem("nobody listens at 127.0.0.1 port 7800", "start it there", lasting))
    over.note(LinkRecovered())
    assert (sent, "") == (over.sent, over.problem)
    assert "" == capsys.readouterr().err


def test_a_far_end_that_dies_in_mid_over_leaves_a_doubt(capsys) -> None:
    """Reports of the network end no over, since they can be forged; where they go on behind it, it was no success."""
    over = OutgoingOver(live=False)
    over.note(LinkProblem("nobody listens there", "start it", lasting=False))
    over.note(OverSent(**{field.name: 1 for field in fields(OverSent)}))
    assert (True, False) == (over.left.is_set(), over.done.is_set())
    over.doubt()
    assert over.done.is_set() and over.sent is None
    assert "nobody listens there: the over may not have been heard, send it again" == over.problem
    assert "gossamer: nobody listens there\n" == capsys.readouterr().err


def test_an_over_that_errors_have_ended_is_not_sent() -> None:
    """The END that ends it early leaves, too: part of what was to be said did not."""
    over = OutgoingOver(live=False)
    over.note(LinkProblem("nobody listens there", "start it", lasting=True))
    over.note(OverSent(**{field.name: 1 for field in fields(OverSent)}))
    assert (None, "nobody listens there: start it") == (over.sent, over.problem)


@trio_test
async def test_an_over_waits_for_no_talker_without_end(virtual_time) -> None:
    """After the longest wait it asks for the floor every second or so; before that, once the channel is free."""
    over = OutgoingOver(live=False)
    over.note(FloorChanged(State.RECEIVING))
    until_s = trio.current_time() + WAITS_S
    await send._wait_for_floor(over, until_s)
    assert until_s <= trio.current_time() <= until_s + 2
    again_s = trio.current_time()
    await send._wait_for_floor(over, until_s)
    assert again_s < trio.current_time() <= again_s + 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send._wait_for_floor, over, trio.current_time() + WAITS_S)
        await trio.sleep(3.0)
        over.note(FloorChanged(State.IDLE))
    assert trio.current_time() <= again_s + 2 + 3 + 2
