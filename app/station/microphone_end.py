"""The microphone of a station: whether there is one to talk with, and whether it is lost in the middle of an over."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.audio.devices import Block, Microphone
from app.beat import next_beat_s
from app.events import Event, FloorChanged, VoxChanged
from app.settings.model import Settings
from transport.link_kinds import kind_of
from transport.protocol.floor_states import State

WAITING = (State.ASKED, State.ON_AIR, State.COLLIDED)
"""States of the floor in which an over waits for the microphone's sound."""
NO_MICROPHONE = "there is no microphone, so nobody would hear you: plug one in (or start with --clip)"
LOST_AFTER_S = 1.0
"""Time without a block after which a microphone counts as lost in an over, in seconds; sound servers pause for less."""


def clip_may_speak(settings: Settings) -> bool:
    """Tell whether a recorded clip may speak for the user: to a parrot, or where the settings say so.

    Anybody else would hear a stranger under the user's name.
    """
    kind = kind_of(settings.link)
    return settings.clip or (kind is not None and kind.within_program)


class MicrophoneEnd:
    """The microphone, as the talk key sees it."""

    def __init__(self, settings: Settings, microphone: Microphone) -> None:
        self._microphone = microphone
        self._heard_s = 0.0
        self._floor = State.IDLE
        self._by_voice = False
        self._overhear: Callable[[Block], None] | None = None
        self.clip_instead = clip_may_speak(settings)
        """True where a recorded clip may speak in place of a missing microphone."""

    def start(
        self,
        nursery: trio.Nursery,
        hear: Callable[[Block], None],
        tell: Callable[[Event], None],
        idle: Callable[[], bool],
    ) -> None:
        """Start the device. hear: takes its blocks, float32 [n]. tell: takes its events. idle: nobody talks."""
        nursery.start_soon(self._microphone.run, hear, tell, idle)

    def choose(self, name: str | None) -> None:
        """Switch to another microphone; None is the system's default."""
        self._microphone.choose(name)

    @property
    def working(self) -> bool:
        """True while there is one."""
        return self._microphone.working

    @property
    def latency_s(self) -> float:
        """Delay of the device, in seconds."""
        return self._microphone.latency_s

    def heard(self, block: Block) -> None:
        """Take note of a block, and show it to whom overhears."""
        self._heard_s = trio.current_time()
        if self._overhear is not None:
            self._overhear(block)

    def overhear(self, hear: Callable[[Block], None] | None) -> None:
        """Show every block to `hear` from now on; None ends that."""
        self._overhear = hear
        self._hurry()

    def note(self, event: Event) -> None:
        """Follow the station's events; told before an over begins, so that all is there that was said before."""
        match event:
            case FloorChanged(state):
                self._floor = state
            case VoxChanged(on):
                self._by_voice = on
            case _:
                return
        self._hurry()

    def _hurry(self) -> None:
        """Have the sound at once while somebody waits for it; else it may come several blocks together."""
        self._microphone.hurry(self._floor in WAITING or self._by_voice or self._overhear is not None)

    async def watch(self, live_since_s: Callable[[], float | None], lost: Callable[[], None]) -> None:
        """Call `lost` whenever an over from the microphone goes on without it, until cancelled; look at each beat.

        live_since_s: returns when the over that is spoken into the microphone began; None while there is none.
        """
        while True:
            began_s = live_since_s()
            if began_s is not None and trio.current_time() - max(began_s, self._heard_s) > LOST_AFTER_S:
                lost()
            await trio.sleep_until(next_beat_s(trio.current_time()))
