"""One station's end of a channel: frames become bytes and bytes become facts, in the mode of the channel.

Frames that the channel refuses are counted here. Where refusals show a pattern, the user is told; nothing else in the
station sees them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import trio

from app.events import ChannelCounts, ChannelProblem, Event
from app.history.capture import FrameWatcher
from transport.errors import BadTag, FrameError, Muted, NewerVersion, OtherMode, Replayed, Stale, UnknownOver
from transport.links.base import Link, source_finder
from transport.protection.channel import Channel, open_channel
from transport.protection.cipher import Secret
from transport.protection.mismatch import MismatchDetector
from transport.protocol.frames import Beacon, Begin, End, Frame, Mode, Voice
from transport.protocol.over import OverReceiver
from transport.protocol.receiver import Fact, ReceivingEnd

NO_CLOCK_BEFORE_S = 1_700_000_000
"""UTC seconds below which the clock was never set: boards without a battery start in 1970, or when they were built."""
CLOCKLESS_KEPT = 64
"""Number of stations without a clock that are remembered, so that each is told of once."""
_REFUSALS: tuple[tuple[type[FrameError], str], ...] = (
    (BadTag, "bad_tags"),
    (Replayed, "replayed"),
    (Stale, "stale"),
    (UnknownOver, "unknown"),
    (OtherMode, "foreign"),
    (NewerVersion, "foreign"),
    (Muted, "muted"),
)
"""The field of ChannelCounts that counts each kind of refusal."""


def wall_clock_s() -> int:
    """Return UTC seconds since 1970, 0 where the clock was obviously never set."""
    now_s = int(time.time())
    return now_s if now_s >= NO_CLOCK_BEFORE_S else 0


class ChannelEnd:
    """The end of a channel that one station holds."""

    def __init__(
        self, name: str, link: Link, secret: Secret | None, clock: Callable[[], int], emit: Callable[[Event], None]
    ) -> None:
        """Open the channel of those who share `secret`; None opens the open channel.

        name: of this station, which confirms overs that are addressed to it. clock: returns UTC seconds, 0 where there
        is no clock, as `wall_clock_s` does.
        """
        self._receiving = ReceivingEnd(self._decode, name)
        self._own_overs = OverReceiver()
        self._watchers: list[FrameWatcher] = []
        self._clock = clock
        self._emit = emit
        self._channel: Channel = open_channel(secret, link.tag_bytes, os.urandom)
        self._mismatches = MismatchDetector(self._channel.mode)
        self._counts = self._told = ChannelCounts()
        self._clockless: set[str] = set()
        self._finder = source_finder(link) if secret is not None else None
        if self._finder is not None:
            self._finder.protect(lambda: self.encode(Beacon(over=0, sequence=0)))

    @property
    def mode(self) -> Mode:
        """How the channel is protected."""
        return self._channel.mode

    def watch(self, watcher: FrameWatcher) -> None:
        """Show every frame that passes from now on to `watcher`, which must not block."""
        self._watchers.append(watcher)

    def encode(self, frame: Frame) -> bytes:
        """Return the frame as it goes on the link, which must happen at once."""
        octets = self._channel.encode(frame, trio.current_time(), self._clock())
        if self._watchers:
            facts: list[Fact] = [*self._own_overs.receive(frame)] if isinstance(frame, Begin | Voice | End) else []
            for watcher in self._watchers:
                watcher("out", octets, facts)
        return octets

    def receive(self, octets: bytes) -> list[Fact]:
        """Return what the bytes mean that the link has just delivered."""
        facts = self._receiving.receive(octets, trio.current_time())
        for watcher in self._watchers:
            watcher("in", octets, facts)
        return facts

    def abandon(self) -> None:
        """Forget the over that is being received: its talker has disappeared."""
        self._receiving.abandon()

    def report(self) -> None:
        """Emit the counts if they have changed. To be called now and then: a flood of frames is no flood of events."""
        if self._counts != self._told:
            self._told = self._counts
            self._emit(self._counts)

    def check_clock(self) -> None:
        """Tell the user if this station has no clock, which a protected channel needs."""
        if self.mode is not Mode.OPEN and not self._clock():
            self._tell_clockless("this station")

    def _decode(self, octets: bytes, now: float) -> Frame:
        """Decode what the link delivered. Raises FrameError, which has been counted then."""
        source = self._finder.source(octets) if self._finder is not None else None
        try:
            frame = self._channel.decode(octets, now, self._clock(), source)
        except FrameError as problem:
            self._count_refusal(octets, problem, now)
            raise
        self._mismatches.accepted(frame.over)
        if self._finder is not None:
            self._finder.vouch(octets)
        if isinstance(frame, Begin) and self.mode is not Mode.OPEN and not frame.utc_s:
            self._tell_clockless(frame.sender or "somebody")
        return frame

    def _count_refusal(self, octets: bytes, problem: FrameError, now: float) -> None:
        for kind, field in _REFUSALS:
            if isinstance(problem, kind):
                self._counts = replace(self._counts, **{field: getattr(self._counts, field) + 1})
        mismatch = self._mismatches.refused(octets, problem, now)
        if mismatch is not None:
            self._emit(ChannelProblem(mismatch.cause, mismatch.cure))

    def _tell_clockless(self, who: str) -> None:
        if who not in self._clockless:
            if len(self._clockless) >= CLOCKLESS_KEPT:
                self._clockless.clear()
            self._clockless.add(who)
            cause = f"{who} has no clock, so replay protection is off: old overs could be sent again"
            self._emit(ChannelProblem(cause, "set that clock"))
