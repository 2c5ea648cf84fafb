"""Units of speech in frames for a link, and out of what arrives. No I/O, no clock.

Ours are the program's own frames: BEGIN, VOICE, checks or tags. The others get what ours have in the open channel, a
header with its check and a check of the body, around as much speech as fits: at most as long as our frames are, at most
what the link takes at once. Their units are packed bit by bit, or behind a byte of length each where they differ.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from app.codecs.lanes import Gossamer, ReferenceCodec
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.errors import FrameError
from transport.protection.channel import open_channel
from transport.protection.cipher import KEY_BYTES, Secret
from transport.protocol.frames import NONCE_BYTES, PACKET_BYTES, TAG_BYTES_RADIO, Mode
from transport.protocol.frames import Voice as VoiceFrame
from transport.protocol.open_frames import HEADER, HEADER_BYTES, OVERHEAD_BYTES, crc16
from transport.protocol.over import OverSender, PacketHeard, voice_frames_per_cycle
from transport.protocol.receiver import ReceivingEnd, Refused, Rubbish, VoiceArrived

CHECK_BYTES = 2
PEER_TYPE = 0x1F
"""The first byte of a frame of another codec."""
SEQUENCES = 1 << 16
NAME = "Gossamer"
KEY = bytes(range(KEY_BYTES))
"""Of the sealed lane, which hides nothing from anybody."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame for the link."""

    octets: bytes
    speech_s: float
    """That is lost with it; 0 for BEGIN."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of speech that arrived."""

    index: int
    content: bytes
    damaged: bool


class Framing(Protocol):
    """Both ends of one lane."""

    def begin(self) -> list[Sent]:
        """The frames before the first speech."""

    def push(self, unit: bytes) -> list[Sent]:
        """The frames that are complete with this unit."""

    def receive(self, octets: bytes, now: float) -> list[Unit]:
        """What a frame that arrived holds; nothing where it cannot be read or nothing of it is speech. Raises
        FrameError for one that was refused."""

    def wire_bps(self, overhead_bytes: int) -> float:
        """Nominal: bits on the wire a second of speech, everything counted."""


class GossamerFraming:
    """The frames of a station, open or sealed."""

    def __init__(self, k: int, over: int, *, sealed: bool = False) -> None:
        self._k = k
        self._sealed = sealed
        nonce = bytes([over]) * NONCE_BYTES
        secret = Secret(Mode.SEALED, KEY) if sealed else None
        self._near, far = (open_channel(secret, TAG_BYTES_RADIO, os.urandom) for _ in range(2))
        self._sender = OverSender(over=over, nonce=nonce, utc_s=0, codec_id=0, k=k, sender=NAME)
        self._receiver = ReceivingEnd(partial(far.decode, utc_s=0))
        self._waiting: list[bytes] = []

    def begin(self) -> list[Sent]:
        return [Sent(self._near.encode(self._sender.begin(), 0.0, 0), 0.0)]

    def push(self, unit: bytes) -> list[Sent]:
        self._waiting.append(unit)
        if len(self._waiting) < self._k:
            return []
        made = self._sender.voice(self._waiting)
        self._waiting = []
        return [
            Sent(self._near.encode(frame, 0.0, 0), self._k * PACKET_S if isinstance(frame, VoiceFrame) else 0.0)
            for frame in made
        ]

    def receive(self, octets: bytes, now: float) -> list[Unit]:
        units = []
        for fact in self._receiver.receive(octets, now):
            match fact:
                case PacketHeard(index, packet, damaged):
                    units.append(Unit(index, packet, damaged))
                case VoiceArrived(begin=None):
                    raise FrameError("VOICE of an over whose BEGIN was not heard")
                case Rubbish(problem) | Refused(problem):
                    raise problem
        return units

    def wire_bps(self, overhead_bytes: int) -> float:
        probe = GossamerFraming(self._k, 0, sealed=self._sealed)
        voice_frames = voice_frames_per_cycle(self._k)
        sent = probe.begin()
        sent += [frame for _ in range(self._k) for frame in probe.push(bytes(PACKET_BYTES))]
        begin, voice = (len(frame.octets) + overhead_bytes for frame in sent[:2])
        return 8 * (begin + voice_frames * voice) / (voice_frames * self._k * PACKET_S)


