"""The loudspeaker of a station, and what is played through it: speech, tones, and sound of the host's own."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.audio.devices import BLOCK_S, Block, Loudspeaker
from app.audio.player import Player
from app.events import Event
from app.settings.model import Settings
from app.station.alerts import Bell
from app.station.controls import Controls


class LoudspeakerEnd:
    """The loudspeaker, as a station and its host see it."""

    def __init__(
        self,
        settings: Settings,
        loudspeaker: Loudspeaker,
        tell: Callable[[Event], None],
        emit: Callable[[Event], None],
        idle: Callable[[], bool],
    ) -> None:
        """Take the device. tell: takes events of sound. emit: takes calls. idle: tells whether nobody talks."""
        self._loudspeaker = loudspeaker
        self._tell = tell
        self._idle = idle
        self.player = Player(loudspeaker, tell, settings.volume, settings.muted)
        self._bell = Bell(settings, self.player, emit)

    def start(self, nursery: trio.Nursery) -> None:
        """Start the device and the queue before it."""
        nursery.start_soon(self._loudspeaker.run, self._tell, self._idle)
        nursery.start_soon(self.player.run)

    def note(self, event: Event) -> None:
        """Follow the station's events, after the host has been told of them, and play the tones that they deserve."""
        self._bell.note(event)

    def apply(self, controls: Controls) -> None:
        """Set the volume from now on."""
        self.player.volume, self.player.muted = controls.volume, controls.muted

    def choose(self, name: str | None) -> None:
        """Switch to another loudspeaker; None is the system's default."""
        self._loudspeaker.choose(name)

    def play_beside(self, samples: Block) -> None:
        """Play float32 [n] of the host's own; drop it while anybody talks."""
        if self._idle():
            self.player.chime(samples)

    @property
    def latency_s(self) -> float:
        """Delay of the device, in seconds."""
        return self._loudspeaker.latency_s

    async def heard_out(self) -> None:
        """Return when the last sound that was received has left the loudspeaker."""
        while self.player.queued_s > 0:
            await trio.sleep(BLOCK_S)
        await trio.sleep(self._loudspeaker.latency_s)
