"""The speech of one over that a relay says on a link: its frames, its pace, and whether it is enough to go on."""

from __future__ import annotations

import math
from collections import deque

import trio

from app.relay.link_end import LinkEnd
from transport.planning.planner import link_model, voice_bytes
from transport.protocol.frames import PACKET_BYTES, PACKET_S, Begin, Mode, Repeat
from transport.protocol.over import OverSender
from transport.protocol.over_pace import MAX_ARRIVALS, is_sparse
from transport.protocol.repacking import Piece

LEAD_S = 0.1
"""Time by which a frame may leave before it is due after the first one, in seconds, which may have come late itself."""


class OwnSpeech:
    """The speech of one over since it was begun on the link."""

    def __init__(self, begin: Begin, source: LinkEnd, target: LinkEnd) -> None:
        """Take the over's BEGIN, and the links on which it is heard and said."""
        self._target = target
        self._slowness = max(source.slowness, target.slowness)
        self._frame_s = PACKET_S * max(begin.k * source.slowness, target.k * target.slowness)
        """Longest time between two frames, in seconds: it is the slower link that makes it."""
        self._hold_s = _hold_s(begin, source, target)
        self._first_s = math.inf
        """Time at which the first frame is due: those behind it come before they are due then."""
        self.packets = self.missing = 0
        """Number of packets so far, and of those that had not come."""
        self._asked_s, self._began_s = math.inf, -math.inf
        self._said: deque[tuple[float, int]] = deque(maxlen=MAX_ARRIVALS)

    def begin(self) -> None:
        """Begin anew, with nothing: the floor is the relay's."""
        self.packets = self.missing = 0
        self._asked_s, self._began_s = trio.current_time(), -math.inf
        self._said.clear()

    def hear(self, now: float) -> None:
        """Take that a packet has come: the first one, or another."""
        self._first_s = min(self._first_s, now + self._hold_s)

    @property
    def due_s(self) -> float:
        """Time at which the next frame is due: at the pace of speech from the first one on."""
        return self._began_s + self.packets * PACKET_S - LEAD_S if self.packets else self._first_s

    def is_sparse(self, now: float) -> bool:
        """Tell whether hardly anything was said for seconds, as of somebody who is not waited for.

        Counted as a floor counts others (transport/protocol/over_pace.py), from when the first frame was due.
        """
        return is_sparse(self._said, self._asked_s + self._frame_s, self._frame_s, self._slowness, now)

    def say(self, sender: OverSender, piece: Piece) -> None:
        """Send a piece, or leave it out where nothing of it came and the next frame does without."""
        now, target = trio.current_time(), self._target
        self._began_s = self._began_s if self.packets else now
        self.packets += piece.count
        self.missing += piece.missing
        self._said.append((now, piece.count - piece.missing))
        says_damaged = target.channel.mode is Mode.OPEN
        if piece.packets:
            frames = sender.voice(piece.packets, damaged=piece.damaged and says_damaged)
        elif target.address.repeat is Repeat.PACKETS:
            frames = sender.voice([bytes(PACKET_BYTES)] * piece.count, damaged=says_damaged)
        else:
            frames = sender.skip(piece.count)
        for frame in frames:
            target.transmitter.send(frame)
        target.queue.say(sender.nonce, piece.packets)


def _hold_s(begin: Begin, source: LinkEnd, target: LinkEnd) -> float:
    """Return how long after the first packet the first frame is due, in seconds, so that all others are in time.

    Their packets come in the talker's frames, which need not end where a frame here does; and where those repeat
    packets, all but the first one are longer.
    """
    k = target.k
    needed = [last // begin.k * begin.k - (last + 1 - k) for last in range(k - 1, k * begin.k, k)]
    longer_s = 0.0
    if begin.repeat is Repeat.PACKETS:
        model = link_model(source.address)
        first_s, longer_s = (
            source.air.airtime_s(voice_bytes(begin.k, model, sealed=True, repeat=repeat))
            for repeat in (Repeat.NONE, Repeat.PACKETS)
        )
        longer_s -= first_s
    later = max(needed) > needed[0] or longer_s > 0.0
    return max(needed) * PACKET_S + longer_s + LEAD_S * later