class OtherFraming:
    """Any other codec's units."""

    def __init__(self, codec: ReferenceCodec, frame_s: float, body_bytes: int) -> None:
        """frame_s: of speech in a frame, at most. body_bytes: of a frame without header and checks, at most."""
        self._bits = codec.frame_bits
        self._rate_bps = codec.rate_bps
        self._unit_s = codec.frame_samples / SAMPLE_RATE_HZ
        self._most = max(1, round(frame_s / self._unit_s))
        self._body_bytes = body_bytes
        self._waiting: list[bytes] = []
        self._index = 0
        self._expected = 0

    def begin(self) -> list[Sent]:
        return []

    def push(self, unit: bytes) -> list[Sent]:
        self._waiting.append(unit)
        if len(self._waiting) < self._most:
            return []
        units, self._waiting = self._waiting, []
        made = []
        while units:
            count = self._fitting(units)
            made.append(Sent(self._frame(units[:count]), count * self._unit_s))
            self._index += count
            units = units[count:]
        return made

    def _fitting(self, units: list[bytes]) -> int:
        """How many of these go into one frame, at least one."""
        if self._bits is not None:
            return max(1, min(len(units), 8 * self._body_bytes // self._bits))
        size, count = 0, 0
        for unit in units:
            size += 1 + len(unit)
            if count and size > self._body_bytes:
                break
            count += 1
        return count

    def _frame(self, units: list[bytes]) -> bytes:
        if self._bits is None:
            body = b"".join(bytes([len(unit)]) + unit for unit in units)
        else:
            bits = [np.unpackbits(np.frombuffer(unit, np.uint8))[: self._bits] for unit in units]
            body = np.packbits(np.concatenate(bits)).tobytes()
        header = HEADER.pack(PEER_TYPE, 0, self._index % SEQUENCES)
        return header + _check(header) + body + _check(body)

    def receive(self, octets: bytes, now: float) -> list[Unit]:
        header, body = octets[:HEADER_BYTES], octets[HEADER_BYTES + CHECK_BYTES : -CHECK_BYTES]
        if len(octets) < OVERHEAD_BYTES or _check(header) != octets[HEADER_BYTES : HEADER_BYTES + CHECK_BYTES]:
            raise FrameError("the header's check does not match")
        damaged = _check(body) != octets[-CHECK_BYTES:]
        ahead = (HEADER.unpack(header)[2] - self._expected + SEQUENCES // 2) % SEQUENCES - SEQUENCES // 2
        first = self._expected + ahead
        units = self._units(body)
        self._expected = max(self._expected, first + len(units))
        return [Unit(first + place, unit, damaged) for place, unit in enumerate(units)]

    def _units(self, body: bytes) -> list[bytes]:
        if self._bits is not None:
            bits = np.unpackbits(np.frombuffer(body, np.uint8))
            whole = bits[: len(bits) // self._bits * self._bits].reshape(-1, self._bits)
            return [np.packbits(row).tobytes() for row in whole]
        units, at = [], 0
        while at < len(body):  # a damaged length shifts all that follows, as it does in any such format
            units.append(body[at + 1 : at + 1 + body[at]])
            at += 1 + body[at]
        return units

    def wire_bps(self, overhead_bytes: int) -> float:
        lengths_bps = 8 / self._unit_s if self._bits is None else 0.0
        voice_bps = self._rate_bps + lengths_bps
        frame_s = self._most * self._unit_s
        pieces = int(np.ceil(voice_bps * frame_s / 8 / self._body_bytes))
        return voice_bps + 8 * pieces * (OVERHEAD_BYTES + overhead_bytes) / frame_s


def _check(octets: bytes) -> bytes:
    return crc16(octets).to_bytes(CHECK_BYTES, "big")


def framing_for(codec: ReferenceCodec, k: int, piece_bytes: int, over: int = 1) -> Framing:
    """Return the frames of a codec on a link that takes so many bytes in one piece. Raise CodecMissing."""
    if isinstance(codec, Gossamer):
        return GossamerFraming(k, over, sealed=codec.sealed)
    return OtherFraming(codec, k * PACKET_S, piece_bytes)
