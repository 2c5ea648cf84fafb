"""Strangers who send as fast as they like do not take the user's recordings away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
from trio.testing import trio_test

from app import events
from app.history.allowance import Allowance
from app.history.capture import CapturedFrame, make_header, read_capture
from app.history.folder import OPEN_SHARE, Mark, capture_files, everything_kept, folder_bytes, over_files
from app.history.journal import Journal
from app.history.overs import over_bytes, read_over, write_over
from app.history.past import recover_parts
from app.history.recorder import (
    HEARD_BYTES_AT_ONCE,
    HEARD_BYTES_PER_S,
    JOURNALS_SHARE,
    REFUSED_AT_ONCE,
    REFUSED_BYTES_KEPT,
    Recorder,
)
from app.settings.model import Settings
from tests.support.processes import read_line
from tests.support.recordings import an_over
from tests.support.station import at_once
from transport.errors import BadTag, FrameError
from transport.protocol.frames import Begin, End, Mode
from transport.protocol.over import OverBegun, OverEnded, PacketHeard
from transport.protocol.receiver import Refused, Rubbish

HEADER = make_header(Settings(passphrase_file="/home/ada/secret"), "udp://:7800", Mode.OPEN, 77, 0, 1_700_000_000)
NOW = 1_700_000_500.0


class Disk:
    """A recorder on a folder, fed by the test in virtual time."""

    def __init__(self, folder: Path, limit_bytes: int = 2_000_000) -> None:
        self.folder = folder
        self.problems: list[events.RecordingProblem] = []
        self.recorder = Recorder(folder, limit_bytes, "udp://:7800", Mode.OPEN, HEADER, lambda: NOW, self._note)

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.RecordingProblem):
            self.problems.append(event)

    async def run_while(self, feed) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.recorder.run, at_once)
            await feed()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()


def hear(recorder: Recorder, number: int, packets: int = 1, claimed: int | None = None) -> None:
    """An over from the first frame to the last, all at once."""
    begin = Begin(number % 256, 0, number.to_bytes(8), 0, 77, 1, "Eve")
    recorder.watch("in", b"begin", [OverBegun(begin, 0)])
    for index in range(packets):
        recorder.watch("in", b"voice", [PacketHeard(index, bytes(32), False)])
    recorder.watch("in", b"end", [OverEnded(End(begin.over, 9, claimed or packets), packets, begin)])


@pytest.mark.parametrize(
    ("octets", "facts"),
    [
        (bytes(2000), [Rubbish(FrameError("x"))]),
        (bytes(65_000), [Refused(BadTag("x"))]),
        (bytes(500), []),
    ],
)
@trio_test
async def test_frames_of_strangers_never_take_an_over_away(tmp_path, virtual_time, octets, facts):
    """40,000 of them in 14 s, refused or accepted: all kept overs stay, and the journals keep to their part."""
    for began_utc_s in range(1_700_000_000, 1_700_000_030):
        write_over(tmp_path, an_over(began_utc_s, flags="." * 300, packets=(bytes(32),) * 300))
    before = over_files(tmp_path)
    disk = Disk(tmp_path)

    async def flood() -> None:
        for _ in range(100):
            for _ in range(400):
                disk.recorder.watch("in", octets, facts)
            await trio.sleep(0.14)

    await disk.run_while(flood)
    assert before == over_files(tmp_path)
    journals = sum(path.stat().st_size for path in capture_files(tmp_path))
    assert 0 < journals <= JOURNALS_SHARE * 2_000_000


@trio_test
async def test_refused_frames_are_shortened_and_sampled(tmp_path, virtual_time):
    """What explains a fault is kept, what a flood would fill the disk with is not; frames that were accepted stay."""
    disk = Disk(tmp_path)

    async def flood() -> None:
        for number in range(2000):
            disk.recorder.watch("in", bytes(2000), [Refused(BadTag("x"))])
            if number % 100 == 0:
                disk.recorder.watch("in", bytes([1] * 40), [PacketHeard(0, bytes(32), False)])
            await trio.sleep(0.001)

    await disk.run_while(flood)
    frames = read_capture(capture_files(tmp_path)[0]).frames
    refused = [frame for frame in frames if frame.octets[0] == 0]
    assert {REFUSED_BYTES_KEPT} == {len(frame.octets) for frame in refused}
    assert REFUSED_AT_ONCE <= len(refused) <= REFUSED_AT_ONCE + 15
    assert 20 == len(frames) - len(refused)


@trio_test
async def test_a_claimed_length_is_not_written(tmp_path, virtual_time):
    """BEGIN, one VOICE, and an END that says 65,535: a minute of loss is believed, 6.4 kB instead of 2.1 MB."""
    disk = Disk(tmp_path, 64_000_000)

    async def lie() -> None:
        hear(disk.recorder, 1, claimed=65_535)

    await disk.run_while(lie)
    [path] = over_files(tmp_path)
    assert path.stat().st_size < 7_000


@trio_test
async def test_a_flood_of_overs_does_not_take_the_older_ones_away(tmp_path, virtual_time):
    """In an open channel anybody can say as much as he likes; it is kept as fast as people speak, and that is told."""
    disk = Disk(tmp_path, 4_000_000)
    for began_utc_s in range(1_600_000_000, 1_600_000_050):
        write_over(tmp_path, an_over(began_utc_s))

    async def flood() -> None:
        for number in range(1500):
            hear(disk.recorder, number, claimed=65_535)
            if number % 50 == 0:
                await trio.sleep(0.1)

    await disk.run_while(flood)
    assert 50 == len([path for path in over_files(tmp_path) if path.name.startswith("2020")])
    assert sum(path.stat().st_size for path in over_files(tmp_path)) < 1.1 * HEARD_BYTES_AT_ONCE
    [problem] = disk.problems
    assert isinstance(problem, events.RecordingProblem)
    assert "some are not kept" in problem.cause


@pytest.mark.parametrize("limit_bytes", [1_000_000, 4_000_000])
@trio_test
async def test_overs_of_strangers_take_only_the_room_of_strangers(tmp_path, virtual_time, limit_bytes):
    """A flood at once, and then three hours of as much as is kept: our own overs stay, and those of sealed channels."""
    ours = [
        write_over(tmp_path, an_over(began, direction="sent"), Mark.SENT)
        for began in range(1_600_000_000, 1_600_000_020)
    ]
    ours += [write_over(tmp_path, an_over(began, mode=Mode.SEALED)) for began in range(1_500_000_000, 1_500_000_020)]
    disk = Disk(tmp_path, limit_bytes)

    async def flood() -> None:
        for number in range(500):
            hear(disk.recorder, number, packets=60)
            if number % 50 == 0:
                await trio.sleep(0.1)
        for number in range(120):
            hear(disk.recorder, number, packets=1000)
            await trio.sleep(90)

    await disk.run_while(flood)
    kept = over_files(tmp_path)
    assert set(ours) < set(kept)
    assert sum(path.stat().st_size for path in kept) < 1.1 * limit_bytes * (1 - JOURNALS_SHARE)


@trio_test
async def test_what_was_heard_on_an_open_channel_is_kept_beside_ours(tmp_path, virtual_time):
    """However much there is of ours: a quarter of the room is left, and only ours push ours out."""
    disk = Disk(tmp_path, 1_000_000)
    room = 1_000_000 * (1 - JOURNALS_SHARE)
    ours = {"flags": "." * 500, "packets": (bytes(32),) * 500}
    for began_utc_s in range(1_600_000_000, 1_600_000_040):
        write_over(tmp_path, an_over(began_utc_s, direction="sent", **ours), Mark.SENT)

    async def talk() -> None:
        for number in range(40):
            hear(disk.recorder, number, packets=60)
            await trio.sleep(20)

    await disk.run_while(talk)
    kept = [read_over(path) for path in over_files(tmp_path)]
    assert 40 == sum(over.direction == "heard" for over in kept)
    left = sum(len(over_bytes(over)) for over in kept if over.direction == "sent")
    assert 0.6 * (1 - OPEN_SHARE) * room < left <= (1 - OPEN_SHARE) * room


@trio_test
async def test_honest_talk_is_kept_whole(tmp_path, virtual_time):
    """A word every second, without a pause: the bounds are for floods."""
    disk = Disk(tmp_path, 64_000_000)
    disk.recorder._heard_bytes = Allowance(HEARD_BYTES_PER_S, 10_000)  # as after a long time

    async def talk() -> None:
        for number in range(400):
            hear(disk.recorder, number, packets=2)
            await trio.sleep(1)

    await disk.run_while(talk)
    assert 400 == len(over_files(tmp_path))
    assert [] == disk.problems


# --- the journals' own limit ---------------------------------------------------------------------------------------


def test_journals_are_counted_and_cleared_within_their_limit(tmp_path):
    """Also those of earlier runs, and whatever is appended at once; the newest stays, readable."""
    write_over(tmp_path, an_over())
    (tmp_path / "20200101T000000Z-1-0000.capture").write_bytes(bytes(150_000))
    journal = Journal(tmp_path, 200_000, HEADER, lambda: NOW)
    for second in range(40):
        journal.append([CapturedFrame(second, "in", bytes(500))] * 30)
        assert sum(path.stat().st_size for path in capture_files(tmp_path)) <= 200_000
    assert 1 == len(over_files(tmp_path))
    assert not (tmp_path / "20200101T000000Z-1-0000.capture").exists()
    journal.append([CapturedFrame(50, "in", bytes(500))] * 5000)
    assert sum(path.stat().st_size for path in capture_files(tmp_path)) <= 200_000
    assert 50 == read_capture(capture_files(tmp_path)[0]).frames[-1].at_s


def test_a_journal_is_for_the_user_alone_and_holds_no_path_to_the_passphrase(tmp_path):
    """Whatever the mask for new files is."""
    mask = os.umask(0)
    try:
        Journal(tmp_path / "overs", 200_000, HEADER, lambda: NOW).append([CapturedFrame(0, "in", b"x")])
    finally:
        os.umask(mask)
    [path] = capture_files(tmp_path / "overs")
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert "secret" not in path.read_text()
    assert "passphrase_file" not in path.read_text()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from app.history.capture import CapturedFrame, read_capture
from app.history.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
header = {"format": "gossamer-capture/1", "started_utc_s": 1, "link": "", "channel": "open"}
journal = Journal(folder, 10**6, header, lambda: 1_700_000_000)
journal.append([CapturedFrame(0, "in", bytes(100))] * 5)
path = next(folder.glob("*.capture"))
before = path.read_bytes()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 300, hard))
try:
    journal.append([CapturedFrame(1, "in", bytes(100))] * 5)
except OSError:
    pass
else:
    sys.exit("the disk was not full")
assert before == path.read_bytes(), "half lines stayed"
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
journal.append([CapturedFrame(2, "in", b"")])
assert [0.0] * 5 + [2.0] == [frame.at_s for frame in read_capture(path).frames]
"""


