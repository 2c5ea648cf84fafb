"""What the talk screen says in words: plain functions of its state."""

from __future__ import annotations

from textual.content import Content

from app.events import Level
from app.settings.model import OPTIONS
from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.talk_key import KeyState, TalkKey

SILENT_DB, SILENT_AFTER_S = -60.0, 2.0
"""An over that stays below this level for so long carries no voice: even a quiet room is louder."""
TOO_QUIET_DB, TOO_LOUD_DB = -30.0, -3.0
"""Peaks of speech below the first are lost in the room's noise, above the second they clip at the next laugh."""
MEANWHILE = {
    "microphone": "a recorded clip is spoken instead",
    "loudspeaker": "the meters move all the same",
}
"""What goes on without a device."""


def detail(state: TalkState) -> str:
    """Return the line beside the phase: who, how long, why."""
    age_s = state.now_s - state.since_s
    match state.phase:
        case Phase.STARTING:
            return "one moment"
        case Phase.QUIET:
            return "the channel is free" + (", just speak" if state.vox else "")
        case Phase.ASKED:
            return "asking for the floor"
        case Phase.ON_AIR:
            to = f" to {state.addressee}" if state.addressee else ""
            return f"{state.me}{to}, {age_s:.1f} s{_remark(state, age_s)}"
        case Phase.DRAINING:
            estimate = "" if state.link.rate_is_known else " (estimate)"
            return f"{state.draining_s:.1f} s of your over still to send{estimate}"
        case Phase.RECEIVING:
            if state.playout is not None and state.playout.gathering:
                return f"{state.who}: a slow link, played when it is over, {state.playout.waiting_s:.1f} s so far"
            calls = " calls" if state.calling else ""
            return f"{state.who}{calls}, {age_s:.1f} s" + (", signal lost" if state.signal_lost else "")
        case Phase.REPLAY:
            return f"{state.replaying} once more, {age_s:.1f} s"
        case Phase.REFUSED | Phase.COLLISION | Phase.ENDED:
            return state.reason


def behind_words(state: TalkState) -> str:
    """Return what goes on in the conversation, for a screen that covers it; "" while the channel is free."""
    quiet = state.phase in (Phase.QUIET, Phase.STARTING)
    return "" if quiet else f"{state.phase.value}: {detail(state)}"


def _remark(state: TalkState, age_s: float) -> str:
    """Return what has to be known while on the air, or ""."""
    if state.time_left_s is not None:
        left_s = max(0.0, state.time_left_s - (state.now_s - state.time_left_at_s))
        return f", time-out in {left_s:.0f} s"
    if age_s > SILENT_AFTER_S and state.loudest_db < SILENT_DB:
        return ", but silent: is the microphone muted?"
    return ""


def level_words(level: Level) -> str:
    """Return what to do about the microphone, for somebody who speaks into it."""
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
    """Return whom a message is for, and the message: "@bob hello" is for bob, anything else for who is chosen."""
    if text.startswith("@"):
        name, _, rest = text[1:].partition(" ")
        return name, rest.strip()
    return addressee, text


def addressee_problem(name: str) -> str:
    """Return what is wrong with the name of a station, or ""."""
    try:
        OPTIONS["addressee"].read(name)
    except ValueError:
        return f"'{name}' is no station's name: it must be {OPTIONS['name'].allowed}"
    return ""


def to_words(addressee: str) -> str:
    """Return whom overs and messages are for, as said on the frame of the message field."""
    return f"to {addressee}, who confirms" if addressee else ""


def hold_words(state: TalkState) -> str:
    """Return which way of talking works in this terminal, as far as is known."""
    if state.vox:
        return "voice works here"
    return "hold works here" if state.key.hold_works else "tap to talk here"


def welcome(key: TalkKey) -> str:
    """Return what to do first, for an empty log."""
    how = "Hold space and speak, then let go." if key.hold_works else "Tap space, speak, tap it again."
    return f"Nothing said yet. {how}"


def release_words(key: TalkKey) -> str:
    """Return which way of talking works in this terminal, in full."""
    if key.release_is_told:
        return "Hold works here: this terminal tells when a key is let go."
    if key.repeat_was_seen:
        return "Hold works here: this terminal repeats a held key. Letting go is noticed 0.2 s later."
    return "Tap to talk here: this terminal does not tell when a key is let go. Holding works where keys repeat."


def talk_hint(key: TalkKey, phase: Phase) -> str:
    """Return what the talk key does now."""
    if phase in MINE:
        return "space: end the over" if key.state in (KeyState.LATCHED, KeyState.REMOTE) else "let go to end"
    return "space: hold or tap" if key.hold_works else "space: tap to talk"


def notices(state: TalkState) -> Content:
    """Return what is missing and how to get it: a line for each cure."""
    by_cure: dict[str, list[str]] = {}
    for which, problem in sorted(state.problems.items(), reverse=True):
        meanwhile = f" ({MEANWHILE[which]})" if which in MEANWHILE else ""
        by_cure.setdefault(problem.cure, []).append(f"{problem.cause}{meanwhile}")
    return Content("\n").join(
        Content.assemble(("! ", "bold"), ", ".join(problems), (f": {cure}" if cure else "", "$label"))
        for cure, problems in by_cure.items()
    )
