"""A station on this machine that repeats what it hears: the very packets, as the link brought them, under its own name.

It knows no codec and makes no sound, so what comes back is what a far end would have heard.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import trio

from app.events import Event
from app.station.channel_end import ChannelEnd, wall_clock_s
from transport.errors import FrameError, LinkClosed
from transport.links.base import Link
from transport.protection.cipher import Secret
from transport.protocol.frames import NONCE_BYTES, PACKET_S, Begin, End, Frame, Ping, Pong, Receipt, Text, Voice
from transport.protocol.over import OverBegun, OverEnded, OverReceiver, OverSender, PacketHeard

NAME = "parrot"
THINKING_S = 0.6
"""Between the end of an over and its repetition: long enough to hear that it is an answer."""
PRE_ROLL_S = 0.2
END_AGAIN_S = 0.1
MAX_PACKETS = 4096
"""22 minutes of one over are remembered, no more."""

Arrived = Callable[[int, int, float], None]
"""Told over, sequence and time when a VOICE frame has come, for measuring the link."""


@dataclass(frozen=True, slots=True)
class Perch:
    """What a station inside this program gets from the one that it talks with."""

    arrived: Arrived
    secret: Secret | None = None
    """Of the channel; None is the open one."""
    clock: Callable[[], int] = wall_clock_s
    """UTC seconds, 0 for none."""


class Parrot:
    """Over after over: listens, then repeats."""

    def __init__(self, link: Link, perch: Perch) -> None:
        self._link = link
        self._arrived = perch.arrived
        self._channel = ChannelEnd(link, perch.secret, perch.clock, _says_nothing)
        self._receiver = OverReceiver()
        self._packets: dict[int, bytes] = {}
        self._begin: Begin | None = None

    async def run(self) -> None:
        """Until cancelled or the link is closed. What was lost on the way here is left out of the repetition."""
        try:
            while True:
                try:
                    frame = self._channel.decode(await self._link.receive())
                except FrameError:
                    continue
                await self._answer(frame)
        except LinkClosed:
            return

    async def _answer(self, frame: Frame) -> None:
        match frame:
            case Text(over, sequence, _, text):
                await self._send(Text(over, sequence, NAME, text))
            case Ping(over, sequence, token):
                await self._send(Pong(over, sequence, token))
            case Voice(over, sequence):
                self._arrived(over, sequence, trio.current_time())
        if isinstance(frame, Begin | Voice | End):
            for meaning in self._receiver.receive(frame):
                match meaning:
                    case OverBegun(begin):
                        self._begin, self._packets = begin, {}
                    case PacketHeard(index, packet) if len(self._packets) < MAX_PACKETS:
                        self._packets[index] = packet
                    case OverEnded(end, packets_heard) if self._begin is not None:
                        if self._begin.addressee == NAME:
                            await self._send(Receipt(end.over, end.sequence, packets_heard))
                        await self._repeat(self._begin, [packet for _, packet in sorted(self._packets.items())])

    async def _repeat(self, heard: Begin, packets: list[bytes]) -> None:
        """In real time, as if spoken: a frame can leave when its last packet would have been said, which for the first
        ones is early, because a talker sends what was said before the key too."""
        await trio.sleep(THINKING_S)
        sender = OverSender(
            over=os.urandom(1)[0],
            nonce=os.urandom(NONCE_BYTES),
            utc_s=0,
            codec_id=heard.codec_id,
            k=heard.k,
            sender=NAME,
            repeat=heard.repeat,
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


def _says_nothing(event: Event) -> None:
    """A parrot has no screen."""