def test_what_a_full_disk_cut_off_is_taken_back(tmp_path):
    """No half line stays, so that what is appended when there is room again can be read."""
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, timeout=60, text=True)
    assert 0 == run.returncode, run.stderr


@trio_test
async def test_overs_wait_for_room(tmp_path, virtual_time, monkeypatch):
    """A disk that is full for a while costs no over; it is told once."""
    disk = Disk(tmp_path / "overs")
    (tmp_path / "overs").write_text("in the way, as a full disk is")

    async def talk() -> None:
        hear(disk.recorder, 1)
        await trio.sleep(5)
        hear(disk.recorder, 2)
        await trio.sleep(5)
        (tmp_path / "overs").unlink()
        await trio.sleep(5)

    await disk.run_while(talk)
    assert 2 == len(over_files(tmp_path / "overs"))
    assert 1 == len(disk.problems)


# --- what a killed program leaves ------------------------------------------------------------------------------------

WRITES_FOR_EVER = """
import os, sys
from pathlib import Path
from app.history import folder, overs
over = overs.parse_over(Path(sys.argv[2]).read_bytes())
folder.named = lambda part, stem, suffix: (print(part, flush=True), sys.stdin.read())
overs.write_over(Path(sys.argv[1]), over)
"""


@pytest.mark.parametrize("cut", [False, True])
def test_a_killed_program_leaves_nothing_that_is_not_counted(tmp_path, cut):
    """What it wrote whole is an over at the next start, the rest is gone; while it lives, nobody touches its file."""
    source, folder = tmp_path / "source", tmp_path / "overs"
    source.write_bytes(over_bytes(an_over()))
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER, str(folder), str(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        part = Path(read_line(process.stdout).strip())
        recover_parts(folder)
        assert part.exists() and [] == over_files(folder)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert folder_bytes(folder) == part.stat().st_size
    assert [part] == everything_kept(folder)
    if cut:
        part.write_bytes(part.read_bytes()[:-5])
    recover_parts(folder)
    assert ([] if cut else [an_over()]) == [read_over(path) for path in over_files(folder)]
    assert not list(folder.glob("*.part"))


def test_two_writers_in_one_second_keep_both_overs(tmp_path):
    """No name is taken over, whoever comes second."""
    started = time.monotonic()
    paths = {write_over(tmp_path, an_over(sender=f"{number}")) for number in range(20)}
    assert 20 == len(paths) == len({read_over(path).sender for path in paths})
    assert not list(tmp_path.glob("*.part"))
    assert time.monotonic() - started < 10
