"""Filter of messages on a channel's topic: frames, news of who came or left, echoes, or too many. No I/O, no clock."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from transport.broker import HELLO, read_leaving
from transport.framing.stream_reader import RUBBISH
from transport.protection.rate_limit import TokenBucket
from transport.protocol.open_frames import MAX_FRAME_BYTES

MESSAGES_PER_S = 5000.0
"""Messages a second that are taken, whoever sent them: as many as half a core reads and checks. Of more, the rest is
dropped."""
MESSAGES_AT_ONCE = 5000.0
"""Messages that may come at once, after a pause."""
OWN_FRAMES = 256
"""Own frames that are remembered, so that a broker which returns them is not believed: over a minute of speech."""


@dataclass(frozen=True, slots=True)
class Came:
    """Another station has come."""


@dataclass(frozen=True, slots=True)
class Left:
    """The station with this mark (`transport.broker.leave_mark`) has left."""

    mark: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """A frame of another station, or RUBBISH in the place of a message that cannot be one."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Echo:
    """A frame of our own, which the broker returned."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """A message beyond what is taken: it is dropped, and the broker is to be read more slowly."""


Message = Came | Left | Payload | Echo | TooMany


class MessageFilter:
    """The filter of one link: it is told what was sent, and says what each message is."""

    def __init__(self) -> None:
        self._own: OrderedDict[bytes, None] = OrderedDict()
        self._bucket = TokenBucket(MESSAGES_PER_S, MESSAGES_AT_ONCE)

    def sent(self, frame: bytes) -> None:
        """Take note of a frame of our own."""
        self._own[frame] = None
        self._own.move_to_end(frame)
        if len(self._own) > OWN_FRAMES:
            self._own.popitem(last=False)

    def received(self, payload: bytes | None, now: float) -> Message:
        """Return what a message is; None stands for one that the broker has kept, or of another topic."""
        if not self._bucket.take(now):
            return TooMany()
        if payload is None or len(payload) > MAX_FRAME_BYTES:
            return Payload(RUBBISH)
        if payload in self._own:
            return Echo()
        if payload == HELLO:
            return Came()
        mark = read_leaving(payload)
        return Payload(payload) if mark is None else Left(mark)
