"""A finding of `gossamer doctor`: one thing that a station needs of this machine, and how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]
"""State of a thing: "ok"; "warn", a station does without it; "fail", a station does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    """The thing that was checked, in a word or two."""
    status: Status
    found: str
    cure: str = ""
    """Advice what to do; empty where there is nothing to do."""


Check = Callable[[], list[Finding]]
"""Function that checks one thing and changes nothing."""
