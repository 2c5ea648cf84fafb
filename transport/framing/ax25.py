"""AX.25 UI frames (AX.25 Link Access Protocol for Amateur Packet Radio, version 2.2, TAPR 1998). No I/O, no clock.

    byte   0 ... 6        7 ... 13    [7 each, up to 8]  |  14      15    | 16 ...
         +------------+------------+---------------------+-------+--------+--------+
         | to         | from       | digipeaters         | 0x03  |  0xF0  | frame  |
         +------------+------------+---------------------+-------+--------+--------+
                                                            UI     no layer 3

An address is six letters or digits, padded with blanks, and a byte with the SSID, all shifted left by one; the lowest
bit of the last address of all is 1. The highest bit of the SSID byte is 1 in the first address and 0 in the second: a
command. The two reserved bits are 1. The TNC adds flags, bit stuffing and the check of 16 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transport.errors import FrameError, UsageError

UI = 0x03
"""Control byte of a UI frame."""
NO_LAYER_3 = 0xF0
"""Protocol byte of a frame that belongs to no protocol above AX.25."""
HEADER_BYTES = 16
"""Length of two addresses, control and protocol."""
FCS_BYTES = 2
"""Length of the frame check sequence."""
FLAG_BYTES = 2
"""Length of the two flags."""
AIR_BYTES = HEADER_BYTES + FCS_BYTES + FLAG_BYTES
"""Bytes that go on air with every frame, before bit stuffing."""
DESTINATION = "GOSMR"
"""Destination of a frame unless the address says otherwise: everybody who speaks Gossamer."""

_ADDRESS_BYTES = 7
_MAX_ADDRESSES = 10
_CALL = re.compile(r"([A-Z0-9]{1,6})(?:-(\d{1,2}))?")
_RESERVED = 0b0110_0000
_COMMAND = 0b1000_0000


@dataclass(frozen=True, slots=True, order=True)
class Callsign:
    """A callsign such as `N0CALL-1`: one to six letters and digits, and an SSID of 0..15."""

    call: str
    ssid: int = 0

    def __str__(self) -> str:
        return f"{self.call}-{self.ssid}" if self.ssid else self.call


@dataclass(frozen=True, slots=True)
class UiFrame:
    """A UI frame on the channel."""

    destination: Callsign
    source: Callsign
    protocol: int
    """Protocol byte, 0..255; NO_LAYER_3 is Gossamer's, and that of many others."""
    payload: bytes


def parse_callsign(text: str, *, licensed: bool = True) -> Callsign:
    """Return the callsign in a text, small letters allowed.

    `licensed`: the callsign is somebody's, so it has at least three characters, a letter and a digit among them. Raise
    UsageError, in words for the user.
    """
    found = _CALL.fullmatch(text.strip().upper())
    if found is None or int(found[2] or 0) > 15:
        raise UsageError(f"'{text}' is no callsign", "one to six letters and digits, then perhaps - and 0 to 15")
    call = found[1]
    if licensed and (len(call) < 3 or call.isdigit() or call.isalpha()):
        raise UsageError(f"'{text}' is nobody's callsign", "that has letters and a digit, like AB1CDE or AB1CDE-7")
    return Callsign(call, int(found[2] or 0))


def encode_ui(frame: UiFrame) -> bytes:
    """Return the bytes of a frame, from addresses to payload, without digipeaters."""
    destination = _encode_address(frame.destination, _COMMAND | _RESERVED)
    source = _encode_address(frame.source, _RESERVED | 1)
    return destination + source + bytes([UI, frame.protocol]) + frame.payload


def decode_ui(octets: bytes) -> UiFrame:
    """Return the UI frame in these bytes, skipping digipeaters. Raise FrameError where there is none."""
    addresses: list[Callsign] = []
    at = 0
    while True:
        field = octets[at : at + _ADDRESS_BYTES]
        if len(field) < _ADDRESS_BYTES or len(addresses) == _MAX_ADDRESSES:
            raise FrameError(f"AX.25 addresses do not end within {at} bytes")
        addresses.append(_decode_address(field))
        at += _ADDRESS_BYTES
        if field[-1] & 1:
            break
    if len(addresses) < 2 or len(octets) < at + 2 or octets[at] != UI:
        raise FrameError("AX.25, but no UI frame")
    return UiFrame(addresses[0], addresses[1], octets[at + 1], octets[at + 2 :])


def _encode_address(callsign: Callsign, flags: int) -> bytes:
    letters = callsign.call.ljust(_ADDRESS_BYTES - 1).encode("ascii")
    return bytes(letter << 1 for letter in letters) + bytes([flags | callsign.ssid << 1])


def _decode_address(field: bytes) -> Callsign:
    if any(octet & 1 for octet in field[:-1]):
        raise FrameError("an AX.25 address that ends too early")
    text = bytes(octet >> 1 for octet in field[:-1]).decode("ascii").rstrip()
    if _CALL.fullmatch(text) is None:
        raise FrameError("an AX.25 address that is no callsign")
    return Callsign(text, field[-1] >> 1 & 0x0F)
