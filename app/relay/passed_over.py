"""An over that is passed on as it is, as far as its frames can be read without the key."""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass, field

import trio

from app.relay.link_end import LinkEnd
from app.relay.reasons import NO_AIRTIME, SOMEBODY_TALKS, TOO_LONG
from transport.planning.planner import link_model, plan
from transport.protection.replay import WINDOW, Window
from transport.protocol.floor_states import State
from transport.protocol.frames import MAX_K, Repeat
from transport.protocol.over import voice_number
from transport.protocol.over_pace import OverPace


@dataclass(slots=True)
class WayOn:
    """The way of an over to one link, whose floor it holds."""

    target: LinkEnd
    turn: int
    """Number of the turn that it has there."""
    until_s: float
    """Time until which it may have turns there: those after an END are not longer in all than one."""
    packets: int = 0
    lost: int = 0
    """Packets that found no room there."""

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
    nonce: bytes
    begin: bytes
    """Its BEGIN, which goes out with the first VOICE: that tells how many packets a frame has."""
    sequence: int
    """Number of that BEGIN."""
    begun_s: float
    k: int = 0
    """Packets a frame, or a half of them where that cannot be told; 0 before the first VOICE."""
    ways: list[WayOn] | None = None
    """Ways on which it goes: to all other links at the most; None while that is not known."""
    window: Window = field(default_factory=Window)
    ends: int = 0
    resumed: int = 0
    """Number of times that it went on after an END."""
    longest: int = 0
    """Length of the longest VOICE so far, in bytes."""

    def join(
        self, packets: int, copies: int, sequence: int, pace: OverPace, now: float, *, took_over: bool = False
    ) -> None:
        """Take the numbers of packets and of copies in its first VOICE that came; its pace is watched from now on.

        Copies are those of a whole frame. The first frame of an over repeats none before it. In any other, half of its
        packets may be those of the one before.
        """
        self.k = copies or min(MAX_K, packets // 2 if sequence > 1 and packets % 2 == 0 else packets)
        self.window.takes(self.sequence)
        pace.join(self.nonce.hex(), self.k, self.place(self.sequence), now, took_over)

    def place(self, sequence: int) -> int:
        """Return the place in the over, in packets, of a VOICE with this number, or behind a BEGIN."""
        number = voice_number(sequence, self.k)
        return self.k * (number if number is not None else voice_number(sequence + 1, self.k) or 0)


@dataclass(slots=True)
class OverElsewhere:
    """An over that others say on a link, while this relay may say it there too."""

    over: int
    nonce: bytes
    heard: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """Numbers of the frames that were heard there last."""


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
