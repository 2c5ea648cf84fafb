"""The numbers that everything else is derived from, and the names of the values in a feature frame.

One packet is 256 bits for 2560 samples at 8 kHz: 32 bytes every 320 ms, 800 bit/s, constant rate.
A `.g800` file is the bare packets and nothing else.
"""

from __future__ import annotations

SAMPLE_RATE_HZ = 8000
PACKET_BYTES = 32
PACKET_BITS = 8 * PACKET_BYTES
BIT_RATE_BPS = 800
PACKET_SAMPLES = PACKET_BITS * SAMPLE_RATE_HZ // BIT_RATE_BPS
PACKET_S = PACKET_SAMPLES / SAMPLE_RATE_HZ

HOP_SAMPLES = 80
"""Samples between two feature frames: 10 ms."""
PACKET_FRAMES = PACKET_SAMPLES // HOP_SAMPLES
WINDOW_SAMPLES = 320
"""Analysis and synthesis window (n_fft): 40 ms, so four frames overlap."""
DELAY_SAMPLES = WINDOW_SAMPLES - HOP_SAMPLES
"""The one declared delay of analysis and overlap-add: frame i of a packet covers the samples
[80 i - 240, 80 i + 80) from the packet's first one, and the vocoder can emit only what no later frame touches."""

LATENTS = 8
"""Quantised vectors in a packet, one per 40 ms."""
LATENT_DIMENSIONS = 16
LEVELS = 4
BITS_PER_DIMENSION = LEVELS.bit_length() - 1

COPY_BYTES = 8
"""Bytes of the coarse copy of a packet, from which it is rebuilt where it was lost itself."""
COPY_DIMENSIONS = 4
"""Values of `LEVELS` levels in a copy for each latent of its packet."""
PAST_FRAMES = 8
"""Feature frames before a packet that its copy is read beside."""

BANDS = 40
"""Mel bands of a feature frame."""
BAND_LOW_HZ = 60.0
BAND_HIGH_HZ = 3800.0
FEATURES = 2 + BANDS
"""Values in a feature frame, each in 0..1: log-F0, voicing, then the energies of the mel bands."""
F0_INDEX = 0
VOICING_INDEX = 1
BANDS_SLICE = slice(2, FEATURES)

F0_LOW_HZ = 55.0
F0_HIGH_HZ = 550.0
"""Feature 0: 0 is 55 Hz, 1 is 550 Hz, logarithmic between."""
F0_LEAD_SAMPLES = 120
"""The F0 and voicing of a frame are those this many samples after the middle of its window, so that the
harmonic source, which must be computed up to the window's right edge, lags the envelope by 5 ms only."""
BAND_LOW_DB = -85.0
BAND_HIGH_DB = 15.0
"""Features 2..41: 0 is -85 dB, 1 is +15 dB of mean band power (see codec/features.py), linear in dB."""

assert PACKET_SAMPLES == 2560
assert PACKET_FRAMES == 32
assert LATENTS * LATENT_DIMENSIONS * BITS_PER_DIMENSION == PACKET_BITS
assert LATENTS * COPY_DIMENSIONS * BITS_PER_DIMENSION == 8 * COPY_BYTES
assert DELAY_SAMPLES <= 240


def packet_count(samples: int) -> int:
    """Return how many packets hold this many samples at 8 kHz; the last one is zero-padded."""
    return -(-samples // PACKET_SAMPLES)
