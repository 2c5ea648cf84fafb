"""The impairment layer: what it decides (told the time), and that it performs it (in virtual time)."""

from __future__ import annotations

import itertools
import math

import pytest

from tests.support.overs import drop, numbered_packet, over_frames, talk, through
from transport.errors import UsageError
from transport.impairment import DUPLICATE_WITHIN_S, ImpairedPath, Impairment
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

FRAMES = 4000
FRAME = encode(Voice(1, 1, (numbered_packet(1),)))


def delivered(impairment: Impairment, spacing_s: float = 0.32) -> list[tuple[float, bytes]]:
    """What arrives of many frames that each say which one they are."""
    return through(ImpairedPath(impairment), [(i * spacing_s, numbered_packet(i)) for i in range(FRAMES)])


def numbers(arrivals: list[tuple[float, bytes]]) -> list[int]:
    """Which frames these are."""
    return [int.from_bytes(octets[:4], "big") for _, octets in arrivals]


def test_nothing_wrong() -> None:
    """Without settings everything arrives at once and unchanged."""
    sent = talk(over_frames(20))
    assert sent == through(ImpairedPath(Impairment()), sent)


@pytest.mark.parametrize(("loss", "burst"), [(0.2, None), (0.6, None), (0.2, 1.0), (0.2, 5.0), (0.5, 2.0), (0.1, 8.0)])
def test_loss_and_bursts(loss: float, burst: float | None) -> None:
    """The share lost is the share asked for, and the runs of lost frames have the length asked for."""
    come = set(numbers(delivered(Impairment(loss=loss, burst_frames=burst, seed=2))))
    fate = [number in come for number in range(FRAMES)]
    runs = 1 + sum(before and not after for before, after in itertools.pairwise(fate))
    missing = fate.count(False)
    wanted = burst or 1 / (1 - loss)
    assert loss == pytest.approx(missing / FRAMES, rel=0.35)
    assert wanted == pytest.approx(missing / runs, rel=0.35)


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_all_or_nothing(loss: float) -> None:
    """A loss of 0 loses nothing, a loss of 1 everything."""
    assert FRAMES * (1 - loss) == len(delivered(Impairment(loss=loss)))


@pytest.mark.parametrize("ber", [0.0001, 0.01, 0.5])
def test_bit_errors(ber: float) -> None:
    """The share of flipped bits is the share asked for; the count tells it; the first and the last bit are hit too."""
    path = ImpairedPath(Impairment(ber=ber, seed=5))
    zeros = [octets for _, octets in through(path, [(0.0, bytes(32))] * 2000)]
    flipped = sum(int.from_bytes(octets, "big").bit_count() for octets in zeros)
    assert path.count.flipped_bits == flipped
    assert ber == pytest.approx(flipped / (2000 * 256), rel=0.2 if ber > 0.001 else 0.4)
    if ber > 0.001:
        assert any(octets[0] & 0x80 for octets in zeros) and any(octets[-1] & 1 for octets in zeros)


def test_rate_is_serial() -> None:
    """Frames leave one after the other at the rate, overhead included, and an idle wire saves nothing up."""
    path = ImpairedPath(Impairment(rate_bps=1000), overhead_bytes=18)
    assert 0.4 == pytest.approx(path.airtime_s(32))
    arrivals = through(path, [(0.0, bytes(32)), (0.0, bytes(32)), (10.0, bytes(32)), (10.1, bytes(32))])
    assert [0.4, 0.8, 10.4, 10.8] == pytest.approx([at for at, _ in arrivals])
    assert 10.8 == pytest.approx(path.free_at_s(10.2))
    assert 11.0 == path.free_at_s(11.0)
    assert 1.0 == ImpairedPath(Impairment(rate_bps=1000)).airtime_s(125)


def test_delay_and_jitter_keep_the_order() -> None:
    """Every frame is late by delay plus 0..jitter, and none overtakes another."""
    arrivals = delivered(Impairment(delay_s=0.1, jitter_s=0.5, seed=1))
    late = [at - 0.32 * number for (at, _), number in zip(arrivals, numbers(arrivals), strict=True)]
    assert 0.1 <= min(late) < 0.12
    assert 0.55 < max(late) <= 0.6
    assert list(range(FRAMES)) == numbers(arrivals)


