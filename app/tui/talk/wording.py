"""The words of the talk screen: plain functions of its state."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from textual.content import Content

from app.events import ReplayBegan
from app.tui.talk.log import SOMEBODY, to_words
from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.stations import NOBODY
from app.tui.talk.talk_key import KeyState, TalkKey
from app.tui.widgets.conversation_line import Colour
from app.tui.widgets.level_words import SILENT_DB
from transport.protocol.frames import MAX_TEXT_BYTES

SILENT_AFTER_S = 2.0
"""Time after which an over that stays below SILENT_DB carries no voice, in seconds."""
CLIP_SPEAKS = "a recorded clip is spoken instead"
MEANWHILE = {
    "microphone": "you can listen, not talk",
    "loudspeaker": "the meters move all the same",
}
"""The words for what still works without a device, unless a clip speaks."""
NAME_ENDS = re.compile(r"[:,]?\s+|[:,]|$")
"""A pattern of what stands between the name of an addressee and the message."""


def detail(state: TalkState) -> str:
    """Return the line beside the phase: who, how long, why."""
    age_s = state.now_s - state.since_s
    match state.phase:
        case Phase.STARTING:
            return "one moment"
        case Phase.QUIET:
            return _free_words(state)
        case Phase.ASKED:
            return "one moment: the link is taking your over"
        case Phase.ON_AIR:
            to = f" to {state.addressee}" if state.addressee else ""
            return f"{state.me}{to}, {age_s:.1f} s{_remark(state, age_s)}"
        case Phase.DRAINING:
            estimate = "" if state.link.rate_is_known else " (estimate)"
            return f"{state.draining_s:.1f} s of your over are still to be sent{estimate}"
        case Phase.RECEIVING:
            if state.playout is not None and state.playout.gathering:
                waiting = f"{state.playout.waiting_s:.1f} s so far"
                return f"{_talker(state)}: the link is slow, you hear it when it is complete, {waiting}"
            return f"{_talker(state)}, {age_s:.0f} s" + (", signal lost" if state.signal_lost else "")
        case Phase.REPLAY:
            return f"{_replay_words(state.replaying)}, {age_s:.0f} s"
        case Phase.COLLISION:
            return f"you are ON AIR all the same: {state.reason}"
        case Phase.REFUSED | Phase.ENDED:
            return state.reason


def _free_words(state: TalkState) -> str:
    """Return whom one would talk to now."""
    here = state.others.words(state.now_s)
    if state.others.nobody and state.station is not None and state.station.invitations:
        # The command first: on a small screen what comes last is cut off.
        return f"a friend calls with {state.station.invitations[0]}; nobody has called yet"
    to = f", you talk to {state.addressee}" if state.addressee else ""
    return f"the channel is free{to}" + (f"; {here}" if here else "")


def _replay_words(replay: ReplayBegan | None) -> str:
    """Return whose over is played once more, when it was missed, and what comes after it."""
    if replay is None:
        return "once more"
    who = replay.sender or SOMEBODY
    if replay.missed_at_utc_s is None:
        return f"{who} once more"
    at = time.strftime(" at %H:%M", time.localtime(replay.missed_at_utc_s)) if replay.missed_at_utc_s else ""
    return f"{who}, missed{at}" + (f", {replay.left} more after it" if replay.left else "")


def _talker(state: TalkState) -> str:
    """Return who talks, and to whom."""
    if not state.calling:
        return state.who + to_words(state.meant_for, state.me)
    if not state.meant_for:
        return f"{state.who} calls"
    return f"{state.who} calls {'you' if state.meant_for == state.me else state.meant_for}"


def covered_words(state: TalkState) -> str:
    """Return what goes on in the conversation, for a screen that covers it; "" while the channel is free."""
    if state.phase in (Phase.QUIET, Phase.STARTING):
        return ""
    ends = f"  {key_words(state)}" if state.phase in MINE else ""
    return f"{state.phase.value}: {detail(state)}{ends}"


def covered_colour(state: TalkState) -> Colour:
    """Return the colour of who talks, for the same line."""
    if state.phase in (*MINE, Phase.DRAINING):
        return "mine"
    if state.phase in (Phase.RECEIVING, Phase.REPLAY):
        return "theirs"
    return "trouble" if state.phase in (Phase.REFUSED, Phase.COLLISION) else ""


def _remark(state: TalkState, age_s: float) -> str:
    """Return what has to be known while on the air, or ""."""
    if state.time_left_s is not None:
        left_s = max(0.0, state.time_left_s - (state.now_s - state.time_left_at_s))
        return f", time-out in {left_s:.0f} s"
    if age_s > SILENT_AFTER_S and state.loudest_db < SILENT_DB:
        return ", but silent: is the microphone muted?"
    if state.others.nobody:
        return f", but {NOBODY}"
    return ", until you are silent" if state.key.state is KeyState.BY_VOICE else ""


def addressed(text: str, addressee: str, names: Sequence[str] = ()) -> tuple[str, str]:
    """Return whom a message is for, and the message: "@bob hello" is for bob, anything else for who is chosen.

    names: those of stations, which may hold spaces. Any other ends at the first space, colon or comma.
    """
    if not text.startswith("@"):
        return addressee, text
    known = [name for name in names if text.startswith(name, 1) and NAME_ENDS.match(text, 1 + len(name))]
    name = max(known, key=len) if known else NAME_ENDS.split(text[1:], maxsplit=1)[0]
    return name, NAME_ENDS.sub("", text[1 + len(name) :], count=1).strip()


def bytes_left(text: str, names: Sequence[str] = ()) -> int:
    """Return how many bytes more a message may have, its addressee apart; less than 0: how many it has too many."""
    return MAX_TEXT_BYTES - len(addressed(text, "", names)[1].encode())


def welcome(state: TalkState) -> str:
    """Return what to do first, for an empty log: how to talk and, where this end waits, how others call it."""
    how = "Hold space and speak, then let go." if state.key.hold_works else "Tap space, speak, tap it again."
    station = state.station
    calls = station.invitations if station is not None else ()
    return "\n".join([f"Nothing said yet. {how}", *(["To call this station, type:"] if calls else []), *calls])


def release_words(key: TalkKey) -> str:
    """Return which way of talking works in this terminal, in full."""
    if key.release_is_told:
        return "Hold works here: this terminal tells when a key is let go."
    if key.repeat_was_seen:
        return "Hold works here: this terminal repeats a held key. Letting go is noticed 0.2 s later."
    return "Tap to talk here: this terminal does not tell when a key is let go. Holding works where keys repeat."


def key_words(state: TalkState, *, writing: bool = False) -> str:
    """Return what the talk key does now. No other text on the screen says it.

    writing: a message is being written, where the key is a letter unless it ends an over.
    """
    if writing and state.phase not in MINE:
        return "space types, esc leaves"
    space = "hold space" if state.key.hold_works else "tap space"
    match state.phase:
        case Phase.STARTING | Phase.ENDED:
            return "not ready"
        case phase if phase in MINE:
            return _ending_words(state.key)
        case Phase.RECEIVING:
            return "wait for the end"
        case Phase.REFUSED:
            return "let go"  # the reason stands beside it, and is not always that somebody talks
        case Phase.DRAINING:
            return "wait until it is sent"
        case _:
            return f"speak, or {space}" if state.vox else f"{space} to talk"


def _ending_words(key: TalkKey) -> str:
    """Return how an over ends that was begun so."""
    match key.state:
        case KeyState.PRESSED if not key.hold_works:
            return "tap space to end"
        case KeyState.LATCHED | KeyState.REMOTE | KeyState.BY_VOICE | KeyState.UP:
            return "tap space to end"
        case KeyState.SPENT:
            return "ending"
        case _:
            return "let go to end"


def _meanwhile(state: TalkState, which: str) -> str:
    """Return what still works without a device, or ""."""
    return CLIP_SPEAKS if which == "microphone" and state.clip_instead else MEANWHILE.get(which, "")


def meanwhile_words(state: TalkState) -> Content:
    """Return what is missing, where the log says why and what to do: what still works without it."""
    missing = (f"{which}: {_meanwhile(state, which) or 'a problem'}" for which in sorted(state.problems, reverse=True))
    return Content.assemble(("! ", "bold"), "; ".join(missing)) if state.problems else Content("")


def problem_words(state: TalkState) -> list[Content]:
    """Return what is missing in three lengths, the longest first.

    The first has a line for each cure with what it cures, the second the causes alone, the third only their number.
    """
    by_cure: dict[str, list[str]] = {}
    for which, problem in sorted(state.problems.items(), reverse=True):
        words = _meanwhile(state, which)
        meanwhile = f" ({words})" if words else ""
        by_cure.setdefault(problem.cure, []).append(f"{problem.cause}{meanwhile}")
    whole = Content("\n").join(
        Content.assemble(("! ", "bold"), ", ".join(causes), (f": {cure}" if cure else "", "$label"))
        for cure, causes in by_cure.items()
    )
    causes = "; ".join(problem.cause for problem in state.problems.values())
    count = len(state.problems)
    number = f"{', '.join(state.problems)}: {'a problem' if count == 1 else f'{count} problems'}"
    return [
        whole,
        Content.assemble(("! ", "bold"), causes, (" (page up: what to do)", "$label")),
        Content.assemble(("! ", "bold"), number, (" (page up)", "$label")),
    ]
