"""The choice of the station that overs and messages are for."""

from __future__ import annotations

from app.settings.model import NAME_LENGTH, OPTIONS
from app.tui.talk.state import TalkState
from app.tui.talk.stations import facts_words

AUTOMATIC = "\t"
"""Choice of whoever alone is here: no name, since a name is printable."""


def addressee_choices(state: TalkState) -> list[tuple[str, str]]:
    """Return who can be chosen, each in words and as a value: everybody, those who are here, then who talked before."""
    later_s = state.now_s - state.others.told_at_s
    here = {station.name: facts_words(station, later_s) for station in state.others.here or ()}
    names = [(f"{name}  {here[name]}" if name in here else name, name) for name in state.others.names]
    return [("everybody", ""), *names, ("whoever alone is here", AUTOMATIC)]


def choose_addressee(state: TalkState, value: str) -> str | None:
    """Take a choice, show whom it means, and return it as the engine wants it: None is whoever alone is here."""
    state.automatic = value == AUTOMATIC
    state.addressee = state.others.only_other if state.automatic else value
    return None if state.automatic else value


def addressee_problem(name: str) -> str:
    """Return what is wrong with the name of a station, or ""."""
    if name == AUTOMATIC:
        return ""
    try:
        OPTIONS["addressee"].read(name)
    except ValueError:
        return f"'{name}' is no station's name: it must be {NAME_LENGTH}"
    return ""
