"""What the talk screen says in words: plain functions of the standing and of the talk key."""

from __future__ import annotations

from textual.content import Content

from app.tui.standing import MINE, Phase, Standing
from app.tui.talk_key import Press, TalkKey


def detail(standing: Standing, now_s: float) -> str:
    """The line beside the phase: who, how long, why."""
    age_s = now_s - standing.since_s
    match standing.phase:
        case Phase.STARTING:
            return "one moment"
        case Phase.QUIET:
            return "the channel is free"
        case Phase.ASKED:
            return "asking for the floor"
        case Phase.ON_AIR:
            left = ""
            if standing.time_left_s is not None:
                left = f", time-out in {max(0.0, standing.time_left_s - (now_s - standing.time_left_at_s)):.0f} s"
            return f"{standing.me}, {age_s:.1f} s{left}"
        case Phase.DRAINING:
            return f"{standing.draining_s:.1f} s of your over still to send"
        case Phase.RECEIVING:
            return f"{standing.who}, {age_s:.1f} s" + (", signal lost" if standing.signal_lost else "")
        case Phase.REFUSED | Phase.COLLISION | Phase.ENDED:
            return standing.reason


def hold_words(key: TalkKey) -> str:
    """Which way of talking works in this terminal, as far as is known."""
    return "hold works here" if key.hold_works else "tap to talk here"


def release_words(key: TalkKey) -> str:
    """The same in full, for the help card."""
    if key.release_is_told:
        return "Hold works here: this terminal tells when a key is let go."
    if key.repeat_was_seen:
        return "Hold works here: this terminal repeats a held key. Letting go is noticed 0.2 s later."
    return "Tap to talk here: this terminal does not tell when a key is let go. Holding works where keys repeat."


def hint(key: TalkKey, phase: Phase) -> str:
    """The help line, for the moment."""
    if phase in MINE:
        talk = "space: end the over" if key.state is Press.LATCHED else "let go to end"
    elif key.hold_works:
        talk = "space: hold or tap to talk"
    else:
        talk = "space: tap to talk"
    return f"{talk}   ? keys   q quit   ↑↓ volume   m mute   [ ] gain   enter write"


def notices(standing: Standing) -> Content:
    """What is missing and how to get it, a line each."""
    lines = []
    for problem in standing.problems.values():
        lines.append(Content.assemble(("! ", "bold"), problem.what, (f"  {problem.cure}", "$label")))
    return Content("\n").join(lines)
