"""Sealed and ham channels: known vectors, and everything that is not an authentic, new, fresh frame refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import over_frames
from tests.support.protected import (
    BEGIN,
    KEY,
    PROTECTED,
    PROTECTED_VECTORS,
    TEXT,
    UTC_S,
    VOICE,
    ProtectedEnd,
    flipped,
    pair,
    who_asked,
)
from tests.support.vectors import PACKET, any_frame, worked_examples
from transport.errors import (
    BadTag,
    FrameError,
    NewerVersion,
    OtherMode,
    Stale,
    UnknownOver,
    UsageError,
)
from transport.protection.channel import OWN_OVERS, OpenChannel, open_channel
from transport.protection.cipher import Cipher, Secret, derive_key
from transport.protocol import open_frames
from transport.protocol.frames import TAG_BYTES, Begin, End, Frame, Mode, Ping, Pong, Receipt, Voice
from transport.protocol.payloads import WRITERS

# --- the bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "tag_bytes", "frame", "octets"), PROTECTED_VECTORS, ids=lambda value: type(value).__name__
)
def test_vectors(mode: Mode, tag_bytes: int, frame: Frame, octets: str) -> None:
    """A frame of the worked examples is written exactly so, and read back."""
    talker, hearer = pair(mode, tag_bytes)
    if isinstance(frame, Voice | End):
        hearer.hear(talker.say(BEGIN))
    if isinstance(frame, Receipt):
        talker.hear(hearer.say(BEGIN))
    assert octets == talker.say(frame).hex(" ")
    assert frame == hearer.hear(bytes.fromhex(octets))


def test_the_worked_examples_are_these_vectors() -> None:
    """Every sealed or ham example of docs/channels.md is one of the vectors, and every vector stands there."""
    shown = set(worked_examples("channels.md", "hex (?:sealed|ham) [48]"))
    expected = {
        (f"hex {mode.name.lower()} {tag_bytes}", bytes.fromhex(octets))
        for mode, tag_bytes, _, octets in PROTECTED_VECTORS
    }
    assert expected == shown


@settings(max_examples=200, deadline=None)
@given(any_frame, st.sampled_from(PROTECTED), st.sampled_from(TAG_BYTES))
def test_round_trip(frame: Frame, mode: Mode, tag_bytes: int) -> None:
    """Whatever can be written is read back the same (BEGIN with the time at which it went out), in the shape of its
    mode and within the longest frame."""
    talker, hearer = ProtectedEnd(mode, tag_bytes), who_asked(frame, mode, tag_bytes)
    if isinstance(frame, Voice | End):
        begin = replace(BEGIN, over=frame.over)
        hearer.hear(talker.say(begin))
        frame = replace(frame, sequence=max(1, frame.sequence))
    if isinstance(frame, Begin):
        frame = replace(frame, utc_s=UTC_S)
    octets = talker.say(frame)
    assert (mode, WRITERS[type(frame)][0]) == (open_frames.peek_mode(octets), open_frames.peek_type(octets))
    assert len(octets) <= open_frames.MAX_FRAME_BYTES
    assert frame == hearer.hear(octets)


@pytest.mark.parametrize("mode", PROTECTED)
def test_no_answer_is_longer_than_what_it_answers(mode: Mode) -> None:
    """RECEIPT is as long as END, PONG as PING, and VOICE carries 8 bytes on a radio, 12 on UDP."""
    for tag_bytes, overhead in ((4, 8), (8, 12)):
        talker, hearer = pair(mode, tag_bytes)
        hearer.hear(talker.say(BEGIN))
        assert overhead + 64 == len(talker.say(Voice(0x5A, 1, (PACKET,) * 2)))
        assert len(talker.say(End(0x5A, 2, 2))) == len(hearer.say(Receipt(0x5A, 2, 2)))
        assert len(talker.say(Ping(1, 2, 3))) == len(hearer.say(Pong(1, 2, 3)))


def test_sealed_shows_nothing_and_ham_everything() -> None:
    """Names, messages and packets are not to be found in sealed frames, and stand in ham frames as they are."""
    for mode, visible in ((Mode.SEALED, False), (Mode.HAM, True)):
        talker = ProtectedEnd(mode)
        said = talker.say(BEGIN) + talker.say(VOICE) + talker.say(TEXT)
        for part in (b"Ada", b"QTH?", PACKET):
            assert visible is (part in said)


# --- who may be believed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize("tag_bytes", TAG_BYTES)
def test_every_flipped_bit_is_noticed(mode: Mode, tag_bytes: int) -> None:
    """Whichever bit is changed, of header, nonce, time, body or tag: the frame is refused, and the real one still
    counts."""
    talker = ProtectedEnd(mode, tag_bytes)
    begin, voice = talker.say(BEGIN), talker.say(VOICE)
    end, text = talker.say(End(0x5A, 2, 1)), talker.say(TEXT)
    hearer = ProtectedEnd(mode, tag_bytes)
    hearer.hear(begin)
    for octets in (voice, end, text):
        for bit in range(8 * len(octets)):
            assert hearer.fate(flipped(octets, bit)) is not None, bit
        assert hearer.fate(octets) is None
    fresh = ProtectedEnd(mode, tag_bytes)
    assert all(fresh.fate(flipped(begin, bit)) for bit in range(8 * len(begin)))
    assert fresh.fate(begin) is None


@pytest.mark.parametrize("mode", PROTECTED)
def test_truncated_frames(mode: Mode) -> None:
    """A frame that lost its end, or got more behind it, is refused at every length."""
    talker, hearer = pair(mode)
    begin, voice, text = talker.say(BEGIN), talker.say(VOICE), talker.say(TEXT)
    assert all(hearer.fate(begin[:length]) for length in range(len(begin)))
    hearer.hear(begin)
    for octets in (voice, text):
        assert all(hearer.fate(octets[:length]) for length in range(len(octets)))
        assert all(hearer.fate(octets + bytes(more)) for more in range(1, 80))
        assert hearer.fate(octets) is None


def test_another_passphrase_channel_or_mode() -> None:
    """What was sealed with another key fails its tag; what is in another mode is said to be."""
    talker = ProtectedEnd()
    assert BadTag is ProtectedEnd(key=derive_key("correct horse battery staple", "wharf")).fate(talker.say(BEGIN))
    assert OtherMode is ProtectedEnd(Mode.HAM).fate(talker.say(TEXT))
    assert BadTag is ProtectedEnd(tag_bytes=8).fate(talker.say(TEXT))
    with pytest.raises(OtherMode) as caught:
        ProtectedEnd().hear(open_frames.encode(BEGIN))
    assert Mode.OPEN == caught.value.mode
    with pytest.raises(OtherMode) as caught:
        OpenChannel().decode(talker.say(TEXT), 0.0, UTC_S)
    assert Mode.SEALED == caught.value.mode
    newer = bytes([0x42, 1, 0, 1])
    with pytest.raises(NewerVersion):
        ProtectedEnd().hear(newer + open_frames.crc16(newer).to_bytes(2) + bytes(9))


@pytest.mark.parametrize(("offset_s", "fate"), [(60, None), (-60, None), (61, Stale), (-61, Stale)])
def test_a_clock_that_is_wrong(offset_s: int, fate: type[FrameError] | None) -> None:
    """A BEGIN whose time is more than 60 s off is refused, and its sender and the difference are known."""
    talker, hearer = ProtectedEnd(utc_s=UTC_S + offset_s), ProtectedEnd()
    octets = talker.say(BEGIN)
    if fate is None:
        assert hearer.fate(octets) is None
        return
    with pytest.raises(Stale) as caught:
        hearer.hear(octets)
    assert ("Ada", offset_s) == (caught.value.sender, caught.value.ahead_s)


def test_voice_of_an_unknown_over_says_nothing() -> None:
    """VOICE and END before any BEGIN are refused without a verdict: they may be a late joiner's, or anybody's."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)]
    assert {UnknownOver} == {hearer.fate(one) for one in (octets[1], octets[-1])}
    assert {None} == {hearer.fate(one) for one in octets[9:]}  # from the next BEGIN on


