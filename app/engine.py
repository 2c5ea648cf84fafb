"""A station: microphone, encoder, link, play-out, vocoder and loudspeaker in one nursery, and no screen anywhere.

A host builds an `Engine`, starts `run` in a nursery of its own (or as a trio guest) and then calls the plain methods,
from the thread that runs trio. What happens comes back through the one callback, as values of `app.events`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trio

from app.events import Event
from app.settings import Settings


class Engine:
    """One station on one link."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None]) -> None:
        """`emit` is called in the trio thread, must not block and must not raise."""

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Opens models, link and devices, calls `task_status.started()`, and runs until cancelled or `close`d.

        A missing or lost device is an event; what makes a station impossible raises GossamerError (app/errors.py),
        CodecError or TransportError, each one line with cause and cure.
        """
        raise NotImplementedError

    def key_down(self) -> None:
        """The talk key: asks for the floor. TalkPermitted or TalkDenied follows."""

    def key_up(self) -> None:
        """Lets the floor go; nothing happens where it is not held."""

    @property
    def talking(self) -> bool:
        """Between TalkPermitted and TalkEnded."""
        raise NotImplementedError

    def play_clip(self, samples: np.ndarray) -> None:
        """Speaks a clip in place of the microphone: asks for the floor, and lets it go at the clip's end.

        samples: float32 [n], 8 kHz, -1..1. `key_up` ends it early. Without a microphone `key_down` does this by itself
        with the bundled clips in turn.
        """

    def set_volume(self, volume: float) -> None:
        """Loudspeaker, 0..1, linear in amplitude; clamped."""

    def set_mute(self, muted: bool) -> None:
        """Loudspeaker off and on again at the volume it had."""

    def set_gain(self, gain_db: float) -> None:
        """Microphone gain, clamped to -20..+30 dB."""

    def choose_microphone(self, name: str | None) -> None:
        """Switches to another input device, part of its name being enough; None is the default. DeviceReady follows."""

    def choose_loudspeaker(self, name: str | None) -> None:
        """Switches to another output device, likewise."""

    def close(self) -> None:
        """Ends `run`: an over is ended properly, its last frames get a moment to leave, then everything closes."""
