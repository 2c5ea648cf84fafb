"""A recorder of what passes over a channel: overs as packets, and a journal of all frames.

It is shown every frame, and nobody waits for it: what is to be kept is queued, and written to the disk in a thread. A
disk that is full, slow or gone costs recordings, never speech.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from app.errors import os_reason
from app.events import Event, RecordingProblem
from app.history.capture import CapturedFrame, Way, header_line
from app.history.overs import CAPTURE_SUFFIX, STAMP, Direction, RecordedOver, clear_oldest, write_over
from app.threads import InThread
from codec.format import PACKET_BYTES
from transport.protocol.frames import Begin
from transport.protocol.over import OverBegun, OverEnded, PacketHeard
from transport.protocol.receiver import EndArrived, Fact

WRITE_EVERY_S = 2.0
"""Time between two writes of the journal, in seconds: what a crash can cost of it."""
MAX_WAITING_FRAMES = 4096
"""Largest number of frames that wait for the disk, some 20 minutes of talk; beyond it the oldest are left out."""
MAX_WAITING_OVERS = 64
"""Largest number of overs that wait for the disk."""
JOURNAL_SHARE = 8
"""Number of full journals that fit into the limit for all recordings; a journal that is full is followed by another."""


class OverWatch:
    """A collector of the overs of one direction, from the facts about its frames.

    Whether a talker has disappeared is the receiving station's decision (`floor.SILENCE_S`): an over without END is
    complete when another one begins, or with `finish`.
    """

    def __init__(self, direction: Direction, link: str, channel: str) -> None:
        """Take what every recorded over names: its direction, the link and the channel's mode."""
        self._direction: Direction = direction
        self._link = link
        self._channel = channel
        self._begin: Begin | None = None
        self._began_utc_s = 0.0
        self._packets: dict[int, tuple[bytes, bool]] = {}

    def watch(self, facts: Sequence[Fact], utc_s: float) -> list[RecordedOver]:
        """Take the facts of one frame, and return the overs that have ended with it."""
        ended: list[RecordedOver] = []
        for fact in facts:
            match fact:
                case OverBegun(begin) if not self._goes_on(begin):
                    ended += self.finish()
                    self._begin, self._began_utc_s, self._packets = begin, utc_s, {}
                case PacketHeard(index, packet, damaged) if not damaged or index not in self._packets:
                    self._packets[index] = (packet, damaged)
                case OverEnded(end) | EndArrived(end) if self._begin is not None and end.over == self._begin.over:
                    ended += self.finish(end.packets_sent)
        return ended

    def finish(self, total: int | None = None) -> list[RecordedOver]:
        """End the over that is being collected, and return it if there is any speech in it.

        total: number of packets that its END names; None where no END came.
        """
        begin, self._begin = self._begin, None
        if begin is None or not self._packets:
            return []
        count = max(self._packets) + 1 if total is None else max(total, max(self._packets) + 1)
        flags = "".join(
            "-" if index not in self._packets else "d" if self._packets[index][1] else "." for index in range(count)
        )
        lost = (bytes(PACKET_BYTES), False)
        packets = tuple(self._packets.get(index, lost)[0] for index in range(count))
        return [
            RecordedOver(
                began_utc_s=self._began_utc_s,
                direction=self._direction,
                sender=begin.sender,
                addressee=begin.addressee,
                link=self._link,
                channel=self._channel,
                codec_id=begin.codec_id,
                k=begin.k,
                complete=total is not None,
                flags=flags,
                packets=packets,
            )
        ]

    def _goes_on(self, begin: Begin) -> bool:
        """Tell whether this BEGIN is of the over that is being collected: its talker was away for a while."""
        return self._begin is not None and (begin.over, begin.nonce) == (self._begin.over, self._begin.nonce)


