"""Sealed and ham channels: known vectors, and everything that is not an authentic, new, fresh frame refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.overs import over_frames
from tests.transport.protocol.test_open_frames import any_frame
from transport.errors import (
    BadTag,
    FrameError,
    Muted,
    NewerVersion,
    OtherMode,
    Replayed,
    Stale,
    UnknownOver,
    UsageError,
)
from transport.protection.channel import Channel, OpenChannel, ProtectedChannel, open_channel
from transport.protection.cipher import Cipher, Secret, derive_key
from transport.protection.replay import FRESH_S, REMEMBERED_S, WINDOW, Window
from transport.protocol import open_frames
from transport.protocol.frames import TAG_BYTES, Beacon, Begin, End, Frame, Mode, Ping, Pong, Receipt, Text, Voice
from transport.protocol.payloads import WRITERS

README = Path(__file__).parents[3] / "transport" / "README.md"
KEY = bytes.fromhex("2c6c373dbac1aa225275c8b68b20c692e4a9f58a836733cc26f60ec47a7154da")
UTC_S = 1_700_000_000
NONCE = bytes(range(8))
OWN_NONCE = bytes(range(0xF0, 0xF8))
PACKET = bytes(range(32))
PROTECTED = (Mode.SEALED, Mode.HAM)

BEGIN = Begin(0x5A, 0, NONCE, UTC_S, 0x1234, 2, "Ada", "Bob")
VOICE = Voice(0x5A, 1, (PACKET,))
TEXT = Text(0xC3, 0x0102, "Ada", "QTH?", "Bob")
VECTORS: list[tuple[Mode, int, Frame, str]] = [
    (
        Mode.SEALED,
        4,
        BEGIN,
        "21 5a 00 00 00 01 02 03 04 05 06 07 5c b9 d3 c5 fc e6 ad 82 51 64 02 fb 15 a9 cb bf 03 54 29",
    ),
    (
        Mode.SEALED,
        4,
        VOICE,
        "22 5a 00 01 e8 b3 97 ef cb b3 1d 26 e2 fa fc 36 6e 6e 81 b6 "
        "13 df e0 4c 60 48 61 fb c4 4d 8b 30 0d fc e8 5b d7 e5 6c 2f",
    ),
    (Mode.SEALED, 4, End(0x5A, 2, 1), "23 5a 00 02 00 01 02 03 04 05 06 07 d4 3e 79 6f a8 e7 28 08 ea 48"),
    (Mode.SEALED, 4, Receipt(0x5A, 2, 1), "24 5a 00 02 f0 f1 f2 f3 f4 f5 f6 f7 59 9a 46 a5 fd c4 ed 00 ce 36"),
    (
        Mode.SEALED,
        8,
        TEXT,
        "25 c3 01 02 f0 f1 f2 f3 f4 f5 f6 f7 93 d1 59 9d 21 1f 06 74 51 32 83 ac 7c fc 16 6a 53 89 ee cf 0f 1a 91 b6",
    ),
    (Mode.SEALED, 8, Beacon(0, 0), "26 00 00 00 f0 f1 f2 f3 f4 f5 f6 f7 7d 92 c4 a7 42 ff c2 a1 58 86 4e 76 ca"),
    (
        Mode.SEALED,
        8,
        Ping(7, 8, 0xDEADBEEF),
        "27 07 00 08 f0 f1 f2 f3 f4 f5 f6 f7 5d ce bf 73 2f 74 6e 20 8e 4f 3c ca e8 86 4d 17",
    ),
    (
        Mode.HAM,
        4,
        BEGIN,
        "31 5a 00 00 00 01 02 03 04 05 06 07 65 53 f1 00 12 34 20 03 41 64 61 03 42 6f 62 49 47 0c 8c",
    ),
    (
        Mode.HAM,
        4,
        VOICE,
        "32 5a 00 01 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f "
        "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 53 79 7b 9a",
    ),
    (Mode.HAM, 4, End(0x5A, 2, 1), "33 5a 00 02 00 01 02 03 04 05 06 07 65 53 f1 00 00 01 9c 4f 0b ce"),
]


class Station:
    """One end of a protected channel, with a clock that the test sets."""

    def __init__(self, mode: Mode = Mode.SEALED, tag_bytes: int = 4, key: bytes = KEY, utc_s: int = UTC_S) -> None:
        self.channel: Channel = ProtectedChannel(Secret(mode, key), tag_bytes, self._random_bytes)
        self.now = 0.0
        self.utc_s = utc_s
        self._random = int.from_bytes(OWN_NONCE)

    def _random_bytes(self, count: int) -> bytes:
        self._random += 1
        return (self._random - 1).to_bytes(count)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.utc_s += round(seconds) * bool(self.utc_s)

    def say(self, frame: Frame) -> bytes:
        return self.channel.encode(frame, self.now, self.utc_s)

    def hear(self, octets: bytes, source: str | None = None) -> Frame:
        return self.channel.decode(octets, self.now, self.utc_s, source)

    def fate(self, octets: bytes, source: str | None = None) -> type[FrameError] | None:
        """Which way a frame is refused; None if it is not."""
        try:
            self.hear(octets, source)
        except FrameError as problem:
            return type(problem)
        return None


def pair(mode: Mode = Mode.SEALED, tag_bytes: int = 4) -> tuple[Station, Station]:
    return Station(mode, tag_bytes), Station(mode, tag_bytes)


def flipped(octets: bytes, bit: int) -> bytes:
    """The same with one bit changed."""
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# --- the bytes ----------------------------------------------------------------------------------------------------


def test_the_key() -> None:
    """The passphrase gives the key of the vectors; another channel's name, another key; letters typed either way, the
    same one."""
    assert KEY == derive_key("correct horse battery staple", "harbour")
    assert derive_key("caf\u00e9", "x") == derive_key("cafe\u0301", "x") != derive_key("cafe", "x")
    with pytest.raises(UsageError):
        derive_key("", "harbour")
    assert KEY.hex() not in repr(Secret(Mode.SEALED, KEY))


@pytest.mark.parametrize(("mode", "tag_bytes", "frame", "octets"), VECTORS, ids=lambda value: type(value).__name__)
def test_vectors(mode: Mode, tag_bytes: int, frame: Frame, octets: str) -> None:
    """A frame of the worked examples is written exactly so, and read back."""
    talker, hearer = pair(mode, tag_bytes)
    if isinstance(frame, Voice | End):
        hearer.hear(talker.say(BEGIN))
    assert octets == talker.say(frame).hex(" ")
    assert frame == hearer.hear(bytes.fromhex(octets))


def test_a_vector_step_by_step() -> None:
    """The example of the README, put together with nothing but AES-CCM."""
    header, nonce = bytes.fromhex("21 5a 00 00"), NONCE
    plain = UTC_S.to_bytes(4) + bytes.fromhex("12 34 20 03 41 64 61 03 42 6f 62")
    sealed = AESCCM(KEY, tag_length=4).encrypt(nonce + header, plain, None)
    assert VECTORS[0][3] == (header + nonce + sealed).hex(" ")
    ham_header = bytes.fromhex("31 5a 00 00")
    tag = AESCCM(KEY, tag_length=4).encrypt(nonce + ham_header, b"", plain)
    assert VECTORS[7][3] == (ham_header + nonce + plain + tag).hex(" ")


def test_readme_examples_are_these_vectors() -> None:
    """Every sealed or ham example in the README is one of the vectors, and every vector stands there."""
    blocks = re.findall(r"```hex (sealed|ham) (4|8)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    shown = {(mode, int(tag), bytes.fromhex(re.sub(r"#.*", "", block))) for mode, tag, block in blocks}
    assert {(mode.name.lower(), tag, bytes.fromhex(octets)) for mode, tag, _, octets in VECTORS} == shown


@settings(max_examples=200, deadline=None)
@given(any_frame, st.sampled_from(PROTECTED), st.sampled_from(TAG_BYTES))
def test_round_trip(frame: Frame, mode: Mode, tag_bytes: int) -> None:
    """Whatever can be written is read back the same (BEGIN with the time at which it went out), in the shape of its
    mode and within the longest frame."""
    talker, hearer = pair(mode, tag_bytes)
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
        talker = Station(mode)
        said = talker.say(BEGIN) + talker.say(VOICE) + talker.say(TEXT)
        for part in (b"Ada", b"QTH?", PACKET):
            assert visible is (part in said)


# --- who may be believed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize("tag_bytes", TAG_BYTES)
def test_every_flipped_bit_is_noticed(mode: Mode, tag_bytes: int) -> None:
    """Whichever bit is changed, of header, nonce, time, body or tag: the frame is refused, and the real one still
    counts."""
    talker = Station(mode, tag_bytes)
    begin, voice = talker.say(BEGIN), talker.say(VOICE)
    end, text = talker.say(End(0x5A, 2, 1)), talker.say(TEXT)
    hearer = Station(mode, tag_bytes)
    hearer.hear(begin)
    for octets in (voice, end, text):
        for bit in range(8 * len(octets)):
            assert hearer.fate(flipped(octets, bit)) is not None, bit
        assert hearer.fate(octets) is None
    fresh = Station(mode, tag_bytes)
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
    talker = Station()
    assert BadTag is Station(key=derive_key("correct horse battery staple", "wharf")).fate(talker.say(BEGIN))
    assert OtherMode is Station(Mode.HAM).fate(talker.say(TEXT))
    assert BadTag is Station(tag_bytes=8).fate(talker.say(TEXT))
    with pytest.raises(OtherMode) as caught:
        Station().hear(open_frames.encode(BEGIN))
    assert Mode.OPEN == caught.value.mode
    with pytest.raises(OtherMode) as caught:
        OpenChannel().decode(talker.say(TEXT), 0.0, UTC_S)
    assert Mode.SEALED == caught.value.mode
    newer = bytes([0x42, 1, 0, 1])
    with pytest.raises(NewerVersion):
        Station().hear(newer + open_frames.crc16(newer).to_bytes(2) + bytes(9))


def test_the_replay_window() -> None:
    """64 frames may come out of turn, each once; what is further behind is refused."""
    window = Window()
    assert [True, True, False, True, False] == [window.takes(number) for number in (5, 3, 3, 5 + WINDOW - 1, 5 - 1)]
    assert window.takes(6) and not window.takes(6) and not window.takes(5)
    assert window.takes(10_000) and not window.takes(10_000 - WINDOW) and window.takes(10_000 - WINDOW + 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=200))
def test_no_number_is_taken_twice(numbers: list[int]) -> None:
    """Whatever the order, a window takes each number at most once, and each new one that is near enough."""
    window, taken = Window(), set[int]()
    for number in numbers:
        near = number > window.highest - WINDOW
        assert (near and number not in taken) is window.takes(number)
        taken.add(number)


def test_reordered_frames_count_once_each() -> None:
    """An over in any order within the window is heard whole; every frame that comes again is refused."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)[:-1]]
    hearer.hear(octets[0])
    backwards = octets[:0:-1]
    assert [None] * len(backwards) == [hearer.fate(one) for one in backwards]
    end, *rest = backwards
    assert [Replayed] * len(rest) == [hearer.fate(one) for one in rest]
    assert (None, Replayed) == (hearer.fate(end), hearer.fate(end))  # END is sent twice


