"""Talking by voice: when an over begins and ends, from how likely it is that somebody speaks.

`VoiceKey` decides: no sound, no clock. `HandsFree` is what the engine has of it and of a speech detector
(app/audio/speech_detector.py).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from app.audio.devices import Block
from app.audio.speech_detector import DETECTOR_PIECE_S, Detector

SPEECH_FROM = 0.5
"""Probability that opens; Silero's own threshold."""
SPEECH_UNTIL = 0.35
"""Probability that keeps an over open: Silero's own hysteresis."""
ONSET_S = 0.09
"""Speech for so long (three pieces) opens: a click does not."""
PRE_ROLL_S = 0.5
"""What was heard before is sent too: the onset, what the detector took to be sure, and a quiet consonant before."""
ANTI_TRIP_S = 0.35
"""So long after the loudspeaker has fallen silent its echo in the room still opens nothing."""


class Voice(Enum):
    """What the talk key of the voice does."""

    DOWN = auto()
    UP = auto()


class VoiceKey:
    """Push-to-talk's key, pressed by speech. Told the time with every call."""

    def __init__(self, hang_s: float) -> None:
        """hang_s: a pause in speech that ends the over."""
        self.hang_s = hang_s
        self.talking = False
        """Between DOWN and UP."""
        self._speech_s = 0.0
        """How long it has been speech without a break, while it may open."""
        self._spoken_at_s = 0.0
        """When the last speech was heard."""
        self._free_at_s: float | None = None
        """Since when nothing forbids to open; None: something does."""
        self._spent = False
        """The over was ended otherwise: speech must pause before it counts again."""

    def hear(self, probability: float, now: float, may_open: bool) -> Voice | None:
        """A piece of the microphone's sound. probability: 0..1 that it is speech. may_open: the channel is free and the
        loudspeaker silent."""
        speech = probability >= (SPEECH_UNTIL if self.talking or self._spent else SPEECH_FROM)
        if speech:
            self._spoken_at_s = now
        paused = now - self._spoken_at_s >= self.hang_s
        if self.talking:
            if paused:
                self.talking = False
                return Voice.UP
            return None
        self._spent = self._spent and not paused
        if not may_open:
            self._free_at_s = None
        elif self._free_at_s is None:
            self._free_at_s = now
        free = self._free_at_s is not None and now - self._free_at_s >= ANTI_TRIP_S
        self._speech_s = self._speech_s + DETECTOR_PIECE_S if speech and free and not self._spent else 0.0
        if self._speech_s < ONSET_S:
            return None
        self._speech_s = 0.0
        self.talking = True
        return Voice.DOWN

    def pre_roll_s(self, now: float) -> float:
        """How much from before DOWN is ours to send: nothing that the loudspeaker may have said."""
        return 0.0 if self._free_at_s is None else min(PRE_ROLL_S, now - self._free_at_s)

    def ended(self) -> None:
        """The over was refused, ran into the time-out, or a key has ended it or taken it over."""
        self._spent = True
        self.talking = False


class HandsFree:
    """Voice operation of one station: off until switched on."""

    def __init__(
        self,
        hang_s: float,
        make_detector: Callable[[], Detector],
        press: Callable[[float], None],
        release: Callable[[], None],
    ) -> None:
        """press: asks for the floor, with so many seconds from before; release: lets it go."""
        self._key = VoiceKey(hang_s)
        self._make_detector = make_detector
        self._press = press
        self._release = release
        self._detector: Detector | None = None

    @property
    def on(self) -> bool:
        return self._detector is not None

    @property
    def talking(self) -> bool:
        """An over was begun by voice and goes on."""
        return self._key.talking

    def switch(self, on: bool) -> None:
        """Raises GossamerError where there is no detector. Switched off in an over by voice, it ends that."""
        if on != self.on:
            self._detector = self._make_detector() if on else None
            if self._key.talking:
                self._release()
            self._key = VoiceKey(self._key.hang_s)

    def hear(self, block: Block, now: float, may_open: bool) -> None:
        """A block of the microphone, float32 [n]. may_open: the channel is free and the loudspeaker silent."""
        for probability in self._detector.push(block) if self._detector is not None else ():
            match self._key.hear(probability, now, may_open):
                case Voice.DOWN:
                    self._press(self._key.pre_roll_s(now))
                case Voice.UP:
                    self._release()

    def ended(self) -> None:
        """The over ended otherwise, or a key has it."""
        self._key.ended()
