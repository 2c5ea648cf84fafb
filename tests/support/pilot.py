"""Keys for a screen whose program never rests.

Textual's own `Pilot.press` waits, twice a key, until the process has used next to no processor time for 20 ms, or for a
second. An engine that encodes, or synthesises, takes the whole second each time.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from textual import app as textual_app
from textual.pilot import Pilot

ROUNDS = 5
"""The most times that a key is handed on: from the program to the widget in focus, and back up."""


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys in turn, each when every widget has processed what the one before brought about."""

    async def processed(_: float = 0.0) -> None:
        for _round in range(ROUNDS):
            await pilot._wait_for_screen()

    with patch.object(textual_app, "wait_for_idle", processed):
        await pilot._app._press_keys(keys)
