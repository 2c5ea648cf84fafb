"""A station on this machine that repeats what it hears: the very packets, as the link brought them, in its own name.

It knows no codec and makes no sound, so what comes back is what a station at the far end would have heard, but for what
such a station rebuilds from coarse copies. It makes none itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.events import Event
from app.station.channel_end import ChannelEnd, wall_clock_s
from transport.errors import LinkClosed
from transport.links.base import Link
from transport.protection.cipher import Secret
from transport.protocol.frames import NONCE_BYTES, PACKET_S, Begin, Frame, Repeat, Text
from transport.protocol.over import OverBegun, OverEnded, OverSender, PacketHeard
from transport.protocol.receiver import Answer, Fact, VoiceArrived

NAME = "parrot"
"""The parrot's name as a station."""
THINKING_S = 0.6
"""Pause between the end of an over and its repetition, in seconds: long enough to be heard as an answer."""
PRE_ROLL_S = 0.2
"""Speech from before the key that an over begins with, in seconds: its first frame may leave that much early."""
END_AGAIN_S = 0.1
"""Time between the two ENDs of an over, in seconds."""
MAX_PACKETS = 4096
"""Largest number of packets of one over that are remembered: 22 minutes."""

NoteArrival = Callable[[int, int, float], None]
"""Function that is told over, sequence and time of every VOICE frame that arrives, to measure the link."""


@dataclass(frozen=True, slots=True)
class ParrotPorts:
    """The things that a station lends to the parrot in the same program."""

    arrived: NoteArrival
    secret: Secret | None = None
    """Key of the channel; None for the open channel."""
    clock: Callable[[], int] = wall_clock_s
    """Function that returns UTC seconds, 0 where there is no clock."""


class Parrot:
    """A station that listens to an over, then repeats it."""

    def __init__(self, link: Link, ports: ParrotPorts) -> None:
        """Take the parrot's end of the link."""
        self._link = link
        self._arrived = ports.arrived
        self._channel = ChannelEnd(NAME, link, ports.secret, ports.clock, _ignore)
        self._packets: dict[int, bytes] = {}

    async def run(self) -> None:
        """Answer until cancelled or the link is closed. Packets that were lost on the way are left out."""
        try:
            while True:
                for fact in self._channel.receive(await self._link.receive()):
                    await self._answer(fact)
        except LinkClosed:
            return

    async def _answer(self, fact: Fact) -> None:
        match fact:
            case Text(over, sequence, _, text):  # by its number the station would take it for its own
                await self._send(Text(over ^ 1, sequence, NAME, text))
            case Answer(frame):
                await self._send(frame)
            case VoiceArrived(over, sequence):
                self._arrived(over, sequence, trio.current_time())
            case OverBegun():
                self._packets = {}
            case PacketHeard(index, packet) if len(self._packets) < MAX_PACKETS:
                self._packets[index] = packet
            case OverEnded(begin=begin):
                await self._repeat(begin, [packet for _, packet in sorted(self._packets.items())])

    async def _repeat(self, heard: Begin, packets: list[bytes]) -> None:
        """Send an over of these packets in real time, as if it were spoken.

        A frame leaves when its last packet would have been said. That is early for the first ones, because a talker
        also sends what was said just before the key.
        """
        await trio.sleep(THINKING_S)
        sender = OverSender(
            over=os.urandom(1)[0],
            nonce=os.urandom(NONCE_BYTES),
            utc_s=0,
            codec_id=heard.codec_id,
            k=heard.k,
            sender=NAME,
            repeat=Repeat.PACKETS if heard.repeat is Repeat.PACKETS else Repeat.NONE,
        )
        began_s = trio.current_time() - PRE_ROLL_S
        await self._send(sender.begin())
        for at in range(0, len(packets), heard.k):
            said = packets[at : at + heard.k]
            await trio.sleep_until(began_s + (at + len(said)) * PACKET_S)
            for frame in sender.voice(said):
                await self._send(frame)
        await self._send(sender.end())
        await trio.sleep(END_AGAIN_S)
        await self._send(sender.end())

    async def _send(self, frame: Frame) -> None:
        await self._link.send(self._channel.encode(frame))


def _ignore(event: Event) -> None:
    """Do nothing: a parrot has no screen."""
