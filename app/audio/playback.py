"""One sound through the machine's loudspeaker, for commands that run no station."""

from __future__ import annotations

import trio

from app import events
from app.audio.devices import BLOCK_S, Block
from app.audio.player import Player
from app.audio.streams import open_portaudio
from app.errors import DeviceError
from app.events import Event
from app.settings.model import Settings
from app.signals import Ending, run_until_signal


def play_aloud(samples: Block, loudspeaker: str | None) -> None:
    """Play float32 [n], 8 kHz, and return when the last of it was heard. Raises DeviceError.

    loudspeaker: the device by number, name or part of a name; None is the system's default.
    """
    run_until_signal(_play, samples, Settings(loudspeaker=loudspeaker))


async def _play(ending: Ending, samples: Block, settings: Settings) -> None:
    tried = trio.Event()
    problem: list[events.DeviceProblem] = []

    def note(event: Event) -> None:
        if isinstance(event, events.DeviceProblem):
            problem.append(event)
        if isinstance(event, events.DeviceProblem | events.DeviceReady):
            tried.set()

    _, device = open_portaudio(settings)
    player = Player(device, note, settings.volume, settings.muted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ending.cancel_when_asked)  # nothing is lost with it
        nursery.start_soon(device.run, note)
        nursery.start_soon(player.run)
        await tried.wait()
        if problem:
            raise DeviceError(problem[0].cause, problem[0].cure)
        player.play(samples)
        while player.queued_s > 0:
            await trio.sleep(BLOCK_S)
        await trio.sleep(device.latency_s)
        nursery.cancel_scope.cancel()
