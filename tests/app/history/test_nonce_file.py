"""The file of nonces that outlive a restart: small, for this user alone, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import trio_test

from app import events
from app.history.nonce_file import KEPT_LONGER_S, MAX_FILE_BYTES, MAX_NONCES, NonceFile
from tests.support.station import at_once

NOW = 1_700_000_000


def nonce(number: int) -> bytes:
    return number.to_bytes(8)


async def kept(file: NonceFile, *entries: tuple[bytes, int]) -> list[events.Event]:
    """Have a station keep these, one a second, and end; return what it told."""
    told: list[events.Event] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(file.run, at_once, told.append)
        for entry in entries:
            file.keep(*entry)
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return told


def opened(path: Path, now_s: int = NOW) -> NonceFile:
    return NonceFile(path, lambda: now_s)


@trio_test
async def test_a_nonce_outlives_a_restart_until_its_time(tmp_path, virtual_time):
    """The next run knows it, one that starts after it died does not; nobody else may read the file."""
    path = tmp_path / "state" / "nonces"
    assert () == opened(path).nonces
    assert [] == await kept(opened(path), (nonce(1), NOW + 100), (nonce(2), NOW + 20))
    assert {nonce(1), nonce(2)} == set(opened(path).nonces)
    assert (nonce(1),) == opened(path, NOW + 30 + KEPT_LONGER_S).nonces
    assert () == opened(path, NOW + 100 + KEPT_LONGER_S).nonces
    assert 0o600 == path.stat().st_mode & 0o777


@trio_test
async def test_an_over_is_written_once(tmp_path, virtual_time, monkeypatch):
    """BEGIN comes every few seconds and says a later time each time: one write is enough for the whole over."""
    writes = []
    monkeypatch.setattr("app.history.nonce_file.write_whole", lambda path, text: writes.append(text))
    await kept(opened(tmp_path / "nonces"), *((nonce(1), NOW + 60 + second) for second in range(0, KEPT_LONGER_S, 3)))
    assert 1 == len(writes)


@trio_test
async def test_the_file_stays_small(tmp_path, virtual_time):
    """Of more than there is room for, those that stay fresh longest are kept, and the file can be read again."""
    path = tmp_path / "nonces"
    await kept(opened(path), *((nonce(number), NOW + number) for number in range(1, 3 * MAX_NONCES)))
    assert path.stat().st_size <= MAX_FILE_BYTES
    assert {nonce(number) for number in range(2 * MAX_NONCES, 3 * MAX_NONCES)} == set(opened(path).nonces)


@trio_test
async def test_two_stations_of_a_user_keep_each_other_s(tmp_path, virtual_time):
    """What another station has written stays."""
    path = tmp_path / "nonces"
    one, other = opened(path), opened(path)
    await kept(one, (nonce(1), NOW + 60))
    await kept(other, (nonce(2), NOW + 60))
    assert {nonce(1), nonce(2)} == set(opened(path).nonces)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\0", b"0001 5\n", b"00010203040506zz 1800000000\n", b"0001020304050607 soon\n", bytes(10**6)],
)
def test_a_file_of_another_kind_is_as_none(tmp_path, content):
    """Whatever became of it, a station starts."""
    path = tmp_path / "nonces"
    path.write_bytes(content + b"\n0000000000000009 1800000000\n")
    assert (() if len(content) > MAX_FILE_BYTES else (nonce(9),)) == opened(path).nonces


@trio_test
async def test_what_cannot_be_kept_is_told_once(tmp_path, virtual_time):
    """A state folder that cannot be written to costs this, and nothing else."""
    (tmp_path / "state").write_text("in the way")
    file = opened(tmp_path / "state" / "nonces")
    [problem] = await kept(file, (nonce(1), NOW + 60), (nonce(2), NOW + 60))
    assert isinstance(problem, events.ChannelProblem)
    assert "after a restart: cannot write" in problem.cause
