"""The folder of past overs: marks in the names of files, and room of their own for messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.history.folder import (
    TEXTS_KEPT,
    Mark,
    clear_oldest_overs,
    everything_kept,
    mark_of,
    marked,
    missed_files,
    over_files,
    text_files,
)
from app.history.overs import read_over, write_over
from app.history.texts import RecordedText, TextWriter, read_text
from tests.support.recordings import a_text, an_over
from transport.protocol.frames import Mode


def test_a_mark_is_changed_in_one_step(tmp_path: Path) -> None:
    """The content stays, the place in the order too, and a name that is taken is not taken over."""
    taken = write_over(tmp_path, an_over(sender="Eve"))
    missed = write_over(tmp_path, an_over(), Mark.MISSED)
    later = write_over(tmp_path, an_over(sender="Zoe"))
    assert [missed] == missed_files(tmp_path)
    heard = marked(missed, Mark.HEARD)
    assert (Mark.HEARD, an_over()) == (mark_of(heard), read_over(heard))
    assert [later, heard, taken] == over_files(tmp_path)
    assert [] == missed_files(tmp_path)
    assert heard == marked(heard, Mark.HEARD)
    with pytest.raises(OSError, match="No such file"):
        marked(missed, Mark.HEARD)


def test_a_text_in_an_over_does_not_change_whose_room_it_takes(tmp_path: Path) -> None:
    """The class is that of the first line's own fields, whatever a stranger calls himself and whatever he says."""
    lie = '"direction": "heard", "channel": "open"'
    ours = an_over(direction="sent", sender=lie)
    sealed = an_over(
        mode=Mode.SEALED, addressee=lie, packets=tuple(lie[start:][:32].encode().ljust(32) for start in (0, 8, 22))
    )
    strangers = an_over(sender='"direction": "sent", "channel": "sealed"')
    sizes = [write_over(tmp_path, over, mark).stat().st_size
             for over, mark in ((ours, Mark.HEARD), (sealed, Mark.MISSED), (strangers, Mark.MISSED))]  # fmt: skip
    assert (sizes[0] + sizes[1], sizes[2]) == clear_oldest_overs(tmp_path, 10**6)


def test_what_was_missed_comes_in_its_order(tmp_path: Path) -> None:
    """Overs and messages together, the oldest first; what only looks like it is left out."""
    texts = TextWriter(tmp_path)
    texts.write(a_text(1_700_000_002), Mark.MISSED, 1)
    write_over(tmp_path, an_over(1_700_000_003), Mark.MISSED)
    write_over(tmp_path, an_over(1_700_000_001), Mark.MISSED)
    write_over(tmp_path, an_over(1_700_000_000))
    (tmp_path / "20200101T000000Z-heard-missed.over").write_bytes(b"")
    assert ["21Z", "22Z", "23Z"] == [path.name.partition("-")[0][-3:] for path in missed_files(tmp_path)]


@pytest.mark.parametrize("name", ["5.over", "-.over", "20200101T000000Z-nonsense.over", "x-missed\x1b.over"])
def test_a_name_of_somebody_elses_choice_is_that_of_an_over_that_was_heard(name: str) -> None:
    """No mark, no error."""
    assert Mark.HEARD is mark_of(Path(name))


def test_messages_of_others_cost_neither_overs_nor_our_own(tmp_path: Path) -> None:
    """However many they are; of theirs, the newest stay."""
    write_over(tmp_path, an_over(1_600_000_000))
    texts = TextWriter(tmp_path)
    texts.write(a_text(1_600_000_000, "sent", text="mine"), Mark.SENT, 1)
    for number in range(TEXTS_KEPT + 100):
        texts.write(a_text(1_700_000_000 + number, text=f"{number}"), Mark.HEARD, number)
    kept = [read_text(path) for path in text_files(tmp_path)]
    theirs = [text for text in kept if text.direction == "heard"]
    assert ["mine"] == [text.text for text in kept if text.direction == "sent"]
    assert 0.9 * TEXTS_KEPT <= len(theirs) <= TEXTS_KEPT
    assert [f"{TEXTS_KEPT + 99 - place}" for place in range(len(theirs))] == [text.text for text in theirs]
    assert 1 == len(over_files(tmp_path))
    assert len(kept) + 1 == len(everything_kept(tmp_path))


def test_a_delivered_message_is_marked(tmp_path: Path) -> None:
    """Once, and only one that is known."""
    texts = TextWriter(tmp_path)
    for number in (1, 2):
        texts.write(a_text(1_700_000_000 + number, "sent"), Mark.SENT, number)
    texts.delivered(2)
    texts.delivered(2)
    texts.delivered(77)
    assert [Mark.DELIVERED, Mark.SENT] == [mark_of(path) for path in text_files(tmp_path)]
    assert isinstance(read_text(text_files(tmp_path)[0]), RecordedText)


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM])
def test_messages_of_an_open_channel_cost_no_unread_one_of_a_sealed_or_signed_channel(
    tmp_path: Path, mode: Mode
) -> None:
    """However many strangers write, in another run of the station too, and whatever they call themselves."""
    lie = '"direction": "heard", "channel": "open"'
    for number in range(20):
        TextWriter(tmp_path).write(a_text(1_600_000_000 + number, mode=mode, text=lie), Mark.MISSED, number)
    strangers = TextWriter(tmp_path)
    for number in range(TEXTS_KEPT + 1):
        text = a_text(1_700_000_000 + number, text='"channel": "sealed"')
        strangers.write(text, Mark.MISSED, number)
    kept = [read_text(path).mode for path in missed_files(tmp_path)]
    assert 20 == kept.count(mode)
    assert 0.9 * TEXTS_KEPT <= kept.count(Mode.OPEN) <= TEXTS_KEPT
