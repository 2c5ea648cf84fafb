"""A recorder of what passes over a channel: overs as packets, and a journal of all frames.

It is shown every frame, and nobody waits for it: what is to be kept is queued, and written to the disk in a thread. A
disk that is full, slow or gone costs recordings, never speech.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from app.errors import os_reason
from app.events import Event, RecordingProblem
from app.history.allowance import Allowance
from app.history.capture import CapturedFrame, FrameWay, LeftOut
from app.history.journal import Journal
from app.history.over_watch import OverWatch
from app.history.overs import RecordedOver, clear_oldest_overs, over_bytes, recover_parts, write_over
from app.threads import InThread
from transport.protocol.frames import Mode
from transport.protocol.receiver import Fact, Refused, Rubbish

WRITE_EVERY_S = 2.0
"""Time between two writes of the journal, in seconds: what a crash can cost of it."""
MAX_WAITING_FRAMES = 4096
"""Largest number of frames that wait for the disk, some 20 minutes of talk; beyond it the oldest are left out."""
MAX_WAITING_OVERS = 64
"""Largest number of overs that wait for the disk."""
JOURNALS_SHARE = 0.25
"""Fraction of the limit for all recordings that is the journals'. The rest is the overs': neither takes of the other's.

Whoever sends to a station fills its journals; only what it hears as speech fills the other part.
"""

HEARD_BYTES_PER_S = 400.0
"""Bytes of overs of others that are kept for each second, on the average. Speech is 100, its flags 3; an over's first
line is 350, so that a word every second still finds room."""
HEARD_BYTES_AT_ONCE = 1e6
"""Bytes of overs of others that are kept at once: nearly three hours of speech, a fiftieth of the usual limit."""
REFUSED_BYTES_KEPT = 64
"""First bytes of a frame that was no frame, or refused, that are kept: a whole frame of one packet, tag and all."""
REFUSED_PER_S, REFUSED_AT_ONCE = 5.0, 100.0
"""Refused frames that the journal takes in a second, and at once; it is there to explain faults, not floods."""
FRAMES_PER_S, FRAMES_AT_ONCE = 50.0, 2000.0
"""Frames of others that the journal takes in a second, and at once. A voice at k = 1 is 3.5 a second."""


class Recorder:
    """The recordings of one run of a station: `watch` is shown frames as they pass, `run` writes."""

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        link: str,
        mode: Mode,
        header: dict[str, Any],
        clock: Callable[[], float],
        emit: Callable[[Event], None],
    ) -> None:
        """Prepare to record into `folder`; nothing is written yet.

        limit_bytes: what all recordings may take together. link: its name. mode: that of the channel. header: first
        line of the journal, from `make_header`. clock: returns UTC seconds. emit: told of a RecordingProblem once,
        until writing works again.
        """
        self._folder = folder
        self._overs_limit_bytes = int(limit_bytes * (1 - JOURNALS_SHARE))
        self._journal = Journal(folder, int(limit_bytes * JOURNALS_SHARE), header, clock)
        self._clock = clock
        self._emit = emit
        self._watches = {
            "in": OverWatch("heard", link, mode),
            "out": OverWatch("sent", link, mode),
        }
        self._began_s = trio.current_time()
        self._heard_bytes = Allowance(HEARD_BYTES_PER_S, HEARD_BYTES_AT_ONCE)
        self._refused = Allowance(REFUSED_PER_S, REFUSED_AT_ONCE)
        self._accepted = Allowance(FRAMES_PER_S, FRAMES_AT_ONCE)
        self._frames: deque[CapturedFrame] = deque(maxlen=MAX_WAITING_FRAMES)
        self._left_out = 0
        """Frames that passed, will not be in the journal, and of which it does not say so yet."""
        self._overs: deque[RecordedOver] = deque(maxlen=MAX_WAITING_OVERS)
        self._more = trio.Event()
        self._taken_bytes: int | None = None
        """Bytes that all overs take together; None before the folder was looked at."""
        self._told = self._told_flood = False

    def watch(self, way: FrameWay, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take a frame that passes over the channel, accepted or not, and what it means."""
        now_s = trio.current_time()
        frame = self._worth_keeping(way, octets, facts, now_s)
        self._left_out += frame is None or len(self._frames) == MAX_WAITING_FRAMES
        if frame is not None:
            self._frames.append(CapturedFrame(now_s - self._began_s, way, frame))
        overs = self._watches[way].watch(facts, self._clock(), now_s)
        self._keep([over for over in overs if way == "out" or self._may_be_kept(over, now_s)])

    async def run(self, in_thread: InThread) -> None:
        """Write until cancelled; what is left is written on the way out."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tick)
                while True:
                    await self._more.wait()
                    self._more = trio.Event()
                    await self._write(in_thread)
        finally:
            for way, watch in self._watches.items():
                overs = watch.finish()
                self._keep([over for over in overs if way == "out" or self._may_be_kept(over, trio.current_time())])
            with contextlib.suppress(OSError):
                self._write_out(self._take_overs(), self._take_entries())

    async def _tick(self) -> None:
        """Wake the writer now and then, until cancelled."""
        while True:
            await trio.sleep(WRITE_EVERY_S)
            if self._frames or self._overs or self._left_out:
                self._more.set()

    def _worth_keeping(self, way: FrameWay, octets: bytes, facts: Sequence[Fact], now_s: float) -> bytes | None:
        """Return what the journal takes of a frame, None for nothing. A flood is sampled."""
        if way == "out":
            return octets
        if any(isinstance(fact, Rubbish | Refused) for fact in facts):
            return octets[:REFUSED_BYTES_KEPT] if self._refused.take(1, now_s) else None
        return octets if self._accepted.take(1, now_s) else None

    def _may_be_kept(self, over: RecordedOver, now_s: float) -> bool:
        """Tell whether an over of others is kept: as much as people can say, and not what a flood of frames claims."""
        if self._heard_bytes.take(len(over_bytes(over)), now_s):
            return True
        if not self._told_flood:
            self._told_flood = True
            cause = "more overs come in than people can say: some are not kept"
            self._emit(RecordingProblem(cause, "use a sealed channel; the overs that are kept already stay"))
        return False

    def _keep(self, overs: list[RecordedOver]) -> None:
        if overs:
            self._overs.extend(overs)
            self._more.set()

    async def _write(self, in_thread: InThread) -> None:
        overs, entries = self._take_overs(), self._take_entries()
        try:
            await in_thread(self._write_out, overs, entries)
        except OSError as error:
            self._overs.extendleft(reversed(overs))  # those that are left, and come first: there may be room later
            self._left_out += sum(entry.frames if isinstance(entry, LeftOut) else 1 for entry in entries)
            if not self._told:
                self._told = True
                cure = f"make room in {self._folder}, or start with --no-record; the conversation goes on"
                self._emit(RecordingProblem(f"overs are not kept: {os_reason(error)}", cure))
        except trio.Cancelled:  # before the thread was free: what was taken is written on the way out
            self._overs.extendleft(reversed(overs))
            self._left_out += sum(entry.frames for entry in entries if isinstance(entry, LeftOut))
            self._frames.extendleft(reversed([entry for entry in entries if isinstance(entry, CapturedFrame)]))
            raise
        else:
            self._told = False

    def _take_overs(self) -> list[RecordedOver]:
        overs = list(self._overs)
        self._overs.clear()
        return overs

    def _take_entries(self) -> list[CapturedFrame | LeftOut]:
        """Return what the journal is to take: the frames that wait, and how many there were besides."""
        entries: list[CapturedFrame | LeftOut] = list(self._frames)
        self._frames.clear()
        if self._left_out:
            entries.append(LeftOut(trio.current_time() - self._began_s, self._left_out))
            self._left_out = 0
        return entries

    # --- in the thread ---

    def _write_out(self, overs: list[RecordedOver], entries: list[CapturedFrame | LeftOut]) -> None:
        """Write to the disk, and take out of both lists what is written.

        Raises OSError; frames that could not be written are lost then, and counted.
        """
        if not overs and not entries:
            return
        if self._taken_bytes is None:
            recover_parts(self._folder)
        if self._taken_bytes is None or self._taken_bytes > self._overs_limit_bytes:
            self._taken_bytes = clear_oldest_overs(self._folder, self._overs_limit_bytes)
        while overs:
            self._taken_bytes += write_over(self._folder, overs[0]).stat().st_size
            del overs[0]
        self._journal.append(entries)
