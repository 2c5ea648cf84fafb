from __future__ import annotations

import numpy as np
import pytest

from codec import packing

INNER, OUTER = 0.5, 1.5
VECTORS = [
    (np.full((8, 16), 1.5), bytes([0xAA] * 32)),
    (np.full((8, 16), 0.5), bytes([0xFF] * 32)),
    (np.full((8, 16), -0.5), bytes([0x55] * 32)),
    (np.full((8, 16), -1.5), bytes(32)),
    (np.tile([-1.5, -0.5, 0.5, 1.5], (8, 4)), bytes([0b00011110] * 32)),
]


@pytest.mark.parametrize(("levels", "packet"), VECTORS)
def test_known_vectors(levels, packet):
    """Levels and bytes as the docstring's table has them."""
    assert packet == packing.pack(levels.astype(np.float32))
    assert np.array_equal(levels, packing.unpack(packet))


def test_latent_0_dimension_0_is_the_top_of_byte_0():
    """The order of latents and dimensions in a packet."""
    levels = np.full(packing.SHAPE, -1.5, np.float32)
    levels[0, 0], levels[7, 15] = 0.5, -0.5
    assert bytes([0xC0] + [0] * 30 + [0x01]) == packing.pack(levels)


def test_random_packets_survive_the_round_trip():
    """Every 32 bytes are a packet."""
    random = np.random.default_rng(1)
    for packet in random.integers(0, 256, (200, 32), dtype=np.uint8):
        assert packet.tobytes() == packing.pack(packing.unpack(packet.tobytes()))


def test_a_flipped_bit_moves_one_value_to_a_neighbour_or_mirrors_it():
    """Gray coding: the low bit moves a value one step, the high bit mirrors it, nothing else changes."""
    packet = np.random.default_rng(2).integers(0, 256, 32, dtype=np.uint8).tobytes()
    before = packing.unpack(packet)
    for bit in range(256):
        flipped = bytearray(packet)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        change = packing.unpack(bytes(flipped)) - before
        place = np.unravel_index(bit // 2, packing.SHAPE)
        assert [place] == [tuple(index) for index in np.argwhere(change)]
        assert (1.0 if bit % 2 else abs(2 * before[place])) == abs(change[place])


@pytest.mark.parametrize("packet", [b"", bytes(31), bytes(33)])
def test_other_lengths_are_refused(packet):
    """A packet is 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        packing.unpack(packet)


@pytest.mark.parametrize("levels", [np.zeros((8, 16), np.float32), np.full((16, 8), 1.5, np.float32)])
def test_values_that_are_no_levels_are_refused(levels):
    """Only the four levels, in the right shape, can be packed."""
    with pytest.raises(ValueError, match="levels"):
        packing.pack(levels)
