"""How long bytes take, by the standards."""

from __future__ import annotations

import random

import pytest

from transport.framing.ax25 import AIR_BYTES
from transport.radio.airtime import Ax25, Bits, KissUart, Lora


@pytest.mark.parametrize(
    ("lora", "payload", "ms"),
    [
        (Lora(7), 10, 41.216),
        (Lora(12), 10, 991.232),
        (Lora(12), 50, 2301.952),
        (Lora(9), 50, 328.704),
        (Lora(7, 250_000), 10, 20.608),
    ],
)
def test_lora_airtimes(lora: Lora, payload: int, ms: float) -> None:
    """What Semtech's own calculator says for these packets."""
    assert ms == pytest.approx(1000 * lora.time_s(payload))


def test_stuffing() -> None:
    """Random bits grow by 1 in 62: counted here on real ones."""
    ones = stuffed = 0
    bits = "".join(f"{octet:08b}" for octet in random.Random(1).randbytes(50_000))
    for bit in bits:
        ones = ones + 1 if bit == "1" else 0
        if ones == 5:
            stuffed += 1
            ones = 0
    plain_s = Bits(1200, AIR_BYTES).time_s(200)
    assert stuffed / len(bits) == pytest.approx(Ax25(1200).time_s(200) / plain_s - 1, rel=0.05)


def test_the_bytes_of_a_frame_on_packet_radio() -> None:
    """Two addresses, control and protocol, the check, and a flag on either side (AX.25 2.2, section 3)."""
    assert 200 + 7 + 7 + 1 + 1 + 2 + 2 == Ax25(1200).octets(200)
    # On the cable there are no check and no flags, but KISS's two and its command; 2 bytes in 256 are escaped.
    assert (200 + 16) * 258 / 256 + 3 == KissUart(9600).octets(200)
