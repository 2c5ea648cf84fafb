"""A recorder of what passes over a channel: overs as packets, and a journal of all frames.

It is shown every frame, and nobody waits for it: what is to be kept is queued, and written to the disk in a thread. A
disk that is full, slow or gone costs recordings, never speech.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from app.errors import os_reason
from app.events import Event, Kept, RecordingProblem
from app.history.allowance import Allowance
from app.history.capture import CapturedFrame, FrameWay, LeftOut
from app.history.folder import OPEN_SHARE, Mark, clear_oldest_overs, ours_limit
from app.history.journal import Journal
from app.history.over_watch import OverWatch
from app.history.overs import RecordedOver, over_bytes, write_over
from app.history.past import recover_parts
from app.history.texts import RecordedText, TextWriter
from app.threads import InThread
from transport.protocol.frames import Mode
from transport.protocol.receiver import Fact, Refused, Rubbish

WRITE_EVERY_S = 2.0
"""Time between two writes of the journal, in seconds: what a crash can cost of it."""
MAX_WAITING_FRAMES = 4096
"""Largest number of frames that wait for the disk, some 20 minutes of talk; beyond it the oldest are left out."""
MAX_WAITING_OVERS = 64
"""Largest number of overs that wait for the disk, and as many messages."""
JOURNALS_SHARE = 0.25
"""Fraction of the limit for all recordings that is the journals'. The rest is the overs': neither takes of the other's.

