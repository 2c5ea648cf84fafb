"""The bytes of every frame: known vectors, round trips, malformed input."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codec import format as codec_format
from tests.support.vectors import COPY, NONCE, OPEN_VECTORS, PACKET, any_open_frame, with_checks, worked_examples
from transport.errors import FrameError, NewerVersion, OtherMode, UsageError
from transport.protocol import frames
from transport.protocol.frames import (
    MAX_K,
    MAX_NAME_BYTES,
    TAG_BYTES,
    Beacon,
    Begin,
    End,
    Frame,
    Mode,
    Ping,
    Pong,
    Receipt,
    Text,
    Type,
    Voice,
    VoiceWithCopies,
)
from transport.protocol.open_frames import (
    MAX_FRAME_BYTES,
    crc16,
    decode,
    encode,
    header_and_body,
    peek_mode,
    peek_type,
    voice_shape,
)

bounded = settings(max_examples=200, deadline=None)


def test_numbers_agree_with_the_codec() -> None:
    """The sizes of packet and copy, which transport repeats because it may not import the codec, are the codec's."""
    assert (codec_format.PACKET_BYTES, codec_format.PACKET_S) == (frames.PACKET_BYTES, frames.PACKET_S)
    assert codec_format.COPY_BYTES == frames.COPY_BYTES


def test_crc_is_ccitt_false() -> None:
    """The check is CRC-16/CCITT-FALSE, by that CRC's published check value."""
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(("frame", "octets"), OPEN_VECTORS, ids=lambda value: type(value).__name__)
def test_vectors(frame: Frame, octets: str) -> None:
    """A frame worked out by hand is written exactly so, and read back."""
    assert octets == encode(frame).hex(" ")
    assert frame == decode(bytes.fromhex(octets))


def test_the_worked_examples_are_these_vectors() -> None:
    """Every hex example of docs/wire-format.md is one of the vectors, and every vector stands there."""
    shown = {octets for _, octets in worked_examples("wire-format.md", "hex")}
    assert {bytes.fromhex(octets) for _, octets in OPEN_VECTORS} == shown


@bounded
@given(any_open_frame)
def test_round_trip(frame: Frame) -> None:
    """Whatever can be written is read back the same, and fits the longest frame."""
    octets = encode(frame)
    assert frame == decode(octets)
    assert len(octets) <= MAX_FRAME_BYTES


def test_voice_adds_eight_bytes() -> None:
    """On radios a VOICE frame costs 8 bytes on top of the voice, and a receipt is no longer than the END it answers."""
    assert 8 == len(encode(Voice(1, 1, (PACKET,) * 2))) - 64
    assert len(encode(Receipt(1, 2, 3))) <= len(encode(End(1, 2, 3)))
    assert len(encode(Pong(1, 2, 3))) <= len(encode(Ping(1, 2, 3)))


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=420))
def test_rubbish_is_refused_or_read(octets: bytes) -> None:
    """Random bytes give a frame or a FrameError, never another exception."""
    try:
        decode(octets)
    except FrameError:
        pass


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 15), st.binary(max_size=300))
@example(Type.BEACON, b"\0\4")
def test_bodies_with_good_checks(kind: int, body: bytes) -> None:
    """A body of any content behind good checks is refused with FrameError, or read as it would be written."""
    octets = with_checks(bytes([0x10 | kind, 1, 0, 2]), body)
    try:
        frame = decode(octets)
    except FrameError:
        return
    text = "".join(getattr(frame, name, "") for name in ("sender", "addressee", "text"))
    match frame:  # flags that mean nothing yet are not kept
        case Begin():
            reserved_flags = body[14] & 0b1000
        case Beacon():
            reserved_flags = (body[1 + body[0] :] or b"\0")[0] & 0b1111_1100
        case _:
            reserved_flags = 0
    if "?" not in text and not reserved_flags:
        assert octets == encode(frame)


