"""An over that is passed on as it is, as far as its frames can be read without the key."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field

import trio

from app.relay.link_end import LinkEnd
from app.relay.reasons import NO_AIRTIME, SOMEBODY_TALKS, TOO_LONG
from transport.planning.planner import link_model, plan
from transport.protocol.floor_states import State
from transport.protocol.frames import MAX_K, NONCE_BYTES, PACKET_S, Repeat
from transport.protocol.open_frames import HEADER_BYTES
from transport.protocol.over import voice_number
from transport.protocol.over_pace import OverPace

MAX_BEGINS = 4
"""BEGINs with one number that are kept, if they differ: which of them is genuine, those with the key know."""
MAX_NUMBERS = 256
"""Numbers of frames of an over that are remembered, the last ones: more than twice what can come at once."""
MAX_VERSIONS = 2
"""Frames of an over with one type and number that are passed on, if they differ: one of them may be forged."""
SILENCE_S, SILENCE_FRAMES = 5.0, 3
"""Silence after which an over has come to nothing: so many seconds, and so many frames more."""
_FIRST_KEPT = 2
"""BEGINs that none which comes later takes the place of."""


def digest_of(octets: bytes) -> bytes:
    """Return the 8 bytes by which a frame is known again."""
    return hashlib.blake2b(octets, digest_size=8).digest()


def nonce_in(octets: bytes) -> bytes:
    """Return the nonce of a sealed or ham frame that says it: of any but VOICE."""
    return octets[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES]


@dataclass(frozen=True, slots=True)
class OverStart:
    """A BEGIN with the number of an over."""

    nonce: bytes
    octets: bytes
    sequence: int
    """Number of the frame."""
    at_s: float
    """Time at which it came."""


@dataclass(slots=True)
class PassedFrames:
    """The frames of an over that have come, by their numbers and contents: a forged one keeps no genuine one away."""

    _digests: dict[bytes, list[bytes]] = field(default_factory=dict)
    """By the header, which says type and number."""

    def takes(self, octets: bytes) -> int:
        """Return which of the frames with its header this one is, from 1 on; 0: it came before, or is not to count."""
        header = octets[:HEADER_BYTES]
        while header not in self._digests and len(self._digests) >= MAX_NUMBERS:
            del self._digests[next(iter(self._digests))]
        known, digest = self._digests.setdefault(header, []), digest_of(octets)
        if digest in known or len(known) >= MAX_VERSIONS:
            return 0
        known.append(digest)
        return len(known)

    def has(self, octets: bytes) -> bool:
        """Tell whether this frame has come."""
        return digest_of(octets) in self._digests.get(octets[:HEADER_BYTES], ())


@dataclass(slots=True)
class WayOn:
    """The way of an over to one link, whose floor it holds."""

    target: LinkEnd
    turn: int
    """Number of the turn that it has there."""
    until_s: float
    """Time until which it may have turns there: those after an END are not longer in all than one."""
    whole: bool = True
    """False where it began there in the middle of the over: somebody talked."""
    packets: int = 0
    lost: int = 0
    """Packets that found no room there."""
    misfits: int = 0
    """VOICEs in a row that did not fit."""

    def ended(self, frame_bytes: int) -> str:
        """Return why the over goes no further here with a frame of this length; "" if it does."""
        state, others_turn = self.target.floor.state, self.turn != self.target.turns
        if not others_turn and (state is State.DRAINING or trio.current_time() >= self.until_s):
            return TOO_LONG
        if others_turn or state not in (State.ASKED, State.ON_AIR, State.COLLIDED):
            return self.target.problem or SOMEBODY_TALKS
        return "" if self.target.may_go_on(frame_bytes) else NO_AIRTIME

    def let_go(self) -> None:
        """Let the floor go, if it is held: what is left of the over is in the queue already."""
        now, floor = trio.current_time(), self.target.floor
        if self.turn != self.target.turns:
            return
        if floor.state not in (State.IDLE, State.RECEIVING):
            self.target.moved(floor.release(now))
        if floor.state is State.DRAINING:
            self.target.moved(floor.drained(now))


@dataclass(slots=True)
class PassedOver:
    """An over that is passed on from one link."""

    over: int
    begun_s: float
    begins: list[OverStart]
    """The BEGINs with its number, which go out with the first VOICE: that tells how many packets a frame has."""
    k: int = 0
    """Fewest packets a frame that a VOICE had, or a half of them where that cannot be told; 0 before the first."""
    ways: list[WayOn] = field(default_factory=list)
    """Ways on which it goes: to all other links at the most."""
    waits: list[LinkEnd] | None = None
    """Links on which it begins once it can: all others at the most; None before the first VOICE."""
    until_s: float = 0.0
    """Time until which it may have turns on other links."""
    frames: PassedFrames = field(default_factory=PassedFrames)
    ends: int = 0
    resumed: int = 0
    """Number of times that it went on after an END."""
    highest: int = -1
    """Highest number of a VOICE that came."""
    heard_s: float = 0.0
    """Time at which its last VOICE came."""

    def join(
        self, packets: int, copies: int, sequence: int, pace: OverPace, now: float, *, took_over: bool = False
    ) -> None:
        """Take the numbers of packets and of copies in its first VOICE that came; its pace is watched from now on.

        Copies are those of a whole frame. The first frame of an over repeats none before it. In any other, half of its
        packets may be those of the one before.
        """
        self.k = copies or min(MAX_K, packets // 2 if sequence > 1 and packets % 2 == 0 else packets)
        first = max((begin.sequence for begin in self.begins if begin.sequence <= sequence), default=sequence)
        pace.join(self.begins[0].nonce.hex(), self.k, self.place(first, self.k), now, took_over)
        self.heard_s = now
        for begin in self.begins:
            self.frames.takes(begin.octets)

    def knows(self, nonce: bytes) -> bool:
        """Tell whether one of its BEGINs has this nonce."""
        return any(begin.nonce == nonce for begin in self.begins)

    def begins_too(self, begin: OverStart) -> None:
        """Take another BEGIN with its number: of more than MAX_BEGINS the first and the last ones are kept."""
        if any(known.octets == begin.octets for known in self.begins):
            return
        if len(self.begins) >= MAX_BEGINS:
            del self.begins[_FIRST_KEPT]
        self.begins.append(begin)

    def k_of(self, packets: int, copies: int) -> int:
        """Return how many packets a frame has by a VOICE with so many packets and copies, which may be forged."""
        if copies or packets in (self.k, 2 * self.k):
            return copies or self.k
        return max(1, min(MAX_K, packets // 2 if packets % 2 == 0 else packets))

    @staticmethod
    def place(sequence: int, k: int) -> int:
        """Return the place in the over, in packets, of a VOICE with this number, or behind a BEGIN: k a frame."""
        number = voice_number(sequence, k)
        return k * (number if number is not None else voice_number(sequence + 1, k) or 0)

    def in_time(self, sequence: int, k: int, packets: int, pace: OverPace, now: float) -> bool:
        """Tell whether a frame with this number, and so many packets, k a frame, can have been said by now.

        Any of the BEGINs before it may be the one of its over.
        """
        last = self.place(sequence, k) + max(0, packets - 1)
        return any(
            begin.sequence <= sequence and last - self.place(begin.sequence, k) <= pace.spoken(begin.at_s, now)
            for begin in self.begins
        )


class BegunOvers:
    """The overs that have begun on one link, and of which no VOICE has come, by their numbers: 256 at the most."""

    def __init__(self, kept_s: float) -> None:
        """Take the time after its last BEGIN within which a VOICE of an over counts, in seconds."""
        self._kept_s = kept_s
        self._overs: dict[int, PassedOver] = {}

    def get(self, over: int, now: float) -> PassedOver | None:
        """Return the over with this number, if one has begun not long ago."""
        begun = self._overs.get(over)
        return begun if begun is not None and now <= begun.begun_s + self._kept_s else None

    def keep(self, over: int, begin: OverStart, now: float) -> None:
        """Take a BEGIN: what comes with its number may belong to it, or to another with that number."""
        begun = self.get(over, now)
        if begun is None:
            self._overs[over] = PassedOver(over, now, [begin])
            return
        begun.begun_s = now
        begun.begins_too(begin)

    def follow(self, over: int) -> None:
        """Take that the over with this number is followed from here on."""
        del self._overs[over]


def silence_s(k: int, end: LinkEnd) -> float:
    """Return the silence after which an over of k packets a frame has come to nothing, whoever has the floor."""
    return SILENCE_S + SILENCE_FRAMES * k * PACKET_S * end.slowness


def misfit(source: LinkEnd, target: LinkEnd, packets: int, copies: int = 0) -> str:
    """Return why frames of so many packets and copies of one link cannot go over another; "" where they can."""
    if any(end.address.kind.takes_channel for end in (source, target)):
        return "a sealed channel's topic on a broker follows from the passphrase"
    if source.link.tag_bytes != target.link.tag_bytes:
        return f"their tags have {source.link.tag_bytes} bytes, and {target.link.tag_bytes} there"
    repeat = Repeat.COPIES if copies else Repeat.PACKETS if packets > MAX_K else Repeat.NONE
    k = copies or (packets // 2 if repeat is Repeat.PACKETS else packets)
    row = plan(dataclasses.replace(target.address, repeat=repeat), sealed=True)[max(1, k) - 1]
    if row.too_long:
        limit = link_model(target.address).max_frame_bytes
        what = f"{packets} packets and {copies} copies" if copies else f"{packets} packets"
        return f"a frame of {what} is longer than the {limit} bytes that the radio there takes"
    return "" if row.fits else f"{packets} packets a frame make that link {row.share:.0%} busy"
