"""Voice operation: when an over begins and ends, from how likely it is that somebody speaks.

`VoiceKey` decides: no sound, no clock. `HandsFree` connects it with a speech detector (app/audio/speech_detector.py).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from app.audio.devices import Block
from app.audio.speech_detector import DETECTOR_PIECE_S, Detector

SPEECH_FROM = 0.5
"""Probability of speech that opens an over; Silero's own threshold."""
SPEECH_UNTIL = 0.35
"""Probability of speech that keeps an over open; Silero's own hysteresis."""
ONSET_S = 0.09
"""Length of speech that opens an over, in seconds: three pieces, longer than a click."""
PRE_ROLL_S = 0.5
"""Audio from before the trigger that is sent too, in seconds: the onset, the detector's delay, a quiet consonant."""
ANTI_TRIP_S = 0.35
"""Time after the loudspeaker has fallen silent in which its echo in the room opens nothing, in seconds."""


class VoiceTrigger(Enum):
    """An action of the talk key that speech, or its end, brings about."""

    DOWN = auto()
    UP = auto()


class VoiceKey:
    """A talk key that is pressed by speech. Every call is told the time."""

    def __init__(self, hang_s: float) -> None:
        """Take the length of the pause in speech that ends the over, in seconds."""
        self.hang_s = hang_s
        self.talking = False
        """True between DOWN and UP."""
        self._speech_s = 0.0
        """Length of the unbroken speech so far, while it may open an over, in seconds."""
        self._spoken_at_s = 0.0
        """Time of the last speech."""
        self._free_at_s: float | None = None
        """Time since which an over may be opened; None while it may not."""
        self._spent = False
        """True after an over that was ended otherwise: speech must pause before it counts again."""

    def hear(self, probability: float, now: float, may_open: bool) -> VoiceTrigger | None:
        """Take a piece of sound, DETECTOR_PIECE_S long; return what it does to the key, None for nothing.

        probability: 0..1 that the piece is speech. may_open: True while the channel is free and the loudspeaker silent.
        """
        speech = probability >= (SPEECH_UNTIL if self.talking or self._spent else SPEECH_FROM)
        if speech:
            self._spoken_at_s = now
        paused = now - self._spoken_at_s >= self.hang_s
        if self.talking:
            if paused:
                self.talking = False
                return VoiceTrigger.UP
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
        return VoiceTrigger.DOWN

    def pre_roll_s(self, now: float) -> float:
        """Return the seconds from before DOWN that may be sent: nothing that the loudspeaker may have said."""
        return 0.0 if self._free_at_s is None else min(PRE_ROLL_S, now - self._free_at_s)

    def ended(self) -> None:
        """Note that the over was refused or timed out, or that a key has ended it or taken it over."""
        self._spent = True
        self.talking = False


class HandsFree:
    """The voice operation of one station, off until it is switched on."""

    def __init__(
        self,
        hang_s: float,
        make_detector: Callable[[], Detector],
        press: Callable[[float], None],
        release: Callable[[], None],
    ) -> None:
        """Take the two actions of a talk key; `press` is given the seconds from before the trigger to send."""
        self._key = VoiceKey(hang_s)
        self._make_detector = make_detector
        self._press = press
        self._release = release
        self._detector: Detector | None = None

    @property
    def on(self) -> bool:
        """True while voice operation is switched on."""
        return self._detector is not None

    @property
    def talking(self) -> bool:
        """True while an over that was begun by voice goes on."""
        return self._key.talking

    def switch(self, on: bool) -> None:
        """Switch on or off; switched off in an over by voice, that over ends.

        Raises GossamerError where there is no detector.
        """
        if on != self.on:
            self._detector = self._make_detector() if on else None
            if self._key.talking:
                self._release()
            self._key = VoiceKey(self._key.hang_s)

    def hear(self, block: Block, now: float, may_open: bool) -> None:
        """Take a block of the microphone, float32 [n].

        may_open: True while the channel is free and the loudspeaker silent.
        """
        for probability in self._detector.push(block) if self._detector is not None else ():
            match self._key.hear(probability, now, may_open):
                case VoiceTrigger.DOWN:
                    self._press(self._key.pre_roll_s(now))
                case VoiceTrigger.UP:
                    self._release()

    def ended(self) -> None:
        """Note that the over ended otherwise, or that a key has taken it over."""
        self._key.ended()
