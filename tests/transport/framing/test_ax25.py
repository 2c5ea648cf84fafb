"""AX.25 UI frames and callsigns: a known frame, round trips, rubbish."""

from __future__ import annotations

import pytest

from tests.support.malformed import for_many_inputs
from transport.errors import FrameError, UsageError
from transport.framing.ax25 import HEADER_BYTES, NO_LAYER_3, Callsign, UiFrame, decode_ui, encode_ui, parse_callsign

GOSMR, ADA, BOB = Callsign("GOSMR"), Callsign("AB1CDE", 7), Callsign("N0CALL", 15)
KNOWN = bytes.fromhex(
    "8e 9e a6 9a a4 40 e0"  # "GOSMR " shifted, then command, reserved bits, SSID 0
    "82 84 62 86 88 8a 6f"  # "AB1CDE" shifted, then reserved bits, SSID 7, last
    "03 f0"  # UI, no layer 3
    "68 69"
)
DIGIPEATED = KNOWN[:13] + b"\x6e" + bytes.fromhex("ae 92 88 8a 62 40 e3") + KNOWN[14:]


def test_a_known_frame() -> None:
    """Every bit is where the standard has it."""
    frame = UiFrame(GOSMR, ADA, NO_LAYER_3, b"hi")
    assert KNOWN == encode_ui(frame)
    assert frame == decode_ui(KNOWN)
    assert HEADER_BYTES == len(KNOWN) - 2


def test_a_frame_that_came_by_a_digipeater() -> None:
    """The addresses between sender and control are read over."""
    assert UiFrame(GOSMR, ADA, NO_LAYER_3, b"hi") == decode_ui(DIGIPEATED)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        KNOWN[:6],
        KNOWN[:13],
        KNOWN[:14],
        KNOWN[:15],
        KNOWN[:13] + b"\x6e" + KNOWN[14:],
        KNOWN[:14] + b"\x3f\xf0",
        b"\x83" + KNOWN[1:],
        b"\x20" + KNOWN[1:],
        KNOWN[:6] + b"\xe1" + KNOWN[7:],
        encode_ui(UiFrame(GOSMR, ADA, NO_LAYER_3, b""))[:6] * 20,
    ],
)
def test_what_is_no_ui_frame(octets: bytes) -> None:
    """Too short, without an end of addresses, of another kind, with a callsign that is none."""
    with pytest.raises(FrameError):
        decode_ui(octets)


@pytest.mark.parametrize(
    ("text", "callsign"),
    [("ab1cde-7", ADA), ("N0CALL-15", BOB), (" N0CALL-0 ", Callsign("N0CALL")), ("4X1", Callsign("4X1"))],
)
def test_callsigns(text: str, callsign: Callsign) -> None:
    """Small letters are made large, an SSID of 0 is none."""
    assert callsign == parse_callsign(text)
    assert callsign == parse_callsign(str(callsign))


@pytest.mark.parametrize("text", ["", "N0CALL-16", "N0CALL-", "AB1CDEF", "AB 1CD", "Ä1BC", "AB1-x", "N0CALL-1-2"])
def test_bad_callsigns(text: str) -> None:
    """What does not fit into an address is refused, whoever's it is."""
    with pytest.raises(UsageError, match="is no callsign"):
        parse_callsign(text, licensed=False)


@pytest.mark.parametrize("text", ["GOSMR", "123", "A1"])
def test_nobodys_callsign(text: str) -> None:
    """A sender's has a letter and a digit; what frames are for need not be anybody's."""
    with pytest.raises(UsageError, match="nobody's callsign"):
        parse_callsign(text)
    assert text == parse_callsign(text, licensed=False).call


@for_many_inputs([KNOWN, DIGIPEATED])
def test_any_bytes(inputs: list[bytes]) -> None:
    """Whatever a TNC hands on is a UI frame or FrameError; what was read is written the same way again."""
    for octets in inputs:
        try:
            frame = decode_ui(octets)
        except FrameError:
            continue
        assert frame == decode_ui(encode_ui(frame))


def test_a_callsign_is_written_as_people_write_it() -> None:
    """Number 0 is left out."""
    assert ["N0CALL", "N0CALL-7"] == [str(Callsign("N0CALL", ssid)) for ssid in (0, 7)]


def test_a_frame_without_content_is_a_frame() -> None:
    """The shortest one has its addresses, and two bytes that say what it is."""
    frame = UiFrame(Callsign("CQ", 0), Callsign("N0CALL", 7), NO_LAYER_3, b"")
    assert frame == decode_ui(encode_ui(frame))
