"""A recording through a codec without a link: frames, rates, delays."""

from __future__ import annotations

import numpy as np
import pytest

from app.audio.sound_files import to_int16
from app.codecs.gossamer import Gossamer, LoadedModels
from app.codecs.pcm import Pcm
from app.codecs.registry import codec_named, other_codecs
from app.codecs.round_trip import encode_recording, padded, round_trip
from codec import format
from codec.encoder import Encoder
from tests.benchmarks.alignment import find_delay
from tests.support.codecs import installed
from tests.support.sentences import sentence
from tests.support.signals import encode_all


def test_plain_samples_come_back() -> None:
    """Uncompressed speech is the same again, at 128 kbit/s; silence fills up the last frame."""
    samples = sentence("child")
    coded = round_trip(Pcm(), samples, 0.0)
    np.testing.assert_array_equal(padded(samples, Pcm.frame_samples), coded.decoded)
    assert (128_000, len(coded.decoded) / 8000) == (coded.rate_bps, coded.seconds)


def test_no_samples_are_no_frames() -> None:
    """An empty recording has no frame and no rate."""
    coded = round_trip(Pcm(), np.zeros(0, np.float32), 0.0)
    assert ([], 0.0, 0) == (coded.frames, coded.rate_bps, len(coded.decoded))


def test_silence_after_the_recording_is_not_counted() -> None:
    """It pushes out what the codec holds, and is in the sound alone."""
    samples = sentence("child")
    plain, flushed = (round_trip(Pcm(), samples, flush_s) for flush_s in (0.0, 0.3))
    assert plain.frames == flushed.frames
    assert 2400 == len(flushed.decoded) - len(plain.decoded)


@pytest.mark.codec2
@pytest.mark.parametrize(("key", "rate_bps"), [("codec2-450", 450), ("codec2-700c", 700), ("codec2-3200", 3200)])
def test_codec2_at_its_own_rate(key: str, rate_bps: int) -> None:
    """Counted without the bits that fill up bytes."""
    assert rate_bps == round_trip(installed(codec_named(key)), padded(sentence(), 2560), 0.0).rate_bps


@pytest.mark.codec2
@pytest.mark.parametrize("key", [codec.key for codec in other_codecs()])
def test_the_delays_are_those_that_are_found(key: str) -> None:
    """Within 5 ms, over four sentences: how well a vocoder's delay can be told."""
    codec = installed(codec_named(key))
    found = []
    for samples in map(sentence, ("harbour", "mountain", "numbers", "weather")):
        sound = round_trip(codec, samples, 0.32).decoded[codec.delay_samples :][: len(samples)]
        found.append(find_delay(to_int16(samples), to_int16(sound)) / format.SAMPLE_RATE_HZ)
    assert abs(float(np.median(found))) < 0.005


def test_models_loaded_once_code_one_recording_after_the_other() -> None:
    """Each begins at the start of a transmission, whatever was coded before."""
    models = LoadedModels()
    neural, classic = Gossamer(models=models), Gossamer(synth="classic", models=models)
    first = encode_recording(neural, sentence("child"))
    assert encode_recording(classic, sentence()) == encode_recording(Gossamer(), sentence())
    assert first == encode_recording(neural, sentence("child"))
    assert encode_all(sentence("child"), Encoder()) == b"".join(first)
    sounds = [round_trip(codec, sentence("child"), 0.32).decoded for codec in (neural, classic, neural)]
    np.testing.assert_array_equal(sounds[0], sounds[2])
    assert not np.array_equal(sounds[0], sounds[1])


def test_the_version_names_the_models() -> None:
    """The two synthesisers use other files."""
    assert Gossamer().version() != Gossamer(synth="classic").version()
    assert "models " == Gossamer().version()[:7]
