"""COBS and KISS: known vectors, round trips, rubbish, and finding the next frame after it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.malformed import for_many_inputs, worsened
from tests.support.overs import over_frames
from transport.errors import FrameError
from transport.framing.ax25 import Callsign
from transport.framing.cobs import COBS_MARK, CobsReader, cobs_bytes, cobs_decode, cobs_encode
from transport.framing.kiss import KissCommand, KissReader, kiss_decode, kiss_encode
from transport.framing.stream_reader import RUBBISH
from transport.links.kiss_tnc import Ax25Frames
from transport.protocol.open_frames import MAX_FRAME_BYTES, encode

# The examples of the paper's table and of Wikipedia's article on COBS.
COBS = {
    "": "01",
    "00": "01 01",
    "00 00": "01 01 01",
    "00 11 00": "01 02 11 01",
    "11 22 00 33": "03 11 22 02 33",
    "11 22 33 44": "05 11 22 33 44",
    "11 00 00 00": "02 11 01 01 01",
    bytes(range(1, 255)).hex(): "ff" + bytes(range(1, 255)).hex(),
    bytes(range(255)).hex(): "01 ff" + bytes(range(1, 255)).hex(),
    bytes(range(1, 256)).hex(): "ff" + bytes(range(1, 255)).hex() + "02 ff",
    (bytes(range(2, 256)) + b"\0").hex(): "ff" + bytes(range(2, 256)).hex() + "01 01",
}
BAD_COBS = ["", "00", "02", "03 11", "05 11 22", "03 00 11", "03 11 00", "01 00", "ff 01"]
KISS = {"": "c0 00 c0", "11": "c0 00 11 c0", "c0 db": "c0 00 db dc db dd c0", "dc dd": "c0 00 dc dd c0"}
BAD_KISS = ["", "01 22", "10 22", "00 db", "00 db 11", "00 11 db db dc", "0f"]

FRAMES = [encode(frame) for frame in over_frames(12, k=3)]
as_cobs = [COBS_MARK + cobs_encode(frame) + COBS_MARK for frame in FRAMES]
as_kiss = [kiss_encode(frame) for frame in FRAMES]
bounded = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize(("plain", "coded"), COBS.items())
def test_cobs_vectors(plain: str, coded: str) -> None:
    """Known frames have known bytes, both ways."""
    assert bytes.fromhex(coded) == cobs_encode(bytes.fromhex(plain))
    assert bytes.fromhex(plain) == cobs_decode(bytes.fromhex(coded))


@pytest.mark.parametrize("coded", BAD_COBS)
def test_bad_cobs(coded: str) -> None:
    """What the encoder never makes is refused."""
    with pytest.raises(FrameError):
        cobs_decode(bytes.fromhex(coded))


@pytest.mark.parametrize(("plain", "coded"), KISS.items())
def test_kiss_vectors(plain: str, coded: str) -> None:
    """The two special bytes are escaped."""
    assert bytes.fromhex(coded) == kiss_encode(bytes.fromhex(plain))
    assert bytes.fromhex(plain) == kiss_decode(bytes.fromhex(coded)[1:-1])


def test_kiss_commands() -> None:
    """Settings of the TNC have their number in front."""
    assert bytes.fromhex("c0 01 0a c0") == kiss_encode(bytes([10]), KissCommand.TXDELAY)
    assert bytes.fromhex("c0 02 db dc c0") == kiss_encode(bytes([0xC0]), KissCommand.PERSISTENCE)


@pytest.mark.parametrize("coded", BAD_KISS)
def test_bad_kiss(coded: str) -> None:
    """Other commands, other ports and wrong escapes are no frames."""
    with pytest.raises(FrameError):
        kiss_decode(bytes.fromhex(coded))


@bounded
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=240, max_size=MAX_FRAME_BYTES)), max_size=4),
    st.integers(0, 2**32),
)
def test_streams_in_any_pieces(frames: list[bytes], seed: int) -> None:
    """Frames come out as they went in, however the stream is cut."""
    frames = [frame for frame in frames if frame]
    for reader, coded in (
        (CobsReader(MAX_FRAME_BYTES), [COBS_MARK + cobs_encode(frame) + COBS_MARK for frame in frames]),
        (KissReader(MAX_FRAME_BYTES), [kiss_encode(frame) for frame in frames]),
    ):
        stream, found, chance = b"".join(coded), [], random.Random(seed)
        while stream:
            length = chance.choice([1, 2, 10, 300])
            found += reader.receive(stream[:length])
            stream = stream[length:]
        assert frames == found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cobs", COBS_MARK + cobs_encode(bytes.fromhex("110022")) + COBS_MARK),
        ("kiss", Ax25Frames(Callsign("N0CALL", 1), Callsign("GOSMR")).wrap(bytes.fromhex("135a0002bdf600010d2e"))),
    ],
)
def test_the_examples_of_the_readme(kind: str, expected: bytes) -> None:
    """What transport/README.md shows byte by byte is what goes out."""
    text = (Path(__file__).parents[3] / "transport" / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    assert bytes.fromhex(re.sub(r"#.*", "", example)) == expected


@bounded
@given(st.binary(max_size=MAX_FRAME_BYTES))
def test_cobs_length(frame: bytes) -> None:
    """No zeros, and never longer than what the airtime is reckoned from."""
    coded = cobs_encode(frame)
    assert 0 not in coded
    assert len(frame) + 1 + 2 <= len(coded) + 2 <= cobs_bytes(len(frame))


@pytest.mark.parametrize(
    ("reader", "mark", "coded"),
    [(CobsReader(MAX_FRAME_BYTES), b"\x00", as_cobs), (KissReader(MAX_FRAME_BYTES), b"\xc0", as_kiss)],
    ids=["cobs", "kiss"],
)
def test_found_again_within_one_frame(reader: CobsReader | KissReader, mark: bytes, coded: list[bytes]) -> None:
    """Rubbish between frames takes no frame with it; damage within one takes that one alone, whatever was damaged."""
    chance = random.Random(3)
    for _ in range(500):
        rubbish = chance.randbytes(chance.choice([1, 5, 80, 1000]))
        number = chance.randrange(len(FRAMES) - 1)
        found = reader.receive(rubbish + coded[number])
        assert FRAMES[number] == found[-1] and not set(found[:-1]) & set(FRAMES)
        damaged = worsened(coded[number], chance.randbytes(50), chance)
        found = reader.receive(damaged + coded[number + 1])
        assert FRAMES[number + 1] == found[-1]
        cut = coded[number][: chance.randrange(len(coded[number]))]
        assert FRAMES[number + 1] == reader.receive(cut + coded[number + 1])[-1]


@pytest.mark.parametrize("reader", [CobsReader(MAX_FRAME_BYTES), KissReader(MAX_FRAME_BYTES)], ids=["cobs", "kiss"])
def test_what_is_too_long(reader: CobsReader | KissReader) -> None:
    """A stretch longer than any frame is one piece of rubbish, and is not kept."""
    for _ in range(1000):
        assert [] == reader.receive(bytes([0x55]) * 1000)
    assert reader._max_bytes >= len(reader._pending)
    assert [RUBBISH] == reader.receive(reader.mark)
    frame = FRAMES[1]
    assert [frame] == reader.receive(as_cobs[1] if isinstance(reader, CobsReader) else as_kiss[1])


def test_reset_forgets_the_frame_that_has_begun() -> None:
    """After an interruption the two halves of different frames are not put together."""
    reader = CobsReader(MAX_FRAME_BYTES)
    assert [] == reader.receive(as_cobs[0][:10])
    reader.reset()
    assert [FRAMES[1]] == reader.receive(as_cobs[1])


@for_many_inputs(as_cobs)
def test_any_bytes_on_a_serial_line(inputs: list[bytes]) -> None:
    """Nothing raises, nothing longer than a frame comes out or stays, and the next frame is found."""
    reader = CobsReader(MAX_FRAME_BYTES)
    for octets in inputs:
        assert all(len(found) <= MAX_FRAME_BYTES + 2 for found in reader.receive(octets))
        assert reader._max_bytes >= len(reader._pending)
    assert FRAMES[1] == reader.receive(as_cobs[1])[-1]


@for_many_inputs(as_kiss)
def test_any_bytes_from_a_tnc(inputs: list[bytes]) -> None:
    """The same for KISS."""
    reader = KissReader(MAX_FRAME_BYTES)
    for octets in inputs:
        assert all(len(found) <= 2 * MAX_FRAME_BYTES for found in reader.receive(octets))
        assert reader._max_bytes >= len(reader._pending)
    assert FRAMES[1] == reader.receive(as_kiss[1])[-1]
