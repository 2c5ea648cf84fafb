"""Other stations whose mode, passphrase or clock differs: told once they show a pattern that noise does not have."""

from __future__ import annotations

import pytest

from transport.errors import BadTag, FrameError, NewerVersion, OtherMode, Stale
from transport.protection.mismatch import AGAIN_S, ANOTHER_PASSPHRASE, MAX_TOLD, WITHIN_S, MismatchDetector
from transport.protocol.frames import Mode, Type

OTHERS = [(own, other) for own in Mode for other in Mode if own is not other]


def octets(over: int = 7, kind: Type = Type.TEXT) -> bytes:
    """Return the beginning of a refused frame."""
    return bytes([0x20 | kind, over, 0, 1])


@pytest.mark.parametrize(("own", "other"), OTHERS)
def test_a_station_in_another_mode_is_told_once_a_minute(own: Mode, other: Mode):
    """An open frame proves itself by its checks; of other modes it takes two of one over."""
    detector = MismatchDetector(own)
    first = detector.refused(octets(), OtherMode(other), 0.0)
    assert (first is not None) is (other is Mode.OPEN)
    told = first or detector.refused(octets(), OtherMode(other), 1.0)
    assert told is not None
    assert told.cause.startswith("somebody here")
    assert told.cure
    assert detector.refused(octets(), OtherMode(other), AGAIN_S - 1) is None
    assert told == detector.refused(octets(), OtherMode(other), AGAIN_S + 2)


def test_noise_is_not_told():
    """Two frames of different overs, or too far apart, are no station.

    VOICE with a bad tag may be damaged, and a RECEIPT of an over that was missed.
    """
    detector = MismatchDetector(Mode.SEALED)
    for over, now in ((1, 0.0), (2, 1.0), (3, 2.0), (1, WITHIN_S + 1)):
        assert detector.refused(octets(over), BadTag("the tag does not match"), now) is None
        assert detector.refused(octets(over), OtherMode(Mode.HAM), now) is None
    for now in range(10):
        assert detector.refused(octets(9, Type.VOICE), BadTag("the tag does not match"), now) is None
        assert detector.refused(octets(9, Type.RECEIPT), BadTag("the tag does not match"), now) is None
    assert detector.refused(octets(), FrameError("rubbish"), 0.0) is None


def test_another_passphrase_is_told_unless_the_over_was_understood():
    """Two bad tags of one over tell of another passphrase; after a good frame of it they tell of damage."""
    detector = MismatchDetector(Mode.SEALED)
    bad = BadTag("the tag does not match")
    detector.accepted(7)
    assert detector.refused(octets(), bad, 0.0) is None
    detector.accepted(7)
    assert detector.refused(octets(), bad, 1.0) is None
    told = detector.refused(octets(), bad, 2.0)
    assert told is not None
    assert "another passphrase" in told.cause
    assert "compare both with theirs" == told.cure


def test_another_clock_is_told_with_whose_it_is():
    """The first frame says it; an END after it, which does not say whose it is, adds nothing."""
    detector = MismatchDetector(Mode.HAM)
    told = detector.refused(octets(), Stale("Ada", -90), 0.0)
    assert told is not None
    assert "a frame of Ada was refused, its clock is 90 s behind yours" == told.cause
    assert told.cure.startswith("set the clocks of Ada and of this station")
    assert detector.refused(octets(), Stale("", -90), 1.0) is None
    nobody = detector.refused(octets(), Stale("", 90), AGAIN_S + 1)
    assert nobody is not None
    assert "a frame of somebody was refused, its clock is 90 s ahead of yours" == nobody.cause


def test_a_later_version_is_told_with_its_cure():
    """Cause and cure are those of the error."""
    told = MismatchDetector(Mode.OPEN).refused(octets(), NewerVersion(5), 0.0)
    assert told is not None
    assert "version 5" in told.cause
    assert "update this one" == told.cure


def test_frames_of_two_other_modes_are_no_two_of_one():
    """A sealed frame and a signed one that are noise do not make each other a station."""
    detector = MismatchDetector(Mode.OPEN)
    assert detector.refused(octets(), OtherMode(Mode.SEALED), 0.0) is None
    assert detector.refused(octets(), OtherMode(Mode.HAM), 1.0) is None


def test_what_was_told_is_remembered_within_bounds():
    """Names of stations are as many as a stranger likes."""
    detector = MismatchDetector(Mode.HAM)
    for number in range(10 * MAX_TOLD):
        assert detector.refused(octets(), Stale(f"station {number}", -90), 0.0) is not None
        assert len(detector._told) <= MAX_TOLD


def test_somebody_s_clock_is_told_again_after_a_minute():
    """An END says nobody's name; a minute after a line it is told of anew, and not before."""
    detector = MismatchDetector(Mode.HAM)
    fates = [detector.refused(octets(), Stale("", -90), now) is not None for now in (0.0, AGAIN_S - 0.1, AGAIN_S)]
    assert [True, False, True] == fates


def test_another_passphrase_is_told_once_a_minute_whatever_else_is_told() -> None:
    """The memory of other lines has an end, and a stranger can fill it with names."""
    detector, bad = MismatchDetector(Mode.SEALED), BadTag("the tag does not match")
    told = [detector.refused(octets(), bad, now) for now in (0.0, 1.0)]
    assert [None, ANOTHER_PASSPHRASE] == told
    for number in range(2 * MAX_TOLD):
        detector.refused(octets(), Stale(f"station {number}", -90), 2.0)
    assert [None] * 3 == [detector.refused(octets(), bad, now) for now in (3.0, 4.0, AGAIN_S)]
    told = [detector.refused(octets(), bad, AGAIN_S + now) for now in (1.0, 2.0)]
    assert ANOTHER_PASSPHRASE in told


@pytest.mark.parametrize("own", Mode)
@pytest.mark.parametrize("theirs", Mode)
def test_who_is_refused_there_is_told_what_their_frames_would_have_shown(own: Mode, theirs: Mode) -> None:
    """The same line, and once: another mode, or another passphrase where both have one; two open ones have none."""
    detector = MismatchDetector(own)
    told = detector.refused_there(theirs, 0.0)
    problem = BadTag("the tag does not match") if own is theirs else OtherMode(theirs)
    shown = MismatchDetector(own)
    expected = [shown.refused(octets(), problem, now) for now in (0.0, 1.0)]
    assert told == (None if own is theirs is Mode.OPEN else next(line for line in expected if line))
    if told is not None:
        assert [None, None] == [detector.refused(octets(), problem, now) for now in (1.0, 2.0)]
