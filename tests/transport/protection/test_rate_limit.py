"""Floods of bad tags: whose frames are still checked."""

from __future__ import annotations

import pytest

from tests.support.protected import (
    TEXT,
    ProtectedEnd,
    pair,
)
from transport.errors import (
    BadTag,
    Muted,
    Replayed,
)
from transport.protection.channel import ProtectedChannel


def forged(number: int) -> bytes:
    """A frame in the shape of a TEXT, with a tag drawn at random."""
    return bytes([0x25, number & 0xFF]) + number.to_bytes(4) * 7


def test_after_100_bad_tags_a_minute_a_source_is_muted() -> None:
    """Muted for a minute but for a frame a second; other sources are heard meanwhile."""
    talker, hearer = pair()
    fates = [hearer.fate(forged(number), "forger") for number in range(200)]
    assert 101 == fates.count(BadTag) and 99 == fates.count(Muted)  # one is the first second's sample
    assert hearer.fate(talker.say(TEXT), "peer") is None
    hearer.now += 30
    assert [BadTag, Muted] == [hearer.fate(forged(number), "forger") for number in range(2)]
    hearer.now += 31
    assert [BadTag] * 50 == [hearer.fate(forged(number), "forger") for number in range(50)]


def test_a_forged_address_does_not_mute_the_peer() -> None:
    """Who sends bad tags under a peer's address does not silence that peer, whether it was heard before or not."""
    talker, hearer = pair()
    hearer.hear(talker.say(TEXT), "peer")
    for number in range(1000):
        hearer.fate(forged(number), "peer")
        hearer.now += 0.01
    assert hearer.fate(talker.say(TEXT), "peer") is None
    unheard = ProtectedEnd()
    for number in range(300):
        unheard.fate(forged(number), "peer")
    unheard.now += 2
    assert unheard.fate(talker.say(TEXT), "peer") is None  # the sample
    assert unheard.fate(talker.say(TEXT), "peer") is None  # which proved it


def test_an_old_frame_does_not_prove_its_source() -> None:
    """A forger who sends an authentic frame again is muted like any other."""
    talker, hearer = pair()
    old = talker.say(TEXT)
    hearer.hear(old, "peer")
    assert Replayed is hearer.fate(old, "forger")
    assert Muted in [hearer.fate(forged(number), "forger") for number in range(150)]


def test_a_radio_is_not_muted() -> None:
    """Where everything comes from one place, no flood that a radio can deliver stops a real frame: 400 a second."""
    talker, hearer = pair()
    for number in range(4000):
        assert BadTag is hearer.fate(forged(number))
        hearer.now += 1 / 400
    assert hearer.fate(talker.say(TEXT)) is None


def test_work_is_bounded() -> None:
    """Sources made up without end are checked at 500 frames a second and remembered by the hundreds, and a proven peer
    is heard all the time."""
    talker, hearer = pair()
    hearer.hear(talker.say(TEXT), "peer")
    fates = []
    for number in range(5000):
        fates.append(hearer.fate(forged(number), f"made up {number}"))
        hearer.now += 1 / 5000
    assert 1000 == pytest.approx(fates.count(BadTag), abs=2)
    assert hearer.fate(talker.say(TEXT), "peer") is None
    assert isinstance(hearer.channel, ProtectedChannel) and hearer.channel.rate_limiter.sources <= 256
