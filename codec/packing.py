"""The 32 bytes: eight latents of sixteen values at four levels, Gray-coded, most significant bit first.

Bit 2 (16 t + d) of a packet, counted from the top bit of byte 0, is the high bit of dimension d of latent t, the next
one its low bit. High bit: 1 for the positive levels. Low bit: 1 for the two inner levels. So one flipped bit moves a
value to a neighbouring level (low bit, or high bit of an inner level) or mirrors it:

    level   -1.5  -0.5   0.5   1.5
    bits      00    01    11    10

Worked example: sixteen values of 1.5 are sixteen times 10, so the first four bytes are AA AA AA AA.

The exported graphs do the same inside; this module is for looking at packets and for tests.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec import format

SHAPE = (format.LATENTS, format.LATENT_DIMENSIONS)


def pack(levels: NDArray[np.float32]) -> bytes:
    """Return the 32 bytes of levels, float32 [8, 16] of -1.5, -0.5, 0.5, 1.5.

    Raises ValueError for other values or another shape.
    """
    if levels.shape != SHAPE or not np.isin(levels, (-1.5, -0.5, 0.5, 1.5)).all():
        raise ValueError(f"levels are {SHAPE} of -1.5, -0.5, 0.5 and 1.5")
    bits = np.stack([levels > 0, np.abs(levels) < 1], axis=-1)
    return np.packbits(bits.reshape(-1)).tobytes()


def unpack(packet: bytes) -> NDArray[np.float32]:
    """Return the levels of a packet of 32 bytes, float32 [8, 16]. Raises ValueError for another length."""
    if len(packet) != format.PACKET_BYTES:
        raise ValueError(f"a packet is {format.PACKET_BYTES} bytes, not {len(packet)}")
    bits = np.unpackbits(np.frombuffer(packet, np.uint8)).reshape(*SHAPE, 2).astype(np.float32)
    return (2 * bits[..., 0] - 1) * (np.float32(1.5) - bits[..., 1])
