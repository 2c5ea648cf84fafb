"""Overs collected from the facts about the frames of one direction. No I/O, no clock.

What a frame claims is believed as far as the time bears it out: packets that came count, those that did not come count
only if there was time to say them. Three datagrams cannot claim six hours. A packet that stands alone, far ahead of the
others, does not make the over longer.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.events import Direction
from app.history.overs import PacketFlag, RecordedOver
from codec.format import PACKET_BYTES, PACKET_S
from transport.protocol.frames import Begin, Mode
from transport.protocol.over import CopyHeard, OverBegun, OverEnded, PacketHeard
from transport.protocol.places import last_of_row
from transport.protocol.receiver import EndArrived, Fact

LEAD_S = 60.0
"""Seconds of speech that may be missing from an over beyond the time that has passed since its BEGIN came.

It covers a BEGIN that was held up on the way, and whoever joins within the first minute. Who joins later gets an over
that begins where he came in.
"""

BETTER = (PacketFlag.LOST, PacketFlag.COPY, PacketFlag.DAMAGED, PacketFlag.INTACT)
"""Fates of a packet, each better than the one before."""


class OverWatch:
    """A collector of the overs of one direction, from the facts about its frames.

    Whether a talker has disappeared is the receiving station's decision (`floor.SILENCE_S`): an over without END is
    complete when another one begins, or with `finish`.
    """

    def __init__(self, direction: Direction, link: str = "", mode: Mode = Mode.OPEN) -> None:
        """Take what every recorded over names: its direction, the link and the channel's mode."""
        self._direction: Direction = direction
        self._link = link
        self._mode = mode
        self._begin: Begin | None = None
        self._began_utc_s = 0.0
        self._began_s = 0.0
        self._first = 0
        """Index of the over's packet that is the recording's first."""
        self._joined = self._newest = -1
        """Place in the recording before that of the first packet after the BEGIN, and the newest that came on time."""
        self._packets: dict[int, tuple[bytes, PacketFlag]] = {}

    def watch(self, facts: Sequence[Fact], utc_s: float, now_s: float) -> list[RecordedOver]:
        """Take the facts of one frame, and return the overs that have ended with it.

        utc_s: UTC seconds, 0 without a clock. now_s: seconds of a clock that only goes forward.
        """
        ended: list[RecordedOver] = []
        for fact in facts:
            match fact:
                case OverBegun(begin, first_index) if not self._goes_on(begin):
                    ended += self.finish()
                    self._begin, self._began_utc_s, self._began_s = begin, utc_s, now_s
                    self._first = first_index if first_index * PACKET_S > LEAD_S else 0
                    self._joined = self._newest = first_index - self._first - 1
                case PacketHeard(index, packet, damaged):
                    flag = PacketFlag.DAMAGED if damaged else PacketFlag.INTACT
                    self._place(index - self._first, packet, flag, now_s)
                case CopyHeard(index, copy):
                    self._place(index - self._first, copy.ljust(PACKET_BYTES, b"\0"), PacketFlag.COPY, now_s)
                case OverEnded(end) | EndArrived(end) if self._begin is not None and end.over == self._begin.over:
                    ended += self.finish(min(end.packets_sent - self._first, self._longest(now_s)))
        return ended

    def finish(self, total: int | None = None) -> list[RecordedOver]:
        """End the over that is being collected, and return it if there is any speech in it.

        total: number of packets that its END names; None where no END came.
        """
        begin, self._begin = self._begin, None
        kept, self._packets = self._packets, {}
        if begin is None or not kept:
            return []
        came = 1 + last_of_row(self._newest if self._newest > self._joined else max(kept), kept, begin.k)
        count = came if total is None else max(total, self._newest + 1)
        if not count:
            return []
        lost = (bytes(PACKET_BYTES), PacketFlag.LOST)
        contents = [kept.get(index, lost) for index in range(count)]
        return [
            RecordedOver(
                began_utc_s=self._began_utc_s,
                direction=self._direction,
                sender=begin.sender,
                addressee=begin.addressee,
                link=self._link,
                mode=self._mode,
                codec_id=begin.codec_id,
                k=begin.k,
                complete=total is not None,
                flags="".join(flag for _, flag in contents),
                packets=tuple(content for content, _ in contents),
                number=begin.over,
            )
        ]

    def _place(self, index: int, content: bytes, flag: PacketFlag, now_s: float) -> None:
        """Keep a packet, unless a better one is there, or its place is one that cannot have been reached yet."""
        _, there = self._packets.get(index, (b"", PacketFlag.LOST))
        if index < 0 or BETTER.index(flag) < BETTER.index(there) or index > self._longest(now_s):
            return
        self._packets[index] = (content, flag)
        if index <= self._joined + (now_s - self._began_s) / PACKET_S:
            self._newest = max(self._newest, index)

    def _longest(self, now_s: float) -> int:
        """Return the largest number of packets that the over can have: those that came, and the time for others."""
        return len(self._packets) + int((now_s - self._began_s + LEAD_S) / PACKET_S)

    def _goes_on(self, begin: Begin) -> bool:
        """Tell whether this BEGIN is of the over that is being collected: its talker was away for a while."""
        return self._begin is not None and (begin.over, begin.nonce) == (self._begin.over, self._begin.nonce)
