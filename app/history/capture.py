"""Captures: every frame of a run with its time, both ways, as lines of text that a stranger can read and mail.

    {"format": "gossamer-capture/1", "program": "0.1.0", "started_utc_s": 1700000000, "link": ..., "settings": {...}}
    [0.412031, "out", "115a0000..."]
    [1.207754, "in", "125a0001..."]
    [4.0, "left out", 312]

Times are seconds since the start; bytes are those on the link, so on a sealed channel they are sealed. Settings go in
without passphrase and without the path to it. A station that records keeps such a journal as it goes. Of a flood it
keeps a part, and says how many frames it left out since it last said so. A last line that was cut off is left out.
"""

from __future__ import annotations

import dataclasses
import heapq
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.errors import FileProblem, os_reason
from app.history.overs import MAX_SHOWN_LETTERS
from app.settings.model import Settings
from app.storage import bounded_bytes
from app.version import program_version
from transport.protocol.frames import Mode
from transport.protocol.receiver import Fact
from transport.texts import plain_text

FORMAT = "gossamer-capture/1"
"""Name and version of the file format."""
SECRET = ("passphrase", "passphrase_file", "broker_passwords")
"""Settings that never go into a file that may be mailed."""
MAX_LINE_CHARACTERS = 20_000
"""Longest line that is read, far more than any frame takes."""
MAX_CAPTURE_BYTES = 32_000_000
"""Longest file that is read, 22 hours of talk both ways; a journal of ours is at most half as long."""
MAX_FRAMES = 500_000
"""Most frames that are read: 22 hours of talk make 280,000."""
MAX_TIME_S = 1e9
"""Latest time of a frame that is read, in seconds since the start: 31 years."""
MAX_UTC_S = 4_102_444_800
"""Latest start of a run that is read: the end of the year 2099."""
MAX_LEFT_OUT = 10**12
"""Most frames that one line may say were left out."""
LEFT_OUT = "left out"
"""Word that stands in place of a frame's direction."""
MAX_TAG_BYTES = 16
"""Longest tag of a protected channel."""

FrameWay = Literal["in", "out"]
"""Direction of a frame, seen from the station."""
FrameWatcher = Callable[[FrameWay, bytes, Sequence[Fact]], None]
"""Shown every frame that passes over a channel: which way, its bytes, and what they mean. Must not block."""


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One frame as it went over the link."""

    at_s: float
    way: FrameWay
    octets: bytes

    def line(self) -> str:
        """Return the frame as a line of the file."""
        return json.dumps([round(self.at_s, 6), self.way, self.octets.hex()]) + "\n"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A number of frames that passed over the link and are not in the file."""

    at_s: float
    frames: int

    def line(self) -> str:
        """Return the number as a line of the file."""
        return json.dumps([round(self.at_s, 6), LEFT_OUT, self.frames]) + "\n"


