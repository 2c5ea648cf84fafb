"""Frames in a stream of bytes, however it is cut: rubbish, damage, and finding the next frame after it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.malformed import for_many_inputs, worsened
from tests.support.overs import over_frames
from transport.framing.cobs import COBS_MARK, CobsReader, cobs_encode
from transport.framing.kiss import KissReader, kiss_encode
from transport.framing.stream_reader import RUBBISH
from transport.protocol.open_frames import MAX_FRAME_BYTES, encode

FRAMES = [encode(frame) for frame in over_frames(12, k=3)]
as_cobs = [COBS_MARK + cobs_encode(frame) + COBS_MARK for frame in FRAMES]
as_kiss = [kiss_encode(frame) for frame in FRAMES]


@settings(max_examples=150, deadline=None)
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


def test_what_comes_in_pieces_is_too_long_together() -> None:
    """The bound is that of the whole frame, not that of a piece of it."""
    reader = CobsReader(20)
    longest = reader.longest(20)
    assert [] == reader.receive(b"x" * (longest - 1)) == reader.receive(b"xx")
    assert [RUBBISH] == reader.receive(COBS_MARK)
    assert 0 == len(reader._pending)