@pytest.mark.parametrize("later_s", [1, FRESH_S - 1, FRESH_S + 1, REMEMBERED_S + 1, 86_400])
def test_a_whole_over_again(later_s: float) -> None:
    """No frame of an over that was heard is accepted again, however much later, by whoever heard it."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)]
    assert {None} == {hearer.fate(one) for one in octets}
    hearer.wait(later_s)
    assert {hearer.fate(one) for one in octets} <= {Replayed, Stale, UnknownOver}


@pytest.mark.parametrize("frame", [TEXT, Beacon(0, 0, "Ada"), Ping(7, 8, 9), Pong(7, 8, 9), Receipt(1, 2, 3)])
def test_a_single_frame_again(frame: Frame) -> None:
    """TEXT, BEACON, PING, PONG and RECEIPT count once: at once refused as replayed, later as stale."""
    talker, hearer = pair()
    octets = talker.say(frame)
    assert (None, Replayed) == (hearer.fate(octets), hearer.fate(octets))
    hearer.wait(FRESH_S)
    assert Replayed is hearer.fate(octets)
    hearer.wait(1)
    assert Stale is hearer.fate(octets)
    assert octets != talker.say(frame)  # the same words said again are another frame
    assert Stale is hearer.fate(octets)


@pytest.mark.parametrize("frame", [TEXT, Ping(7, 8, 9), BEGIN])
def test_our_own_frames_do_not_come_back(frame: Frame) -> None:
    """A frame that is reflected to its sender is refused."""
    talker = Station()
    assert Replayed is talker.fate(talker.say(frame))


@pytest.mark.parametrize(("offset_s", "fate"), [(60, None), (-60, None), (61, Stale), (-61, Stale)])
def test_a_clock_that_is_wrong(offset_s: int, fate: type[FrameError] | None) -> None:
    """A BEGIN whose time is more than 60 s off is refused, and its sender and the difference are known."""
    talker, hearer = Station(utc_s=UTC_S + offset_s), Station()
    octets = talker.say(BEGIN)
    if fate is None:
        assert hearer.fate(octets) is None
        return
    with pytest.raises(Stale) as caught:
        hearer.hear(octets)
    assert ("Ada", offset_s) == (caught.value.sender, caught.value.ahead_s)


def test_a_frame_from_the_future_is_remembered_until_it_is_stale() -> None:
    """From a clock 60 s ahead a frame stays fresh for 120 s: so long its nonce is kept."""
    talker, hearer = Station(utc_s=UTC_S + FRESH_S), Station()
    octets = talker.say(TEXT)
    assert hearer.fate(octets) is None
    for _ in range(12):
        hearer.wait(10)
        assert Replayed is hearer.fate(octets)
    hearer.wait(1)
    assert Stale is hearer.fate(octets)


def test_without_a_clock() -> None:
    """A station without a clock sends 0 and is understood; at either end, what was heard is still not heard twice."""
    for talker, hearer in ((Station(utc_s=0), Station()), (Station(), Station(utc_s=0))):
        octets = [talker.say(frame) for frame in over_frames(3)]
        text = talker.say(TEXT)
        begin = hearer.hear(octets[0])
        assert isinstance(begin, Begin) and begin.utc_s == talker.utc_s
        assert {None} == {hearer.fate(one) for one in [*octets[1:], text]}
        hearer.wait(10 * REMEMBERED_S)
        assert {Replayed} == {hearer.fate(one) for one in [*octets, text]}


def test_a_long_over_stays_known() -> None:
    """An over of an hour, whose BEGIN comes again with the time then, is heard to its end by those who joined late."""
    talker, hearer = pair()
    fates = set()
    for frame in over_frames(3600 * 25 // 8, 1):
        octets = talker.say(frame)
        fates.add(hearer.fate(octets))
        for station in (talker, hearer):
            station.now += 0.32 * isinstance(frame, Voice)
            station.utc_s = UTC_S + int(station.now)
    assert {None} == fates


def test_voice_of_an_unknown_over_says_nothing() -> None:
    """VOICE and END before any BEGIN are refused without a verdict: they may be a late joiner's, or anybody's."""
    talker, hearer = pair()
    octets = [talker.say(frame) for frame in over_frames(12, 1)]
    assert {UnknownOver} == {hearer.fate(one) for one in (octets[1], octets[-1])}
    assert {None} == {hearer.fate(one) for one in octets[9:]}  # from the next BEGIN on


def test_two_overs_of_the_same_number() -> None:
    """Two stations that drew the same over number are both understood: each VOICE fits one of the nonces."""
    ada, bob, hearer = Station(), Station(), Station()
    bobs = replace(BEGIN, nonce=bytes(8), sender="Bob")
    for station, begin in ((ada, BEGIN), (bob, bobs)):
        assert replace(begin, utc_s=UTC_S) == hearer.hear(station.say(begin))
    for station in (ada, bob, ada):
        voice = Voice(0x5A, 1 + int(hearer.now), (PACKET,))
        hearer.now += 1
        assert voice == hearer.hear(station.say(voice))


def test_a_nonce_is_never_used_for_two_contents() -> None:
    """The same frame sealed again is the same bytes, even a second later; other content in its place is refused."""
    talker = Station()
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


# --- floods -------------------------------------------------------------------------------------------------------


def forged(number: int) -> bytes:
    """A frame in the shape of a TEXT, with a tag drawn at random."""
    return bytes([0x25, number & 0xFF]) + number.to_bytes(4) * 7


def test_after_100_bad_tags_a_minute_a_source_is_muted() -> None:
    """Muted for a minute but for a frame a second; other sources are heard meanwhile."""
    talker, hearer = pair()
    fates = [hearer.fate(forged(number), "forger") for number in range(200)]
    assert 101 == fates.count(BadTag) and 99 == fates.count(Muted)  # one is the first second's sample
    assert hearer.fate(talker.say(TEXT), "peer") is None
    hearer.now += 30
    assert [BadTag, Muted] == [hearer.fate(forged(number), "forger") for number in range(2)]
    hearer.now += 31
    assert [BadTag] * 50 == [hearer.fate(forged(number), "forger") for number in range(50)]


def test_a_forged_address_does_not_mute_the_peer() -> None:
    """Who sends bad tags under a peer's address does not silence that peer, whether it was heard before or not."""
    talker, hearer = pair()
    hearer.hear(talker.say(TEXT), "peer")
    for number in range(1000):
        hearer.fate(forged(number), "peer")
        hearer.now += 0.01
    assert hearer.fate(talker.say(TEXT), "peer") is None
    unheard = Station()
    for number in range(300):
        unheard.fate(forged(number), "peer")
    unheard.now += 2
    assert unheard.fate(talker.say(TEXT), "peer") is None  # the sample
    assert unheard.fate(talker.say(TEXT), "peer") is None  # which proved it


