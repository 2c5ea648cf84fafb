"""What `gossamer listen` says of an over, a line each."""

from __future__ import annotations

import pytest

from app.cli.listen import ListenLog
from app.events import OverPlayed


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (OverPlayed(7, "Ada", 10, 0, 0, 3.2, True), "Ada: 3.2 s, 0 of 10 packets lost"),
        (OverPlayed(7, "A", 10, 2, 1, 3.2, True, rebuilt=3), "A: 3.2 s, 2 of 10 packets lost, 3 rebuilt, 1 damaged"),
        (OverPlayed(7, "Ada", 10, 0, 0, 3.2, False), "Ada: 3.2 s, 0 of 10 packets lost, then the signal was lost"),
    ],
)
def test_what_became_of_an_over(over: OverPlayed, said: str) -> None:
    """Lost packets, and apart from them those that were rebuilt from coarse copies; the rest where there is any."""
    lines: list[str] = []
    log = ListenLog(once=True, tell=lines.append)
    log.note(over)
    assert [said] == lines and log.done.is_set()
