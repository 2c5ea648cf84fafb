"""A link that is made worse, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.support.overs import numbered_packet
from transport.errors import LinkClosed, NoPeerYet
from transport.impairment import ImpairedPath, Impairment
from transport.link_kinds import LayerBytes
from transport.links.base import Link
from transport.links.impaired import LINGER_S, ImpairedLink, impair
from transport.links.memory import MemoryLink, memory_pair
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

FRAME = encode(Voice(1, 1, (numbered_packet(1),)))


def run_in_virtual_time(main) -> None:
    """Run an async test; an hour of sleeping takes no time."""
    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_link_is_paced_and_delayed() -> None:
    """`send` waits while the wire is busy; frames arrive after airtime and delay; what has not left is told."""

    async def main() -> None:
        near, far = memory_pair(layers=(LayerBytes("framing", 10),))
        async with trio.open_nursery() as nursery:
            link = impair(near, Impairment(rate_bps=400, delay_s=0.5), nursery)  # 40 + 10 bytes: 1 s
            times = []
            for _ in range(3):
                await link.send(FRAME)
                times.append(trio.current_time())
            assert [0.0, 1.0, 2.0] == pytest.approx([at - times[0] for at in times])
            assert 1.0 == pytest.approx(link.drain_s())
            arrived = []
            for _ in range(3):
                assert FRAME == await far.receive()
                arrived.append(trio.current_time() - times[0])
            assert [2.0, 2.5, 3.5] == pytest.approx(arrived)  # the first came at 1.5, and was fetched at 2.0
            assert 0.0 == link.drain_s()
            assert (3, 96, 24, 30, 0) == (
                link.sent.frames,
                link.sent.voice,
                link.sent.header,
                link.sent.framing,
                link.sent.carrier,
            )
            await link.aclose()

    run_in_virtual_time(main)


def test_both_directions_are_impaired() -> None:
    """A wrapped link loses what it receives as well, and counts it."""

    async def main() -> None:
        near, far = memory_pair()
        async with trio.open_nursery() as nursery:
            impairment = Impairment(loss=0.5, seed=1)
            link = ImpairedLink(near, impairment, nursery)
            for _ in range(100):
                await far.send(FRAME)
                await link.send(FRAME)
            await trio.sleep(1)
            heard = [0, 0]
            ends: list[Link] = [far, link]
            for end, receiver in enumerate(ends):
                with trio.move_on_after(1):
                    while True:
                        await receiver.receive()
                        heard[end] += 1
            paths = [ImpairedPath(impairment), ImpairedPath(impairment.reversed())]
            assert heard == [sum(len(path.hand_over(FRAME, 0.0)) for _ in range(100)) for path in paths]
            assert all(35 < frames < 65 for frames in heard)
            assert heard[1] == link.received.frames
            await link.aclose()

    run_in_virtual_time(main)


def test_closing_ends_tasks_and_receivers() -> None:
    """After `aclose` no task is left, and who waits for a frame is told; the same when the far end closes."""

    async def main() -> None:
        for close_far in (False, True):
            near, far = memory_pair()
            async with trio.open_nursery() as nursery:
                link = impair(near, Impairment(delay_s=1.0), nursery)
                async with trio.open_nursery() as closer:
                    closer.start_soon(far.aclose if close_far else link.aclose)
                    with pytest.raises(LinkClosed):
                        await link.receive()
                await link.aclose()

    run_in_virtual_time(main)


def test_errors_of_the_link_below_come_through() -> None:
    """What the link below says about sending is raised by the next `send`; about receiving, by `receive`."""

    class Lonely(MemoryLink):
        async def send(self, frame: bytes) -> None:
            raise NoPeerYet("nobody there", "call")

    async def main() -> None:
        near, _far = memory_pair()
        lonely = Lonely("lonely", (), near._out, near._incoming)
        async with trio.open_nursery() as nursery:
            link = impair(lonely, Impairment(delay_s=0.1), nursery)
            await link.send(FRAME)
            await trio.sleep(1)
            with pytest.raises(NoPeerYet):
                await link.send(FRAME)
            await link.send(FRAME)
            await link.aclose()

    run_in_virtual_time(main)


@pytest.mark.parametrize("impairment", [Impairment(delay_s=0.5), Impairment(jitter_s=0.2), Impairment(delay_s=3.0)])
def test_what_was_sent_arrives_though_the_link_is_closed(impairment: Impairment) -> None:
    """`aclose` waits for what is on its way: the END of an over is the last thing that a sender does."""

    async def main() -> None:
        near, far = memory_pair()
        async with trio.open_nursery() as nursery:
            link = impair(near, impairment, nursery)
            await link.send(FRAME)
            await link.send(FRAME)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await link.aclose()
        assert [FRAME, FRAME] == [await far.receive(), await far.receive()]

    run_in_virtual_time(main)


def test_a_link_is_closed_in_seconds_whatever_is_on_its_way() -> None:
    """A delay of minutes does not keep a program from ending."""

    async def main() -> None:
        near, _ = memory_pair()
        async with trio.open_nursery() as nursery:
            link = impair(near, Impairment(delay_s=300.0), nursery)
            await link.send(FRAME)
            began_s = trio.current_time()
            await link.aclose()
            assert LINGER_S == pytest.approx(trio.current_time() - began_s)

    run_in_virtual_time(main)
