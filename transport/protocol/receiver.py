"""The receiving half of one end of a channel: bytes from the link in, facts out. No I/O, no clock.

    bytes --> decode (the channel checks and unseals) --> follow the over --> facts --> floor, play-out, recorder

Every reader of a link goes through here, so that each frame is checked, decoded and matched with its over once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transport.errors import FrameError
from transport.protocol import open_frames
from transport.protocol.frames import Beacon, Begin, End, Frame, Ping, Pong, Receipt, Refusal, Text, Voice
from transport.protocol.over import OverEnded, OverEvent
from transport.protocol.over_receiver import OverReceiver

DecodeFrame = Callable[[bytes, float], Frame]
"""Decoder of a channel: bytes from the link and the time in seconds -> a frame. Raises FrameError."""


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Bytes that are no frame at all."""

    problem: FrameError


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that the channel does not accept: forged, old, replayed, or of another mode or version."""

    problem: FrameError
    """The error, one of the kinds of FrameError."""


@dataclass(frozen=True, slots=True)
class VoiceArrived:
    """A VOICE frame came. The packets in it that were new have been told before, one by one."""

    over: int
    sequence: int
    begin: Begin | None
    """The first BEGIN heard of the over that the frame belongs to; None where that over is not followed."""


@dataclass(frozen=True, slots=True)
class EndArrived:
    """An END frame came, of the over that is followed or of any other."""

    end: End
    """The END; of the over that was followed it counts no more packets than can have been spoken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame that this station owes: a RECEIPT for an over that is addressed to it, or the PONG to a PING.

    For a TEXT it owes one once it has shown it, which is no business of the receiving end.
    """

    frame: Receipt | Pong


Fact = OverEvent | VoiceArrived | EndArrived | Answer | Rubbish | Refused | Receipt | Text | Pong | Beacon | Refusal
"""A meaning of a frame. Frames that concern no over are facts as they are."""


def decode_open(octets: bytes, now: float) -> Frame:
    """Decode a frame of the open channel. Raises FrameError."""
    return open_frames.decode(octets)


class ReceivingEnd:
    """The receiving half of one station: what comes over the link, and what it means."""

    def __init__(self, decode: DecodeFrame = decode_open, name: str = "", slowness: float = 1.0) -> None:
        """Take the channel's `decode`, and the station's name; a nameless one owes nobody a receipt.

        `slowness`: seconds that a second of speech takes on the link, by its plan.
        """
        self._decode = decode
        self._name = name
        self._overs = OverReceiver(slowness)

    @property
    def following(self) -> Begin | None:
        """The over that is being received, as its first BEGIN heard said; None between overs."""
        return self._overs.current

    def receive(self, octets: bytes, now: float) -> list[Fact]:
        """Return what the bytes that the link delivered at `now` mean, in the order in which it is to be acted upon.

        The list is empty where nothing is new, as in a BEGIN that came before. Never raises for what the link brings.
        """
        try:
            frame = self._decode(octets, now)
        except FrameError as problem:
            return [Rubbish(problem) if type(problem) is FrameError else Refused(problem)]
        match frame:
            case Begin():
                return [*self._overs.receive(frame, now)]
            case Voice(over, sequence):
                events = self._overs.receive(frame, now)
                begin = self.following if self.following is not None and self.following.over == over else None
                return [*events, VoiceArrived(over, sequence, begin)]
            case End():
                return self._ended(frame, now)
            case Ping(over, sequence, token):
                return [Answer(Pong(over, sequence, token))]
            case _:
                return [frame]

    def abandon(self) -> None:
        """Forget the over that is being received: its talker has disappeared.

        The next BEGIN of that over, should it come back, is a late join.
        """
        self._overs.abandon()

    def _ended(self, end: End, now: float) -> list[Fact]:
        facts: list[Fact] = []
        for event in self._overs.receive(end, now):
            if isinstance(event, OverEnded) and self._name and event.begin.addressee == self._name:
                facts.append(Answer(Receipt(end.over, end.sequence, event.packets_heard)))
            facts.append(event)
        return [*facts, EndArrived(self._overs.believed(end, now))]
