"""Which packets of an over belong together."""

from __future__ import annotations

import pytest

from transport.protocol.places import HOLE_FRAMES, last_of_row


@pytest.mark.parametrize(
    ("last", "places", "k", "reaches"),
    [
        (4, [7, 8, 60], 1, 8),
        (4, [60, 8, 7], 1, 8),
        (4, [], 1, 4),
        (4, [2, 3], 1, 4),
        (0, [3], 1, 3),
        (0, [4], 1, 0),
        (5, [18], 6, 18),
        (5, [19], 6, 5),
    ],
)
def test_a_row_ends_where_more_than_two_frames_are_missing(last: int, places: list[int], k: int, reaches: int) -> None:
    """In whatever order they came; two frames may be lost in a row, however long they are."""
    assert 2 == HOLE_FRAMES
    assert reaches == last_of_row(last, places, k)
