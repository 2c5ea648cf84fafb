r"""Past overs, kept as packets: one small file an over, in one folder that never grows beyond its limit.

    {"format": "gossamer-over/1", "began_utc_s": ..., "packets": 31, "flags": "..d.-..", ...}\n
    32 bytes of packet 0, 32 bytes of packet 1, ...

One line of JSON, then the packets: an hour of speech is 360 kB. The flags have a letter for each packet: `.` as it was
sent, `d` damaged on the way, `-` lost (its 32 bytes are zero).
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from app.errors import FileProblem, os_reason
from app.storage import bounded_bytes
from codec.format import PACKET_BYTES, PACKET_S
from transport.protocol.frames import MAX_K, Mode
from transport.protocol.over import MAX_PACKETS
from transport.texts import plain_text

FORMAT = "gossamer-over/1"
"""Name and version of the file format."""
SUFFIX = ".over"
"""End of the name of a recorded over."""
CAPTURE_SUFFIX = ".capture"
"""End of the name of a journal of frames."""
PART_SUFFIX = ".part"
"""End of the name of an over that is being written."""
MAX_HEADER_BYTES = 128_000
"""Longest first line that is read: a letter for each of the 65,535 packets of the longest over, and its other facts."""
MAX_UTC_S = 0xFFFFFFFF
"""Latest time that is read, in the year 2106: what a BEGIN can say."""
KEPT_AFTER_CLEARING = 0.9
"""Fraction of the limit that clearing leaves, so that it is not done for every over."""
STAMP = "%Y%m%dT%H%M%SZ"
"""Time in the names of files, UTC."""

Direction = Literal["heard", "sent"]


class PacketFlag(enum.StrEnum):
    """Fate of a packet of an over; the value is its letter in the file."""

    INTACT = "."
    DAMAGED = "d"
    LOST = "-"


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
    mode: Mode
    """Protection of the channel; in the file it is "channel", one of "open", "sealed" and "ham"."""
    codec_id: int
    k: int
    complete: bool
    """True where its END was received."""
    flags: str
    """One letter a packet, that of its `PacketFlag`."""
    packets: tuple[bytes, ...]
    """32 bytes each; zeros in place of a lost one."""

    @property
    def duration_s(self) -> float:
        """Length of the over in seconds."""
        return len(self.packets) * PACKET_S

    @property
    def lost(self) -> int:
        """Number of lost packets."""
        return self.flags.count(PacketFlag.LOST)

    @property
    def damaged(self) -> int:
        """Number of damaged packets."""
        return self.flags.count(PacketFlag.DAMAGED)

    def heard_packets(self) -> list[bytes | None]:
        """Return the packets as the decoder takes them: None for a lost one."""
        told = zip(self.flags, self.packets, strict=True)
        return [None if flag == PacketFlag.LOST else packet for flag, packet in told]

    def facts(self) -> dict[str, Any]:
        """Return all but the speech, for `--json`."""
        facts = {name: value for name, value in _described(self).items() if name != "flags"}
        counts = {"packets": len(self.packets), "lost": self.lost, "damaged": self.damaged}
        return facts | counts | {"duration_s": round(self.duration_s, 2)}


# --- one file ----------------------------------------------------------------------------------------------------


def _described(over: RecordedOver) -> dict[str, Any]:
    """Return all but the packets, by the names and in the types that the file has, in its order."""
    facts = asdict(over)
    del facts["packets"]
    facts["mode"] = over.mode.word
    return {("channel" if name == "mode" else name): value for name, value in facts.items()}


def over_bytes(over: RecordedOver) -> bytes:
    """Return the content of the file of an over."""
    header = {"format": FORMAT} | _described(over) | {"packets": len(over.packets)}
    return json.dumps(header, ensure_ascii=False).encode() + b"\n" + b"".join(over.packets)


def parse_over(content: bytes, name: str = "this file") -> RecordedOver:
    """Read the content of a file. Raises FileProblem where it is no over; `name` is the file's name in that."""
    try:
        return _parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError):
        raise FileProblem(f"{name} is no recorded over, or was cut off", "leave it out") from None


