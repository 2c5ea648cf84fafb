"""The last moments of the microphone before the key goes down, so that no first syllable is cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from app.audio.devices import Block
from codec.format import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of sound, and the time at which its first sample was at the microphone."""

    samples: Block
    at_s: float


class PreRoll:
    """A memory of the newest sound, in pieces of any length. No clock: every piece has its time."""

    def __init__(self, longest_s: float) -> None:
        """Take how much it remembers, in seconds."""
        self._longest = round(longest_s * SAMPLE_RATE_HZ)
        self._pieces: deque[Spoken] = deque()
        self._samples = 0

    def keep(self, spoken: Spoken) -> None:
        """Remember a piece, and forget those that are older than everything that is asked for."""
        if not len(spoken.samples):
            return
        self._pieces.append(spoken)
        self._samples += len(spoken.samples)
        while self._pieces and self._samples - len(self._pieces[0].samples) >= self._longest:
            self._samples -= len(self._pieces.popleft().samples)

    def newest(self, seconds: float) -> list[Spoken]:
        """Return the sound of the last seconds, the oldest first, as far as it is remembered."""
        wanted, pieces = round(min(seconds * SAMPLE_RATE_HZ, self._longest)), []
        for spoken in reversed(self._pieces):
            if wanted <= 0:
                break
            cut = max(0, len(spoken.samples) - wanted)
            pieces.append(Spoken(spoken.samples[cut:], spoken.at_s + cut / SAMPLE_RATE_HZ) if cut else spoken)
            wanted -= len(spoken.samples) - cut
        return pieces[::-1]

    def clear(self) -> None:
        """Forget everything."""
        self._pieces.clear()
        self._samples = 0
