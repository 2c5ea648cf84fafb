"""Other stations on this link whose mode, passphrase or clock differs from this one's. No I/O, no clock.

Most of what a channel refuses is noise. It becomes a line for the user where it shows a pattern that noise does not
have.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.errors import BadTag, FrameError, NewerVersion, OtherMode, Stale
from transport.protocol.frames import VOICE_SHAPES, Mode, Type

WITHIN_S = 30.0
"""Time between two frames of the same over that shows a station, in seconds.

They are its BEGIN and VOICE, two BEGINs, END and END again, or the keep-alives of a caller. Of a thousand random frames
in a minute, two in the shape of a frame do that once.
"""
AGAIN_S = 60.0
"""Shortest time between two lines that say the same, in seconds."""
MAX_TOLD = 64
"""Lines whose times are remembered."""
_UNPROVEN = frozenset({*VOICE_SHAPES, Type.RECEIPT})
"""Types of which a bad tag shows nothing: a damaged VOICE, a RECEIPT of an over that was missed."""
_BAD_TAG = 0
"""Number of bad tags beside those of the modes."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference between this station and another one on the link, as a line for the user."""

    cause: str
    cure: str


ANOTHER_PASSPHRASE = Mismatch(
    "somebody here has another passphrase or another channel name (or the link damages every frame)",
    "compare both with theirs",
)
"""The difference that bad tags show."""


class MismatchDetector:
    """A detector, for one channel, of other stations whose settings differ from this one's."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._seen: dict[tuple[int, int], float] = {}
        """Time of the latest frame, by what it looked like and its over: at most 3 x 256."""
        self._told: dict[str, float] = {}
        self._bad_tags_told_s = -AGAIN_S
        """Time at which bad tags were told of; until AGAIN_S later they are not looked at."""
        self._stale_told_s = -AGAIN_S
        """Time at which another clock was told of. An END does not say whose it is, and follows a BEGIN that did."""

    def accepted(self, over: int) -> None:
        """Take note that a frame of this over was good: what was refused of it before was damaged."""
        self._seen.pop((_BAD_TAG, over), None)

    def refused(self, octets: bytes, problem: FrameError, now: float) -> Mismatch | None:
        """Take a frame that was refused, and return what to tell the user, if it is time to tell it."""
        if type(problem) is BadTag and now < self._bad_tags_told_s + AGAIN_S:
            return None
        return self._if_new(type(problem), self._recognise(octets, problem, now), now)

    def refused_there(self, theirs: Mode, now: float) -> Mismatch | None:
        """Take that a station in this mode refuses what this one sends, and return what to tell the user, likewise.

        It is the same line that a frame of that station would have shown.
        """
        if theirs is not self._mode:
            return self._if_new(OtherMode, Mismatch(*_OTHERS[self._mode, theirs]), now)
        return self._if_new(BadTag, ANOTHER_PASSPHRASE, now) if theirs is not Mode.OPEN else None

    def _if_new(self, kind: type[FrameError], found: Mismatch | None, now: float) -> Mismatch | None:
        """Return a mismatch unless it was told less than AGAIN_S ago, and take note that it is told."""
        if found is None or now < self._told.get(key := f"{kind} {found.cure}", -AGAIN_S) + AGAIN_S:
            return None
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[key] = now
        if kind is BadTag:
            self._bad_tags_told_s = now
        return found

    def _recognise(self, octets: bytes, problem: FrameError, now: float) -> Mismatch | None:
        if type(problem) is BadTag:  # first, for a flood brings little else
            if octets[0] & 0x0F not in _UNPROVEN and self._twice(_BAD_TAG, octets[1], now):
                return ANOTHER_PASSPHRASE
            return None
        match problem:
            case NewerVersion():
                return Mismatch(problem.cause, problem.cure)
            case OtherMode():
                mode = Mode(problem.mode)
                # A frame of the open channel has a check of its own; one in the shape of another may be noise.
                if mode is Mode.OPEN or self._twice(mode, octets[1], now):
                    return Mismatch(*_OTHERS[self._mode, mode])
            case Stale() if problem.sender or now >= self._stale_told_s + AGAIN_S:
                self._stale_told_s = now
                how = f"{abs(problem.ahead_s)} s " + ("ahead of yours" if problem.ahead_s > 0 else "behind yours")
                return Mismatch(
                    f"a frame of {problem.sender or 'somebody'} was refused, its clock is {how}",
                    f"set the clocks of {problem.sender or 'both stations'} and of this station; "
                    "if they are right, somebody sends old frames again",
                )
        return None

    def _twice(self, what: int, over: int, now: float) -> bool:
        """Tell whether a frame like this one, of the same over, came a moment ago."""
        before = self._seen.get((what, over))
        self._seen[what, over] = now
        return before is not None and now - before <= WITHIN_S


_PASSPHRASE = "start again with --passphrase and their channel's name"
_GIVE = "give them the passphrase, or leave it out"
_OTHERS: dict[tuple[Mode, Mode], tuple[str, str]] = {
    (Mode.OPEN, Mode.SEALED): ("somebody here speaks sealed; you have no passphrase", _PASSPHRASE),
    (Mode.OPEN, Mode.HAM): ("somebody here signs (ham); you have no passphrase", f"{_PASSPHRASE}, in mode ham"),
    (Mode.SEALED, Mode.OPEN): ("somebody here speaks in the open; you are sealed", _GIVE),
    (Mode.SEALED, Mode.HAM): ("somebody here signs without sealing (ham); you are sealed", "agree on one mode"),
    (Mode.HAM, Mode.OPEN): ("somebody here speaks without signing; you sign (ham)", _GIVE),
    (Mode.HAM, Mode.SEALED): ("somebody here speaks sealed; you sign in clear (ham)", "agree on one mode"),
}
"""Cause and cure, by the mode of this station and of theirs."""
