"""What a setting may be, and the name of a station whose user did not choose one."""

from __future__ import annotations

import getpass
from typing import Any

import pytest

from app.errors import FileProblem, GossamerError
from app.settings.model import OPTIONS, default_name
from transport.protocol.frames import MAX_NAME_BYTES
from transport.protocol.relaying import name_before, relayed_name, station_of


@pytest.mark.parametrize(
    ("login", "name"),
    [
        ("ada", "ada"),
        ("ä" * 24, "ä" * 12),
        ("x" * 100, "x" * MAX_NAME_BYTES),
        ("\x1b[2J", "somebody"),
        ("", "somebody"),
        ("Ada via Hill", "somebody"),
    ],
)
def test_the_login_name_becomes_a_name_that_a_station_can_have(
    monkeypatch: pytest.MonkeyPatch, login: str, name: str
) -> None:
    """However long it is, in bytes too, and whatever stands in it."""
    monkeypatch.setattr(getpass, "getuser", lambda: login)
    assert name == default_name()
    assert name == OPTIONS["name"].value_of(default_name(), "")


@pytest.mark.parametrize("error", [OSError("no such user"), KeyError("uid"), ImportError("pwd")])
def test_a_user_without_a_login_name_is_somebody(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """As in a container without a user database."""

    def fail() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)
    assert "somebody" == default_name()


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("volume", "3"),
        ("volume", True),
        ("volume", float("nan")),
        ("packets_per_frame", float("inf")),
        ("packets_per_frame", 1.5),
        ("packets_per_frame", None),
        ("muted", "yes"),
        ("mode", "secret"),
        ("channel", "x" * 65),
        ("name", "A via B"),
        ("name", "Ada via"),
        ("name", "Hill, Bay"),
        ("synth", "mine.wav"),
        ("microphone", ["pulse"]),
    ],
)
def test_what_is_not_allowed_is_said_in_the_users_words(setting: str, given: Any) -> None:
    """Cause and cure: what was said, and what is allowed; in the kind of error that the caller wants."""
    option = OPTIONS[setting]
    for kind in (GossamerError, FileProblem):
        with pytest.raises(kind) as caught:
            option.value_of(given, "as it was said", kind)
        assert ("as it was said", f"it must be {option.allowed}") == (caught.value.cause, caught.value.cure)


@pytest.mark.parametrize("name", ["Olivia", "Via Appia", "Ada,Bay", "Hill,"])
def test_a_name_that_relays_can_carry_is_one_of_a_station(name: str) -> None:
    """It is told from the way through a relay, whichever of the two has it."""
    assert name == OPTIONS["name"].value_of(name, "")
    assert name == station_of(relayed_name(name, "Bay")) == name_before(relayed_name(name, "Bay"), "Bay")
    assert "Ada" == name_before(relayed_name("Ada", name), name)
    assert "Ada via Bay" == name_before(relayed_name("Ada via Bay", name), name)


def test_a_station_behind_relays_can_be_addressed() -> None:
    """The way is part of the name that it has here."""
    for setting in ("addressee", "station"):
        assert "Ada via Hill, Bay" == OPTIONS[setting].value_of("Ada via Hill, Bay", "")
