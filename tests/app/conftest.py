"""Fixtures of the tests of stations and relays."""

from __future__ import annotations

import hashlib

import pytest


@pytest.fixture
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt is slow on purpose; one test of its own (tests/transport/protection/test_cipher.py) is enough."""
    monkeypatch.setattr(
        "app.settings.protection.derive_key",
        lambda passphrase, channel, version: hashlib.sha256(f"{passphrase}/{channel}".encode()).digest(),
    )
