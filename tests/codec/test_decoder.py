from __future__ import annotations

import numpy as np
import pytest

from codec import features, format
from codec.decoder import Decoder
from codec.encoder import Encoder
from tests.support.signals import FIXTURES, clip, encode_all, packets_of, vowel
from vocoder.synthesizer import Vocoder


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    return packets_of(encode_all(clip(), Encoder()))


def test_features_equal_those_of_the_trained_network(decoder):
    """The exported graph gives PyTorch's features over 100 packets, lost ones among them."""
    fixture = np.load(FIXTURES / "reference.npz")
    decoder.reset()
    for number, packet in enumerate(fixture["packets"]):
        table = decoder.decode(None if number % 7 == 6 else packet.tobytes())
        if number % 5 == 0:
            assert np.allclose(fixture["features"][number // 5], table, atol=2e-3)  # the fixture is fp16


def test_features_of_a_vowel_are_readable(decoder):
    """The table says what was sung: pitch, voicing and level."""
    decoder.reset()
    sound = vowel(140.0, 1.6)
    tables = [decoder.decode(packet) for packet in packets_of(encode_all(sound, Encoder()))]
    table = np.concatenate(tables[1:4])
    assert np.median(table[:, format.VOICING_INDEX]) > 0.5
    assert np.median(features.f0_of_feature(table[:, format.F0_INDEX])) == pytest.approx(140.0, rel=0.04)
    true = features.band_energies(features.power_spectrum(features.frames_of(sound)))[40:120]
    loud = true.mean(0) > true.mean(0).max() - 0.15  # the bands within 15 dB of the loudest
    mean = true.mean(axis=1, keepdims=True)
    meant = mean + 1.28 * (true - mean)  # codec/README.md: 28 % farther from the mean of their frame
    assert np.abs(100 * (table[8:88, 2:] - meant)[:, loud]).mean() < 4.0  # dB


def test_ten_thousand_random_packets_decode_to_sound(decoder):
    """No 32 bytes lead to NaN, a crash, a feature outside 0..1 or a sample outside [-1, 1]."""
    random = np.random.default_rng(3)
    vocoder = Vocoder()
    decoder.reset()
    for number, packet in enumerate(random.integers(0, 256, (10_000, 32), dtype=np.uint8)):
        table = decoder.decode(packet.tobytes())
        assert table.min() >= 0.0 and table.max() <= 1.0  # false for NaN, too
        if number % 4 == 0:
            sound = vocoder.synthesize(table)
            assert sound.min() >= -1.0 and sound.max() <= 1.0


def test_every_single_flipped_bit_decodes(decoder, packets):
    """Each bit matters, and none of them breaks the decoder."""
    vocoder = Vocoder()
    decoder.reset()
    plain = decoder.decode(packets[4])
    for bit in range(format.PACKET_BITS):
        flipped = bytearray(packets[4])
        flipped[bit // 8] ^= 0x80 >> bit % 8
        decoder.reset()
        table = decoder.decode(bytes(flipped))
        assert table.min() >= 0.0 and table.max() <= 1.0
        assert np.abs(table - plain).max() > 1e-6
        sound = vocoder.synthesize(table)
        assert sound.min() >= -1.0 and sound.max() <= 1.0


def test_lost_packets_fade_within_640_ms(decoder, packets):
    """A gap fades to silence or the background, and voicing ends; then the decoder recovers."""
    decoder.reset()
    for packet in packets[:5]:
        before = decoder.decode(packet)
    first, second, third = (decoder.decode(None) for _ in range(3))
    assert before[:, 2:].mean() > third[:, 2:].mean()
    assert third[:, 2:].max() <= 0.45 + 1e-6
    assert np.allclose(0.0, third[:, format.VOICING_INDEX], atol=1e-6)
    assert second[-1, 2:].mean() <= first[0, 2:].mean()
    again = [decoder.decode(packet) for packet in packets[5:10]]
    decoder.reset()
    clean = [decoder.decode(packet) for packet in packets[:10]][5:]
    assert np.abs(np.stack(again[3:]) - np.stack(clean[3:])).mean() < 0.02


def test_a_lost_packets_bytes_are_not_looked_at(decoder):
    """Only the flag counts."""
    model = decoder._model
    lost = np.ones(1, np.float32)
    model.reset()
    one = model.step(packet=np.zeros((1, 32), np.uint8), lost=lost)
    model.reset()
    assert np.array_equal(one, model.step(packet=np.full((1, 32), 0x5A, np.uint8), lost=lost))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_other_lengths_are_refused(decoder, length):
    """A packet is 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        decoder.decode(bytes(length))