class Recorder:
    """The recordings of one run of a station: `watch` is shown frames as they pass, `run` writes."""

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        header: dict[str, Any],
        clock: Callable[[], float],
        emit: Callable[[Event], None],
    ) -> None:
        """Prepare to record into `folder`; nothing is written yet.

        limit_bytes: what all recordings may take together. header: first line of the journal, from `make_header`.
        clock: returns UTC seconds. emit: told of a RecordingProblem once, until writing works again.
        """
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._header = header
        self._clock = clock
        self._emit = emit
        self._watches = {
            "in": OverWatch("heard", header["link"], header["channel"]),
            "out": OverWatch("sent", header["link"], header["channel"]),
        }
        self._began_s = trio.current_time()
        self._frames: deque[CapturedFrame] = deque(maxlen=MAX_WAITING_FRAMES)
        self._overs: deque[RecordedOver] = deque(maxlen=MAX_WAITING_OVERS)
        self._more = trio.Event()
        self._journal: Path | None = None
        self._journal_bytes = 0
        self._taken_bytes: int | None = None
        """What all recordings take together; None before the folder was looked at."""
        self._told = False

    def watch(self, way: Way, octets: bytes, facts: Sequence[Fact]) -> None:
        """Take a frame that passes over the channel, accepted or not, and what it means."""
        self._frames.append(CapturedFrame(trio.current_time() - self._began_s, way, octets))
        self._keep(self._watches[way].watch(facts, self._clock()))

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
            for watch in self._watches.values():
                self._keep(watch.finish())
            with contextlib.suppress(OSError):
                self._write_out(self._take_overs(), self._take_frames())

    async def _tick(self) -> None:
        """Wake the writer now and then, until cancelled."""
        while True:
            await trio.sleep(WRITE_EVERY_S)
            if self._frames:
                self._more.set()

    def _keep(self, overs: list[RecordedOver]) -> None:
        if overs:
            self._overs.extend(overs)
            self._more.set()

    async def _write(self, in_thread: InThread) -> None:
        try:
            await in_thread(self._write_out, self._take_overs(), self._take_frames())
        except OSError as error:
            if not self._told:
                self._told = True
                cure = f"make room in {self._folder}, or start with --no-record; the conversation goes on"
                self._emit(RecordingProblem(f"overs are not kept: {os_reason(error)}", cure))
        else:
            self._told = False

    def _take_overs(self) -> list[RecordedOver]:
        overs = list(self._overs)
        self._overs.clear()
        return overs

    def _take_frames(self) -> list[CapturedFrame]:
        frames = list(self._frames)
        self._frames.clear()
        return frames

    # --- in the thread ---

    def _write_out(self, overs: list[RecordedOver], frames: list[CapturedFrame]) -> None:
        """Write to the disk. Raises OSError; what could not be written is lost then."""
        if not overs and not frames:
            return
        if self._taken_bytes is None or self._taken_bytes > self._limit_bytes:
            self._taken_bytes = clear_oldest(self._folder, self._limit_bytes)
        for over in overs:
            self._taken_bytes += write_over(self._folder, over).stat().st_size
        if frames:
            self._taken_bytes += self._append("".join(frame.line() for frame in frames).encode())

    def _append(self, lines: bytes) -> int:
        """Append to the journal, a new one where there is none or it is full, and return the number of bytes added.

        Raises OSError, after having taken back what was written of these lines.
        """
        full = self._journal_bytes + len(lines) > self._limit_bytes / JOURNAL_SHARE
        if self._journal is None or full or not self._journal.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stamp = datetime.fromtimestamp(self._clock(), UTC).strftime(STAMP)
            self._journal = self._folder / f"{stamp}-{os.getpid()}-{id(self) & 0xFFFF:04x}{CAPTURE_SUFFIX}"
            self._journal_bytes = 0
            lines = header_line(self._header).encode() + lines
        handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(handle, "ab", buffering=0) as stream:  # buffered, what did not fit would be tried again on closing
            before = stream.seek(0, os.SEEK_END)
            try:
                rest = memoryview(lines)
                while rest:
                    rest = rest[stream.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    stream.truncate(before)  # no half lines
                if not before:
                    self._journal.unlink(missing_ok=True)
                    self._journal = None
                raise
        self._journal_bytes += len(lines)
        return len(lines)