@dataclass(frozen=True, slots=True)
class Capture:
    """The content of a capture file."""

    header: dict[str, Any]
    frames: tuple[CapturedFrame, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def frames_left_out(self) -> int:
        """Number of frames that passed and are not in the file."""
        return sum(entry.frames for entry in self.left_out)

    @property
    def mode(self) -> Mode:
        """Protection of the channel, as the header's "channel" has it; open in one that does not say."""
        return Mode.of_word(self.header["channel"]) if "channel" in self.header else Mode.OPEN

    @property
    def started_utc_s(self) -> int:
        """Start of the run, UTC seconds since 1970; 0 where there was no clock."""
        return int(self.header["started_utc_s"])

    @property
    def duration_s(self) -> float:
        """Time from the first frame to the last, in seconds."""
        return self.frames[-1].at_s - self.frames[0].at_s if self.frames else 0.0


def make_header(
    settings: Settings, link: str, mode: Mode, codec_id: int, tag_bytes: int, started_utc_s: int
) -> dict[str, Any]:
    """Return the facts of the first line.

    link: its name. mode: that of the channel. started_utc_s: 0 where there is no clock.
    """
    told = {name: value for name, value in dataclasses.asdict(settings).items() if name not in SECRET}
    told["mode"] = settings.mode.word if settings.mode is not None else ""
    return {
        "format": FORMAT,
        "program": program_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started_utc_s": started_utc_s,
        "link": link,
        "channel": mode.word,
        "codec_id": codec_id,
        "tag_bytes": tag_bytes,
        "settings": told,
    }


def header_line(header: dict[str, Any]) -> str:
    """Return the first line."""
    return json.dumps(header, ensure_ascii=False) + "\n"


def capture_text(header: dict[str, Any], frames: Iterable[CapturedFrame], left_out: Iterable[LeftOut] = ()) -> str:
    """Return the content of a capture file. Both are in the order of their times."""
    entries: Iterable[CapturedFrame | LeftOut] = heapq.merge(frames, left_out, key=_time_of)
    return header_line(header) + "".join(entry.line() for entry in entries)


def _time_of(entry: CapturedFrame | LeftOut) -> float:
    return entry.at_s


def read_capture(path: Path) -> Capture:
    """Read a capture file. Raises FileProblem."""
    try:
        text = bounded_bytes(path, MAX_CAPTURE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else "it is no text"
        raise FileProblem(f"cannot read {path}: {reason}") from error
    first, *lines = text.split("\n")
    try:
        header = _parsed_header(first)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FileProblem(f"{path} is no capture of frames", "`gossamer overs capture` makes one") from None
    frames: list[CapturedFrame] = []
    left_out: list[LeftOut] = []
    if len(lines) > MAX_FRAMES:
        raise FileProblem(f"{path} has more than {MAX_FRAMES} frames", "export less of it: --minutes")
    for number, line in enumerate(lines[:-1], start=2):  # behind the last line break the program, or the disk, ended
        try:
            entry = _parsed_entry(line)
        except (ValueError, TypeError, RecursionError):
            raise FileProblem(f"{path} line {number} is no frame", "export the capture again") from None
        if isinstance(entry, LeftOut):
            left_out.append(entry)
        else:
            frames.append(entry)
    return Capture(header, tuple(frames), tuple(left_out))


def _parsed_header(line: str) -> dict[str, Any]:
    """Read the first line. Raises one of the errors that wrong types and values lead to."""
    header: dict[str, Any] = json.loads(line)
    if header["format"] != FORMAT:
        raise ValueError("this is not the first line of a capture")
    for name, most in (("started_utc_s", MAX_UTC_S), ("codec_id", 0xFFFF), ("tag_bytes", MAX_TAG_BYTES)):
        if name in header and (type(header[name]) is not int or not 0 <= header[name] <= most):
            raise ValueError(f"{name} is not within its bounds")
    for name in ("program", "python", "platform", "link"):
        if name in header:
            header[name] = plain_text(header[name][:MAX_SHOWN_LETTERS])
    if "channel" in header:
        Mode.of_word(header["channel"])
    header["started_utc_s"]
    return header


def _parsed_entry(line: str) -> CapturedFrame | LeftOut:
    """Read a line below the first one. Raises one of the errors that wrong types and values lead to."""
    if len(line) > MAX_LINE_CHARACTERS:
        raise ValueError("this is not the line of a frame")
    at_s, way, what = json.loads(line)
    if type(at_s) not in (int, float) or not 0.0 <= at_s < MAX_TIME_S:
        raise ValueError("this is not the time of a frame")
    if way == LEFT_OUT and type(what) is int and 0 < what <= MAX_LEFT_OUT:
        return LeftOut(float(at_s), what)
    if way not in ("in", "out"):
        raise ValueError("this is not the line of a frame")
    return CapturedFrame(float(at_s), way, bytes.fromhex(what))


def newest_part(capture: Capture, minutes: float | None) -> Capture:
    """Return the last minutes of a capture, or all of it for None. Times stay as they were."""
    if minutes is None or not capture.frames:
        return capture
    since_s = capture.frames[-1].at_s - 60.0 * minutes
    return Capture(
        capture.header,
        tuple(frame for frame in capture.frames if frame.at_s >= since_s),
        tuple(entry for entry in capture.left_out if entry.at_s >= since_s),
    )
