"""Keeps what passes over the channel: overs as packets, and a journal of all frames. Both go to the disk in a thread.

It watches the channel, and nobody waits for it: a disk that is full, slow or gone costs recordings, never speech.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from app.errors import os_reason
from app.events import Event, RecordingProblem
from app.history.capture import CapturedFrame, Way, header_line, make_header
from app.history.overs import CAPTURE_SUFFIX, STAMP, Direction, RecordedOver, clear_oldest, write_over
from app.settings.model import Settings
from app.station.channel_end import ChannelEnd
from app.threads import InThread
from codec.format import PACKET_BYTES
from transport.links.base import Link
from transport.protocol.frames import Begin, End, Frame, Voice
from transport.protocol.over import OverBegun, OverEnded, Overlap, OverReceiver, PacketHeard

WRITE_EVERY_S = 2.0
"""The journal goes to the disk so often: what a crash can cost of it."""
MAX_WAITING_FRAMES = 4096
"""Frames that wait for the disk (some 20 minutes of talk); of more the oldest are left out of the journal."""
MAX_WAITING_OVERS = 64
TALKER_GONE_S = 2.5
"""Of whom nothing came for so long, when somebody else begins: the over has ended without END."""
JOURNAL_SHARE = 8
"""One journal takes at most this part of the limit, then a new one begins."""


class OverWatch:
    """Follows the overs of one direction."""

    def __init__(self, direction: Direction, link: str, channel: str) -> None:
        self._direction: Direction = direction
        self._link = link
        self._channel = channel
        self._receiver = OverReceiver()
        self._begin: Begin | None = None
        self._began_utc_s = 0.0
        self._packets: dict[int, tuple[bytes, bool]] = {}
        self._last_s = 0.0

    def watch(self, frame: Begin | Voice | End, now: float, utc_s: float) -> list[RecordedOver]:
        """The overs that have ended with this frame: one at most, unless it begins another."""
        ended: list[RecordedOver] = []
        for meaning in self._receiver.receive(frame):
            match meaning:
                case OverBegun(begin):
                    ended += self.finish()
                    self._begin, self._began_utc_s, self._packets = begin, utc_s, {}
                case PacketHeard(index, packet, damaged):
                    self._packets[index] = (packet, damaged)
                case OverEnded(end):
                    ended += self.finish(end.packets_sent)
                case Overlap() if now - self._last_s > TALKER_GONE_S:
                    self._receiver.abandon()
                    return ended + self.finish() + self.watch(frame, now, utc_s)
        if self._begin is not None and frame.over == self._begin.over:
            self._last_s = now
        return ended

    def finish(self, total: int | None = None) -> list[RecordedOver]:
        """The over that is being followed, if there is any speech in it. `total`: its END's; None: there was none."""
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
                self._began_utc_s,
                self._direction,
                begin.sender,
                begin.addressee,
                self._link,
                self._channel,
                begin.codec_id,
                begin.k,
                total is not None,
                flags,
                packets,
            )
        ]


async def keep_recordings(
    settings: Settings,
    folder: Path,
    link: Link,
    channel: ChannelEnd,
    codec_id: int,
    clock: Callable[[], int],
    emit: Callable[[Event], None],
    in_thread: InThread,
) -> None:
    """Records what passes over the channel until cancelled."""
    tag_bytes = link.tag_bytes
    header = make_header(settings, link.name, channel.mode.name.lower(), codec_id, tag_bytes, clock())
    recorder = Recorder(folder, int(settings.record_limit_mb * 1e6), header, clock, emit)
    channel.watchers.append(recorder.watch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.run, in_thread)
        nursery.start_soon(recorder.tick)


class Recorder:
    """`watch` frames as they pass; `run` writes."""

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        header: dict[str, Any],
        clock: Callable[[], float],
        emit: Callable[[Event], None],
    ) -> None:
        """header: of the journal (app/history/capture.py). clock: UTC seconds."""
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
        """By all recordings; None: not looked yet."""
        self._told = False

    def watch(self, way: Way, octets: bytes, frame: Frame | None) -> None:
        """Bytes that the link brought or is given; None: they were refused, or rubbish."""
        now = trio.current_time()
        self._frames.append(CapturedFrame(now - self._began_s, way, octets))
        if isinstance(frame, Begin | Voice | End):
            self._keep(self._watches[way].watch(frame, now, self._clock()))

    async def run(self, in_thread: InThread) -> None:
        """Writes until cancelled; the rest is written on the way out."""
        try:
            while True:
                await self._more.wait()
                self._more = trio.Event()
                await self._write(in_thread)
        finally:
            for watch in self._watches.values():
                self._keep(watch.finish())
            with contextlib.suppress(OSError):
                self._write_out(self._take_overs(), self._take_frames())

    async def tick(self) -> None:
        """Wakes the writer now and then, until cancelled."""
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
                reason = os_reason(error)
                self._told = True
                cure = f"make room in {self._folder}, or start with --no-record; the conversation goes on"
                self._emit(RecordingProblem(f"overs are not kept: {reason}", cure))
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
        """Raises OSError. What could not be written is lost."""
        if not overs and not frames:
            return
        if self._taken_bytes is None or self._taken_bytes > self._limit_bytes:
            self._taken_bytes = clear_oldest(self._folder, self._limit_bytes)
        for over in overs:
            self._taken_bytes += write_over(self._folder, over).stat().st_size
        if frames:
            self._taken_bytes += self._append("".join(frame.line() for frame in frames).encode())

    def _append(self, lines: bytes) -> int:
        """To the journal, which is begun where there is none or where it is full. Returns the bytes added."""
        full = self._journal_bytes + len(lines) > self._limit_bytes / JOURNAL_SHARE
        if self._journal is None or full or not self._journal.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stamp = datetime.fromtimestamp(self._clock(), UTC).strftime(STAMP)
            self._journal = self._folder / f"{stamp}-{os.getpid()}-{id(self) & 0xFFFF:04x}{CAPTURE_SUFFIX}"
            self._journal_bytes = 0
            lines = header_line(self._header).encode() + lines
        handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(handle, "ab", buffering=0) as stream:  # or what did not fit would be tried again when it is closed
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
