"""The links that were opened last: their order, and a list that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.paths import recent_links_file
from app.settings import contacts


def test_recent_links_come_newest_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each once, a few of them; a damaged list is an empty one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert [] == contacts.recent_links()
    for port in (*range(1, 12), 5):
        contacts.remember(f"udp://:{port}")
    assert [f"udp://:{port}" for port in (5, 11, 10, 9, 8, 7, 6, 4)] == contacts.recent_links()
    recent_links_file().write_text("links = 7")
    assert [] == contacts.recent_links()
    recent_links_file().write_bytes(b"\xff\xfe")
    assert [] == contacts.recent_links()
