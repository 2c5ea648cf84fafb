"""Codec frames in the frames of a link, and out of what arrives. No I/O, no clock.

Gossamer's are the program's own frames: BEGIN, VOICE, END, with checks or tags. Other codecs get what Gossamer has in
the open channel, a header with its check and a check of the body, around as much speech as fits: as long as Gossamer's
frames are at most, and as long as the link takes in one piece at most.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from app.codecs.bit_packing import pack_frames, packed_bytes, unpack_frames
from app.codecs.gossamer import Gossamer
from app.codecs.reference import ReferenceCodec
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.errors import FrameError
from transport.protection.channel import open_channel
from transport.protection.cipher import KEY_BYTES, Secret
from transport.protocol.frames import NONCE_BYTES, PACKET_BYTES, TAG_BYTES_RADIO, Frame, Mode, Voice
from transport.protocol.open_frames import HEADER, HEADER_BYTES, OVERHEAD_BYTES, crc16
from transport.protocol.over import OverEnded, OverSender, PacketHeard, voice_frames_per_cycle
from transport.protocol.receiver import ReceivingEnd, Refused, Rubbish, VoiceArrived

CHECK_BYTES = 2
OTHER_SPEECH, OTHER_END = 0x1F, 0x1E
"""First byte of another codec's frame: speech, or the count of codec frames that were sent."""
SEQUENCES = 1 << 16
NAME = "Gossamer"
KEY = bytes(range(KEY_BYTES))
"""Key of the sealed lane, which hides nothing from anybody."""
ENDS = 2
"""Number of times that the end of an over is sent, so that it is not lost easily."""


@dataclass(frozen=True, slots=True)
class LinkFrame:
    """A frame for the link."""

    octets: bytes
    speech_s: float
    """Speech that is lost with it, in seconds; 0 for a frame that carries none."""


@dataclass(frozen=True, slots=True)
class CodecFrame:
    """A codec frame that arrived."""

    index: int
    """Place in the over, from 0."""
    content: bytes
    damaged: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """Content of a frame that arrived."""

    frames: Sequence[CodecFrame] = ()
    total: int | None = None
    """Number of codec frames in the whole over, from the frame that ends it; None in all others."""


class Framing(Protocol):
    """Both ends of one lane: the talker's frames, and what the listener reads in those that arrive."""

    @property
    def frames_together(self) -> int:
        """Codec frames that are handed to the link at the same time."""

    def begin(self) -> list[LinkFrame]:
        """Return the frames before the first speech."""

    def push(self, content: bytes) -> list[LinkFrame]:
        """Return the frames that are complete with this codec frame."""

    def flush(self) -> list[LinkFrame]:
        """Return the frames with the speech that still waits for more."""

    def end(self) -> list[LinkFrame]:
        """Return the frames that tell the listener that all has been said."""

    def receive(self, octets: bytes, now: float) -> Arrival:
        """Return what a frame holds that arrived at `now`. Raises FrameError for one that cannot be read."""

    def wire_bps(self, overhead_bytes: int) -> float:
        """Return the nominal bits on the wire for a second of speech, everything counted."""


class GossamerFraming:
    """The frames of a station, open or sealed."""

    def __init__(self, k: int, over: int, *, sealed: bool = False) -> None:
        """Put k packets into each VOICE frame; `over` is the number of the over, 0..255."""
        self._k = k
        self._sealed = sealed
        nonce = bytes([over]) * NONCE_BYTES
        secret = Secret(Mode.SEALED, KEY) if sealed else None
        self._near, far = (open_channel(secret, TAG_BYTES_RADIO, os.urandom) for _ in range(2))
        self._sender = OverSender(over=over, nonce=nonce, utc_s=0, codec_id=0, k=k, sender=NAME)
        self._far = ReceivingEnd(partial(far.decode, utc_s=0))
        self._waiting: list[bytes] = []

    @property
    def frames_together(self) -> int:
        """Packets in a VOICE frame."""
        return self._k

    def begin(self) -> list[LinkFrame]:
        """Return the first BEGIN."""
        return [self._link_frame(self._sender.begin())]

    def push(self, content: bytes) -> list[LinkFrame]:
        """Return VOICE when k packets are there, and the BEGIN that is repeated after some of them."""
        self._waiting.append(content)
        return self.flush() if len(self._waiting) == self._k else []

    def flush(self) -> list[LinkFrame]:
        """Return VOICE with the packets that wait, if any do."""
        packets, self._waiting = self._waiting, []
        return [self._link_frame(frame) for frame in self._sender.voice(packets)] if packets else []

    def end(self) -> list[LinkFrame]:
        """Return END, sent twice."""
        return [self._link_frame(self._sender.end())] * ENDS

    def _link_frame(self, frame: Frame) -> LinkFrame:
        speech_s = len(frame.packets) * PACKET_S if isinstance(frame, Voice) else 0.0
        return LinkFrame(self._near.encode(frame, 0.0, 0), speech_s)

    def receive(self, octets: bytes, now: float) -> Arrival:
        """Return the packets that are new in a frame, or the count in END. Raises FrameError."""
        heard, total = [], None
        for fact in self._far.receive(octets, now):
            match fact:
                case PacketHeard(index, packet, damaged):
                    heard.append(CodecFrame(index, packet, damaged))
                case OverEnded(end):
                    total = end.packets_sent
                case VoiceArrived(begin=None):
                    raise FrameError("VOICE of an over whose BEGIN was not heard")
                case Rubbish(problem) | Refused(problem):
                    raise problem
        return Arrival(heard, total)

    def wire_bps(self, overhead_bytes: int) -> float:
        """Return the bits of a cycle, from BEGIN to BEGIN, for a second of its speech."""
        probe = GossamerFraming(self._k, 0, sealed=self._sealed)
        voice_frames = voice_frames_per_cycle(self._k)
        sent = probe.begin()
        sent += [frame for _ in range(self._k) for frame in probe.push(bytes(PACKET_BYTES))]
        begin, voice = (len(frame.octets) + overhead_bytes for frame in sent[:2])
        return 8 * (begin + voice_frames * voice) / (voice_frames * self._k * PACKET_S)


