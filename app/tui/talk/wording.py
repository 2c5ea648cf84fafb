"""What the talk screen says in words: plain functions of the standing and of the talk key."""

from __future__ import annotations

from textual.content import Content

from app.events import Level
from app.settings.model import OPTIONS
from app.tui.talk.state import MINE, Phase, Standing
from app.tui.talk.talk_key import Press, TalkKey
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
            return "the channel is free" + (", just speak" if standing.vox else "")
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
            to = f" to {standing.addressee}" if standing.addressee else ""
            return f"{standing.me}{to}, {age_s:.1f} s{remark}"
        case Phase.DRAINING:
            estimate = "" if _rate_is_known(standing) else " (estimate)"
            return f"{standing.draining_s:.1f} s of your over still to send{estimate}"
        case Phase.RECEIVING:
            if standing.playout is not None and standing.playout.gathering:
                return f"{standing.who}: a slow link, played when it is over, {standing.playout.waiting_s:.1f} s so far"
            calls = " calls" if standing.calling else ""
            return f"{standing.who}{calls}, {age_s:.1f} s" + (", signal lost" if standing.signal_lost else "")
        case Phase.REPLAY:
            return f"{standing.replaying} once more, {age_s:.1f} s"
        case Phase.REFUSED | Phase.COLLISION | Phase.ENDED:
            return standing.reason


def _rate_is_known(standing: Standing) -> bool:
    """What is left to send is counted where the link is simulated; a radio does not tell, so that it is estimated."""
    try:
        address = parse_address(standing.station.link) if standing.station else None
    except TransportError:
        return False
    return address is not None and address.impairment is not None and address.impairment.rate_bps is not None


TOO_QUIET_DB, TOO_LOUD_DB = -30.0, -3.0
"""Peaks of speech below this are lost in the room's noise, above it clip at the next laugh."""


def level_words(level: Level) -> str:
    """What to do about the microphone, for somebody who speaks into it."""
    if level.clipped:
        return "too loud: it clips, turn the gain down (key [) or move away"
    if level.peak_db > TOO_LOUD_DB:
        return "a little loud: turn the gain down (key [)"
    if level.peak_db < SILENT_DB:
        return "nothing is heard: say something; is it the right microphone?"
    if level.peak_db < TOO_QUIET_DB:
        return "quiet: speak up, come nearer, or turn the gain up (key ])"
    return "good: speak as you do now"


def addressed(text: str, addressee: str) -> tuple[str, str]:
    """Whom a message is for, and the message: "@bob hello" is for bob, anything else for who is chosen."""
    if text.startswith("@"):
        name, _, rest = text[1:].partition(" ")
        return name, rest.strip()
    return addressee, text


def addressee_problem(name: str) -> str:
    """What is wrong with the name of a station, or ""."""
    try:
        OPTIONS["addressee"].read(name)
    except ValueError:
        return f"'{name}' is no station's name: it must be {OPTIONS['name'].allowed}"
    return ""


def to_words(addressee: str) -> str:
    """Whom overs and messages are for, on the frame of the message field."""
    return f"to {addressee}, who confirms" if addressee else ""


def hold_words(key: TalkKey, vox: bool = False) -> str:
    """Which way of talking works in this terminal, as far as is known."""
    if vox:
        return "voice works here"
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
        by_cure.setdefault(problem.cure, []).append(f"{problem.cause}{meanwhile}")
    return Content("\n").join(
        Content.assemble(("! ", "bold"), ", ".join(problems), (f": {cure}" if cure else "", "$label"))
        for cure, problems in by_cure.items()
    )
