"""The microphone of a station: whether there is one to talk with, and whether it is lost in the middle of an over."""

from __future__ import annotations

from collections.abc import Callable

import trio

from app.audio.devices import Block, Microphone
from app.settings.model import Settings
from transport.link_kinds import kind_of

NO_MICROPHONE = "there is no microphone, so nobody would hear you: plug one in (or start with --clip)"
LOST_AFTER_S = 1.0
"""Time without a block after which a microphone counts as lost in an over, in seconds; sound servers pause for less."""
LOOK_EVERY_S = 0.1
"""Time between two looks, in seconds."""


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
        self.clip_instead = clip_may_speak(settings)
        """True where a recorded clip may speak in place of a missing microphone."""

    @property
    def working(self) -> bool:
        """True while there is one."""
        return self._microphone.working

    def heard(self, block: Block) -> None:
        """Take note of a block."""
        self._heard_s = trio.current_time()

    async def watch(self, live_since_s: Callable[[], float | None], lost: Callable[[], None]) -> None:
        """Call `lost` whenever an over from the microphone goes on without it, until cancelled.

        live_since_s: returns when the over that is spoken into the microphone began; None while there is none.
        """
        while True:
            began_s = live_since_s()
            if began_s is not None and trio.current_time() - max(began_s, self._heard_s) > LOST_AFTER_S:
                lost()
            await trio.sleep(LOOK_EVERY_S)
