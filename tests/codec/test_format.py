from __future__ import annotations

import pytest

from codec import format


def test_a_packet_is_32_bytes_for_320_ms_at_800_bit_s():
    """The numbers of the format agree with one another."""
    assert format.PACKET_SAMPLES == format.PACKET_FRAMES * format.HOP_SAMPLES == 2560
    assert format.BIT_RATE_BPS == format.PACKET_BITS * format.SAMPLE_RATE_HZ / format.PACKET_SAMPLES == 800
    assert format.LATENTS * format.LATENT_DIMENSIONS * format.BITS_PER_DIMENSION == format.PACKET_BITS


@pytest.mark.parametrize(("samples", "packets"), [(0, 0), (1, 1), (2560, 1), (2561, 2), (8000, 4)])
def test_the_last_packet_is_padded(samples, packets):
    """A recording takes as many packets as begin in it."""
    assert packets == format.packet_count(samples)
