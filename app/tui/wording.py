"""What the talk screen says in words: plain functions of the standing and of the talk key."""

from __future__ import annotations

from textual.content import Content

from app.tui.standing import MINE, Phase, Standing
from app.tui.talk_key import Press, TalkKey
from transport.address import parse_address
from transport.errors import TransportError

SILENT_DB, SILENT_AFTER_S = -60.0, 2.0
"""An over that stayed below this level for so long carries no voice: even a quiet room is louder."""


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
            if standing.time_left_s is not None:
                left_s = max(0.0, standing.time_left_s - (now_s - standing.time_left_at_s))
                remark = f", time-out in {left_s:.0f} s"
            elif age_s > SILENT_AFTER_S and standing.loudest_db < SILENT_DB:
                remark = ", but silent: is the microphone muted?"
            else:
                remark = ""
            return f"{standing.me}, {age_s:.1f} s{remark}"
        case Phase.DRAINING:
            return f"{standing.draining_s:.1f} s of your over still to send"
        case Phase.RECEIVING:
            return f"{standing.who}, {age_s:.1f} s" + (", signal lost" if standing.signal_lost else "")
        case Phase.REPLAY:
            return f"{standing.replaying} once more, {age_s:.1f} s"
        case Phase.REFUSED | Phase.COLLISION | Phase.ENDED:
            return standing.reason


def hold_words(key: TalkKey) -> str:
    """Which way of talking works in this terminal, as far as is known."""
    return "hold works here" if key.hold_works else "tap to talk here"


def welcome(key: TalkKey) -> str:
    """What to do first, while the log is empty."""
    how = "Hold space and speak, then let go." if key.hold_works else "Tap space, speak, tap it again."
    return f"Nothing said yet. {how}"


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
        talk = "space: end the over" if key.state in (Press.LATCHED, Press.REMOTE) else "let go to end"
    elif key.hold_works:
        talk = "space: hold or tap"
    else:
        talk = "space: tap to talk"
    return f"{talk}  ? keys  q quit  ↑↓ volume  m mute  [ ] gain  d devices"


def link_words(standing: Standing) -> str:
    """Who is at the other end of what."""
    if standing.station is None:
        return "opening models, devices and the link …"
    try:
        address = parse_address(standing.station.link)
    except TransportError:  # a link that was made otherwise has a name and no address
        return standing.station.link
    rate = address.impairment.rate_bps if address.impairment else None
    carries = f", {rate:.0f} bit/s" if rate else ""
    if address.scheme == "parrot":
        return f"a {standing.station.station} on this machine{carries}"
    return standing.station.link


MEANWHILE = {
    "microphone": "a recorded clip is spoken instead",
    "loudspeaker": "the meters move all the same",
}
"""What a missing device does not stop."""


def notices(standing: Standing) -> Content:
    """What is missing and how to get it: a line for each cure."""
    by_cure: dict[str, list[str]] = {}
    for which, problem in sorted(standing.problems.items(), reverse=True):
        meanwhile = f" ({MEANWHILE[which]})" if which in MEANWHILE else ""
        by_cure.setdefault(problem.cure, []).append(f"{problem.what}{meanwhile}")
    return Content("\n").join(
        Content.assemble(("! ", "bold"), ", ".join(problems), (f": {cure}" if cure else "", "$label"))
        for cure, problems in by_cure.items()
    )
