r"""Past overs, kept as packets: one small file an over, in one folder that never grows beyond its limit.

    {"format": "gossamer-over/1", "began_utc_s": ..., "packets": 31, "flags": "..d.-..", ...}\n
    32 bytes of packet 0, 32 bytes of packet 1, ...

One line of JSON, then the packets: an hour of speech is 360 kB. The flags have a letter for each packet: `.` as it was
sent, `d` damaged on the way, `-` lost (its 32 bytes are zero).
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from app.errors import FileProblem, os_reason
from codec.format import PACKET_BYTES, PACKET_S

FORMAT = "gossamer-over/1"
"""Name and version of the file format."""
SUFFIX = ".over"
"""End of the name of a recorded over."""
CAPTURE_SUFFIX = ".capture"
"""End of the name of a journal of frames."""
KEPT_AFTER_CLEARING = 0.9
"""Fraction of the limit that clearing leaves, so that it is not done for every over."""
STAMP = "%Y%m%dT%H%M%SZ"
"""Time in the names of files, UTC."""

Direction = Literal["heard", "sent"]


@dataclass(frozen=True, slots=True)
class RecordedOver:
    """One over, of this station or of another."""

    began_utc_s: float
    """UTC seconds since 1970; 0 where there was no clock."""
    direction: Direction
    sender: str
    """Name that the talker gave; on an open channel it is a claim."""
    addressee: str
    link: str
    channel: str
    """"open", "sealed" or "ham"."""
    codec_id: int
    k: int
    complete: bool
    """True where its END was received."""
    flags: str
    """One letter a packet: "." as it was sent, "d" damaged, "-" lost."""
    packets: tuple[bytes, ...]
    """32 bytes each; zeros in place of a lost one."""

    @property
    def duration_s(self) -> float:
        """Length of the over in seconds."""
        return len(self.packets) * PACKET_S

    @property
    def lost(self) -> int:
        """Number of lost packets."""
        return self.flags.count("-")

    @property
    def damaged(self) -> int:
        """Number of damaged packets."""
        return self.flags.count("d")

    def heard_packets(self) -> list[bytes | None]:
        """Return the packets as the decoder takes them: None for a lost one."""
        return [None if flag == "-" else packet for flag, packet in zip(self.flags, self.packets, strict=True)]

    def facts(self) -> dict[str, Any]:
        """Return all but the speech, for `--json`."""
        facts = {name: value for name, value in asdict(self).items() if name not in ("packets", "flags")}
        counts = {"packets": len(self.packets), "lost": self.lost, "damaged": self.damaged}
        return facts | counts | {"duration_s": round(self.duration_s, 2)}


# --- one file ----------------------------------------------------------------------------------------------------


def over_bytes(over: RecordedOver) -> bytes:
    """Return the content of the file of an over."""
    header = {"format": FORMAT} | asdict(over) | {"packets": len(over.packets)}
    return json.dumps(header, ensure_ascii=False).encode() + b"\n" + b"".join(over.packets)


def parse_over(content: bytes, name: str = "this file") -> RecordedOver:
    """Read the content of a file. Raises FileProblem where it is no over; `name` is the file's name in that."""
    try:
        return _parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FileProblem(f"{name} is no recorded over, or was cut off", "leave it out") from None


def _parsed(content: bytes) -> RecordedOver:
    """Read the content of a file. Raises one of the errors that wrong types and values lead to."""
    line, newline, body = content.partition(b"\n")
    header = json.loads(line)
    if not newline or header.pop("format") != FORMAT:
        raise ValueError("the first line is not that of an over")
    count = header.pop("packets")
    packets = tuple(body[at : at + PACKET_BYTES] for at in range(0, len(body), PACKET_BYTES))
    over = RecordedOver(packets=packets, **header)
    if len(body) != count * PACKET_BYTES or len(over.flags) != count or set(over.flags) - set(".d-"):
        raise ValueError("the packets are not as many as the first line says")
    return over


def write_over(folder: Path, over: RecordedOver) -> Path:
    """Write a new file into the folder, whole or not at all, and return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.fromtimestamp(over.began_utc_s, UTC).strftime(STAMP)
    path, number = folder / f"{stamp}-{over.direction}{SUFFIX}", 1
    while path.exists():
        number += 1
        path = folder / f"{stamp}-{over.direction}-{number}{SUFFIX}"
    part = path.with_suffix(".part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(over_bytes(over))
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return path


def read_over(path: Path) -> RecordedOver:
    """Read the file of an over. Raises FileProblem."""
    try:
        return parse_over(path.read_bytes(), str(path))
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error


# --- the folder --------------------------------------------------------------------------------------------------


def over_files(folder: Path) -> list[Path]:
    """Return the files of recorded overs, the newest first."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=_age, reverse=True)


def capture_files(folder: Path) -> list[Path]:
    """Return the journals of frames, one or more for each run of the program, the newest first."""
    return sorted(folder.glob(f"*{CAPTURE_SUFFIX}"), key=_age, reverse=True)


def _age(path: Path) -> tuple[str, int, int, str]:
    """Return the key to sort by: the second in the name, then the file's own time.

    The number in the name alone would sort 10 before 2.
    """
    stamp, _, rest = path.name.partition("-")
    try:
        return stamp, path.stat().st_mtime_ns, len(rest), rest
    except OSError:
        return stamp, 0, len(rest), rest


def folder_bytes(folder: Path) -> int:
    """Return the bytes that all recordings take up."""
    return sum(size for _, size in _sizes(folder))


def clear_oldest(folder: Path, limit_bytes: int) -> int:
    """Remove the oldest recordings until the rest is well below the limit; return the bytes that are left."""
    left = _sizes(folder)
    total = sum(size for _, size in left)
    if total <= limit_bytes:
        return total
    for path, size in sorted(left, key=lambda entry: _age(entry[0])):
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
        if total <= KEPT_AFTER_CLEARING * limit_bytes:
            break
    return total


def _sizes(folder: Path) -> list[tuple[Path, int]]:
    sizes = []
    for path in [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{CAPTURE_SUFFIX}")]:
        with contextlib.suppress(OSError):
            sizes.append((path, path.stat().st_size))
    return sizes
