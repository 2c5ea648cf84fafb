"""The past as the folder has it: the newest entries in their order, what was missed, and what a killed program left."""

from __future__ import annotations

from pathlib import Path

from app.history.folder import Mark, mark_of, over_files, text_files
from app.history.overs import over_bytes, write_over
from app.history.past import History, read_past, recover_parts
from app.history.texts import TextWriter, text_bytes
from tests.support.recordings import a_text, an_over


def test_the_newest_are_read_and_everything_missed_is_counted(tmp_path: Path) -> None:
    """The oldest first; a file that is none is left out."""
    texts = TextWriter(tmp_path)
    for number in range(5):
        write_over(tmp_path, an_over(1_700_000_000 + 10 * number), Mark.MISSED if number % 2 else None)
        texts.write(a_text(1_700_000_005 + 10 * number), Mark.MISSED if number == 4 else Mark.HEARD, number)
    (tmp_path / "20990101T000000Z-missed.over").write_bytes(b"no over")
    past = read_past(tmp_path, 4)
    assert [an_over(1_700_000_040), a_text(1_700_000_045)] == [entry.recorded for entry in past.entries][-2:]
    assert [Mark.HEARD, Mark.HEARD, Mark.MISSED] == [entry.mark for entry in past.entries]
    assert 4 == len(past.missed)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """It is made when there is something to keep."""
    assert History() == read_past(tmp_path / "none", 100)


def test_what_a_killed_program_was_about_to_keep_is_missed(tmp_path: Path) -> None:
    """Nobody can say any more whether it was heard; ours is ours, and what was cut off is gone."""
    for number, content in enumerate(
        (
            over_bytes(an_over()),
            over_bytes(an_over(direction="sent")),
            text_bytes(a_text()),
            over_bytes(an_over())[:-5],
            text_bytes(a_text())[:-5],
        )
    ):
        (tmp_path / f"20231114T221320Z-{number}-1.part").write_bytes(content)
    recover_parts(tmp_path)
    assert {Mark.MISSED, Mark.SENT} == {mark_of(path) for path in over_files(tmp_path)}
    assert [Mark.MISSED] == [mark_of(path) for path in text_files(tmp_path)]
    assert 3 == len(list(tmp_path.iterdir()))