def test_reordering_and_duplicates() -> None:
    """So many frames come after the next one, so many come twice; none is lost by it."""
    path_count = ImpairedPath(Impairment(reorder=0.1, duplicate=0.2, seed=1))
    arrivals = through(path_count, [(0.32 * i, numbered_packet(i)) for i in range(FRAMES)])
    order = list(dict.fromkeys(numbers(arrivals)))
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(order))
    assert 0.1 == pytest.approx(overtaken / FRAMES, rel=0.25)
    assert 0.2 == pytest.approx((len(arrivals) - FRAMES) / FRAMES, rel=0.25)
    assert set(range(FRAMES)) == set(order)
    assert (len(arrivals) - FRAMES) == path_count.count.duplicated


def test_the_seed_decides() -> None:
    """The same seed gives the same link, another seed another one; so does the other direction."""
    trouble = Impairment(jitter_s=0.5, loss=0.3, ber=0.01, reorder=0.1, duplicate=0.1, seed=7)
    assert delivered(trouble) == delivered(trouble)
    assert delivered(trouble) != delivered(trouble.reversed())
    assert trouble == trouble.reversed().reversed()


def test_one_more_trouble_does_not_reshuffle_the_others() -> None:
    """The frames that are lost are the same ones with and without jitter."""
    plain = set(numbers(delivered(Impairment(loss=0.3, seed=7))))
    assert plain == set(numbers(delivered(Impairment(loss=0.3, jitter_s=0.5, duplicate=0.3, seed=7))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_bps": 0},
        {"rate_bps": math.nan},
        {"loss": 1.1},
        {"ber": 0.6},
        {"delay_s": -1},
        {"jitter_s": math.inf},
        {"loss": 0.9, "burst_frames": 2},
        {"burst_frames": 0.5},
    ],
)
def test_impossible_impairments(wrong: dict) -> None:
    """Numbers that mean nothing are refused."""
    with pytest.raises(UsageError):
        Impairment(**wrong)


def test_drop_helper_drops() -> None:
    """The helper that tests drop frames with does drop them."""
    assert [(0.0, b"a"), (0.0, b"c")] == drop([(0.0, b"a"), (0.0, b"b"), (0.0, b"c")], 1)


def test_everything_may_be_lost_in_bursts() -> None:
    """A loss of 1 leaves no room for a shortest burst, and needs none."""
    assert [] == delivered(Impairment(loss=1.0, burst_frames=5.0))


def test_what_is_overtaken_is_counted_once() -> None:
    """The count of frames out of order is their number."""
    path = ImpairedPath(Impairment(reorder=0.5, delay_s=0.1, seed=3))
    for number in range(200):
        path.hand_over(numbered_packet(number), number * 0.32)
    assert 60 < path.count.reordered < 140


def test_loss_does_not_move_the_bit_errors() -> None:
    """The same seed flips the same bits of a frame, whether frames before it were lost or not."""
    sent = [(number * 0.32, bytes(32)) for number in range(500)]
    all_of_them = dict(through(ImpairedPath(Impairment(ber=0.01, seed=4)), sent))
    some = dict(through(ImpairedPath(Impairment(ber=0.01, loss=0.3, seed=4)), sent))
    assert 250 < len(some) < 450
    assert some == {at_s: all_of_them[at_s] for at_s in some}


def test_what_is_lost_is_counted() -> None:
    """Of all frames, those that did not arrive."""
    path = ImpairedPath(Impairment(loss=0.5, seed=3))
    arrived = through(path, [(0.32 * number, bytes(32)) for number in range(200)])
    assert (200, 200 - len(arrived)) == (path.count.frames, path.count.lost)


def test_a_duplicate_follows_its_frame() -> None:
    """Within a tenth of a second, and never before it."""
    path = ImpairedPath(Impairment(duplicate=1.0, seed=3))
    for number in range(100):
        first, second = path.hand_over(numbered_packet(number), float(number))
        assert number == first.at_s <= second.at_s <= number + DUPLICATE_WITHIN_S
        assert first.octets == second.octets