class OtherFraming:
    """Frames around any other codec."""

    def __init__(self, codec: ReferenceCodec, frame_s: float, piece_bytes: int) -> None:
        """Put up to `frame_s` seconds of speech together, in pieces of up to `piece_bytes`. Raises CodecMissing."""
        self._bits = codec.frame_bits
        self._rate_bps = codec.rate_bps
        self._codec_frame_s = codec.frame_samples / SAMPLE_RATE_HZ
        self._piece_bytes = piece_bytes
        self._waiting: list[bytes] = []
        self._sent = 0
        self._expected = 0
        self.frames_together = max(1, round(frame_s / self._codec_frame_s))

    def begin(self) -> list[LinkFrame]:
        """Return nothing: there is no BEGIN."""
        return []

    def push(self, content: bytes) -> list[LinkFrame]:
        """Return the frames, when all codec frames that belong together are there."""
        self._waiting.append(content)
        return self.flush() if len(self._waiting) == self.frames_together else []

    def flush(self) -> list[LinkFrame]:
        """Return the frames with what waits, in as few pieces as the link takes."""
        waiting, self._waiting = self._waiting, []
        made = []
        while waiting:
            count = self._fitting(waiting)
            body = pack_frames(waiting[:count], self._bits)
            made.append(LinkFrame(_checked(OTHER_SPEECH, self._sent, body), count * self._codec_frame_s))
            self._sent += count
            waiting = waiting[count:]
        return made

    def end(self) -> list[LinkFrame]:
        """Return the frame with the count, as long as Gossamer's END and sent twice as well."""
        body = (self._sent % SEQUENCES).to_bytes(2, "big")
        return [LinkFrame(_checked(OTHER_END, self._sent, body), 0.0)] * ENDS

    def _fitting(self, frames: list[bytes]) -> int:
        """Return how many of these go into one piece: at least one."""
        count = 1
        while count < len(frames) and packed_bytes(frames[: count + 1], self._bits) <= self._piece_bytes:
            count += 1
        return count

    def receive(self, octets: bytes, now: float) -> Arrival:
        """Return the codec frames in a frame, damaged ones too. Raises FrameError where the header is damaged."""
        header, body = octets[:HEADER_BYTES], octets[HEADER_BYTES + CHECK_BYTES : -CHECK_BYTES]
        if len(octets) < OVERHEAD_BYTES or _check(header) != octets[HEADER_BYTES : HEADER_BYTES + CHECK_BYTES]:
            raise FrameError("the header's check does not match")
        damaged = _check(body) != octets[-CHECK_BYTES:]
        kind, _, sequence = HEADER.unpack(header)
        ahead = (sequence - self._expected + SEQUENCES // 2) % SEQUENCES - SEQUENCES // 2
        first = self._expected + ahead
        if kind == OTHER_END:
            if damaged:
                raise FrameError("the body's check does not match")
            return Arrival(total=first)
        contents = unpack_frames(body, self._bits)
        self._expected = max(self._expected, first + len(contents))
        return Arrival([CodecFrame(first + place, content, damaged) for place, content in enumerate(contents)])

    def wire_bps(self, overhead_bytes: int) -> float:
        """Return the bits of speech, lengths, headers and overhead, at the codec's nominal rate."""
        lengths_bps = 8 / self._codec_frame_s if self._bits is None else 0.0
        speech_bps = self._rate_bps + lengths_bps
        frame_s = self.frames_together * self._codec_frame_s
        pieces = int(np.ceil(speech_bps * frame_s / 8 / self._piece_bytes))
        return speech_bps + 8 * pieces * (OVERHEAD_BYTES + overhead_bytes) / frame_s


def _checked(kind: int, sequence: int, body: bytes) -> bytes:
    header = HEADER.pack(kind, 0, sequence % SEQUENCES)
    return header + _check(header) + body + _check(body)


def _check(octets: bytes) -> bytes:
    return crc16(octets).to_bytes(CHECK_BYTES, "big")


def framing_for(codec: ReferenceCodec, k: int, piece_bytes: int, over: int = 1) -> Framing:
    """Return the frames of a codec on a link that takes so many bytes in one piece. Raises CodecMissing."""
    if isinstance(codec, Gossamer):
        return GossamerFraming(k, over, sealed=codec.sealed)
    return OtherFraming(codec, k * PACKET_S, piece_bytes)
