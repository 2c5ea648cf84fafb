"""Between the link and everybody else: frames become bytes and bytes become frames, in the mode of the channel.

What is refused is counted and, where it shows a pattern, said; nobody else ever sees it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import trio

from app.events import ChannelCounts, ChannelProblem, Event
from app.history.capture import Way
from transport.errors import BadTag, FrameError, Muted, NewerVersion, OtherMode, Replayed, Stale, UnknownOver
from transport.links.base import Link, source_finder
from transport.protection.channel import Channel, open_channel
from transport.protection.cipher import Secret
from transport.protection.mismatch import MismatchDetector
from transport.protocol.frames import Beacon, Begin, Frame, Mode

NO_CLOCK_BEFORE_S = 1_700_000_000
"""Boards without a battery for their clock start in 1970 or when their system was built."""
_REFUSALS: tuple[tuple[type[FrameError], str], ...] = (
    (BadTag, "bad_tags"),
    (Replayed, "replayed"),
    (Stale, "stale"),
    (UnknownOver, "unknown"),
    (OtherMode, "foreign"),
    (NewerVersion, "foreign"),
    (Muted, "muted"),
)


FrameWatcher = Callable[[Way, bytes, Frame | None], None]
"""Told which way a frame went, its bytes, and what they mean; None: they were refused, or rubbish."""


def wall_clock_s() -> int:
    """UTC seconds since 1970; 0 where the clock was obviously never set."""
    now_s = int(time.time())
    return now_s if now_s >= NO_CLOCK_BEFORE_S else 0


class ChannelEnd:
    """One station's end of a channel."""

    def __init__(
        self, link: Link, secret: Secret | None, clock: Callable[[], int], emit: Callable[[Event], None]
    ) -> None:
        """clock: UTC seconds, 0 for none, such as `wall_clock_s`."""
        self.watchers: list[FrameWatcher] = []
        """Shown every frame as it passes."""
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
        return self._channel.mode

    def encode(self, frame: Frame) -> bytes:
        """The frame as it goes on the link, which must be now."""
        octets = self._channel.encode(frame, trio.current_time(), self._clock())
        self._show("out", octets, frame)
        return octets

    def decode(self, octets: bytes) -> Frame:
        """The frame in what the link delivered. Raises FrameError, after having counted and said what is to be."""
        now = trio.current_time()
        source = self._finder.source(octets) if self._finder is not None else None
        try:
            frame = self._channel.decode(octets, now, self._clock(), source)
        except FrameError as problem:
            self._refused(octets, problem, now)
            self._show("in", octets, None)
            raise
        self._show("in", octets, frame)
        self._mismatches.accepted(frame.over)
        if self._finder is not None:
            self._finder.vouch(octets)
        if isinstance(frame, Begin) and self.mode is not Mode.OPEN and not frame.utc_s:
            self._tell_clockless(frame.sender or "somebody")
        return frame

    def report(self) -> None:
        """Says the counts if they changed; for now and then, so that a flood does not become a flood of events."""
        if self._counts != self._told:
            self._told = self._counts
            self._emit(self._counts)

    def check_clock(self) -> None:
        """Says so if this station has no clock."""
        if self.mode is not Mode.OPEN and not self._clock():
            self._tell_clockless("this station")

    def _show(self, way: Way, octets: bytes, frame: Frame | None) -> None:
        for watcher in self.watchers:
            watcher(way, octets, frame)

    def _refused(self, octets: bytes, problem: FrameError, now: float) -> None:
        for kind, field in _REFUSALS:
            if isinstance(problem, kind):
                self._counts = replace(self._counts, **{field: getattr(self._counts, field) + 1})
        mismatch = self._mismatches.refused(octets, problem, now)
        if mismatch is not None:
            self._emit(ChannelProblem(mismatch.cause, mismatch.cure))

    def _tell_clockless(self, who: str) -> None:
        if who not in self._clockless:
            if len(self._clockless) >= 64:
                self._clockless.clear()
            self._clockless.add(who)
            what = f"{who} has no clock, so replay protection is off: old overs could be sent again"
            self._emit(ChannelProblem(what, "set that clock"))