def _parsed(content: bytes) -> RecordedOver:
    """Read the content of a file. Raises one of the errors that wrong types and values lead to."""
    line, newline, body = content.partition(b"\n")
    if not newline or len(line) > MAX_HEADER_BYTES:
        raise ValueError("the first line is not that of an over")
    header = json.loads(line)
    if header.pop("format") != FORMAT:
        raise ValueError("the first line is not that of an over")
    count = header.pop("packets")
    packets = tuple(body[at : at + PACKET_BYTES] for at in range(0, len(body), PACKET_BYTES))
    mode = Mode.of_word(header.pop("channel"))
    over = _made_plain(RecordedOver(packets=packets, mode=mode, **header))
    if len(body) != count * PACKET_BYTES or len(over.flags) != count or set(over.flags) - set(PacketFlag):
        raise ValueError("the packets are not as many as the first line says")
    return over


def _made_plain(over: RecordedOver) -> RecordedOver:
    """Return an over from a file of anybody's with its texts made plain. Raises ValueError, TypeError."""
    if type(over.complete) is not bool or over.direction not in ("heard", "sent"):
        raise ValueError("a field is not what it should be")
    for number, most in ((over.began_utc_s, MAX_UTC_S), (over.codec_id, 0xFFFF), (over.k, MAX_K)):
        if type(number) not in (int, float) or not 0 <= number <= most:
            raise ValueError("a number is not within its bounds")
    return replace(
        over,
        codec_id=int(over.codec_id),
        k=int(over.k),
        sender=plain_text(over.sender),
        addressee=plain_text(over.addressee),
        link=plain_text(over.link),
        flags=plain_text(over.flags),
    )


def write_over(folder: Path, over: RecordedOver) -> Path:
    """Write a new file into the folder, whole or not at all, and return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.fromtimestamp(over.began_utc_s, UTC).strftime(STAMP)
    part = folder / f"{stamp}-{os.getpid()}-{threading.get_native_id()}{PART_SUFFIX}"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # whoever finds it unlocked knows that its writer is dead
            stream.write(over_bytes(over))
            stream.flush()
            return _named(part, f"{stamp}-{over.direction}")
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _named(part: Path, stem: str) -> Path:
    """Give a complete file the first free name that begins so, and return it. Raises OSError.

    Two stations may keep an over in the same second: a name that is taken is never taken over.
    """
    number = 1
    while True:
        path = part.with_name(f"{stem}{'' if number == 1 else f'-{number}'}{SUFFIX}")
        try:
            os.link(part, path)
        except FileExistsError:
            number += 1
            continue
        except OSError:  # a file system without links
            if path.exists():
                number += 1
                continue
            part.replace(path)
            return path
        part.unlink()
        return path


def recover_parts(folder: Path) -> None:
    """Bring back the overs that a killed program was about to keep, and remove those that it had not written out."""
    for part in part_files(folder):
        with contextlib.suppress(OSError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises BlockingIOError while its writer lives
            try:
                over = read_over(part)
            except FileProblem:
                part.unlink()
            else:
                stamp = datetime.fromtimestamp(over.began_utc_s, UTC).strftime(STAMP)
                _named(part, f"{stamp}-{over.direction}")


def read_over(path: Path) -> RecordedOver:
    """Read the file of an over. Raises FileProblem."""
    try:
        content = bounded_bytes(path, MAX_HEADER_BYTES + MAX_PACKETS * PACKET_BYTES)
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error
    return parse_over(content, str(path))


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


def part_files(folder: Path) -> list[Path]:
    """Return the files of overs that are being written, or that a killed program left behind."""
    return sorted(folder.glob(f"*{PART_SUFFIX}"))


def everything_kept(folder: Path) -> list[Path]:
    """Return all files with speech in them: overs, journals, and what a killed program left behind."""
    return [*over_files(folder), *capture_files(folder), *part_files(folder)]


def folder_bytes(folder: Path) -> int:
    """Return the bytes that all recordings take up."""
    return sum(size for _, size in _sizes(everything_kept(folder)))


def clear_oldest_overs(folder: Path, limit_bytes: int) -> int:
    """Remove the oldest overs until the rest is well below the limit; return the bytes that are left."""
    return _clear_oldest([*part_files(folder), *over_files(folder)], limit_bytes)


def clear_oldest_journals(folder: Path, limit_bytes: int) -> int:
    """Remove the oldest journals until the rest is well below the limit; return the bytes that are left."""
    return _clear_oldest(capture_files(folder), limit_bytes)


def _clear_oldest(files: list[Path], limit_bytes: int) -> int:
    left = _sizes(files)
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


def _sizes(files: list[Path]) -> list[tuple[Path, int]]:
    sizes = []
    for path in files:
        with contextlib.suppress(OSError):
            sizes.append((path, path.stat().st_size))
    return sizes
