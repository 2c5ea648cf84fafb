"""Frames of the open channel: bytes on one side, frozen dataclasses on the other. No I/O, no clock.

Every frame, integers big-endian:

    byte   0              1      2   3      4   5        6 ...        last two
         +------+------+------+----------+------------+------------+------------+
         | ver  | type | over | sequence | header CRC |    body    |  body CRC  |
         +------+------+------+----------+------------+------------+------------+
           4 bit  4 bit  8 bit   16 bit      16 bit                    16 bit

`ver` also names the mode: 1 is the open channel, 2 is sealed and 3 ham (seal.py), from 4 on it is a later version. A
later version keeps the first six bytes as they are, so that its frames can be recognised and refused by name.

`over` is a random number that the frames of one transmission share. `sequence` counts all its frames, whatever
their type, and is never used again with other content (sending the very same frame twice is allowed); which
sequence numbers carry voice follows from k alone (over.py). CRC is CRC-16/CCITT-FALSE.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx

from transport.errors import FrameError, NewerVersion, OtherMode, UsageError
from transport.protocol.frames import (
    MAX_K,
    MAX_NAME_BYTES,
    MAX_TEXT_BYTES,
    NONCE_BYTES,
    PACKET_BYTES,
    TAG_BYTES,
    Frame,
    Mode,
    Type,
)
from transport.protocol.payloads import READERS, WRITERS, read_voice

VERSION = Mode.OPEN
"""Of the open channel, as described here."""
LAST_KNOWN_VERSION = max(Mode)
"""2 and 3 are the sealed and the ham mode of this same version."""

HEADER = struct.Struct(">BBH")
_CHECK = struct.Struct(">H")
HEADER_BYTES = HEADER.size
CHECK_BYTES = 2 * _CHECK.size
OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
"""What a VOICE frame adds to its packets: 8 bytes."""
_BODY_AT = HEADER_BYTES + _CHECK.size
STAMP_BYTES = NONCE_BYTES + 4
"""Nonce and UTC seconds: in every sealed and ham frame but VOICE."""
MIN_SIGNAL_BYTES = STAMP_BYTES + 1 + min(TAG_BYTES)
"""Behind the header of a sealed or ham frame that is no VOICE: at least a BEACON's empty name."""
MAX_SIGNAL_BYTES = STAMP_BYTES + 2 * (1 + MAX_NAME_BYTES) + MAX_TEXT_BYTES + max(TAG_BYTES)
"""At most a TEXT."""
TYPES = frozenset(Type)
MAX_FRAME_BYTES = HEADER_BYTES + 2 * MAX_K * PACKET_BYTES + max(TAG_BYTES)
"""A sealed VOICE frame of six packets that also repeats the six before: 396 bytes. In the open channel it has 392."""


def crc16(octets: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected. `crc16(b"123456789") == 0x29B1`."""
    return crc_hqx(octets, 0xFFFF)


def encode(frame: Frame) -> bytes:
    """The frame as it goes on the link. Raises UsageError when a field does not fit its place."""
    kind, write = WRITERS[type(frame)]
    try:
        header = HEADER.pack(VERSION << 4 | kind, frame.over, frame.sequence)
        body = write(frame)
    except struct.error as error:
        raise UsageError(f"{kind.name} has a number that does not fit its field: {error}") from None
    return header + _CHECK.pack(crc16(header)) + body + _CHECK.pack(crc16(body))


def decode(octets: bytes) -> Frame:
    """The frame in what a link delivered.

    Raises NewerVersion for an intact frame of a later version, FrameError for anything else that is not exactly one
    frame. A VOICE frame whose header is good and whose voice is not comes back with `damaged` set.
    """
    kind, over, sequence = read_header(octets)
    body = octets[_BODY_AT : -_CHECK.size]
    good = crc16(body) == _CHECK.unpack(octets[-_CHECK.size :])[0]
    if kind == Type.VOICE:
        return read_voice(over, sequence, body, damaged=not good)
    if not good:
        raise FrameError("the body's check does not match")
    if kind not in READERS:
        raise FrameError(f"unknown type {kind}")
    return READERS[kind](over, sequence, body)


def read_header(octets: bytes) -> tuple[int, int, int]:
    """Type, over, sequence of a frame of the open channel. Raises OtherMode, NewerVersion, FrameError."""
    if (mode := peek_mode(octets)) is not None:
        raise OtherMode(mode)
    if len(octets) < _BODY_AT:
        raise FrameError(f"{len(octets)} bytes are no frame")
    if crc16(octets[:HEADER_BYTES]) != _CHECK.unpack_from(octets, HEADER_BYTES)[0]:
        raise FrameError("the header's check does not match")
    version_and_type, over, sequence = HEADER.unpack_from(octets)
    version = version_and_type >> 4
    if version > LAST_KNOWN_VERSION:
        raise NewerVersion(version)
    if version != VERSION or not OVERHEAD_BYTES <= len(octets) <= MAX_FRAME_BYTES:
        raise FrameError(f"version {version} and {len(octets)} bytes are no frame")
    return version_and_type & 0x0F, over, sequence


def peek_mode(octets: bytes) -> Mode | None:
    """SEALED or HAM if the bytes have the shape of such a frame, else None. Nothing is proven by that: one in some
    twenty random frames has it."""
    if len(octets) < HEADER_BYTES or octets[0] >> 4 not in (Mode.SEALED, Mode.HAM):
        return None
    rest = len(octets) - HEADER_BYTES
    if octets[0] & 0x0F == Type.VOICE:
        packets, tag = divmod(rest, PACKET_BYTES)
        fits = 1 <= packets <= 2 * MAX_K and tag in TAG_BYTES
    else:
        fits = octets[0] & 0x0F in TYPES and MIN_SIGNAL_BYTES <= rest <= MAX_SIGNAL_BYTES
    return Mode(octets[0] >> 4) if fits else None


def peek_type(octets: bytes) -> Type | None:
    """The type of a frame, or None for rubbish: for links, which do not read bodies. In the open channel its header is
    intact; of a sealed or ham frame only the shape is known."""
    try:
        kind = octets[0] & 0x0F if peek_mode(octets) is not None else read_header(octets)[0]
        return Type(kind)
    except (FrameError, ValueError):
        return None
