"""Short messages in virtual time: confirmed, sent again where they were lost, given up in the end, and shown once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import trio_test

from app import events
from app.station.messages import MAX_KEPT, PAUSES_S, WAITS_S
from tests.support.station import ADA, BOB, CODEC_ID, Station, clip, running
from transport.errors import PeerUnreachable
from transport.links.base import Link
from transport.links.memory import memory_pair
from transport.protocol.frames import Begin, Type, Voice
from transport.protocol.open_frames import encode


def texts(station: Station) -> list[str]:
    """What a station has heard, as its host was told."""
    return [event.text for event in station.only(events.TextHeard)]


async def arrives(ada: Station, bob: Station, within_s: float, confirm: bool) -> None:
    """See the message leave in that time and be shown once, and confirmed if that is wanted."""
    await ada.until(events.TextSent, within_s=within_s)
    await trio.sleep(1.0)
    assert ["on my way"] == texts(bob)
    assert confirm == bool(ada.only(events.TextConfirmed))


pytestmark = pytest.mark.usefixtures("cheap_keys")


class LossyLink:
    """A link that loses the first frame of some types."""

    def __init__(self, link: Link, *lost: Type) -> None:
        self._link, self.to_lose = link, [*lost]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, octets: bytes) -> None:
        kind = Type(octets[0] & 0x0F)
        if kind in self.to_lose:
            self.to_lose.remove(kind)
        else:
            await self._link.send(octets)


class AwayLink:
    """A link that is away for some time, and says so or only loses what it is given."""

    def __init__(self, link: Link, says: bool) -> None:
        self._link, self._says, self.away = link, says, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    @property
    def ready(self) -> bool:
        return not (self.away and self._says)

    async def send(self, octets: bytes) -> None:
        if self.away:
            raise PeerUnreachable("the broker is away", "wait")
        await self._link.send(octets)


def two(passphrase: str | None = None, lost_by_ada: tuple[Type, ...] = (), lost_by_bob: tuple[Type, ...] = ()) -> Any:
    """Two stations, the channel sealed where there is a passphrase, each of which loses some of what it sends."""
    here, there = memory_pair()
    ada, bob = (replace(settings, passphrase=passphrase) for settings in (ADA, BOB))
    return Station(ada, link=LossyLink(here, *lost_by_ada)), Station(bob, link=LossyLink(there, *lost_by_bob))


@pytest.mark.parametrize("passphrase", [None, "correct horse battery staple"])
@trio_test
async def test_a_message_is_confirmed_by_the_one_it_is_for(virtual_time, passphrase):
    """By no other, and not where it is for everybody; on a sealed channel too."""
    ada, bob = two(passphrase)
    async with running(ada, bob):
        number = ada.engine.send_text("on my way", "Bob", confirm=True)
        confirmed = await ada.until(events.TextConfirmed)
        assert (number, "Bob") == (confirmed.number, confirmed.addressee)
        ada.engine.send_text("and you?", "Eve", confirm=True)
        ada.engine.send_text("hello all", "", confirm=True)
        await trio.sleep(sum(PAUSES_S) + 1)
    assert ["on my way", "and you?", "hello all"] == texts(bob)
    assert 1 == len(ada.only(events.TextConfirmed))
    [given_up] = ada.only(events.TextUnconfirmed)
    assert ("Eve", len(PAUSES_S)) == (given_up.addressee, given_up.tries)
    assert 3 == len(ada.only(events.TextSent))


@trio_test
async def test_a_message_that_was_lost_is_sent_again_and_shown_once(virtual_time):
    """Whether it was the message that was lost, or its receipt."""
    ada, bob = two(lost_by_ada=(Type.TEXT,), lost_by_bob=(Type.RECEIPT,))
    async with running(ada, bob):
        ada.engine.send_text("on my way", "Bob", confirm=True)
        await ada.until(events.TextConfirmed)
        assert PAUSES_S[0] + PAUSES_S[1] <= trio.current_time() < sum(PAUSES_S)
    assert [] == ada.link.to_lose == bob.link.to_lose
    assert ["on my way"] == texts(bob)


@trio_test
async def test_nothing_is_sent_again_into_an_over(virtual_time):
    """A message that is due while somebody talks waits until the channel is free, and is confirmed then."""
    ada, bob = two(lost_by_ada=(Type.TEXT,))
    async with running(ada, bob):
        ada.engine.send_text("on my way", "Bob", confirm=True)
        await ada.until(events.TextSent)
        bob.engine.play_clip(clip(12.0))
        await ada.until(events.OverPlayed)
        assert [] == ada.link.to_lose == ada.only(events.TextConfirmed) == texts(bob)
        await ada.until(events.TextConfirmed, within_s=PAUSES_S[0])
    assert ["on my way"] == texts(bob)


@pytest.mark.parametrize("confirm", [True, False])
@trio_test
async def test_a_message_is_not_sent_into_an_over(virtual_time, confirm):
    """What is written while somebody else talks leaves once the channel is free, to be confirmed or not."""
    ada, bob = two()
    async with running(ada, bob):
        bob.engine.play_clip(clip(12.0))
        await ada.until(events.OverBegan)
        ada.engine.send_text("on my way", "Bob", confirm=confirm)
        await ada.until(events.OverPlayed)
        assert [] == ada.only(events.TextSent) and [] == texts(bob)
        await arrives(ada, bob, 1.0, confirm)


@pytest.mark.parametrize("confirm", [True, False])
@trio_test
async def test_nobody_keeps_a_message_back_for_ever(virtual_time, confirm):
    """Not with overs without a pause: a frame every two seconds holds the channel, but no longer than WAITS_S."""
    near, far = memory_pair()
    ada = Station(ADA, link=far)

    async def talk() -> None:
        for number in itertools.count():
            over, sequence = divmod(number, 20)
            begun = Begin(over, sequence, bytes([over] * 8), 0, CODEC_ID, 1, "Eve")
            await near.send(encode(Voice(over, sequence, (bytes(32),)) if sequence % 5 else begun))
            await trio.sleep(2.0)

    async with running(ada), trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await ada.until(events.OverBegan)
        written_s = trio.current_time()
        ada.engine.send_text("on my way", "Bob", confirm=confirm)
        await ada.until(events.TextSent, within_s=2 * WAITS_S)
        assert WAITS_S / 2 < trio.current_time() - written_s < WAITS_S + 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("confirm", [True, False])
@trio_test
async def test_a_message_written_while_the_link_is_away_leaves_when_it_is_back(virtual_time, confirm):
    """Within a second, whether the link says that it is away or only loses what it is given."""
    for says in (True, False):
        ada, bob = two()
        away = AwayLink(ada.link, says)
        ada.link = away
        async with running(ada, bob):
            ada.engine.send_text("on my way", "Bob", confirm=confirm)
            await trio.sleep(4.0)
            assert [] == ada.only(events.TextSent) == texts(bob)
            away.away = False
            await arrives(ada, bob, 1.0 if says else PAUSES_S[0], confirm)


@pytest.mark.parametrize("confirm", [True, False])
@trio_test
async def test_a_message_that_no_link_takes_is_given_up(virtual_time, confirm):
    """And its writer is told that it was not sent."""

    async def hang(octets: bytes) -> None:
        await trio.sleep_forever()

    ada, _ = two()
    ada.link.send = hang
    async with running(ada):
        ada.engine.send_text("on my way", "Bob", confirm=confirm)
        given_up = await ada.until(events.TextUnconfirmed, within_s=600.0)
        assert 0 == given_up.tries
        assert [] == ada.only(events.TextSent)


@trio_test
async def test_messages_that_nobody_confirms_take_no_room(virtual_time):
    """Of many, the oldest are given up at once, and none is sent for ever."""
    ada, bob = two()
    async with running(ada, bob):
        for number in range(3 * MAX_KEPT):
            ada.engine.send_text(f"{number}", "Eve", confirm=True)
        await trio.sleep(1)
        assert 2 * MAX_KEPT == len(ada.only(events.TextUnconfirmed))
        await trio.sleep(sum(PAUSES_S) + 60)
        assert 3 * MAX_KEPT == len(ada.only(events.TextUnconfirmed))
