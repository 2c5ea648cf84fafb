"""What the lab says of a codec that cannot run."""

from __future__ import annotations

import pytest

from app.codecs.reference import CodecMissing
from app.tui.lab.wording import missing_words


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
