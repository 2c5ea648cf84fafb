"""Frames of the open channel: bytes on one side, frozen dataclasses on the other. No I/O, no clock.

Every frame, integers big-endian:

    byte   0              1      2   3      4   5        6 ...        last two
         +------+------+------+----------+------------+------------+------------+
         | ver  | type | over | sequence | header CRC |    body    |  body CRC  |
         +------+------+------+----------+------------+------------+------------+
           4 bit  4 bit  8 bit   16 bit      16 bit                    16 bit

`ver` also names the mode, so that sealed and ham channels can come without changing this one: 1 is the open
channel, 2 and 3 are set aside for sealed and ham, from 4 on it is a later version. A later version keeps the first
six bytes as they are, so that its frames can be recognised and refused by name.

`over` is a random number that the frames of one transmission share. `sequence` counts all its frames, whatever
their type, and is never used again with other content (sending the very same frame twice is allowed); which
sequence numbers carry voice follows from k alone (over.py). CRC is CRC-16/CCITT-FALSE.
"""

from __future__ import annotations

import enum
import struct
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transport.errors import FrameError, NewerVersion, UsageError

VERSION = 1
"""Of the open channel, as described here."""
LAST_KNOWN_VERSION = 3
"""2 and 3 are set aside for the sealed and the ham mode of this same version."""

PACKET_BYTES = 32
"""One voice packet. The codec's number, repeated because this package knows no codec; a test holds them equal."""
PACKET_S = 0.32
"""Speech in one voice packet, seconds."""
MAX_K = 6
"""Packets a frame on the link carries: 1..6."""

NONCE_BYTES = 8
PROFILE_BYTES = 32
MAX_NAME_BYTES = 24
"""Of a station's name in UTF-8."""
MAX_TEXT_BYTES = 140
"""Of a short message in UTF-8: with two full names it still fits where a frame of six packets fits."""

_HEADER = struct.Struct(">BBH")
_CHECK = struct.Struct(">H")
HEADER_BYTES = _HEADER.size
CHECK_BYTES = 2 * _CHECK.size
OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
"""What a VOICE frame adds to its packets: 8 bytes."""
_BODY_AT = HEADER_BYTES + _CHECK.size
MAX_FRAME_BYTES = OVERHEAD_BYTES + 2 * MAX_K * PACKET_BYTES
"""A VOICE frame of six packets that also repeats the six before: 392 bytes."""


class Type(enum.IntEnum):
    """The low nibble of the first byte. 0 and 9..15 are free."""

    BEGIN = 1
    VOICE = 2
    END = 3
    RECEIPT = 4
    TEXT = 5
    BEACON = 6
    PING = 7
    PONG = 8


@dataclass(frozen=True, slots=True)
class Begin:
    """An over starts, or goes on for those who join late: who talks, and how to understand what follows."""

    over: int
    sequence: int
    nonce: bytes
    """8 random bytes: tells this over from any other with the same `over` byte."""
    utc_s: int
    """The talker's clock, whole seconds since 1970 (0..2^32-1); 0 from a station without a clock."""
    codec_id: int
    """0..65535: which decoders understand the packets."""
    k: int
    """Packets in every VOICE frame of this over (1..6), except that its last one may carry fewer."""
    sender: str
    addressee: str = ""
    """Empty: to all. Otherwise the one station that answers END with RECEIPT."""
    repeat: bool = False
    """Every VOICE frame but the first carries the packets of the one before again, after its own."""
    profile: bytes | None = None
    """The speaker profile, 32 bytes, or None."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Packets of speech, in order; with `Begin.repeat` those of the frame before come after its own."""

    over: int
    sequence: int
    packets: tuple[bytes, ...]
    """1..12 packets of 32 bytes."""
    damaged: bool = False
    """The header's check was good and the voice's was not: some bits are flipped, it is not known which."""


@dataclass(frozen=True, slots=True)
class End:
    """The talker let go. Sent twice, the same bytes."""

    over: int
    sequence: int
    packets_sent: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The addressed station answers END; `over` and `sequence` are those of the END."""

    over: int
    sequence: int
    packets_heard: int
    """Packets that arrived intact, duplicates not counted."""


@dataclass(frozen=True, slots=True)
class Text:
    """A short message; `over` and `sequence` together are a random number of 24 bits that tells it from a repeat."""

    over: int
    sequence: int
    sender: str
    text: str
    addressee: str = ""


@dataclass(frozen=True, slots=True)
class Beacon:
    """Somebody is here; without a name it only keeps a path open."""

    over: int
    sequence: int
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a `Pong` with the same `over`, `sequence` and token."""

    over: int
    sequence: int
    token: int
    """0..2^32-1, of meaning only to the asker."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a `Ping`; exactly as long."""

    over: int
    sequence: int
    token: int


Frame = Begin | Voice | End | Receipt | Text | Beacon | Ping | Pong


