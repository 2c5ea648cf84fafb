"""What the lab says of a codec that cannot run."""

from __future__ import annotations

import pytest

from app.codecs.reference import CodecMissing
from app.lab.state import LabSnapshot
from app.simulation.bench import Scene
from app.tui.lab.wording import missing_words, notes
from transport.planning.presets import PRESETS


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (80, "libx is not installed: sudo env DEBIAN_FRONTEND=text: apt-get install libx"),
        (60, "sudo env DEBIAN_FRONTEND=text: apt-get install libx"),
    ],
)
def test_where_there_is_no_room_the_command_alone_is_said(cells: int, words: str) -> None:
    """All of the command, whatever stands in it, and never the title, which the row has already."""
    missing = CodecMissing("libx is not installed", "sudo env DEBIAN_FRONTEND=text: apt-get install libx", title="X 9k")
    assert words == missing_words(missing, cells)


@pytest.mark.parametrize("cells", [40, 60, 80])
def test_a_machine_that_is_too_slow_is_told_so_in_a_row(cells: int) -> None:
    """What it means for the ear is said at every width, and nothing of it is cut."""
    words = notes(LabSnapshot(Scene.LINK, next(iter(PRESETS.values())), 10.0, load=12.3), cells)
    assert words.startswith("too slow for real time: sound has gaps")
    assert len(words) <= cells - 2
