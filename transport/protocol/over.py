"""One transmission: which frame carries which packets, and what a listener makes of each. No I/O, no clock.

The sequence numbers of an over are laid out in cycles known from k alone, so that a listener who lost frames, or
joined late, still knows the place of every packet:

    k = 2:    0      1     2     3     4      5      6     7   ...      n
            BEGIN  VOICE VOICE VOICE VOICE  BEGIN  VOICE VOICE ...     END   (sent twice)

A BEGIN opens each cycle; max(2.5 s, 2 frames) of voice follow it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from transport.errors import UsageError
from transport.protocol.frames import (
    COPY_BYTES,
    LATEST_UTC_S,
    MAX_K,
    PACKET_BYTES,
    PACKET_S,
    Begin,
    End,
    Frame,
    Repeat,
    Voice,
    VoiceWithCopies,
)

BEGIN_EVERY_S = 2.5
"""Speech after which BEGIN comes again for those who join late, in seconds."""
BEGIN_EVERY_FRAMES = 2
"""Fewest VOICE frames after which BEGIN comes again."""
MAX_PACKETS = 0xFFFF
"""Most packets in an over, which is what END can count: 5.8 hours."""


def voice_frames_per_cycle(k: int) -> int:
    """Return the number of VOICE frames from one BEGIN to the next: 8 for k = 1, 4 for 2, 3 for 3, 2 from 4 on."""
    return max(BEGIN_EVERY_FRAMES, math.ceil(BEGIN_EVERY_S / (k * PACKET_S)))


def voice_number(sequence: int, k: int) -> int | None:
    """Return which VOICE frame of the over (0, 1, ...) has this sequence number; None where BEGIN has its place.

    k = 2: `voice_number(4, 2) == 3`, `voice_number(5, 2) is None`, `voice_number(6, 2) == 4`.
    """
    cycle, place = divmod(sequence, voice_frames_per_cycle(k) + 1)
    return None if place == 0 else cycle * voice_frames_per_cycle(k) + place - 1


class OverSender:
    """The sending end of one over: `begin()` once, `voice()` as packets come, `end()` once (sent twice)."""

    def __init__(
        self,
        *,
        over: int,
        nonce: bytes,
        utc_s: int,
        codec_id: int,
        k: int,
        sender: str,
        addressee: str = "",
        repeat: Repeat = Repeat.NONE,
        profile: bytes | None = None,
    ) -> None:
        """Take a random number 0..255 (`over`), 8 random bytes (`nonce`) and the time now (`utc_s`, 0: no clock).

        The speaker profile goes into the first BEGIN only.
        """
        if not 1 <= k <= MAX_K:
            raise UsageError(f"k is 1..{MAX_K}, not {k}")
        self.over = over
        self.nonce = nonce
        self.k = k
        self.addressee = addressee
        self.packets_sent = 0
        self._utc_s = utc_s
        self._codec_id = codec_id
        self._sender = sender
        self._repeat = repeat
        self._profile = profile
        self._sequence = 0
        self._previous: tuple[bytes, ...] = ()
        """Packets, or copies of them, that the next frame carries again."""
        self._ended = False

    def begin(self) -> Begin:
        """Return the first frame."""
        if self._sequence:
            raise UsageError("an over begins once")
        return self._begin(self._profile)

    def voice(self, packets: Sequence[bytes], copies: Sequence[bytes] = (), *, damaged: bool = False) -> list[Frame]:
        """Return the frames for the next k packets: VOICE, and BEGIN when one is due.

        copies: with `Repeat.COPIES` a coarse copy of each of these packets, for the frame after this one.

        Fewer packets than k are allowed only at the end of the over. BEGIN goes after the voice, not before it, so that
        its airtime falls into the pause before the next frame. damaged: some of the packets are not as they were said.
        """
        if any(len(packet) != PACKET_BYTES for packet in packets):
            raise UsageError(f"a packet has {PACKET_BYTES} bytes")
        if len(copies) != len(packets) * (self._repeat is Repeat.COPIES):
            raise UsageError(f"{len(copies)} copies of {len(packets)} packets")
        if any(len(copy) != COPY_BYTES for copy in copies):
            raise UsageError(f"a copy has {COPY_BYTES} bytes")
        voice = self._voice(tuple(packets), damaged)
        begin = self._count(len(packets))
        self._previous = {Repeat.NONE: (), Repeat.PACKETS: tuple(packets), Repeat.COPIES: tuple(copies)}[self._repeat]
        return [voice, *begin]

    def _voice(self, packets: tuple[bytes, ...], damaged: bool) -> Voice:
        if self._repeat is Repeat.COPIES and self._previous:
            return VoiceWithCopies(self.over, self._sequence, packets, damaged, self._previous)
        return Voice(self.over, self._sequence, packets + self._previous, damaged)

    def skip(self, count: int) -> list[Frame]:
        """Return the frames that go out in place of the next `count` packets, which are lost: BEGIN when one is due.

        The listener knows the place of all that follow. Not with `repeat`, where the next frame needs them.
        """
        if self._repeat is not Repeat.NONE:
            raise UsageError("an over that repeats its packets leaves none out")
        return self._count(count)

    def _count(self, count: int) -> list[Frame]:
        """Take note of a VOICE frame of so many packets, and return the BEGIN that is due behind it."""
        if not self._sequence or self._ended:
            raise UsageError("voice goes between begin() and end()")
        if self.packets_sent % self.k:
            raise UsageError("a short frame is the last one of an over")
        if not 1 <= count <= self.k:
            raise UsageError(f"a frame takes 1..{self.k} packets")
        if self.packets_sent + count > MAX_PACKETS:
            raise UsageError(f"an over holds at most {MAX_PACKETS} packets")
        self._sequence += 1
        self.packets_sent += count
        due = voice_number(self._sequence, self.k) is None and count == self.k
        return [self._begin(None)] if due else []

    def end(self) -> End:
        """Return the last frame. It takes the next sequence number, whatever else would stand there."""
        if not self._sequence:
            raise UsageError("an over that never began has no end")
        self._ended = True
        return End(self.over, self._sequence, self.packets_sent)

    def _begin(self, profile: bytes | None) -> Begin:
        utc_s = min(self._utc_s + int(self.packets_sent * PACKET_S), LATEST_UTC_S) if self._utc_s else 0
        frame = Begin(
            self.over,
            self._sequence,
            self.nonce,
            utc_s,
            self._codec_id,
            self.k,
            self._sender,
            self.addressee,
            self._repeat,
            profile,
        )
        self._sequence += 1
        return frame


@dataclass(frozen=True, slots=True)
class OverBegun:
    """The point from which on a transmission can be understood."""

    begin: Begin
    first_index: int
    """Index of the next packet in the over: 0, or more for one who joins late."""


@dataclass(frozen=True, slots=True)
class PacketHeard:
    """One packet of the current over, new or better than what came before."""

    index: int
    """Place in the over; packet i is the speech from 0.32 i seconds on."""
    packet: bytes
    damaged: bool


@dataclass(frozen=True, slots=True)
class PacketRepeated:
    """A packet that had arrived already."""

    index: int


@dataclass(frozen=True, slots=True)
class CopyHeard:
    """The coarse copy of a packet of the current over that has not come so far."""

    index: int
    """Place of the packet in the over."""
    copy: bytes


@dataclass(frozen=True, slots=True)
class OverEnded:
    """The end of the current over: the talker let go."""

    end: End
    """The END. It counts no more packets than can have been spoken by now."""
    packets_heard: int
    """Number of intact packets, each counted once: what a receipt says."""
    begin: Begin
    """The first BEGIN heard of the over that ended."""


@dataclass(frozen=True, slots=True)
class OverSuperseded:
    """The end of the current over without its END: another over is followed from here on."""

    begin: Begin
    """The first BEGIN heard of the over that ended."""


@dataclass(frozen=True, slots=True)
class VoiceIgnored:
    """Voice of an over whose BEGIN has not been heard yet: somebody talks, and it cannot be played."""

    over: int
    packets: int = 1
    """Packets in the frame, copies of packets of the frame before it included."""
    contents: tuple[bytes, ...] = field(default=(), compare=False)
    """Those packets."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The BEGIN of a second station during the first one's over; the first is followed."""

    begin: Begin


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame that passed its checks but contradicts its over; it counts as rubbish."""

    reason: str


OverEvent = (
    OverBegun
    | PacketHeard
    | PacketRepeated
    | CopyHeard
    | OverEnded
    | OverSuperseded
    | VoiceIgnored
    | Overlap
    | Malformed
)