def test_two_overs_of_the_same_number() -> None:
    """Two stations that drew the same over number are both understood: each VOICE fits one of the nonces."""
    ada, bob, hearer = ProtectedEnd(), ProtectedEnd(), ProtectedEnd()
    bobs = replace(BEGIN, nonce=bytes(8), sender="Bob")
    for station, begin in ((ada, BEGIN), (bob, bobs)):
        assert replace(begin, utc_s=UTC_S) == hearer.hear(station.say(begin))
    for station in (ada, bob, ada):
        voice = Voice(0x5A, 1 + int(hearer.now), (PACKET,))
        hearer.now += 1
        assert voice == hearer.hear(station.say(voice))


def test_the_newest_overs_of_a_station_are_remembered() -> None:
    """Of one more, the oldest is forgotten, and none of the others."""
    talker = ProtectedEnd()
    for over in range(OWN_OVERS + 1):
        talker.say(replace(BEGIN, over=over, nonce=bytes([over]) * 8))
    for over in range(1, OWN_OVERS + 1):
        talker.say(Voice(over, 1, (PACKET,)))
    with pytest.raises(UsageError, match="over 0 was never begun"):
        talker.say(Voice(0, 1, (PACKET,)))


def test_a_nonce_is_never_used_for_two_contents() -> None:
    """The same frame sealed again is the same bytes, even a second later; other content in its place is refused."""
    talker = ProtectedEnd()
    talker.say(BEGIN)
    end = End(0x5A, 1, 0)
    octets = talker.say(end)
    talker.wait(1)
    assert octets == talker.say(end)
    for reused in (End(0x5A, 1, 1), Voice(0x5A, 1, (PACKET,)), BEGIN):
        with pytest.raises(UsageError):
            talker.say(reused)
    with pytest.raises(UsageError):
        talker.say(Voice(0x5B, 1, (PACKET,)))
    with pytest.raises(UsageError):
        talker.say(replace(TEXT, sequence=0x10000))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from((0x20, 0x30)), st.integers(0, 15), st.binary(max_size=420))
