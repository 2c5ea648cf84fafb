"""Past messages on the disk: their files, and what is made of files of anybody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.errors import FileProblem
from app.history.folder import Mark
from app.history.texts import MAX_BYTES, TextWriter, parse_text, read_text, text_bytes
from tests.support.recordings import a_text


def test_a_message_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Every field; the file is for this user alone."""
    path = TextWriter(tmp_path / "overs").write(a_text(), Mark.HEARD, 7)
    assert a_text() == read_text(path)
    assert "20231114T221320Z-heard.text" == path.name
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)


def test_the_longest_message_can_be_read() -> None:
    """Also where each of its characters has to be escaped, as nothing that comes from a channel has."""
    long = a_text(text="\x01" * 140, sender="\x02" * 24, addressee="\x02" * 24, link="\x03" * 255)
    assert len(text_bytes(long)) < MAX_BYTES
    assert "?" * 140 == parse_text(text_bytes(long)).text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"[" * 4000,
        text_bytes(a_text())[:-4],
        text_bytes(a_text()).replace(b"gossamer-text/1", b"gossamer-text/9"),
        text_bytes(a_text()).replace(b'"heard"', b'"told"'),
        text_bytes(a_text()).replace(b"1700000000", b"1e99"),
        text_bytes(a_text()).replace(b"1700000000", b"true"),
        text_bytes(a_text()).replace(b'"J\xc3\xb6rg"', b"7"),
        text_bytes(a_text()).replace(b'"link"', b'"line"'),
    ],
)
def test_what_is_no_message_is_said(content: bytes) -> None:
    """One line, whatever the bytes."""
    with pytest.raises(FileProblem, match="is no message"):
        parse_text(content)


@given(st.binary(max_size=200))
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_bytes_upset_the_reader(content: bytes) -> None:
    """Neither from the start nor after a good beginning."""
    for octets in (content, text_bytes(a_text())[:40] + content):
        with pytest.raises(FileProblem):
            parse_text(octets)


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """It is no message of ours."""
    path = tmp_path / "x.text"
    path.write_bytes(text_bytes(a_text(text="x" * MAX_BYTES)))
    with pytest.raises(FileProblem, match="longer than"):
        read_text(path)
