"""The codecs of the page, without a link."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from app.audio.sound_files import to_int16
from app.codecs.gossamer import Gossamer, LoadedModels
from app.codecs.pcm import Pcm
from app.codecs.registry import codec_named
from app.listening_page.lanes import UnquantisedFeatures, coded_without_link, page_lanes
from app.simulation.journey import heard_sound, travel
from codec import format
from codec.encoder import Encoder
from codec.models import asset_path
from tests.benchmarks.alignment import find_delay
from tests.support.codecs import installed
from tests.support.sentences import sentence
from tests.support.signals import encode_all
from transport.planning.presets import PRESETS


def test_ten_sentences_are_shipped() -> None:
    """At 8 kHz, none silent, each with what is said and by whom in its tags."""
    paths = sorted(asset_path("sentences").glob("*.flac"))
    assert 10 == len(paths)
    for path in paths:
        with soundfile.SoundFile(path) as file:
            assert (8000, 1) == (file.samplerate, file.channels)
            assert len(file.title) > 20 and file.artist
            assert np.abs(file.read()).max() > 0.3


def test_the_packets_are_those_of_gossamer_encode() -> None:
    """32 bytes each, 800 bit/s, and what is heard lies where the clip lies."""
    original = sentence()
    sound, coded = coded_without_link(Gossamer(), original)
    assert encode_all(original, Encoder()) == b"".join(coded.frames)
    assert 800 == coded.rate_bps
    assert len(original) == len(sound)
    assert abs(find_delay(to_int16(original), to_int16(sound))) < 0.010 * format.SAMPLE_RATE_HZ


def test_the_original_is_the_clip_itself() -> None:
    """Sample for sample."""
    samples = sentence("child")
    sound, coded = coded_without_link(Pcm(), samples)
    np.testing.assert_array_equal(samples, sound)
    assert 128_000 == coded.rate_bps


def test_the_unquantised_features_lie_where_the_clip_lies() -> None:
    """As long as the clip, and nearer to it than what was sent with 800 bit/s."""
    samples, models = sentence(), LoadedModels()
    sound = UnquantisedFeatures(models).sound(samples)
    assert len(samples) == len(sound)
    assert abs(find_delay(to_int16(samples), to_int16(sound))) < 0.010 * format.SAMPLE_RATE_HZ


def test_the_page_has_its_lanes_in_order() -> None:
    """The original, Gossamer, its upper limit, the others; each has a key of its own and says what it is."""
    lanes = page_lanes(LoadedModels())
    keys = [lane.key for lane in lanes]
    assert ["original", "neural", "classic", "unquantised"] == keys[:4]
    assert len(set(keys)) == len(keys) > 4
    assert all(lane.title and lane.description for lane in lanes)


def test_a_damaged_length_of_opus_loses_no_more_than_its_frame() -> None:
    """What makes no codec frame is lost; speech comes out all the same, and as long as it was."""
    codec = installed(codec_named("opus-6k"))
    _, coded = coded_without_link(codec, sentence("child"))
    journey = travel(codec, coded.frames, PRESETS["hc-12"].other(ber=0.01))
    assert journey.damaged > 0 and journey.lost > 0
    last_s = journey.played[-1][0]
    assert (last_s + journey.frame_s) * 8000 == pytest.approx(len(heard_sound(journey, codec)), abs=1)