Whoever sends to a station fills its journals; only what it hears as speech fills the other part.
"""

HEARD_BYTES_PER_S = 400.0
"""Bytes of overs of others that are kept for each second, on the average. Speech is 100, its flags 3; an over's first
line is 350, so that a word every second still finds room."""
HEARD_BYTES_AT_ONCE = 1e6
"""Bytes of overs of others that are kept at once: nearly three hours of speech, a fiftieth of the usual limit. It is
never more than what is left to the open channel of a small limit."""
REFUSED_BYTES_KEPT = 64
"""First bytes of a frame that was no frame, or refused, that are kept: a whole frame of one packet, tag and all."""
REFUSED_PER_S, REFUSED_AT_ONCE = 5.0, 100.0
"""Refused frames that the journal takes in a second, and at once; it is there to explain faults, not floods."""
FRAMES_PER_S, FRAMES_AT_ONCE = 50.0, 2000.0
"""Frames of others that the journal takes in a second, and at once. A voice at k = 1 is 3.5 a second."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Overs, messages and numbers of delivered messages on their way to the disk; those written are taken out."""

    overs: list[tuple[RecordedOver, Mark]]
    texts: list[tuple[RecordedText, Mark, int]]
    delivered: list[int]


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
        missed_since: Callable[[float], bool] = lambda since_s: False,
    ) -> None:
        """Prepare to record into `folder`; nothing is written yet.

        limit_bytes: what all recordings may take together. link: its name. mode: that of the channel. header: first
        line of the journal, from `make_header`. clock: returns UTC seconds. emit: told what is kept, and of a
        RecordingProblem once, until writing works again. missed_since: tells whether an over that began then, and has
        ended now, was missed.
        """
        self._folder = folder
        self._overs_limit_bytes = int(limit_bytes * (1 - JOURNALS_SHARE))
        self._journal = Journal(folder, int(limit_bytes * JOURNALS_SHARE), header, clock)
        self._clock = clock
        self._emit = emit
        self._missed_since = missed_since
        self._watches: dict[FrameWay, OverWatch] = {
            "in": OverWatch("heard", link, mode),
            "out": OverWatch("sent", link, mode),
        }
        self._began_s = trio.current_time()
        at_once = min(HEARD_BYTES_AT_ONCE, OPEN_SHARE * self._overs_limit_bytes)
        self._heard_bytes = Allowance(HEARD_BYTES_PER_S, at_once)
        self._refused = Allowance(REFUSED_PER_S, REFUSED_AT_ONCE)
        self._accepted = Allowance(FRAMES_PER_S, FRAMES_AT_ONCE)
        self._frames: deque[CapturedFrame] = deque(maxlen=MAX_WAITING_FRAMES)
        self._left_out = 0
        """Frames that passed, will not be in the journal, and of which it does not say so yet."""
        self._overs: deque[tuple[RecordedOver, Mark]] = deque(maxlen=MAX_WAITING_OVERS)
        self._texts: deque[tuple[RecordedText, Mark, int]] = deque(maxlen=MAX_WAITING_OVERS)
        self._delivered: deque[int] = deque(maxlen=MAX_WAITING_OVERS)
        """Numbers of messages of ours that have been delivered."""
        self._text_writer = TextWriter(folder)
        self._more = trio.Event()
        self._taken_bytes: tuple[int, int] | None = None
        """Bytes of ours and sealed overs, and of those heard on an open channel; None before a look at the folder."""
        self._told = self._told_flood = False

    def watch(self, way: FrameWay, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take a frame that passes over the channel, accepted or not, and what it means."""
        now_s = trio.current_time()
        frame = self._worth_keeping(way, octets, facts, now_s)
        self._left_out += frame is None or len(self._frames) == MAX_WAITING_FRAMES
        if frame is not None:
            self._frames.append(CapturedFrame(now_s - self._began_s, way, frame))
        self._keep(way, self._watches[way].watch(facts, self._clock(), now_s), now_s)

    def keep_text(self, text: RecordedText, mark: Mark, number: int) -> None:
        """Take a message, heard or sent. number: that of the message on the channel, 0..2^24-1."""
        self._texts.append((text, mark, number))
        self._more.set()

    def text_delivered(self, number: int) -> None:
        """Take that a message of ours was delivered."""
        self._delivered.append(number)
        self._more.set()

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
                self._keep(way, watch.finish(), trio.current_time())
            with contextlib.suppress(OSError):
                self._write_out(self._take(), self._take_entries(), [])

    async def _tick(self) -> None:
        """Wake the writer now and then, until cancelled."""
        while True:
            await trio.sleep(WRITE_EVERY_S)
            if self._frames or self._overs or self._texts or self._left_out:
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

    def _keep(self, way: FrameWay, overs: list[RecordedOver], now_s: float) -> None:
        """Queue overs that have ended, those of others with a mark that tells whether anybody heard them."""
        for over in overs:
            if way == "out":
                self._overs.append((over, Mark.SENT))
            elif self._may_be_kept(over, now_s):
                missed = self._missed_since(now_s - over.duration_s)
                self._overs.append((over, Mark.MISSED if missed else Mark.HEARD))
        if overs:
            self._more.set()

    async def _write(self, in_thread: InThread) -> None:
        taken, entries, kept = self._take(), self._take_entries(), list[Kept]()
        try:
            await in_thread(self._write_out, taken, entries, kept)
        except OSError as error:
            self._put_back(taken)
            self._left_out += sum(entry.frames if isinstance(entry, LeftOut) else 1 for entry in entries)
            if not self._told:
                self._told = True
                cure = f"make room in {self._folder}, or start with --no-record; the conversation goes on"
                self._emit(RecordingProblem(f"overs are not kept: {os_reason(error)}", cure))
        except trio.Cancelled:  # before the thread was free: what was taken is written on the way out
            self._put_back(taken)
            self._left_out += sum(entry.frames for entry in entries if isinstance(entry, LeftOut))
            self._frames.extendleft(reversed([entry for entry in entries if isinstance(entry, CapturedFrame)]))
            raise
        else:
            self._told = False
        for told in kept:
            self._emit(told)

    def _take(self) -> _Taken:
        """Return the overs and messages that wait, which wait no longer."""
        taken = _Taken(list(self._overs), list(self._texts), list(self._delivered))
        for waiting in (self._overs, self._texts, self._delivered):
            waiting.clear()
        return taken

    def _put_back(self, taken: _Taken) -> None:
        """Let what is left of them wait, before what came meanwhile: there may be room later."""
        self._overs.extendleft(reversed(taken.overs))
        self._texts.extendleft(reversed(taken.texts))
        self._delivered.extendleft(reversed(taken.delivered))

    def _take_entries(self) -> list[CapturedFrame | LeftOut]:
        """Return what the journal is to take: the frames that wait, and how many there were besides."""
        entries: list[CapturedFrame | LeftOut] = list(self._frames)
        self._frames.clear()
        if self._left_out:
            entries.append(LeftOut(trio.current_time() - self._began_s, self._left_out))
            self._left_out = 0
        return entries

    # --- in the thread ---

    def _write_out(self, taken: _Taken, entries: list[CapturedFrame | LeftOut], kept: list[Kept]) -> None:
        """Write to the disk, take out of the lists what is written, and add to `kept` what it is called there.

        Raises OSError; frames that could not be written are lost then, and counted.
        """
        if not (taken.overs or taken.texts or taken.delivered or entries):
            return
        if self._taken_bytes is None:
            recover_parts(self._folder)
        ours, anybodys = self._taken_bytes or (0, 0)
        limit = self._overs_limit_bytes
        if self._taken_bytes is None or ours > ours_limit(limit) or ours + anybodys > limit:
            self._taken_bytes = ours, anybodys = clear_oldest_overs(self._folder, limit)
        while taken.overs:
            over, mark = taken.overs[0]
            path = write_over(self._folder, over, mark)
            if over.direction == "heard" and over.mode is Mode.OPEN:
                anybodys += path.stat().st_size
            else:
                ours += path.stat().st_size
            self._taken_bytes = ours, anybodys
            kept.append(Kept("over", over.number or 0, over.direction, path.name, mark is Mark.MISSED))
            del taken.overs[0]
        while taken.texts:
            text, mark, number = taken.texts[0]
            path = self._text_writer.write(text, mark, number)
            kept.append(Kept("message", number, text.direction, path.name, mark is Mark.MISSED))
            del taken.texts[0]
        while taken.delivered:
            self._text_writer.delivered(taken.delivered[0])
            del taken.delivered[0]
        self._journal.append(entries)