def test_any_bytes_are_refused_in_a_known_way(mode: int, kind: int, rest: bytes) -> None:
    """Random bytes in either mode raise FrameError and nothing else."""
    hearer = ProtectedEnd(Mode(mode >> 4))
    hearer.hear(ProtectedEnd(Mode(mode >> 4)).say(replace(BEGIN, over=rest[0] if rest else 0)))
    assert hearer.fate(bytes([mode | kind]) + rest) is not None


def test_channels_are_opened_for_who_has_a_secret() -> None:
    """Without one the channel is open; tags of other lengths and keys of other sizes are our own mistake."""
    assert Mode.OPEN is open_channel(None, 4, bytes).mode
    assert Mode.HAM is open_channel(Secret(Mode.HAM, KEY), 4, bytes).mode
    for secret, tag_bytes in ((Secret(Mode.OPEN, KEY), 4), (Secret(Mode.HAM, KEY), 6), (Secret(Mode.HAM, b""), 4)):
        with pytest.raises(UsageError):
            Cipher(secret, tag_bytes)


@pytest.mark.parametrize("utc_s", [-1, 1 << 32])
def test_a_time_that_does_not_fit_its_field_is_our_own_mistake(utc_s: int) -> None:
    """The clock of a station is told in 32 bits, in every frame that carries it."""
    for frame in (BEGIN, TEXT):
        with pytest.raises(UsageError):
            ProtectedEnd(utc_s=utc_s).say(frame)


def test_an_open_channel_writes_what_it_reads() -> None:
    """The frames of open_frames.py, at any time."""
    channel = OpenChannel()
    assert open_frames.encode(TEXT) == channel.encode(TEXT, 0.0, UTC_S)
    assert TEXT == channel.decode(channel.encode(TEXT, 0.0, UTC_S), 0.0, UTC_S)
