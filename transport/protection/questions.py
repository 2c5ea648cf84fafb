"""The questions that may be answered: what was asked on a channel since this station was started. No I/O, no clock."""

from __future__ import annotations

from collections import OrderedDict

from transport.protocol.frames import Frame, Ping, Pong, Receipt, Text

MAX_QUESTIONS = 1024
"""Questions that are remembered, all made by stations with the key: 17 a second for a minute. The oldest makes room."""
_Number = tuple[int, int, int | None]
"""Over and sequence, and the token of a PING."""


class Questions:
    """The TEXTs and PINGs that were sent or heard since the start, by the numbers that their answers repeat."""

    def __init__(self, name: str = "") -> None:
        """Take the name of this station."""
        self._name = name
        self._own: OrderedDict[_Number, bool] = OrderedDict()
        """Whether the number of each one was drawn here, after the start."""

    def take(self, frame: Frame, *, sent: bool) -> None:
        """Remember a frame if it asks for an answer of its own. sent: by this station, be it only for somebody else."""
        if not isinstance(frame, Text | Ping):
            return
        number = _number(frame)
        own = sent and (isinstance(frame, Ping) or frame.sender == self._name)  # else a relay sends it, maybe again
        self._own[number] = own or self._own.get(number, False)  # a relay may bring an own one back
        self._own.move_to_end(number)
        if len(self._own) > MAX_QUESTIONS:
            self._own.popitem(last=False)

    def own(self, answer: Receipt | Pong) -> bool | None:
        """Tell whether this answers an own question, whose number was drawn after the start; None: nobody has asked."""
        return self._own.get(_number(answer))


def _number(frame: Text | Ping | Receipt | Pong) -> _Number:
    return frame.over, frame.sequence, frame.token if isinstance(frame, Ping | Pong) else None
