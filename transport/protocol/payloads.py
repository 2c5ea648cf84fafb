"""The payloads, between a frame's header and its last check: each writer beside its reader. No I/O, no clock.

Integers are big-endian. A writer raises UsageError for what does not fit, a reader FrameError for anything that is not
exactly one body of its kind.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from transport.errors import FrameError, UsageError
from transport.protocol.frames import (
    BEACON_MARK_BYTES,
    COPY_BYTES,
    MAX_K,
    MAX_NAME_BYTES,
    MAX_TEXT_BYTES,
    NONCE_BYTES,
    PACKET_BYTES,
    PROFILE_BYTES,
    VOICE_SHAPES,
    Beacon,
    Begin,
    End,
    Frame,
    Mode,
    Ping,
    Pong,
    Receipt,
    Refusal,
    Repeat,
    Text,
    Type,
    Voice,
    VoiceWithCopies,
)
from transport.texts import plain_text

# Names: one byte of length, then UTF-8.


def _write_name(name: str) -> bytes:
    octets = _utf8(name, MAX_NAME_BYTES, "a station's name")
    return bytes([len(octets)]) + octets


def _read_name(body: bytes, at: int) -> tuple[str, int]:
    """Return the name at an offset, and the offset behind it."""
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
    """Return the text in these bytes, with '?' for whatever could steer a terminal (control, direction, escape)."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise FrameError("text that is not UTF-8") from None
    return plain_text(text)


# BEGIN: nonce 8, UTC seconds 4, codec_id 2, k and flags 1 (k in the high nibble), sender, addressee, [profile 32]

_BEGIN = struct.Struct(">8sIHB")
BEGIN_BYTES = _BEGIN.size + 2
"""Length of BEGIN's body without its names and without a speaker profile: the fixed fields and two lengths of names."""
# Flags 1 and 4 are Repeat's, never both; 8 is sent as 0 and ignored.
_FLAG_PROFILE = 0b0010
_REPEAT_FLAGS = 0b0101
_REPEATS = {repeat.value: repeat for repeat in Repeat}


def _write_begin(frame: Begin) -> bytes:
    _require(len(frame.nonce) == NONCE_BYTES, "a nonce is 8 bytes")
    _require(1 <= frame.k <= MAX_K, f"k is 1..{MAX_K}, not {frame.k}")
    _require(frame.profile is None or len(frame.profile) == PROFILE_BYTES, "a speaker profile is 32 bytes")
    flags = frame.repeat.value | _FLAG_PROFILE * (frame.profile is not None)
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
    if flags & _REPEAT_FLAGS not in _REPEATS:
        raise FrameError("BEGIN of an over that repeats both packets and copies")
    if len(body) - at != (PROFILE_BYTES if flags & _FLAG_PROFILE else 0):
        raise FrameError("BEGIN with a wrong length")
    return Begin(over, sequence, nonce, utc_s, codec_id, k, sender, addressee, _REPEATS[flags & _REPEAT_FLAGS], profile)


# VOICE: 1..12 packets of 32 bytes.  VOICE WITH COPIES: 1..6 packets of 32 bytes, as many copies of 8 bytes or more, up
# to 6, [0 1 behind 1 packet and 6 copies].  How many there are follows from the length: VOICE_SHAPES.


def _write_voice(frame: Voice) -> bytes:
    _require(1 <= len(frame.packets) <= 2 * MAX_K, f"VOICE of {len(frame.packets)} packets")
    _require(all(len(packet) == PACKET_BYTES for packet in frame.packets), "a voice packet is 32 bytes")
    _require(not frame.damaged, "a damaged frame is only ever received")
    return b"".join(frame.packets)


def _write_voice_with_copies(frame: VoiceWithCopies) -> bytes:
    packets, copies = len(frame.packets), len(frame.copies)
    _require(packets <= copies <= MAX_K, f"VOICE of {packets} packets and {copies} copies")
    _require(all(len(copy) == COPY_BYTES for copy in frame.copies), "a copy is 8 bytes")
    body = _write_voice(frame) + b"".join(frame.copies)
    as_read = VOICE_SHAPES[Type.VOICE_WITH_COPIES][len(body)]
    return body if as_read == (packets, copies) else body + b"\0"


