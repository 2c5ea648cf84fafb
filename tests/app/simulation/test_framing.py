"""Codec frames in the frames of a link and out again, whole, damaged and lost."""

from __future__ import annotations

import numpy as np
import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.reference import ReferenceCodec
from app.codecs.registry import link_codecs
from app.simulation.framing import CodecFrame, Framing, LinkFrame, framing_for
from tests.support.codecs import SizedCodec, installed
from transport.errors import FrameError
from transport.link_kinds import LINK_KINDS
from transport.protocol.open_frames import OVERHEAD_BYTES

SEALED = Gossamer("sealed", "sealed", sealed=True)
CODECS = [*link_codecs(), SEALED]


@pytest.mark.codec2
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.key)
def test_codec_frames_come_out_as_they_went_in(codec: ReferenceCodec) -> None:
    """Packed, framed, read: the same bits in the same places, and as much speech as was said."""
    size = (installed(codec).frame_bits or 8 * 17 + 1) // 8 + bool((codec.frame_bits or 0) % 8)
    mask = 0xFF << (-(codec.frame_bits or 0) % 8) & 0xFF
    draws = np.random.default_rng(3)
    framing = framing_for(codec, 2, 240)
    for frame in framing.begin():
        assert () == tuple(framing.receive(frame.octets, 0.0).frames)
    told: list[bytes] = []
    heard: list[CodecFrame] = []
    spoken_s = 0.0
    for _ in range(200):
        content = draws.bytes(size)
        told.append(content[:-1] + bytes([content[-1] & mask]))
        for frame in framing.push(content):
            spoken_s += frame.speech_s
            heard += framing.receive(frame.octets, spoken_s).frames
    for frame in framing.flush():
        spoken_s += frame.speech_s
        heard += framing.receive(frame.octets, spoken_s).frames
    assert told == [one.content for one in heard]
    assert list(range(200)) == [one.index for one in heard]
    assert spoken_s == pytest.approx(200 * codec.frame_samples / 8000)
    assert not any(one.damaged for one in heard)
    assert 200 == framing.receive(framing.end()[0].octets, spoken_s).total


@pytest.mark.parametrize("codec", [Pcm(), Gossamer()], ids=lambda codec: codec.key)
def test_damage_is_told_and_a_bad_header_refused(codec: ReferenceCodec) -> None:
    """A bit in the speech is played, damaged; a bit in the header loses the frame."""
    framing = framing_for(codec, 1, 240)
    octets = first_speech(codec, framing)
    with pytest.raises(FrameError):
        framing.receive(bytes([octets[0] ^ 0x10]) + octets[1:], 0.0)
    heard = framing.receive(octets[:20] + bytes([octets[20] ^ 1]) + octets[21:], 0.0).frames
    assert heard and all(one.damaged for one in heard)


def first_speech(codec: ReferenceCodec, framing: Framing) -> bytes:
    """The first frame with speech; the listener has heard those before it."""
    for frame in framing.begin():
        framing.receive(frame.octets, 0.0)
    frames: list[LinkFrame] = []
    while not frames:
        frames = framing.push(bytes((codec.frame_bits or 0) // 8))
    return frames[0].octets


def test_a_damaged_end_is_refused() -> None:
    """The count decides what is lost: it must be right."""
    framing = framing_for(Pcm(), 1, 240)
    framing.push(bytes(240))
    framing.flush()
    octets = framing.end()[0].octets
    with pytest.raises(FrameError):
        framing.receive(octets[:-3] + bytes([octets[-3] ^ 1]) + octets[-2:], 0.0)


def test_an_end_is_as_long_as_gossamers() -> None:
    """The others pay no more for it, and no less."""
    gossamer, other = (framing_for(codec, 1, 240) for codec in (Gossamer(), Pcm()))
    gossamer.begin()
    assert [len(frame.octets) for frame in gossamer.end()] == [len(frame.octets) for frame in other.end()]


@pytest.mark.parametrize("scheme", ["kiss", "udp"])
def test_no_piece_is_longer_than_the_link_takes(scheme: str) -> None:
    """320 ms of plain samples are cut into as few pieces as the link allows."""
    longest = LINK_KINDS[scheme].piece_bytes
    framing = framing_for(Pcm(), 1, longest)
    frames = [frame for _ in range(framing.frames_together) for frame in framing.push(bytes(240))]
    assert max(len(frame.octets) - OVERHEAD_BYTES for frame in frames) <= longest
    assert -(-framing.frames_together // (longest // 240)) == len(frames)


def test_a_codec_frame_longer_than_a_piece_goes_alone() -> None:
    """There is no shorter way to send it."""
    framing = framing_for(SizedCodec(300), 2, 240)
    frames = [frame for _ in range(2) for frame in framing.push(bytes(300))]
    assert [300 + OVERHEAD_BYTES] * 2 == [len(frame.octets) for frame in frames]


@pytest.mark.codec2
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.key)
def test_the_wire_rate_is_the_one_that_was_said(codec: ReferenceCodec) -> None:
    """Over a cycle of BEGIN, at the codec's nominal rate."""
    framing, seconds = framing_for(installed(codec), 2, 240), 0.0
    sizes = [codec.rate_bps * codec.frame_samples / 8000 / 8] if codec.frame_bits is None else []
    content = bytes(round(sizes[0]) if sizes else (codec.frame_bits + 7) // 8)  # type: ignore[operator]
    octets = [frame.octets for frame in framing.begin()][1:]
    for _ in range(12 * framing.frames_together):
        octets += [frame.octets for frame in framing.push(content)]
        seconds += codec.frame_samples / 8000
    assert framing.wire_bps(10) == pytest.approx(8 * sum(len(one) + 10 for one in octets) / seconds, rel=0.01)
