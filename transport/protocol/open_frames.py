"""Frames of the open channel: bytes on one side, frozen dataclasses on the other. No I/O, no clock.

Every frame, integers big-endian:

    byte   0              1      2   3      4   5        6 ...        last two
         +------+------+------+----------+------------+------------+------------+
         | ver  | type | over | sequence | header CRC |    body    |  body CRC  |
         +------+------+------+----------+------------+------------+------------+
           4 bit  4 bit  8 bit   16 bit      16 bit                    16 bit

`ver` also names the mode: 1 is the open channel, 2 is sealed and 3 ham (protection/cipher.py), from 4 on it is a later
version. A later version keeps the first six bytes as they are, so that its frames can be recognised and refused by
name.

`over` is a random number that the frames of one transmission share. `sequence` counts all its frames, whatever
their type, and is never used again with other content (sending the very same frame twice is allowed); which
sequence numbers carry voice follows from k alone (over.py). CRC is CRC-16/CCITT-FALSE.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from dataclasses import replace

from transport.errors import FrameError, NewerVersion, OtherMode, UsageError
from transport.protocol.frames import (
    MAX_K,
    MAX_NAME_BYTES,
    MAX_TEXT_BYTES,
    NONCE_BYTES,
    PACKET_BYTES,
    TAG_BYTES,
    VOICE_SHAPES,
    Frame,
    Mode,
    Type,
    Voice,
)
from transport.protocol.payloads import READERS, WRITERS, read_voice

VERSION = Mode.OPEN
"""Version of the open channel, as described here."""
LAST_KNOWN_VERSION = max(Mode)
"""Highest number that is no later version: 2 and 3 are the sealed and the ham mode of this same one."""

HEADER = struct.Struct(">BBH")
"""Mode or version and type, over, sequence: the beginning of every frame in every mode."""
_CHECK = struct.Struct(">H")
HEADER_BYTES = HEADER.size
CHECK_BYTES = 2 * _CHECK.size
"""Length of both checks together."""
OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
"""Bytes that a VOICE frame of the open channel adds to its packets: 8."""
_BODY_AT = HEADER_BYTES + _CHECK.size
_DAMAGED = 0xFFFF
"""Bits of the body's check that are inverted where a relay passes a damaged VOICE on."""
STAMP_BYTES = NONCE_BYTES + 4
"""Length of nonce and UTC seconds, which stand in every sealed and ham frame without voice."""
MIN_SIGNAL_BYTES = STAMP_BYTES + 1 + min(TAG_BYTES)
"""Fewest bytes behind the header of a sealed or ham frame without voice: those of a BEACON without a name."""
MAX_SIGNAL_BYTES = STAMP_BYTES + 2 * (1 + MAX_NAME_BYTES) + MAX_TEXT_BYTES + max(TAG_BYTES)
"""Most bytes behind the header of such a frame: those of a TEXT."""
REFUSAL_BYTES = OVERHEAD_BYTES + 3
"""Length of a REFUSAL."""
TYPES = frozenset(Type) - {Type.REFUSAL}
"""Types that there are in sealed and ham channels."""
MAX_FRAME_BYTES = HEADER_BYTES + 2 * MAX_K * PACKET_BYTES + max(TAG_BYTES)
"""Length of the longest frame: a sealed VOICE of six packets that repeats the six before, 396 bytes (open: 392)."""


def crc16(octets: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected.

    `crc16(b"123456789") == 0x29B1`.
    """
    return crc_hqx(octets, 0xFFFF)


def encode(frame: Frame) -> bytes:
    """Return the frame as it goes on the link. Raise UsageError when a field does not fit its place.

    The body check of a VOICE that is damaged is a wrong one: whoever hears it knows.
    """
    wrong = 0
    if isinstance(frame, Voice) and frame.damaged:
        frame, wrong = replace(frame, damaged=False), _DAMAGED
    header, body = header_and_body(VERSION, frame)
    return header + _CHECK.pack(crc16(header)) + body + _CHECK.pack(crc16(body) ^ wrong)


def header_and_body(mode: Mode, frame: Frame) -> tuple[bytes, bytes]:
    """Return the two parts of a frame that are the same in all modes. Raise UsageError when a field does not fit."""
    kind, write = WRITERS[type(frame)]
    try:
        return HEADER.pack(mode << 4 | kind, frame.over, frame.sequence), write(frame)
    except struct.error as error:
        raise UsageError(f"{kind.name} has a number that does not fit its field: {error}") from None


def decode(octets: bytes) -> Frame:
    """Return the frame in what a link delivered.

    A VOICE frame whose header is good and whose voice is not comes back with `damaged` set. Raise NewerVersion for an
    intact frame of a later version, and FrameError for anything else that is not exactly one frame.
    """
    kind, over, sequence = read_header(octets)
    body = octets[_BODY_AT : -_CHECK.size]
    good = crc16(body) == _CHECK.unpack(octets[-_CHECK.size :])[0]
    if kind in VOICE_SHAPES:
        return read_voice(kind, over, sequence, body, damaged=not good)
    if not good:
        raise FrameError("the body's check does not match")
    if kind not in READERS:
        raise FrameError(f"unknown type {kind}")
    return READERS[kind](over, sequence, body)


_PROTECTED = {int(mode): mode for mode in (Mode.SEALED, Mode.HAM)}
_TYPES = {int(kind): kind for kind in Type}


def read_header(octets: bytes) -> tuple[int, int, int]:
    """Return type, over and sequence of a frame of the open channel. Raise OtherMode, NewerVersion or FrameError."""
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
    """Return SEALED or HAM if the bytes have the shape of such a frame, else None.

    Nothing is proven by that: one in some twenty random frames has the shape.
    """
    if len(octets) < HEADER_BYTES or (mode := _PROTECTED.get(octets[0] >> 4)) is None:
        return None
    if octets[0] & 0x0F in VOICE_SHAPES:
        fits = voice_shape(octets) is not None
    else:
        rest = len(octets) - HEADER_BYTES
        fits = octets[0] & 0x0F in TYPES and MIN_SIGNAL_BYTES <= rest <= MAX_SIGNAL_BYTES
    return mode if fits else None


def voice_shape(octets: bytes) -> tuple[int, int] | None:
    """Return the number of packets and of copies in a frame with voice; None for any other type or length.

    No frame is as long as another one with a longer tag. The checks of the open channel are as long as the shorter tag.
    """
    return _SHAPES.get((octets[0] & 0x0F, len(octets)))


_SHAPES = {
    (kind, HEADER_BYTES + length + tag): shape
    for kind, shapes in VOICE_SHAPES.items()
    for length, shape in shapes.items()
    for tag in TAG_BYTES
}


def peek_type(octets: bytes) -> Type | None:
    """Return the type of a frame, or None for rubbish: for links, which do not read bodies.

    In the open channel its header is intact; of a sealed or ham frame only the shape is known.
    """
    try:
        kind = octets[0] & 0x0F if peek_mode(octets) is not None else read_header(octets)[0]
    except FrameError:
        return None
    return _TYPES.get(kind)