def read_voice(kind: int, over: int, sequence: int, body: bytes, damaged: bool) -> Voice:
    """Return the VOICE frame, with or without copies, that has this body, marked as damaged or not. Raise FrameError.

    kind: one of those of VOICE_SHAPES.
    """
    if len(body) not in VOICE_SHAPES[kind]:
        raise FrameError(f"VOICE of {len(body)} bytes")
    count, copied = VOICE_SHAPES[kind][len(body)]
    packets, at = _pieces(body, 0, count, PACKET_BYTES)
    if kind == Type.VOICE:
        return Voice(over, sequence, packets, damaged)
    copies, at = _pieces(body, at, copied, COPY_BYTES)
    if any(body[at:]) and not damaged:
        raise FrameError("VOICE with more behind its copies")
    return VoiceWithCopies(over, sequence, packets, damaged, copies)


def _pieces(body: bytes, at: int, count: int, length: int) -> tuple[tuple[bytes, ...], int]:
    """Return so many pieces of this length from an offset on, and the offset behind them."""
    end = at + count * length
    return tuple(body[start : start + length] for start in range(at, end, length)), end


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


# TEXT: sender, addressee, then the message to the end, 0..140 bytes of UTF-8.
# BEACON: sender, then flags 1 where there are any (1: leaves, 2: a mark follows), [mark 8]

_FLAG_LEAVES = 0b01
_FLAG_MARK = 0b10


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
    _require(len(frame.mark) in (0, BEACON_MARK_BYTES), f"a mark is {BEACON_MARK_BYTES} bytes")
    flags = _FLAG_LEAVES * frame.leaves | _FLAG_MARK * bool(frame.mark)
    return _write_name(frame.sender) + (bytes([flags]) if flags else b"") + frame.mark


def _read_beacon(over: int, sequence: int, body: bytes) -> Beacon:
    sender, at = _read_name(body, 0)
    flags, mark = (body[at], body[at + 1 :]) if at < len(body) else (0, b"")
    if len(mark) != (BEACON_MARK_BYTES if flags & _FLAG_MARK else 0) or (at < len(body) and not flags):
        raise FrameError("BEACON with a wrong length")
    return Beacon(over, sequence, sender, bool(flags & _FLAG_LEAVES), mark)


# REFUSAL: mode 1, the last two bytes of what is refused 2.

_REFUSAL = struct.Struct(">BH")


def _write_refusal(frame: Refusal) -> bytes:
    return _REFUSAL.pack(frame.mode, frame.echo)


def _read_refusal(over: int, sequence: int, body: bytes) -> Refusal:
    if len(body) != _REFUSAL.size:
        raise FrameError(f"REFUSAL of {len(body)} bytes")
    mode, echo = _REFUSAL.unpack(body)
    if mode not in _MODES:
        raise FrameError(f"REFUSAL in mode {mode}")
    return Refusal(over, sequence, Mode(mode), echo)


_MODES = frozenset(Mode)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


WRITERS: dict[type, tuple[Type, Callable[[Any], bytes]]] = {
    Begin: (Type.BEGIN, _write_begin),
    Voice: (Type.VOICE, _write_voice),
    VoiceWithCopies: (Type.VOICE_WITH_COPIES, _write_voice_with_copies),
    End: (Type.END, _write_end),
    Receipt: (Type.RECEIPT, _write_receipt),
    Text: (Type.TEXT, _write_text),
    Beacon: (Type.BEACON, _write_beacon),
    Ping: (Type.PING, _write_token),
    Pong: (Type.PONG, _write_token),
    Refusal: (Type.REFUSAL, _write_refusal),
}
"""Type and body writer of each kind of frame."""
READERS: dict[int, Callable[[int, int, bytes], Frame]] = {  # voice is read apart: it may be damaged
    Type.BEGIN: _read_begin,
    Type.END: _read_end,
    Type.RECEIPT: _read_receipt,
    Type.TEXT: _read_text,
    Type.BEACON: _read_beacon,
    Type.PING: _read_ping,
    Type.PONG: _read_pong,
    Type.REFUSAL: _read_refusal,
}
"""Body reader of each type but those of VOICE_SHAPES, by over, sequence and body."""
