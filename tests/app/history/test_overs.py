"""Past overs on the disk: their files, and the folder that never grows beyond its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.errors import FileProblem
from app.history.folder import clear_oldest_overs, folder_bytes, over_files
from app.history.overs import over_bytes, parse_over, read_over, write_over
from codec import format as fmt
from tests.support.recordings import an_over
from transport.playout.items import ReceivedPacket


def test_an_over_comes_back_as_it_was_written(tmp_path):
    """Every field and every packet; the file is for this user alone."""
    path = write_over(tmp_path / "overs", an_over())
    assert an_over() == read_over(path)
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert [ReceivedPacket(bytes(range(32))), ReceivedPacket(None), ReceivedPacket(bytes(range(1, 33)))] == read_over(
        path
    ).received_packets()


def test_a_copy_is_kept_in_place_of_its_packet(tmp_path):
    """It counts as rebuilt, not as lost; its 8 bytes come back, without what fills up the 32."""
    copy = bytes(range(100, 108))
    over = an_over(flags=".cd", packets=(bytes(range(32)), copy + bytes(24), bytes(range(1, 33))))
    read = read_over(write_over(tmp_path, over))
    assert ReceivedPacket(None, copy) == read.received_packets()[1]
    assert (0, 1, 1) == (read.lost, read.rebuilt, read.damaged)
    assert (0, 1) == (read.facts()["lost"], read.facts()["rebuilt"])
    assert (1, 1) == (an_over().lost, an_over().damaged)


def test_an_hour_of_speech_is_360_kilobytes():
    """The packets are all that grows, but for a letter each."""
    count = round(3600 / fmt.PACKET_S)
    over = an_over(flags="." * count, packets=(bytes(32),) * count)
    assert 360_000 == 32 * count
    assert len(over_bytes(over)) < 1.04 * 360_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"no json\n",
        b"[]\n",
        over_bytes(an_over())[:-1],
        over_bytes(an_over()) + b"x",
        over_bytes(an_over()).replace(b'".-d"', b'".-"'),
        over_bytes(an_over()).replace(b'".-d"', b'"abc"'),
        over_bytes(an_over()).replace(b"gossamer-over/1", b"gossamer-over/9"),
        over_bytes(an_over()).replace(b'"k"', b'"q"'),
        b"[" * 100_000,
    ],
)
def test_what_is_no_over_is_said(content):
    """One line, whatever the bytes."""
    with pytest.raises(FileProblem, match="is no recorded over"):
        parse_over(content)


@given(st.binary(max_size=200))
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_bytes_upset_the_reader(content):
    """Neither of overs nor of their first line."""
    for octets in (content, over_bytes(an_over())[:40] + content):
        with pytest.raises(FileProblem):
            parse_over(octets)


def test_overs_are_listed_newest_first(tmp_path):
    """By their time; of those of one second, in the order in which they were written."""
    for began_utc_s in (1_700_000_005, 1_700_000_000, *[1_700_000_003] * 11):
        write_over(tmp_path, an_over(began_utc_s))
    times = [read_over(path).began_utc_s - 1_700_000_000 for path in over_files(tmp_path)]
    assert [5, *[3] * 11, 0] == times
    of_one_second = [path.stem for path in over_files(tmp_path) if "-heard-" in path.stem]
    assert [f"20231114T221323Z-heard-{number}" for number in range(11, 1, -1)] == of_one_second


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    """The rest is well below the limit, and no newer one is gone while an older one stays."""
    for began_utc_s in range(1_700_000_000, 1_700_000_040):
        write_over(tmp_path, an_over(began_utc_s))
    limit = folder_bytes(tmp_path) // 2
    left = sum(clear_oldest_overs(tmp_path, limit))
    assert left == folder_bytes(tmp_path) <= 0.9 * limit
    times = sorted(read_over(path).began_utc_s for path in over_files(tmp_path))
    assert list(range(1_700_000_040 - len(times), 1_700_000_040)) == times
    assert left == sum(clear_oldest_overs(tmp_path, limit))
