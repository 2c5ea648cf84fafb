"""The places of the packets of an over that belong together. No I/O, no clock.

Anybody on an open channel can send a packet of somebody's over long before it is said. It stands in its place, far
ahead of the others, and moves nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

HOLE_FRAMES = 2
"""Frames that may be missing in a row before a packet that came too early, or it stands alone."""


def last_of_row(last: int, places: Iterable[int], k: int) -> int:
    """Return how far an over goes that has come to the place `last`: packets that stand alone do not count.

    `last_of_row(4, [7, 8, 60], 1) == 8`. k: packets a frame.
    """
    for place in sorted(places):
        if place > last + 1 + HOLE_FRAMES * k:
            break
        last = max(last, place)
    return last