def test_an_old_frame_does_not_prove_its_source() -> None:
    """A forger who sends an authentic frame again is muted like any other."""
    talker, hearer = pair()
    old = talker.say(TEXT)
    hearer.hear(old, "peer")
    assert Replayed is hearer.fate(old, "forger")
    assert Muted in [hearer.fate(forged(number), "forger") for number in range(150)]


def test_a_radio_is_not_muted() -> None:
    """Where everything comes from one place, no flood that a radio can deliver stops a real frame: 400 a second."""
    talker, hearer = pair()
    for number in range(4000):
        assert BadTag is hearer.fate(forged(number))
        hearer.now += 1 / 400
    assert hearer.fate(talker.say(TEXT)) is None


def test_work_is_bounded() -> None:
    """Sources made up without end are checked at 500 frames a second and remembered by the hundreds, and a proven peer
    is heard all the time."""
    talker, hearer = pair()
    hearer.hear(talker.say(TEXT), "peer")
    fates = []
    for number in range(5000):
        fates.append(hearer.fate(forged(number), f"made up {number}"))
        hearer.now += 1 / 5000
    assert 1000 == pytest.approx(fates.count(BadTag), abs=2)
    assert hearer.fate(talker.say(TEXT), "peer") is None
    assert isinstance(hearer.channel, ProtectedChannel) and hearer.channel.rate_limiter.sources <= 256


# --- the rest -----------------------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(st.sampled_from((0x20, 0x30)), st.integers(0, 15), st.binary(max_size=420))
def test_any_bytes_are_refused_in_a_known_way(mode: int, kind: int, rest: bytes) -> None:
    """Random bytes in either mode raise FrameError and nothing else."""
    hearer = Station(Mode(mode >> 4))
    hearer.hear(Station(Mode(mode >> 4)).say(replace(BEGIN, over=rest[0] if rest else 0)))
    assert hearer.fate(bytes([mode | kind]) + rest) is not None


def test_channels_are_opened_for_who_has_a_secret() -> None:
    """Without one the channel is open; tags of other lengths and keys of other sizes are our own mistake."""
    assert Mode.OPEN is open_channel(None, 4, bytes).mode
    assert Mode.HAM is open_channel(Secret(Mode.HAM, KEY), 4, bytes).mode
    for secret, tag_bytes in ((Secret(Mode.OPEN, KEY), 4), (Secret(Mode.HAM, KEY), 6), (Secret(Mode.HAM, b""), 4)):
        with pytest.raises(UsageError):
            Cipher(secret, tag_bytes)
