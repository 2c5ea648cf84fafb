"""The benchmark of channels on a broker: every message reaches every listener, and the figures are in their units."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import channel
from tests.support.broker import Broker


@pytest.mark.mosquitto
def test_three_listeners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost on this machine, and the table says so."""
    for name, value in {"SETTLED_S": 0.2, "MEASURED_S": 1.2, "LAST_S": 0.3}.items():
        monkeypatch.setattr(channel, name, value)
    broker = Broker(tmp_path)
    row = channel.measure(broker, 3)
    broker.kill()
    assert (3, 0, 0) == (row.listeners, row.lost, row.expected % 3)
    assert 3 <= row.expected <= 12
    assert 0 < row.processor < 1 and 1 < row.memory_mb < 100
    assert 0 < row.p50_ms <= row.p95_ms <= row.p99_ms < 1000
    more = channel.Measured(1003, row.processor + 0.1, row.memory_mb + 1, 1, 2, 3, 4, 0)
    table = channel.report([row, more])
    assert f"0 of {row.expected}" in table
    assert "0.0100% of a core while somebody talks, 1.0 kB; 50% of a core carries 5,000 listeners" in table
