"""Who else is on this link: stations in another mode, with another passphrase or another time. No I/O, no clock.

What a channel refuses is noise most of the time. It becomes a line for the user when it shows a pattern that noise does
not have.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.errors import BadTag, FrameError, NewerVersion, OtherMode, Stale
from transport.protocol.frames import Mode, Type

WITHIN_S = 30.0
"""Two frames of the same over so near each other are a station: its BEGIN and VOICE, two BEGINs, END and END again, or
the keep-alives of a caller. Of a minute with a thousand random frames, two in the shape of one do that once."""
AGAIN_S = 60.0
"""The same line comes no more often."""
MAX_TOLD = 64


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference between this station and another one on the link, as a line for the user."""

    cause: str
    cure: str


class MismatchDetector:
    """Recognises, on one channel, other stations whose settings differ from this one's."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._seen: dict[tuple[str, int], float] = {}
        """(what it looks like, over) -> when: at most 3 x 256."""
        self._told: dict[str, float] = {}
        self._stale_told_s = -AGAIN_S
        """An END that is too old says not whose it is, and comes after a BEGIN that did."""

    def accepted(self, over: int) -> None:
        """A frame of this over was good: what was refused of it was damaged."""
        self._seen.pop(("tag", over), None)

    def refused(self, octets: bytes, problem: FrameError, now: float) -> Mismatch | None:
        """A frame was refused; what to say about it, if that is time to be said."""
        found = self._recognise(octets, problem, now)
        if found is None or now < self._told.get(key := f"{type(problem)} {found.cure}", -AGAIN_S) + AGAIN_S:
            return None
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[key] = now
        return found

    def _recognise(self, octets: bytes, problem: FrameError, now: float) -> Mismatch | None:
        match problem:
            case NewerVersion():
                return Mismatch(problem.cause, problem.cure)
            case OtherMode():
                proven = problem.mode == Mode.OPEN  # that one has a check of its own
                if proven or self._twice(f"mode {problem.mode}", octets[1], now):
                    return Mismatch(*_OTHERS[self._mode, Mode(problem.mode)])
            case BadTag() if octets[0] & 0x0F != Type.VOICE and self._twice("tag", octets[1], now):
                return Mismatch(
                    "somebody here has another passphrase or another channel name (or the link damages every frame)",
                    "compare both with theirs",
                )
            case Stale() if problem.sender or now >= self._stale_told_s + AGAIN_S:
                self._stale_told_s = now
                how = f"{abs(problem.ahead_s)} s " + ("ahead of yours" if problem.ahead_s > 0 else "behind yours")
                return Mismatch(
                    f"a frame of {problem.sender or 'somebody'} was refused, its clock is {how}",
                    f"set the clocks of {problem.sender or 'both stations'} and of this station; "
                    "if they are right, somebody sends old frames again",
                )
        return None

    def _twice(self, what: str, over: int, now: float) -> bool:
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
"""By the mode of this station and of theirs."""