def crc16(octets: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected. `crc16(b"123456789") == 0x29B1`."""
    return crc_hqx(octets, 0xFFFF)


# Names: one byte of length, then UTF-8.


def _write_name(name: str) -> bytes:
    octets = _utf8(name, MAX_NAME_BYTES, "a station's name")
    return bytes([len(octets)]) + octets


def _read_name(body: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, and the offset behind it."""
    if at >= len(body):
        raise FrameError("a name is missing")
    length = body[at]
    octets = body[at + 1 : at + 1 + length]
    if length > MAX_NAME_BYTES or len(octets) != length:
        raise FrameError(f"a name of {length} bytes where {len(octets)} are left and {MAX_NAME_BYTES} allowed")
    return _clean(octets), at + 1 + length


def _utf8(text: str, limit: int, what: str) -> bytes:
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid text: {error.reason}") from None
    if len(octets) > limit:
        raise UsageError(f"{what} takes {len(octets)} bytes in UTF-8, at most {limit} fit")
    return octets


def _clean(octets: bytes) -> str:
    """Text from the link goes to a terminal: what could steer it (control, direction, escape) becomes '?'."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise FrameError("text that is not UTF-8") from None
    return "".join(character if character.isprintable() else "?" for character in text)


# BEGIN: nonce 8, UTC seconds 4, codec_id 2, k and flags 1 (k in the high nibble), sender, addressee, [profile 32]

_BEGIN = struct.Struct(">8sIHB")
_FLAG_REPEAT = 0b0001
_FLAG_PROFILE = 0b0010
"""The other two flags are sent as 0 and ignored."""


def _write_begin(frame: Begin) -> bytes:
    _require(len(frame.nonce) == NONCE_BYTES, "a nonce is 8 bytes")
    _require(1 <= frame.k <= MAX_K, f"k is 1..{MAX_K}, not {frame.k}")
    _require(frame.profile is None or len(frame.profile) == PROFILE_BYTES, "a speaker profile is 32 bytes")
    flags = _FLAG_REPEAT * frame.repeat | _FLAG_PROFILE * (frame.profile is not None)
    fixed = _BEGIN.pack(frame.nonce, frame.utc_s, frame.codec_id, frame.k << 4 | flags)
    return fixed + _write_name(frame.sender) + _write_name(frame.addressee) + (frame.profile or b"")


def _read_begin(over: int, sequence: int, body: bytes) -> Begin:
    if len(body) < _BEGIN.size:
        raise FrameError(f"BEGIN of {len(body)} bytes")
    nonce, utc_s, codec_id, k_and_flags = _BEGIN.unpack_from(body)
    sender, at = _read_name(body, _BEGIN.size)
    addressee, at = _read_name(body, at)
    k, flags = k_and_flags >> 4, k_and_flags & 0x0F
    profile = body[at:] if flags & _FLAG_PROFILE else None
    if not 1 <= k <= MAX_K:
        raise FrameError(f"BEGIN with k = {k}")
    if len(body) - at != (PROFILE_BYTES if flags & _FLAG_PROFILE else 0):
        raise FrameError("BEGIN with a wrong length")
    return Begin(over, sequence, nonce, utc_s, codec_id, k, sender, addressee, bool(flags & _FLAG_REPEAT), profile)


# VOICE: 1..12 packets of 32 bytes; how many follows from the length


def _write_voice(frame: Voice) -> bytes:
    _require(1 <= len(frame.packets) <= 2 * MAX_K, f"VOICE of {len(frame.packets)} packets")
    _require(all(len(packet) == PACKET_BYTES for packet in frame.packets), "a voice packet is 32 bytes")
    _require(not frame.damaged, "a damaged frame is only ever received")
    return b"".join(frame.packets)


def _read_voice(over: int, sequence: int, body: bytes, damaged: bool) -> Voice:
    count, rest = divmod(len(body), PACKET_BYTES)
    if rest or not 1 <= count <= 2 * MAX_K:
        raise FrameError(f"VOICE of {len(body)} bytes")
    packets = tuple(body[at : at + PACKET_BYTES] for at in range(0, len(body), PACKET_BYTES))
    return Voice(over, sequence, packets, damaged)


# END: packets sent 2.  RECEIPT: packets heard 2.  PING and PONG: token 4.

_COUNT = struct.Struct(">H")
_TOKEN = struct.Struct(">I")


def _write_end(frame: End) -> bytes:
    return _COUNT.pack(frame.packets_sent)


def _read_end(over: int, sequence: int, body: bytes) -> End:
    return End(over, sequence, _read_number(_COUNT, body))


def _write_receipt(frame: Receipt) -> bytes:
    return _COUNT.pack(frame.packets_heard)


def _read_receipt(over: int, sequence: int, body: bytes) -> Receipt:
    return Receipt(over, sequence, _read_number(_COUNT, body))


def _write_token(frame: Ping | Pong) -> bytes:
    return _TOKEN.pack(frame.token)


def _read_ping(over: int, sequence: int, body: bytes) -> Ping:
    return Ping(over, sequence, _read_number(_TOKEN, body))


def _read_pong(over: int, sequence: int, body: bytes) -> Pong:
    return Pong(over, sequence, _read_number(_TOKEN, body))


def _read_number(field: struct.Struct, body: bytes) -> int:
    if len(body) != field.size:
        raise FrameError(f"{len(body)} bytes where {field.size} belong")
    number: int = field.unpack(body)[0]
    return number


# TEXT: sender, addressee, then the message to the end, 0..140 bytes of UTF-8.  BEACON: sender.


def _write_text(frame: Text) -> bytes:
    message = _utf8(frame.text, MAX_TEXT_BYTES, "a message")
    return _write_name(frame.sender) + _write_name(frame.addressee) + message


def _read_text(over: int, sequence: int, body: bytes) -> Text:
    sender, at = _read_name(body, 0)
    addressee, at = _read_name(body, at)
    if len(body) - at > MAX_TEXT_BYTES:
        raise FrameError(f"a message of {len(body) - at} bytes")
    return Text(over, sequence, sender, _clean(body[at:]), addressee)


def _write_beacon(frame: Beacon) -> bytes:
    return _write_name(frame.sender)


def _read_beacon(over: int, sequence: int, body: bytes) -> Beacon:
    sender, at = _read_name(body, 0)
    if at != len(body):
        raise FrameError("BEACON with a wrong length")
    return Beacon(over, sequence, sender)


_WRITERS: dict[type, tuple[Type, Callable[[Any], bytes]]] = {
    Begin: (Type.BEGIN, _write_begin),
    Voice: (Type.VOICE, _write_voice),
    End: (Type.END, _write_end),
    Receipt: (Type.RECEIPT, _write_receipt),
    Text: (Type.TEXT, _write_text),
    Beacon: (Type.BEACON, _write_beacon),
    Ping: (Type.PING, _write_token),
    Pong: (Type.PONG, _write_token),
}
_READERS: dict[int, Callable[[int, int, bytes], Frame]] = {  # VOICE is read apart: it may be damaged
    Type.BEGIN: _read_begin,
    Type.END: _read_end,
    Type.RECEIPT: _read_receipt,
    Type.TEXT: _read_text,
    Type.BEACON: _read_beacon,
    Type.PING: _read_ping,
    Type.PONG: _read_pong,
}


def encode(frame: Frame) -> bytes:
    """The frame as it goes on the link. Raises UsageError when a field does not fit its place."""
    kind, write = _WRITERS[type(frame)]
    try:
        header = _HEADER.pack(VERSION << 4 | kind, frame.over, frame.sequence)
        body = write(frame)
    except struct.error as error:
        raise UsageError(f"{kind.name} has a number that does not fit its field: {error}") from None
    return header + _CHECK.pack(crc16(header)) + body + _CHECK.pack(crc16(body))


def decode(octets: bytes) -> Frame:
    """The frame in what a link delivered.

    Raises NewerVersion for an intact frame of a later version, FrameError for anything else that is not exactly one
    frame. A VOICE frame whose header is good and whose voice is not comes back with `damaged` set.
    """
    kind, over, sequence = _read_header(octets)
    body = octets[_BODY_AT : -_CHECK.size]
    good = crc16(body) == _CHECK.unpack(octets[-_CHECK.size :])[0]
    if kind == Type.VOICE:
        return _read_voice(over, sequence, body, damaged=not good)
    if not good:
        raise FrameError("the body's check does not match")
    if kind not in _READERS:
        raise FrameError(f"unknown type {kind}")
    return _READERS[kind](over, sequence, body)


def _read_header(octets: bytes) -> tuple[int, int, int]:
    """Type, over, sequence."""
    if not OVERHEAD_BYTES <= len(octets) <= MAX_FRAME_BYTES:
        raise FrameError(f"{len(octets)} bytes are no frame")
    if crc16(octets[:HEADER_BYTES]) != _CHECK.unpack_from(octets, HEADER_BYTES)[0]:
        raise FrameError("the header's check does not match")
    version_and_type, over, sequence = _HEADER.unpack_from(octets)
    version = version_and_type >> 4
    if version > LAST_KNOWN_VERSION:
        raise NewerVersion(version)
    if version != VERSION:
        raise FrameError(f"mode {version} is not the open channel")
    return version_and_type & 0x0F, over, sequence


def peek_type(octets: bytes) -> Type | None:
    """The type of a frame of the open channel whose header is intact, or None: for links, which do not read bodies."""
    try:
        kind, _, _ = _read_header(octets)
        return Type(kind)
    except (FrameError, ValueError):
        return None


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)
