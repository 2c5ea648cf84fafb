"""Files that somebody else made: captures and overs with anything in them are a line, in bounded time and memory."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.diagnostics.reproduce import reproduce
from app.errors import FileProblem
from app.history.capture import FORMAT, MAX_FRAMES, read_capture
from app.history.folder import over_files
from app.history.overs import MAX_SHOWN_LETTERS, over_bytes, parse_over, read_over
from app.history.texts import parse_text, text_bytes
from app.settings.model import Settings
from app.station.parts import StationCodec
from tests.support.recordings import a_text, an_over
from tests.support.station import StaircaseDecoder, StaircaseSynthesizer

HEADER = {"format": FORMAT, "program": "0", "started_utc_s": 1_700_000_000, "link": "x", "tag_bytes": 8}


def capture(header: object, *lines: object) -> str:
    return "".join(json.dumps(line) + "\n" for line in (header, *lines))


@pytest.mark.parametrize(
    "changes",
    [
        {"started_utc_s": -1}, {"started_utc_s": 10**30}, {"started_utc_s": True}, {"started_utc_s": 1.5},
        {"tag_bytes": "8"}, {"tag_bytes": -1}, {"tag_bytes": 10**9}, {"tag_bytes": None}, {"tag_bytes": [1]},
        {"link": 7}, {"link": None}, {"link": {}}, {"channel": {}}, {"program": ["x"]}, {"codec_id": "y"},
    ],
)  # fmt: skip
def test_a_capture_with_odd_types_is_refused(tmp_path, changes):
    """One line that names the file."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER | changes))
    with pytest.raises(FileProblem, match="is no capture of frames"):
        read_capture(path)


@pytest.mark.parametrize(
    "line", [[True, "in", ""], ["1", "in", ""], [None, "in", ""], [1, "in", 7], [1, "in"], {"a": 1}, 7, [[[]]], "in"]
)
def test_a_frame_with_odd_types_is_refused(tmp_path, line):
    """One line that names the file and the line in it."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER, [1, "in", "00"], line))
    with pytest.raises(FileProblem, match="line 3 is no frame"):
        read_capture(path)


def test_words_in_a_capture_cannot_steer_a_terminal(tmp_path):
    """They are made plain where they come in."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER | {"program": "\x1b[2J", "link": "\x9b1m\u202e"}))
    header = read_capture(path).header
    assert ("?[2J", "?1m?") == (header["program"], header["link"])


@pytest.mark.parametrize("times", [[0, 9e8], [9e8], [9e8, 0], [1e5 * number for number in range(50)]])
def test_a_frame_that_comes_after_years_is_played_at_once(tmp_path, times):
    """Nobody waits for a pause, and nobody computes through it."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER, *([at_s, "in", "00"] for at_s in times)))
    began_s = time.monotonic()
    codec = StationCodec(None, StaircaseDecoder(), StaircaseSynthesizer())
    played = reproduce(read_capture(path), Settings(name="x", record=False), codec)
    assert len(times) == played.counts.rubbish
    assert time.monotonic() - began_s < 60


def test_too_many_frames_are_refused(tmp_path):
    """Before any of them is looked at."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER) + "\n" * (MAX_FRAMES + 2))
    with pytest.raises(FileProblem, match="more than"):
        read_capture(path)


@pytest.mark.parametrize("read", [read_capture, read_over])
def test_what_has_no_end_is_not_read(tmp_path, read):
    """A device, a pipe without a writer, a folder, a file of gigabytes that takes no room."""
    pipe, huge = tmp_path / "pipe", tmp_path / "huge"
    os.mkfifo(pipe)
    with huge.open("wb") as stream:
        stream.truncate(10**10)
    for path in (Path("/dev/zero"), pipe, tmp_path, huge, tmp_path / "none"):
        began_s = time.monotonic()
        with pytest.raises(FileProblem, match=path.name):
            read(path)
        assert time.monotonic() - began_s < 5


@pytest.mark.parametrize(
    "changes",
    [
        {"began_utc_s": 1e300}, {"began_utc_s": -1}, {"began_utc_s": "x"}, {"began_utc_s": None}, {"began_utc_s": True},
        {"direction": "up"}, {"direction": 7}, {"sender": 7}, {"addressee": None}, {"link": []}, {"channel": {}},
        {"sender": "x" * 100_000}, {"sender": "ä" * 13}, {"addressee": "x" * 25}, {"link": 7},
        {"codec_id": "x"}, {"codec_id": 10**9}, {"k": 0.5 - 1}, {"k": 99}, {"complete": "yes"},
        {"flags": [".", "-", "d"]},
        {"packets": -3}, {"packets": "3"}, {"packets": 10**30}, {"more": 1},
    ],
)  # fmt: skip
def test_an_over_with_odd_fields_is_refused(changes):
    """One line: no date beyond the calendar, no list in place of a word."""
    line, _, body = over_bytes(an_over()).partition(b"\n")
    content = json.dumps(json.loads(line) | changes).encode() + b"\n" + body
    with pytest.raises(FileProblem, match="is no recorded over"):
        parse_over(content)


def test_a_number_with_an_exponent_is_not_a_way_out():
    """1e999 is infinity, NaN is no number, and neither is a time."""
    for word in (b"1e999", b"NaN", b"-Infinity", b"9" * 5000):
        content = over_bytes(an_over()).replace(b"1700000000", word)
        with pytest.raises(FileProblem, match="is no recorded over"):
            parse_over(content)


def test_words_in_an_over_cannot_steer_a_terminal(tmp_path):
    """They are made plain where they come in, line breaks too."""
    path = tmp_path / "x.over"
    path.write_bytes(over_bytes(an_over(sender="\x1b[2J\n1  forged", link="\u202ex")))
    [found] = over_files(tmp_path)
    assert ("?[2J?1  forged", "?x") == (read_over(found).sender, read_over(found).link)


@pytest.mark.parametrize("changes", [{"sender": "ä" * 13}, {"addressee": "x" * 25}, {"text": "ä" * 71}, {"link": []}])
def test_a_message_that_no_frame_has_room_for_is_refused(changes: dict[str, Any]) -> None:
    """No name and no text is longer than those that come over the wire."""
    content = json.dumps(json.loads(text_bytes(a_text())) | changes).encode()
    with pytest.raises(FileProblem, match="is no message"):
        parse_text(content)


def test_a_link_in_a_mailed_file_takes_no_more_than_a_few_lines() -> None:
    """The longest names and texts of the wire are read, and a link, which has no such limit, is cut."""
    longest: dict[str, Any] = {"sender": "ä" * 12, "addressee": "x" * 24, "link": "udp://" + "x" * 3000}
    over, text = an_over(**longest), a_text(**longest, text="ä" * 70)
    cut = longest["link"][:MAX_SHOWN_LETTERS]
    assert replace(over, link=cut) == parse_over(over_bytes(over))
    assert replace(text, link=cut) == parse_text(text_bytes(text))


@pytest.mark.parametrize("word", ["program", "link"])
def test_a_word_in_a_capture_takes_no_more_than_a_few_lines(tmp_path: Path, word: str) -> None:
    """Its header's words are cut where they come in."""
    path = tmp_path / "a.capture"
    path.write_text(capture(HEADER | {word: "x" * 100_000}))
    assert "x" * MAX_SHOWN_LETTERS == read_capture(path).header[word]
