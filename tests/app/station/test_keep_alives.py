"""What keeps a sealed caller's path through a router open."""

from __future__ import annotations

import os
import socket

import pytest
import trio
import trio.testing

from app.settings.model import Settings
from tests.support.station import Station
from transport.links.udp import KEEP_ALIVE_S
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Beacon, Mode


def test_keep_alives_are_sealed_and_made_anew() -> None:
    """From the very first on, what keeps a sealed caller's path open is authentic, and never the same bytes."""
    secret = Secret(Mode.SEALED, bytes(32))

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(10)
            settings = Settings(
                f"udp://127.0.0.1:{far.getsockname()[1]}", name="Ada", passphrase="secret", presence="off"
            )
            station = Station(settings, clock=lambda: 1_700_000_000)
            hearer = open_channel(secret, 8, os.urandom)
            async with trio.open_nursery() as nursery:
                await nursery.start(station.engine.run)
                for _ in range(3):
                    await trio.sleep(KEEP_ALIVE_S)
                    octets = await trio.to_thread.run_sync(far.recv, 100)
                    assert Beacon(0, 0) == hearer.decode(octets, 0.0, 1_700_000_000)  # the same twice is Replayed
                station.engine.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.settings.protection.derive_key", lambda passphrase, channel, version: secret.key)
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))
