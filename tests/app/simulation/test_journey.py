"""What a link makes of one recording."""

from __future__ import annotations

import numpy as np
import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.reference import ReferenceCodec
from app.codecs.registry import codec_named
from app.codecs.round_trip import encode_recording, padded, round_trip
from app.simulation.journey import Journey, heard_sound, strip, travel
from codec import format
from tests.support.codecs import SilentGossamer, SizedCodec, installed, numbered
from tests.support.sentences import sentence
from transport.planning.presets import PRESETS, Preset
from transport.playout.playout import PlayoutItem

PERFECT = PRESETS["wifi"].other(loss=0.0, burst_frames=None, jitter_s=0.0, reorder=0.0)


@pytest.mark.parametrize("codec", [Pcm(), Gossamer()], ids=lambda codec: codec.key)
def test_a_perfect_link_changes_nothing(codec: ReferenceCodec) -> None:
    """Frame for frame, sample for sample, in the recording's own time."""
    original = sentence()
    journey = travel(codec, encode_recording(codec, padded(original, format.PACKET_SAMPLES)), PERFECT)
    assert "." * format.packet_count(len(original)) == strip(journey)
    assert (0, 0, 0) == (journey.lost, journey.damaged, journey.unheard)
    sound = heard_sound(journey, codec)
    reference = round_trip(codec, original, format.PACKET_S).decoded[codec.delay_samples :][: len(original)]
    count = min(len(sound), len(reference))
    assert count > len(original) - format.DELAY_SAMPLES - 1
    np.testing.assert_allclose(reference[:count], sound[:count], atol=1e-6)


@pytest.mark.codec2
@pytest.mark.parametrize("key", ["codec2-450", "codec2-3200", "opus-6k"])
def test_other_codecs_arrive_whole_too(key: str) -> None:
    """Every one of their frames, in its place, on a link that has room."""
    codec = installed(codec_named(key))
    frames = encode_recording(codec, padded(sentence("child"), format.PACKET_SAMPLES))
    journey = travel(codec, frames, PERFECT)
    assert frames == [item.packet for _, item in journey.played]
    places = [place * journey.frame_s for place in range(len(frames))]
    assert places == pytest.approx([at_s for at_s, _ in journey.played])
    assert {"."} == set(strip(journey))


def test_a_link_that_has_room_loses_what_it_is_told_to_lose() -> None:
    """The share of packets that are lost is that of the frames, and each is marked in the strip."""
    journey = travel(SilentGossamer(), numbered(200, 32), PERFECT.other(loss=0.25))
    assert 0.18 < journey.lost / journey.sent < 0.32
    assert journey.lost == strip(journey).count("x")
    assert [item.index for _, item in journey.played] == list(range(journey.played[0][1].index, 200))


def test_bit_errors_damage_more_the_more_bits_there_are() -> None:
    """Damaged packets are played; a codec of more bits is hit more often, and its packets are really changed."""
    thin, thick = (
        travel(codec, numbered(200, size), PRESETS["hc-12"])
        for codec, size in ((SilentGossamer(), 32), (SizedCodec(96), 96))
    )
    assert 0 < thin.damaged < thick.damaged
    changed = [item for _, item in thin.played if item.packet is not None and item.packet != bytes([item.index]) * 32]
    assert 0 < len(changed) <= thin.damaged  # what hit the check alone flags the packet and leaves it


def test_a_link_that_is_too_slow_stalls_the_voice() -> None:
    """At 1200 baud 800 bit/s flow, 3200 stop and come late, and PCM does not arrive within anybody's patience."""
    link = PRESETS["afsk1200"].other(loss=0.0)
    flowing, stalling, hopeless = (
        travel(codec, numbered(8, size), link)
        for codec, size in ((SilentGossamer(), 32), (SizedCodec(128), 128), (SizedCodec(5120), 5120))
    )
    assert "........" == strip(flowing)
    assert flowing.needed_bps < 1200 < stalling.needed_bps
    assert "w" in strip(stalling) or "x" in strip(stalling)
    assert len(strip(stalling)) > len(strip(flowing))
    assert (8, 0) == (hopeless.unheard + hopeless.lost, len(hopeless.played))
    assert 0 == len(heard_sound(hopeless, SizedCodec(5120)))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_gossamer_is_heard_over_every_preset(preset: Preset) -> None:
    """Most of its packets, in every mood of the link."""
    for seed in range(5):
        journey = travel(SilentGossamer(), numbered(40, 32), preset.other(seed=seed))
        assert journey.lost + journey.unheard <= 16
        assert journey.sent == 40


def test_the_rate_that_is_needed_is_that_of_the_frames() -> None:
    """Speech and the BEGINs that are repeated with it; not the first BEGIN, nor END."""
    journey = travel(SilentGossamer(), numbered(80, 32), PRESETS["hc-12"])
    assert 1050 == round(journey.needed_bps)
    assert (5000, True) == (journey.rate_bps, journey.delay_s > 0.64)


def test_an_end_that_is_lost_ends_after_a_while() -> None:
    """The listener's station takes the talker for gone; what it made up meanwhile is no part of the recording."""
    lost = [travel(SilentGossamer(), numbered(20, 32), PERFECT.other(loss=0.5, seed=seed)) for seed in range(40)]
    assert all(len(strip(journey)) == 20 and journey.unheard == 0 for journey in lost)
    slow = PRESETS["afsk1200"].other(rate_bps=700.0, loss=0.4)
    gathered = [travel(SilentGossamer(), numbered(10, 32), slow.other(seed=seed)) for seed in range(40)]
    assert {0} == {journey.unheard for journey in gathered}


def test_nothing_said_is_nothing_heard() -> None:
    """An over without speech."""
    journey = travel(SilentGossamer(), [], PERFECT)
    assert ("", 0, 0.0) == (strip(journey), journey.sent, journey.needed_bps)
    assert 0 == len(heard_sound(journey, SilentGossamer()))


def test_a_strip_shows_what_most_of_each_320_ms_is() -> None:
    """Speech, wrong bits, concealment, waiting; codec frames may be shorter than a slot."""

    def item(index: int, packet: bytes | None, damaged: bool = False) -> PlayoutItem:
        return PlayoutItem(1, index, packet, damaged)

    played = [(0.16 * n, item(n, b"x" if n not in (4, 5) else None, n in (2, 3))) for n in range(8)]
    played += [(0.16 * 8 + 0.32 + 0.16 * n, item(8 + n, b"x")) for n in range(2)]
    journey = Journey(tuple(played), 0.16, 12, 4, 2, 0, 0.5, 1000.0, None)
    assert ".dx.w." == strip(journey)
