r"""Past overs, kept as packets: one small file an over.

    {"format": "gossamer-over/1", "began_utc_s": ..., "packets": 31, "flags": "..d.-..", ...}\n
    32 bytes of packet 0, 32 bytes of packet 1, ...

One line of JSON, then the packets: an hour of speech is 360 kB. The flags have a letter for each packet: `.` as it was
sent, `d` damaged on the way, `c` lost but for its coarse copy (8 bytes, then zeros), `-` lost (its 32 bytes are zero).
"""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.errors import FileProblem, os_reason
from app.events import Direction
from app.history.folder import SUFFIX, Mark, write_new
from app.storage import bounded_bytes
from codec.format import PACKET_BYTES, PACKET_S
from transport.playout.items import ReceivedPacket
from transport.protocol.frames import COPY_BYTES, MAX_K, MAX_NAME_BYTES, Mode
from transport.protocol.over import MAX_PACKETS
from transport.texts import plain_text

FORMAT = "gossamer-over/1"
"""Name and version of the file format."""
MAX_HEADER_BYTES = 128_000
"""Longest first line that is read: a letter for each of the 65,535 packets of the longest over, and its other facts."""
MAX_UTC_S = 0xFFFFFFFF
"""Latest time that is read, in the year 2106: what a BEGIN can say."""
MAX_SHOWN_LETTERS = 255
"""Letters that are read of a link, and of other words that no frame bounds: the rest is left out."""


class PacketFlag(enum.StrEnum):
    """Fate of a packet of an over; the value is its letter in the file."""

    INTACT = "."
    DAMAGED = "d"
    COPY = "c"
    """Only its coarse copy came."""
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
    """32 bytes each; zeros in place of a lost one, behind its copy where that came."""
    number: int | None = field(default=None, compare=False)
    """Number that the over had on the channel, 0..255, which comes again and is not kept; None in one from a file."""

    @property
    def duration_s(self) -> float:
        """Length of the over in seconds."""
        return len(self.packets) * PACKET_S

    @property
    def lost(self) -> int:
        """Number of lost packets."""
        return self.flags.count(PacketFlag.LOST)

    @property
    def rebuilt(self) -> int:
        """Number of packets of which only the coarse copy came."""
        return self.flags.count(PacketFlag.COPY)

    @property
    def damaged(self) -> int:
        """Number of damaged packets."""
        return self.flags.count(PacketFlag.DAMAGED)

    def received_packets(self) -> list[ReceivedPacket]:
        """Return what came of each packet, as the decoder takes it."""
        return [_received(flag, content) for flag, content in zip(self.flags, self.packets, strict=True)]

    def facts(self) -> dict[str, Any]:
        """Return all but the speech, for `--json`."""
        facts = {name: value for name, value in _described(self).items() if name != "flags"}
        counts = {"packets": len(self.packets), "lost": self.lost, "damaged": self.damaged, "rebuilt": self.rebuilt}
        return facts | counts | {"duration_s": round(self.duration_s, 2)}


def _received(flag: str, content: bytes) -> ReceivedPacket:
    """Return what came of a packet. content: 32 bytes, as they are kept."""
    match flag:
        case PacketFlag.LOST:
            return ReceivedPacket(None)
        case PacketFlag.COPY:
            return ReceivedPacket(None, content[:COPY_BYTES])
        case _:
            return ReceivedPacket(content)


def _described(over: RecordedOver) -> dict[str, Any]:
    """Return all but the packets, by the names and in the types that the file has, in its order."""
    facts = asdict(over)
    del facts["packets"], facts["number"]
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
        sender=bounded_text(over.sender, MAX_NAME_BYTES),
        addressee=bounded_text(over.addressee, MAX_NAME_BYTES),
        link=plain_text(over.link[:MAX_SHOWN_LETTERS]),
        flags=plain_text(over.flags),
    )


def bounded_text(text: str, most_bytes: int) -> str:
    """Return a text from a file of anybody's, made plain. Raises ValueError for one that no frame has room for."""
    plain = plain_text(text)
    if len(plain.encode()) > most_bytes:
        raise ValueError("a text is too long")
    return plain


def write_over(folder: Path, over: RecordedOver, mark: Mark | None = None) -> Path:
    """Write a new file into the folder, whole or not at all, and return its path. Raises OSError.

    mark: what became of it; None is heard or sent, as its direction says.
    """
    return write_new(folder, over.began_utc_s, mark or Mark(over.direction), SUFFIX, over_bytes(over))


def read_over(path: Path) -> RecordedOver:
    """Read the file of an over. Raises FileProblem."""
    try:
        content = bounded_bytes(path, MAX_HEADER_BYTES + MAX_PACKETS * PACKET_BYTES)
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error
    return parse_over(content, str(path))