@bounded
@given(any_open_frame, st.data())
def test_a_flipped_bit_is_noticed(frame: Frame, data: st.DataObject) -> None:
    """One flipped bit anywhere is refused, except in the voice: there the packets come, marked as damaged."""
    octets = bytearray(encode(frame))
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    octets[bit // 8] ^= 0x80 >> bit % 8
    if isinstance(frame, Voice) and bit >= 8 * 6:
        heard = decode(bytes(octets))
        assert isinstance(heard, Voice) and heard.damaged
        assert (frame.over, frame.sequence, len(frame.packets)) == (heard.over, heard.sequence, len(heard.packets))
    else:
        with pytest.raises(FrameError):
            decode(bytes(octets))


@bounded
@given(any_open_frame, st.integers(1, 31))
def test_a_truncated_frame_is_refused(frame: Frame, missing: int) -> None:
    """A frame that lost its last bytes is never taken for a shorter one that is whole."""
    octets = encode(frame)[:-missing]
    try:
        heard = decode(octets)
    except FrameError:
        return
    assert isinstance(heard, Voice) and heard.damaged  # only a damaged VOICE may have come of it


def test_newer_version_is_named() -> None:
    """An intact header of a later version is refused by its number; modes 2 and 3, and noise, are not."""
    with pytest.raises(NewerVersion, match="version 4") as caught:
        decode(with_checks(bytes([0x42, 1, 0, 1]), PACKET))
    assert 4 == caught.value.version
    for mode in (2, 3):
        with pytest.raises(OtherMode) as refused:
            decode(bytes([mode << 4 | 2, 1, 0, 1]) + PACKET + bytes(4))
        assert mode == refused.value.mode
    with pytest.raises(FrameError) as noise:
        decode(bytes([0x42, 1, 0, 1]) + bytes(40))
    assert not isinstance(noise.value, NewerVersion)


BEGIN_BODY = NONCE + bytes(4) + b"\x12\x34"
MALFORMED = {
    "empty": b"",
    "a header only": encode(End(1, 2, 3))[:6],
    "type 0": with_checks(bytes([0x10, 1, 0, 1]), b""),
    "type 15": with_checks(bytes([0x1F, 1, 0, 1]), b""),
    "version 0": with_checks(bytes([0x02, 1, 0, 1]), PACKET),
    "VOICE of no packet": with_checks(bytes([0x12, 1, 0, 1]), b""),
    "VOICE of 33 bytes": with_checks(bytes([0x12, 1, 0, 1]), bytes(33)),
    "VOICE of 13 packets": with_checks(bytes([0x12, 1, 0, 1]), PACKET * 13),
    "VOICE WITH COPIES of no packet": with_checks(bytes([0x1A, 1, 0, 1]), bytes(8)),
    "VOICE WITH COPIES of no copy": with_checks(bytes([0x1A, 1, 0, 1]), PACKET),
    "VOICE WITH COPIES of fewer copies than packets": with_checks(bytes([0x1A, 1, 0, 1]), PACKET * 6 + bytes(40)),
    "VOICE WITH COPIES of 7 copies": with_checks(bytes([0x1A, 1, 0, 1]), PACKET * 7 + bytes(56)),
    "VOICE WITH COPIES of half a copy": with_checks(bytes([0x1A, 1, 0, 1]), PACKET + bytes(12)),
    "VOICE WITH COPIES with more than 0 behind": with_checks(bytes([0x1A, 1, 0, 1]), PACKET + bytes(48) + b"\x01"),
    "BEGIN with both repeat and copies": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x25\x00\x00"),
    "BEGIN with k = 0": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x00\x00\x00"),
    "BEGIN with k = 7": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x70\x00\x00"),
    "BEGIN without names": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x10"),
    "BEGIN with half a name": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x10\x03Ad"),
    "BEGIN with a name too long": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x10\x19" + b"A" * 25 + b"\x00"),
    "BEGIN with a short profile": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x12\x00\x00" + bytes(31)),
    "BEGIN with more behind it": with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x10\x00\x00" + bytes(1)),
    "END of one byte": with_checks(bytes([0x13, 1, 0, 1]), b"\x01"),
    "TEXT that is not UTF-8": with_checks(bytes([0x15, 1, 0, 1]), b"\x00\x00\xff"),
    "TEXT of 141 bytes": with_checks(bytes([0x15, 1, 0, 1]), b"\x00\x00" + b"x" * 141),
    "BEACON with more behind its flags": with_checks(bytes([0x16, 1, 0, 1]), b"\x00\x01x"),
    "PING of 5 bytes": with_checks(bytes([0x17, 1, 0, 1]), bytes(5)),
}


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(octets: bytes) -> None:
    """What is wrong in a known way is refused as rubbish, and not as a newer version."""
    with pytest.raises(FrameError) as caught:
        decode(octets)
    assert not isinstance(caught.value, NewerVersion)


UNWRITABLE: list[Frame] = [
    Begin(1, 0, b"short", 0, 0, 1, "Ada"),
    Begin(1, 0, NONCE, 0, 0, 7, "Ada"),
    Begin(1, 0, NONCE, 0, 0x10000, 1, "Ada"),
    Begin(1, 0, NONCE, 0, 0, 1, "A" * 25),
    Begin(1, 0, NONCE, 0, 0, 1, "Ada", profile=b""),
    Voice(1, 1, ()),
    Voice(1, 1, (b"short",)),
    Voice(256, 1, (PACKET,)),
    VoiceWithCopies(1, 1, (PACKET,)),
    VoiceWithCopies(1, 1, (PACKET,) * 2, copies=(COPY,)),
    VoiceWithCopies(1, 1, (PACKET,), copies=(COPY,) * 7),
    VoiceWithCopies(1, 1, (PACKET,), copies=(PACKET,)),
    Voice(1, 0x10000, (PACKET,)),
    Text(1, 1, "Ada", "x" * 141),
    Beacon(1, 1, "\ud800"),
]


def test_a_damaged_voice_goes_on_as_one() -> None:
    """A relay passes it on with a check that fails: whoever hears it takes it for what it is. Nobody can seal it."""
    for frame in (Voice(1, 1, (PACKET,) * 2, True), VoiceWithCopies(1, 1, (PACKET,) * 2, True, (COPY,) * 2)):
        assert frame == decode(encode(frame)) == decode(encode(decode(encode(frame))))
        assert len(encode(frame)) == len(encode(replace(frame, damaged=False)))
        with pytest.raises(UsageError):
            header_and_body(Mode.SEALED, frame)


def test_the_length_tells_packets_and_copies() -> None:
    """In every mode, and of a damaged frame too: one packet and six copies are not taken for two and two."""
    lengths = set()
    for k in range(1, MAX_K + 1):
        for count in range(1, k + 1):
            frame = VoiceWithCopies(1, 1, (PACKET,) * count, copies=(COPY,) * k)
            octets = encode(frame)
            lengths.add(len(octets))
            assert (count, k) == voice_shape(octets)
            for tag in TAG_BYTES:
                sealed = bytes([Mode.SEALED << 4 | Type.VOICE_WITH_COPIES]) + octets[1:4] + octets[6:-2] + bytes(tag)
                assert (Mode.SEALED, (count, k)) == (peek_mode(sealed), voice_shape(sealed))
            heard = decode(octets[:-3] + bytes([octets[-3] ^ 1]) + octets[-2:])
            assert isinstance(heard, VoiceWithCopies) and heard.damaged
            assert (count, k) == (len(heard.packets), len(heard.copies))
    assert 21 == len(lengths)


@pytest.mark.parametrize("frame", UNWRITABLE, ids=lambda frame: type(frame).__name__)
def test_what_does_not_fit_is_our_own_mistake(frame: Frame) -> None:
    """A field that does not fit its place is refused when it is written."""
    with pytest.raises(UsageError):
        encode(frame)


def test_text_from_the_link_cannot_steer_the_terminal() -> None:
    """Escape sequences and direction marks in names and messages arrive as question marks."""
    heard = decode(encode(Text(1, 1, "A\x1b[2J", "one\ntwo \u202eeurt", "")))
    assert isinstance(heard, Text)
    assert ("A?[2J", "one?two ?eurt") == (heard.sender, heard.text)


def test_reserved_flags_are_ignored() -> None:
    """A BEGIN with flags that have no meaning yet is understood."""
    heard = decode(with_checks(bytes([0x11, 1, 0, 0]), BEGIN_BODY + b"\x28\x00\x00"))
    assert Begin(1, 0, NONCE, 0, 0x1234, 2, "") == heard


def test_peek_type_reads_headers_only() -> None:
    """Links tell a frame by its header: good for a damaged VOICE, None for rubbish and unknown types."""
    octets = encode(Voice(1, 1, (PACKET,)))
    assert Type.VOICE is peek_type(octets[:-1] + bytes([octets[-1] ^ 1]))
    assert peek_type(bytes(40)) is None
    assert peek_type(MALFORMED["type 15"]) is None


@pytest.mark.parametrize("name", ["a" * MAX_NAME_BYTES, "\u00fc" * (MAX_NAME_BYTES // 2)])
def test_a_name_is_as_long_as_it_may_be(name: str) -> None:
    """24 bytes of UTF-8 are written and read."""
    assert Beacon(1, 2, name) == decode(encode(Beacon(1, 2, name)))
