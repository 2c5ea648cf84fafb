"""Floods of bad tags: whose frames are still checked."""

from __future__ import annotations

import random
from collections.abc import Hashable

import pytest

from tests.support.protected import TEXT, ProtectedEnd
from transport.errors import BadTag, Muted, Replayed
from transport.protection.channel import ProtectedChannel
from transport.protection.rate_limit import MAX_PROVEN, MIN_CAPACITY_PER_S, RateLimiter, TokenBucket

PEER = ("192.0.2.7", 5000)
CAPACITY_PER_S = 4000.0


def forged(number: int) -> bytes:
    """A frame in the shape of a TEXT, with a tag drawn at random."""
    return bytes([0x25, number & 0xFF]) + number.to_bytes(4) * 7


def source_of(attack: str, number: int) -> Hashable:
    """The address of the n-th forged frame."""
    return {
        "one address": ("198.51.100.1", 4000),
        "the peer's address": PEER,
        "600 ports of one host": ("198.51.100.1", 4000 + number % 600),
        "made up": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", number % 65_535 + 1),
    }[attack]


ATTACKS = ("one address", "the peer's address", "600 ports of one host", "made up")


def heard_of_the_peer(attack: str, forged_per_s: float, seconds: int, *, proven: bool) -> float:
    """The share of a peer's frames, four a second, that get through such a flood of bad tags."""
    talker, hearer = ProtectedEnd(), ProtectedEnd(capacity_per_s=CAPACITY_PER_S)
    if proven:
        hearer.hear(talker.say(TEXT), PEER)
    limiter = hearer.channel.rate_limiter  # type: ignore[attr-defined]
    heard, number, draws = 0, 0, random.Random(1)
    for quarter in range(4 * seconds):
        at = draws.random()
        for step in range(round(forged_per_s / 4)):
            now = 0.25 * quarter + 0.25 * step / (forged_per_s / 4)
            limiter.admits(source_of(attack, number), now)
            number += 1
            if step == int(at * forged_per_s / 4):
                heard += limiter.admits(PEER, now)
                if proven:
                    limiter.good(PEER, now)
    return heard / (4 * seconds)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("forged_per_s", [200.0, 1000.0, 0.9 * CAPACITY_PER_S])
def test_up_to_the_capacity_everything_is_checked(attack: str, proven: bool, forged_per_s: float) -> None:
    """Whatever addresses a forger uses, a genuine frame is checked as long as this machine can check them all."""
    assert 1.0 == heard_of_the_peer(attack, forged_per_s, 3, proven=proven)


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack != "the peer's address"])
@pytest.mark.parametrize("times", [1.5, 3.0])
def test_beyond_the_capacity_proven_sources_go_last(attack: str, times: float) -> None:
    """A proven peer loses nothing to a flood from elsewhere, however far beyond the capacity it is."""
    assert 1.0 == heard_of_the_peer(attack, times * CAPACITY_PER_S, 5, proven=True)


@pytest.mark.parametrize("attack", ["one address", "600 ports of one host"])
def test_beyond_the_capacity_unknown_hosts_get_fair_shares(attack: str) -> None:
    """A host that floods uses its own share up, and not that of a caller who is not known yet."""
    assert 1.0 == heard_of_the_peer(attack, 3 * CAPACITY_PER_S, 5, proven=False)


def test_bad_tags_are_refused_as_such_and_then_unchecked() -> None:
    """What is within the capacity is said to have a bad tag, what is beyond it to be unchecked."""
    hearer = ProtectedEnd(capacity_per_s=MIN_CAPACITY_PER_S)
    fates = [hearer.fate(forged(number)) for number in range(int(MIN_CAPACITY_PER_S) + 50)]
    assert (int(MIN_CAPACITY_PER_S), 50) == (fates.count(BadTag), fates.count(Muted))
    hearer.now += 1.0
    assert BadTag is hearer.fate(forged(0))


def test_an_old_frame_does_not_prove_its_source() -> None:
    """A forger who sends an authentic frame again is as unknown as before."""
    talker, hearer = ProtectedEnd(), ProtectedEnd()
    old = talker.say(TEXT)
    hearer.hear(old, PEER)
    assert Replayed is hearer.fate(old, ("198.51.100.1", 4000))
    assert isinstance(hearer.channel, ProtectedChannel) and hearer.channel.rate_limiter.sources == 1


def test_what_is_remembered_is_bounded() -> None:
    """Sources without end, good and bad, are remembered by the hundreds."""
    limiter = RateLimiter()
    for number in range(5000):
        limiter.admits(number, float(number))
        limiter.good(number, float(number))
    assert MAX_PROVEN == limiter.sources


def test_a_bucket_holds_what_it_is_told() -> None:
    """One second's worth where nothing else is said; never less than one token."""
    for per_s, holds, burst in ((3.0, None, 3), (0.1, None, 1), (0.5, 10.0, 10)):
        bucket = TokenBucket(per_s, holds)
        assert burst == [bucket.take(5.0) for _ in range(20)].count(True)
        assert not bucket.take(4.0)
        assert bucket.take(5.0 + 1.01 / per_s)
