"""Two ends and a fake link in virtual time: what a talker hands over, what a path does to it, what is played."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from transport.impairment import Delivery, ImpairedPath
from transport.playout.playout import Playout, PlayoutItem
from transport.protocol.frames import COPY_BYTES, PACKET_BYTES, PACKET_S, Begin, End, Repeat, Voice
from transport.protocol.open_frames import encode
from transport.protocol.over import (
    CopyHeard,
    Malformed,
    OverBegun,
    OverEnded,
    OverSender,
    PacketHeard,
    PacketRepeated,
)
from transport.protocol.receiver import ReceivingEnd, Refused, Rubbish

NONCE = bytes(range(8))
GIVEN_UP_S = 6.0
"""More than any delay in these tests."""


def numbered_packet(number: int) -> bytes:
    """Return a packet that holds its own number."""
    return number.to_bytes(4, "big") * (PACKET_BYTES // 4)


def numbered_copy(number: int) -> bytes:
    """Return a coarse copy that holds the number of its packet."""
    return number.to_bytes(4, "big") * (COPY_BYTES // 4)


def over_frames(
    packets: int,
    k: int = 1,
    *,
    over: int = 7,
    nonce: bytes = NONCE,
    sender: str = "Ada",
    repeat: Repeat = Repeat.NONE,
) -> list[Begin | Voice | End]:
    """Return all frames of an over of numbered packets, with END twice."""
    talker = OverSender(over=over, nonce=nonce, utc_s=1_700_000_000, codec_id=1, k=k, sender=sender, repeat=repeat)
    frames: list[Begin | Voice | End] = [talker.begin()]
    for first in range(0, packets, k):
        said = range(first, min(first + k, packets))
        copies = [numbered_copy(i) for i in said] if repeat is Repeat.COPIES else []
        for frame in talker.voice([numbered_packet(i) for i in said], copies):
            assert isinstance(frame, Begin | Voice)
            frames.append(frame)
    return [*frames, talker.end(), talker.end()]


def talk(frames: Sequence[Begin | Voice | End], k: int = 1, start_s: float = 0.0) -> list[tuple[float, bytes]]:
    """Return (time in s, bytes) as a talker sends them: a VOICE frame once its packets are spoken, the rest at once."""
    sent, now = [], start_s
    for frame in frames:
        if isinstance(frame, Voice):
            now += k * PACKET_S
        sent.append((now, encode(frame)))
    return sent


def through(path: ImpairedPath, sent: Iterable[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """Return (time in s, bytes) in the order in which they arrive at the end of a path."""
    on_the_way: list[Delivery] = []
    for now, octets in sent:
        on_the_way += path.hand_over(octets, now)
    return [(delivery.at_s, delivery.octets) for delivery in sorted(on_the_way)]


def drop(sent: Sequence[tuple[float, bytes]], *numbers: int) -> list[tuple[float, bytes]]:
    """Return the frames without those at these places."""
    return [entry for number, entry in enumerate(sent) if number not in numbers]


@dataclass
class Listener:
    """A receiving station in virtual time: frames go in, and items are played at their deadlines."""

    playout: Playout = field(default_factory=Playout)
    receiver: ReceivingEnd = field(default_factory=ReceivingEnd)
    played: list[tuple[float, PlayoutItem]] = field(default_factory=list)
    ended: list[OverEnded] = field(default_factory=list)
    given_up: int = 0
    rubbish: int = 0
    repeated: int = 0

    def hear(self, arrivals: Iterable[tuple[float, bytes]]) -> Listener:
        """Run virtual time through these arrivals and on until nothing is due. A talker who says nothing for
        GIVEN_UP_S is given up, as the floor does it."""
        queue = deque(sorted(arrivals, key=lambda arrival: arrival[0]))
        now = queue[0][0] if queue else 0.0
        while queue or self.playout.active:
            give_up_s = now + GIVEN_UP_S
            arrival_s = queue[0][0] if queue else math.inf
            deadline_s = self.playout.next_deadline_s()
            if deadline_s is not None and deadline_s < min(arrival_s, give_up_s):
                item = self.playout.take(deadline_s)
                assert item is not None
                self.played.append((deadline_s, item))
            elif arrival_s <= give_up_s or not self.playout.active:
                now, octets = queue.popleft()
                self._receive(now, octets)
            else:
                now = give_up_s
                self.given_up += self.receiver.following is not None
                self.receiver.abandon()
                self.playout.end(None, now)
        return self

    def _receive(self, now: float, octets: bytes) -> None:
        for fact in self.receiver.receive(octets, now):
            match fact:
                case OverBegun(begin, first_index):
                    repeats = begin.repeat is not Repeat.NONE
                    self.playout.begin(begin.k, first_index, repeat=repeats, begun_s=now)
                case PacketHeard(index, packet, damaged):
                    self.playout.push(index, packet, damaged, now)
                case CopyHeard(index, copy):
                    self.playout.push_copy(index, copy, now)
                case OverEnded(end):
                    self.ended.append(fact)
                    self.playout.end(end.packets_sent, now)
                case PacketRepeated():
                    self.repeated += 1
                case Malformed() | Rubbish() | Refused():
                    self.rubbish += 1

    @property
    def indices(self) -> list[int | None]:
        """Return what was played, in order: the number of each packet, None where one was concealed."""
        return [None if item.packet is None else int.from_bytes(item.packet[:4], "big") for _, item in self.played]

    @property
    def rebuilt(self) -> list[int]:
        """Return the numbers of the packets that were rebuilt from the right copies, in order."""
        items = [item for _, item in self.played if item.copy is not None]
        assert all(item.packet is None and item.copy == numbered_copy(item.index) for item in items)
        return [item.index for item in items]
