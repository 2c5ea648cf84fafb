"""How long the first frame of an over is held."""

from __future__ import annotations

import pytest

from transport.playout.jitter import FIRST_HOLD_S, MAX_HOLD_S, MIN_HOLD_S, JitterHistory, hold_s
from transport.protocol.frames import PACKET_S


def test_hold() -> None:
    """hold = clamp(p95 jitter of recent overs, 80 ms .. max(640 ms, one frame))."""
    assert (FIRST_HOLD_S, MIN_HOLD_S, 0.3, MAX_HOLD_S) == tuple(hold_s(jitter, 1) for jitter in (None, 0.0, 0.3, 9.0))
    assert 6 * PACKET_S == hold_s(9.0, 6)
    history = JitterHistory()
    history.add([5.0])  # a frame alone shows no jitter
    assert history.p95_s() is None
    history.add([5.0 + 0.01 * number for number in range(100)])
    assert 0.94 == pytest.approx(history.p95_s())
    for _ in range(8):
        history.add([1.0, 1.0])
    assert 0.0 == history.p95_s()
