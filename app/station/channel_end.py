"""One station's end of a channel: frames become bytes and bytes become facts, in the mode of the channel.

Frames that the channel refuses are counted here. Where refusals show a pattern, the user is told; nothing else in the
station sees them.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace

import trio

from app.events import ChannelCounts, ChannelProblem, Event
from app.history.capture import FrameWatcher
from app.history.nonce_file import NonceFile
from app.threads import InThread
from transport.errors import BadTag, FrameError, Muted, NewerVersion, OtherMode, Replayed, Stale, UnknownOver
from transport.links.base import Link, source_finder
from transport.protection.channel import Channel, open_channel
from transport.protection.cipher import Secret
from transport.protection.mismatch import Mismatch, MismatchDetector
from transport.protection.past import Past
from transport.protection.rate_limit import CAPACITY_PER_S, MAX_CAPACITY_PER_S
from transport.protection.refusals import Refuser, SentSignals
from transport.protocol.frames import LATEST_UTC_S, Beacon, Begin, End, Frame, Mode, Refusal, Type, Voice
from transport.protocol.over_receiver import OverReceiver
from transport.protocol.receiver import Fact, ReceivingEnd

NO_CLOCK_BEFORE_S = 1_700_000_000
"""UTC seconds below which the clock was never set: boards without a battery start in 1970, or when they were built."""
SECOND_S = 1.0
"""Longest wait for the next second of the wall clock, in seconds; one that stands still is not waited for."""
LOOK_EVERY_S = 0.02
"""Time between two looks at the wall clock, in seconds."""
CLOCKLESS_KEPT = 64
"""Number of stations without a clock that are remembered, so that each is told of once."""
CHECK_SHARE = 0.2
"""Share of a core that checking tags may take; all that is done about a refused frame costs three times as much."""
MEASURED_FRAMES, MEASURED_BATCHES, MEASURED_FRAME_BYTES = 32, 5, 44
"""Forged frames whose checking is timed at the start: some 2 ms."""
_REFUSALS: dict[type[FrameError], str] = {
    BadTag: "bad_tags",
    Replayed: "replayed",
    Stale: "stale",
    UnknownOver: "unknown",
    OtherMode: "foreign",
    NewerVersion: "foreign",
    Muted: "muted",
}
"""The field of ChannelCounts that counts each kind of refusal."""


def wall_clock_s() -> int:
    """Return UTC seconds since 1970, 0 where the clock was obviously never set, or shows what no frame can say."""
    now_s = int(time.time())
    return now_s if NO_CLOCK_BEFORE_S <= now_s <= LATEST_UTC_S else 0


async def next_second(clock: Callable[[], int], asked_utc_s: int) -> None:
    """Wait until the wall clock has left the second in which this station was asked for.

    A frame tells its second and no more. One that the station before this one heard or sent in its last second is older
    than the start only if this one starts in a later second; loading the models mostly takes that long anyway.
    """
    with trio.move_on_after(SECOND_S):
        while asked_utc_s and clock() == asked_utc_s:
            await trio.sleep(LOOK_EVERY_S)


def measured_capacity_per_s(secret: Secret | None, tag_bytes: int) -> float:
    """Return how many frames a second this machine can check within CHECK_SHARE of a core.

    It takes the quickest of a few batches of forged frames: what else the machine does at this moment is not for long.
    """
    if secret is None:
        return CAPACITY_PER_S
    channel = open_channel(secret, tag_bytes, os.urandom, capacity_per_s=MAX_CAPACITY_PER_S)
    forged = bytes([channel.mode << 4 | Type.BEACON]) + os.urandom(MEASURED_FRAME_BYTES - 1)
    quickest_s = math.inf
    for _ in range(MEASURED_BATCHES):
        began_s = time.perf_counter()
        for _ in range(MEASURED_FRAMES):
            with contextlib.suppress(FrameError):
                channel.decode(forged, 0.0, 0)
        quickest_s = min(quickest_s, time.perf_counter() - began_s)
    return CHECK_SHARE * MEASURED_FRAMES / quickest_s


class ChannelEnd:
    """The end of a channel that one station holds."""

    def __init__(
        self,
        name: str,
        link: Link,
        secret: Secret | None,
        clock: Callable[[], int],
        emit: Callable[[Event], None],
        slowness: float = 1.0,
        nonce_file: NonceFile | None = None,
    ) -> None:
        """Open the channel of those who share `secret`; None opens the open channel.

        name: of this station, which confirms overs that are addressed to it; "" confirms none. clock: returns UTC
        seconds, 0 where there is no clock, as `wall_clock_s` does. slowness: seconds that a second of speech takes on
        the link, by its plan.
        nonce_file: what is kept of the frames of earlier runs.
        """
        self._receiving = ReceivingEnd(self._decode, name, slowness)
        self._own_overs = OverReceiver()
        self._watchers: list[FrameWatcher] = []
        self._link = link
        self._clock = clock
        self._emit = emit
        self._nonce_file = nonce_file
        past = Past(clock(), trio.current_time())
        if nonce_file is not None:
            past = replace(past, nonces=nonce_file.nonces, keep=nonce_file.keep)
        self._channel: Channel = open_channel(
            secret,
            link.tag_bytes,
            os.urandom,
            name=name,
            past=past,
            capacity_per_s=measured_capacity_per_s(secret, link.tag_bytes),
        )
        self._mismatches = MismatchDetector(self._channel.mode)
        self._refuser = Refuser(self._channel.mode)
        self._sent = SentSignals()
        self._refused: dict[str, int] = {}
        """Frames that were refused, by the field of ChannelCounts that counts them."""
        self._told: dict[str, int] = {}
        self._clockless: set[str] = set()
        self._finder = source_finder(link) if secret is not None else None
        if self._finder is not None:
            self._finder.protect(lambda: self.encode(Beacon(over=0, sequence=0)))

    @property
    def mode(self) -> Mode:
        """Return the protection of the channel."""
        return self._channel.mode

    async def run(self, in_thread: InThread) -> None:
        """Keep what has to outlive a restart, until cancelled."""
        if self._nonce_file is not None:
            await self._nonce_file.run(in_thread, self._emit)

    def watch(self, *watchers: FrameWatcher | None) -> None:
        """Show every frame that passes from now on to these, which must not block; None is nobody."""
        self._watchers += [watcher for watcher in watchers if watcher is not None]

    def encode(self, frame: Frame) -> bytes:
        """Return the frame as it goes on the link, which must happen at once."""
        octets = self._channel.encode(frame, trio.current_time(), self._clock())
        if not isinstance(frame, Voice | Refusal):
            self._sent.add(octets, trio.current_time())
        if self._watchers:
            facts: list[Fact] = []
            if isinstance(frame, Begin | Voice | End):
                facts += self._own_overs.receive(frame, trio.current_time())
            for watcher in self._watchers:
                watcher("out", octets, facts)
        return octets

    def receive(self, octets: bytes) -> list[Fact]:
        """Return what the bytes mean that the link has just delivered."""
        facts = self._receiving.receive(octets, trio.current_time())
        for fact in facts:
            if isinstance(fact, Refusal):
                self._take_refusal(fact)
        for watcher in self._watchers:
            watcher("in", octets, facts)
        return facts

    def refusal_due(self) -> tuple[Refusal, bytes] | None:
        """Return what is to be sent to a station that this one cannot understand, with the frame that it answers.

        To be asked while nobody talks.
        """
        return self._refuser.due(trio.current_time())

    def abandon(self) -> None:
        """Forget the over that is being received: its talker has disappeared."""
        self._receiving.abandon()

    def report(self) -> None:
        """Emit the counts if they have changed. To be called now and then: a flood of frames is no flood of events."""
        counts = dict(self._refused)
        if self._link.dropped:
            counts["muted"] = counts.get("muted", 0) + self._link.dropped
        if counts != self._told:
            self._told = counts
            self._emit(ChannelCounts(**counts))

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
        if isinstance(frame, Refusal):
            return frame  # which proves nothing of anybody
        self._mismatches.accepted(frame.over)
        self._refuser.accepted(frame.over, now)
        if self._finder is not None:
            self._finder.vouch(octets)
        if isinstance(frame, Begin) and self.mode is not Mode.OPEN and not frame.utc_s:
            self._tell_clockless(frame.sender or "somebody")
        return frame

    def _count_refusal(self, octets: bytes, problem: FrameError, now: float) -> None:
        if (field := _REFUSALS.get(type(problem))) is not None:
            self._refused[field] = self._refused.get(field, 0) + 1
        mismatch = self._mismatches.refused(octets, problem, now)
        if type(problem) in (BadTag, OtherMode):
            self._refuser.refused(octets, mismatch is not None, now)
        self._tell_mismatch(mismatch)

    def _take_refusal(self, refusal: Refusal) -> None:
        """Tell the user, where it is about a frame of ours, that somebody cannot open it; count it otherwise."""
        now = trio.current_time()
        if self._sent.refused(refusal, now):
            self._tell_mismatch(self._mismatches.refused_there(refusal.mode, now))
        else:
            self._refused["foreign"] = self._refused.get("foreign", 0) + 1

    def _tell_mismatch(self, mismatch: Mismatch | None) -> None:
        if mismatch is not None:
            self._emit(ChannelProblem(mismatch.cause, mismatch.cure))

    def _tell_clockless(self, who: str) -> None:
        if who not in self._clockless:
            if len(self._clockless) >= CLOCKLESS_KEPT:
                self._clockless.clear()
            self._clockless.add(who)
            cause = f"{who} has no clock, so replay protection is off: old overs could be sent again"
            self._emit(ChannelProblem(cause, "set that clock"))
