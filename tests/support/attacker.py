"""Somebody on the channel who sends whatever a dice says: frames in any order, time and number, and what is no frame.

He is told what he overhears. What he makes up as speech is marked: a station that plays it in the open is not to blame,
one that plays it on a sealed channel is.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.malformed import worsened
from tests.support.station import CODEC_ID
from transport.protocol.frames import (
    COPY_BYTES,
    MAX_K,
    NONCE_BYTES,
    PACKET_BYTES,
    PACKET_S,
    Beacon,
    Begin,
    End,
    Frame,
    Ping,
    Pong,
    Receipt,
    Repeat,
    Text,
    Type,
    Voice,
    VoiceWithCopies,
)
from transport.protocol.open_frames import encode
from transport.protocol.over import OverSender

FORGED = 0xEE
"""First byte of every packet that he makes up."""
OVERHEARD = 64
"""Frames of others that he keeps."""
NAMES = ("Ada", "Bob", "Eve", "", "Mallory of the long name")
"""Names under which he talks."""

Move = list[tuple[float, bytes]]
"""What is sent one after another: the pause before it in seconds, and the bytes."""


def marked(dice: random.Random) -> bytes:
    """Return a packet of his."""
    return bytes([FORGED]) + dice.randbytes(PACKET_BYTES - 1)


def forged(
    kind: Type, sequence: int, packets: int = 1, *, over: int = 9, nonce: bytes = b"Mallory!", tag: int = 8
) -> bytes:
    """Return a frame of the shape of a sealed one, of which nothing else is right."""
    body = bytes(PACKET_BYTES * packets) if kind is Type.VOICE else nonce + bytes(12)
    return bytes([0x20 | kind, over]) + sequence.to_bytes(2) + body + bytes(tag)


@dataclass
class Attacker:
    """An attacker, and what he has overheard."""

    dice: random.Random
    protect: Callable[[Frame], bytes] = encode
    """Makes bytes of his frames."""
    replays: bool = False
    """He sends again what he heard, which on an open channel is as good as new."""
    damages: bool = True
    """He changes what he heard, which on an open channel may be taken for a bad link."""
    overheard: deque[bytes] = field(default_factory=lambda: deque(maxlen=OVERHEARD))
    nonces: deque[bytes] = field(default_factory=lambda: deque([bytes(NONCE_BYTES)], maxlen=8))
    """Nonces that he used, for another over or the same."""

    def hear(self, octets: bytes) -> None:
        """Take note of a frame of others."""
        self.overheard.append(octets)

    def move(self) -> Move:
        """Return what he does next: a few seconds of it at the most, unless it is a trickle of a whole over."""
        moves = [self.over, self.over, self.hurry, self.strays, self.trickle, self.rubbish]
        if self.replays and self.overheard:
            moves.append(self.again)
        return self.dice.choice(moves)()

    # --- moves -------------------------------------------------------------------------------------------------------

    def over(self, spacing_s: float | None = None) -> Move:
        """Return an over of his, with frames missing, too early or too late."""
        dice = self.dice
        sent: Move = []
        for frame in self._frames_of_an_over(dice.choice((0, 1, 3, 8))):
            pause_s = PACKET_S if isinstance(frame, Voice) and spacing_s is None else spacing_s or 0.0
            if dice.random() > 0.1:
                sent.append((pause_s * dice.choice((1.0, 1.0, 0.0, 3.0)), self.protect(frame)))
        return sent

    def hurry(self) -> Move:
        """Return empty overs, dozens at once."""
        return [(0.0, octets) for _ in range(self.dice.choice((2, 20))) for _, octets in self.over(0.0)]

    def trickle(self) -> Move:
        """Return an over of which a frame comes now and then."""
        return self.over(self.dice.choice((0.9, 1.7, 2.4)))

    def strays(self) -> Move:
        """Return frames that belong to nothing, or to an over of somebody else."""
        dice = self.dice
        return [(dice.choice((0.0, 0.0, 0.3)), self.protect(self._any_frame())) for _ in range(dice.choice((1, 4, 30)))]

    def again(self) -> Move:
        """Return what he overheard, in order, or out of it."""
        start = self.dice.randrange(len(self.overheard))
        frames = list(self.overheard)[start : start + self.dice.choice((1, 5, OVERHEARD))]
        if self.dice.random() < 0.3:
            self.dice.shuffle(frames)
        return [(self.dice.choice((0.0, PACKET_S)), octets) for octets in frames]

    def rubbish(self) -> Move:
        """Return bytes that are no frame, or no longer one."""
        dice = self.dice
        sent: Move = []
        for _ in range(dice.choice((1, 10))):
            octets = self.protect(self._any_frame())
            if self.damages and self.overheard and dice.random() < 0.5:
                octets = dice.choice(self.overheard)
            sent.append(
                (0.0, worsened(octets, dice.randbytes(64), dice) if dice.random() < 0.8 else dice.randbytes(50))
            )
        return sent

    # --- frames ------------------------------------------------------------------------------------------------------

    def _frames_of_an_over(self, voices: int) -> Iterator[Frame]:
        dice, k = self.dice, self.dice.choice((1, 1, 2, MAX_K))
        repeat = dice.choice((*Repeat, Repeat.NONE))
        over = OverSender(
            over=self._over(),
            nonce=self._nonce(),
            utc_s=0,
            codec_id=dice.choice((CODEC_ID, CODEC_ID, CODEC_ID, 1)),
            k=k,
            sender=dice.choice(NAMES),
            addressee=dice.choice(NAMES),
            repeat=repeat,
        )
        yield over.begin()
        for _ in range(voices):
            copies = [dice.randbytes(COPY_BYTES) for _ in range(k)] if repeat is Repeat.COPIES else []
            yield from over.voice([marked(dice) for _ in range(k)], copies)
        end = over.end()
        for _ in range(dice.choice((0, 1, 2, 2))):
            yield End(end.over, end.sequence, dice.choice((end.packets_sent, 0, 0xFFFF)))

    def _any_frame(self) -> Frame:
        """Return a frame of any type with any fields."""
        dice, over, sequence = self.dice, self._over(), self._sequence()
        name, to = dice.choice(NAMES), dice.choice(NAMES)
        match dice.choice(list(Type)):
            case Type.BEGIN:
                k = dice.randrange(1, MAX_K + 1)
                return Begin(over, sequence, self._nonce(), 0, CODEC_ID, k, name, to, dice.choice(list(Repeat)))
            case Type.VOICE:
                return Voice(over, sequence, tuple(marked(dice) for _ in range(dice.choice((1, 1, 2, 12)))))
            case Type.VOICE_WITH_COPIES:
                k = dice.randrange(1, MAX_K + 1)
                packets = tuple(marked(dice) for _ in range(dice.randrange(1, k + 1)))
                copies = tuple(dice.randbytes(COPY_BYTES) for _ in range(k))
                return VoiceWithCopies(over, sequence, packets, copies=copies)
            case Type.END:
                return End(over, sequence, self._sequence())
            case Type.RECEIPT:
                return Receipt(over, sequence, self._sequence())
            case Type.TEXT:
                return Text(over, sequence, name, "read this", to)
            case Type.BEACON:
                return Beacon(over, sequence, name)
            case Type.PING:
                return Ping(over, sequence, dice.randrange(1 << 32))
            case _:
                return Pong(over, sequence, dice.randrange(1 << 32))

    def _over(self) -> int:
        """Return the number of an over: one that is heard, one of a few, or any."""
        dice = self.dice
        heard = [octets[1] for octets in self.overheard if len(octets) > 1]
        return dice.choice([heard[-1] if heard else 0, dice.randrange(4), dice.randrange(256)])

    def _sequence(self) -> int:
        dice = self.dice
        return dice.choice((dice.randrange(20), dice.randrange(400), dice.randrange(0x10000)))

    def _nonce(self) -> bytes:
        if self.dice.random() < 0.7:
            self.nonces.append(self.dice.randbytes(NONCE_BYTES))
        return self.dice.choice(self.nonces)
