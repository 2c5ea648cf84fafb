from __future__ import annotations

import itertools

import numpy as np
import pytest

from codec import features, format
from codec.decoder import Decoder
from codec.encoder import Encoder
from tests.support.signals import (
    FIXTURES,
    clips,
    encode_all,
    energy_envelope,
    f0_by_autocorrelation,
    level_db,
    packets_of,
    vowel,
)
from vocoder.synthesizer import SYNTHESISERS, Synthesizer, Vocoder, open_synthesizer

STARTS = (0, 640, 1280, 1920)
"""Samples of silence before a sound: so each is heard from four places of its packets."""


@pytest.fixture(scope="module", params=SYNTHESISERS)
def synthesiser(request: pytest.FixtureRequest) -> Synthesizer:
    return open_synthesizer(request.param)


def true_features(sound: np.ndarray, f0_hz: float) -> np.ndarray:
    """The table of a steady voice, float32 [n, 32, 42]."""
    energies = features.band_energies(features.power_spectrum(features.frames_of(sound)))
    table = features.assemble(np.full(len(energies), f0_hz, np.float32), energies)
    return table[: len(table) // 32 * 32].reshape(-1, 32, format.FEATURES)


def synthesised(synthesiser: Synthesizer, tables: np.ndarray) -> np.ndarray:
    """All of a table, aligned with the original: the delay dropped, the tail flushed."""
    synthesiser.reset()
    sound = np.concatenate([*(synthesiser.synthesize(table) for table in tables), synthesiser.flush()])
    return sound[format.DELAY_SAMPLES :]


def test_sound_equals_that_of_the_trained_network():
    """The exported graph gives PyTorch's samples over 100 packets."""
    fixture = np.load(FIXTURES / "reference.npz")
    decoder, vocoder = Decoder(), Vocoder()
    for number, packet in enumerate(fixture["packets"]):
        sound = vocoder.synthesize(decoder.decode(None if number % 7 == 6 else packet.tobytes()))
        if number % 5 == 0:
            expected = fixture["sound"][number // 5].astype(np.float32)
            # Features differ in the last bits, and a pulse train turns that into a shift of a fraction of a sample.
            assert np.abs(expected - sound).max() < 0.02
            assert np.abs(expected - sound).mean() < 1e-3


@pytest.mark.parametrize("f0_hz", [90.0, 160.0, 260.0])
def test_pitch_and_level_are_those_of_the_features(synthesiser, f0_hz):
    """Both synthesisers sing what the table says."""
    sound = vowel(f0_hz, 1.6)
    made = synthesised(synthesiser, true_features(sound, f0_hz))[4000:11000]
    assert f0_by_autocorrelation(made) == pytest.approx(f0_hz, rel=0.02)
    assert level_db(made) == pytest.approx(level_db(sound[4000:11000]), abs=4.0)


def test_silence_stays_silent(synthesiser):
    """Features of digital silence make less than -60 dBFS."""
    made = synthesised(synthesiser, np.zeros((5, 32, format.FEATURES), np.float32))
    assert level_db(made) < -60.0


def test_silence_through_the_whole_codec_stays_silent(synthesiser):
    """Digital silence in, less than -50 dBFS out, after the first packet."""
    decoder = Decoder()
    packets = packets_of(encode_all(np.zeros(5 * 2560, np.float32), Encoder()))
    made = synthesised(synthesiser, np.stack([decoder.decode(packet) for packet in packets]))
    assert level_db(made[2560:]) < -50.0


@pytest.fixture(scope="module")
def decoded_speech() -> list[tuple[np.ndarray, np.ndarray]]:
    """All shipped speech, float32 [n], from each of the starts, and its decoded tables [packets, 32, 42]."""
    encoder, decoder = Encoder(), Decoder()
    found = []
    for sound, start in itertools.product(clips() + clips("sentences"), STARTS):
        sound = np.concatenate([np.zeros(start, np.float32), sound])
        decoder.reset()
        found.append((sound, np.stack([decoder.decode(packet) for packet in packets_of(encode_all(sound, encoder))])))
    return found


@pytest.fixture(scope="module")
def envelopes(synthesiser, decoded_speech) -> list[tuple[np.ndarray, np.ndarray]]:
    """Energy in steps of 2 ms of all originals and of what is made of them."""
    found = []
    for sound, tables in decoded_speech:
        made = synthesised(synthesiser, tables)
        assert format.packet_count(len(sound)) * format.PACKET_SAMPLES == len(made)
        found.append((energy_envelope(sound), energy_envelope(made[: len(sound)])))
    return found


def displacement_ms(envelopes, smoothing: int) -> int:
    """The peak of the cross-correlation of energy envelopes in steps of 2 ms, over so many steps each, summed over all
    shipped speech from four starts: in a single sentence the pulses of the voice, whose phase no bit is spent on, move
    it by a period and more, and in the sum over one start still by 8 ms, differently from each start."""
    shifts = range(-40, 41)
    agreement = np.zeros(len(shifts))
    for pair in envelopes:
        one, two = (np.convolve(envelope, np.ones(smoothing), "same") for envelope in pair)
        agreement += [float(np.dot(one[40:-40], np.roll(two, n)[40:-40])) for n in shifts]
    return 2 * shifts[int(np.argmax(agreement))]


@pytest.mark.parametrize("smoothing", [1, 10])
def test_out_and_in_are_aligned(envelopes, smoothing):
    """With the declared delay dropped, reconstructions lie within 5 ms of the originals: by envelopes of 2 ms, and by
    the ups and downs of speech over 20 ms."""
    assert abs(displacement_ms(envelopes, smoothing)) <= 5


def test_there_is_no_click_at_the_edge_of_a_packet(synthesiser):
    """A steady vowel changes no faster at the edges of packets than inside them."""
    made = synthesised(synthesiser, true_features(vowel(140.0, 2.6), 140.0))[2560:]
    step = np.abs(np.diff(made, 2))
    edges = np.concatenate([step[n - 4 : n + 4] for n in range(2560 - 240, len(step) - 8, 2560)])
    assert edges.max() <= 1.2 * np.quantile(step, 0.999) + 1e-3


def test_reset_brings_back_the_start(synthesiser):
    """No trace of what was played before."""
    tables = true_features(vowel(120.0, 1.0), 120.0)
    first = synthesised(synthesiser, tables)
    assert np.array_equal(first, synthesised(synthesiser, tables))


def test_features_of_another_shape_are_refused(synthesiser):
    """One packet a call."""
    with pytest.raises(ValueError, match="32, 42"):
        synthesiser.synthesize(np.zeros((31, 42), np.float32))


def test_an_unknown_synthesiser_is_refused():
    """There are two."""
    with pytest.raises(ValueError, match="neural, classic"):
        open_synthesizer("magic")
