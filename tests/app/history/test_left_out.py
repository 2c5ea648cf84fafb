"""The journal says how many frames it left out, whatever the reason was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import trio_test

from app import events
from app.cli import captures
from app.history.capture import Capture, CapturedFrame, LeftOut, capture_text, make_header, newest_part, read_capture
from app.history.folder import capture_files
from app.history.journal import FILES_IN_THE_LIMIT, Journal
from app.history.recorder import MAX_WAITING_FRAMES, REFUSED_AT_ONCE, Recorder
from app.settings.model import Settings
from tests.support.station import at_once
from transport.errors import BadTag
from transport.protocol.frames import Mode
from transport.protocol.receiver import Refused

HEADER = make_header(Settings(), "udp://:7800", Mode.OPEN, 77, 0, 1_700_000_000)
REFUSED = [Refused(BadTag("x"))]
SECONDS = 60


def recorder(folder: Path, problems: list[events.Event]) -> Recorder:
    return Recorder(folder, 2_000_000, "udp://:7800", Mode.OPEN, HEADER, lambda: 1_700_000_500.0, problems.append)


def kept(folder: Path) -> Capture:
    captures = [read_capture(path) for path in reversed(capture_files(folder))]
    return Capture(
        captures[0].header,
        tuple(frame for capture in captures for frame in capture.frames),
        tuple(entry for capture in captures for entry in capture.left_out),
    )


@trio_test
async def test_what_a_flood_left_out_is_counted(tmp_path, virtual_time):
    """Frames in the journal and frames that it says are missing are as many as came, at a line every two seconds."""
    writer = recorder(tmp_path, [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, at_once)
        for _ in range(100 * SECONDS):
            writer.watch("in", bytes(40), REFUSED)
            await trio.sleep(0.01)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    capture = kept(tmp_path)
    assert 100 * SECONDS == len(capture.frames) + capture.frames_left_out
    assert len(capture.frames) < REFUSED_AT_ONCE + 6 * SECONDS
    assert 1 <= len(capture.left_out) <= SECONDS / 2 + 1


@trio_test
async def test_what_never_reached_the_disk_is_counted(tmp_path, virtual_time):
    """Frames that were lost while nothing could be written, and those for which no place was left, are counted once
    there is room again."""
    problems: list[events.Event] = []
    folder = tmp_path / "overs"
    folder.write_text("in the way, as a full disk is")
    writer = recorder(folder, problems)
    for _ in range(MAX_WAITING_FRAMES + 7):
        writer.watch("out", bytes(40), [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, at_once)
        await trio.sleep(5)
        folder.unlink()
        writer.watch("out", b"there is room again", [])
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    capture = kept(folder)
    assert [b"there is room again"] == [frame.octets for frame in capture.frames]
    assert (MAX_WAITING_FRAMES + 7, 1) == (capture.frames_left_out, len(problems))


@trio_test
async def test_honest_talk_is_not_said_to_be_missing(tmp_path, virtual_time):
    """Where every frame was kept there is no such line."""
    writer = recorder(tmp_path, [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, at_once)
        for _ in range(4 * SECONDS):
            writer.watch("in", bytes(40), [])
            await trio.sleep(0.25)
        nursery.cancel_scope.cancel()
    assert (4 * SECONDS, ()) == (len(kept(tmp_path).frames), kept(tmp_path).left_out)


def test_a_full_journal_is_followed_by_another(tmp_path):
    """Their bytes are counted, so that the oldest can go when there are too many."""
    limit_bytes = 100_000
    journal = Journal(tmp_path, limit_bytes, HEADER, lambda: 1_700_000_500.0)
    for second in range(60):
        journal.append([CapturedFrame(second, "in", bytes(300))])
    sizes = [path.stat().st_size for path in capture_files(tmp_path)]
    assert len(sizes) > 1
    assert max(sizes) <= limit_bytes // FILES_IN_THE_LIMIT + 2000  # its first line


def test_the_number_survives_an_export(tmp_path, monkeypatch, capsys):
    """A capture is read, cut and written with what it says is missing, and `overs capture` tells of it."""
    frames = tuple(CapturedFrame(second, "in", b"x") for second in range(0, 300, 10))
    written = Capture(HEADER, frames, (LeftOut(65.0, 5), LeftOut(285.0, 37)))
    (tmp_path / "20200101T000000Z-1-0000.capture").write_text(capture_text(HEADER, written.frames, written.left_out))
    [path] = capture_files(tmp_path)
    assert replace(written, header=read_capture(path).header) == read_capture(path)
    assert (42, 37) == (written.frames_left_out, newest_part(written, 1.0).frames_left_out)
    monkeypatch.setattr(captures, "recordings_folder", lambda: tmp_path)
    from app.cli.parser import build_parser

    arguments = build_parser().parse_args(["overs", "capture", str(tmp_path / "out.capture")])
    assert 0 == captures.run_capture(arguments)
    assert "30 frames in 290.0 s (42 more were left out)" in capsys.readouterr().out
    assert read_capture(path).left_out == read_capture(tmp_path / "out.capture").left_out


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "1e400", "true", '"5"', "[5]", "null", "1000000000001"])
def test_a_number_that_cannot_be_is_refused(tmp_path, number):
    """A file that came by mail may say anything."""
    path = tmp_path / "mailed.capture"
    path.write_text(capture_text(HEADER, []) + f'[1.0, "left out", {number}]\n')
    with pytest.raises(Exception, match="line 2 is no frame"):
        read_capture(path)
