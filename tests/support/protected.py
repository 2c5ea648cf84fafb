"""Ends of protected channels whose clock the test sets, and frames whose bytes were worked out by hand."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from tests.support.vectors import COPY, NONCE, PACKET
from transport.errors import FrameError
from transport.protection.channel import Channel, open_channel
from transport.protection.cipher import Secret
from transport.protection.past import Past
from transport.protection.rate_limit import CAPACITY_PER_S
from transport.protocol.frames import (
    Beacon,
    Begin,
    End,
    Frame,
    Mode,
    Ping,
    Pong,
    Receipt,
    Text,
    Voice,
    VoiceWithCopies,
)

KEY = bytes.fromhex("2c6c373dbac1aa225275c8b68b20c692e4a9f58a836733cc26f60ec47a7154da")
UTC_S = 1_700_000_000
OWN_NONCE = bytes(range(0xF0, 0xF8))
ASKERS_NONCE = bytes(range(0xE0, 0xE8))
PROTECTED = (Mode.SEALED, Mode.HAM)
BEGIN = Begin(0x5A, 0, NONCE, UTC_S, 0x1234, 2, "Ada", "Bob")
VOICE = Voice(0x5A, 1, (PACKET,))
VOICE_WITH_COPIES = VoiceWithCopies(0x5A, 2, (PACKET,), copies=(COPY,))
TEXT = Text(0xC3, 0x0102, "Ada", "QTH?", "Bob")
PROTECTED_VECTORS: list[tuple[Mode, int, Frame, str]] = [
    (
        Mode.SEALED,
        4,
        BEGIN,
        "21 5a 00 00 00 01 02 03 04 05 06 07 5c b9 d3 c5 fc e6 ad 82 51 64 02 fb 15 a9 cb bf 03 54 29",
    ),
    (
        Mode.SEALED,
        4,
        VOICE,
        "22 5a 00 01 e8 b3 97 ef cb b3 1d 26 e2 fa fc 36 6e 6e 81 b6 "
        "13 df e0 4c 60 48 61 fb c4 4d 8b 30 0d fc e8 5b d7 e5 6c 2f",
    ),
    (Mode.SEALED, 4, End(0x5A, 2, 1), "23 5a 00 02 00 01 02 03 04 05 06 07 d4 3e 79 6f a8 e7 28 08 ea 48"),
    (Mode.SEALED, 4, Receipt(0x5A, 2, 1), "24 5a 00 02 f0 f1 f2 f3 f4 f5 f6 f7 59 9a 46 a5 fd c4 88 ab 27 45"),
    (
        Mode.SEALED,
        8,
        TEXT,
        "25 c3 01 02 f0 f1 f2 f3 f4 f5 f6 f7 93 d1 59 9d 21 1f 06 74 51 32 83 ac 7c fc 16 6a 53 89 ee cf 0f 1a 91 b6",
    ),
    (Mode.SEALED, 8, Beacon(0, 0), "26 00 00 00 f0 f1 f2 f3 f4 f5 f6 f7 7d 92 c4 a7 42 ff c2 a1 58 86 4e 76 ca"),
    (
        Mode.SEALED,
        8,
        Ping(7, 8, 0xDEADBEEF),
        "27 07 00 08 f0 f1 f2 f3 f4 f5 f6 f7 5d ce bf 73 2f 74 6e 20 8e 4f 3c ca e8 86 4d 17",
    ),
    (
        Mode.HAM,
        4,
        BEGIN,
        "31 5a 00 00 00 01 02 03 04 05 06 07 65 53 f1 00 12 34 20 03 41 64 61 03 42 6f 62 49 47 0c 8c",
    ),
    (
        Mode.HAM,
        4,
        VOICE,
        "32 5a 00 01 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f "
        "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 53 79 7b 9a",
    ),
    (Mode.HAM, 4, End(0x5A, 2, 1), "33 5a 00 02 00 01 02 03 04 05 06 07 65 53 f1 00 00 01 9c 4f 0b ce"),
    (
        Mode.SEALED,
        4,
        VOICE_WITH_COPIES,
        "2a 5a 00 02 81 93 6f f3 be 6f 44 20 85 05 22 c1 fd e7 a0 cf 9e 46 63 f2 02 f3 79 3d 3b b1 4d 92 48 66 b1 5f "
        "08 47 d2 da 05 61 08 7a 1a 1f 35 26",
    ),
    (
        Mode.HAM,
        4,
        VOICE_WITH_COPIES,
        "3a 5a 00 02 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f "
        "20 21 22 23 24 25 26 27 93 83 87 b7",
    ),
]


class ProtectedEnd:
    """One end of a protected channel, with a clock that the test sets."""

    def __init__(
        self,
        mode: Mode = Mode.SEALED,
        tag_bytes: int = 4,
        key: bytes = KEY,
        utc_s: int = UTC_S,
        started_utc_s: int = 0,
        capacity_per_s: float = CAPACITY_PER_S,
        nonces: Iterable[bytes] = (),
        first_nonce: bytes = OWN_NONCE,
        name: str = "Ada",
    ) -> None:
        secret = Secret(mode, key)
        self.kept: list[tuple[bytes, int]] = []
        """What the channel asked to keep for after a restart: nonces, and until when."""
        self.channel: Channel = open_channel(
            secret,
            tag_bytes,
            self._random_bytes,
            name=name,
            past=Past(started_utc_s, 0.0, nonces, lambda nonce, until_utc_s: self.kept.append((nonce, until_utc_s))),
            capacity_per_s=capacity_per_s,
        )
        self.now = 0.0
        self.utc_s = utc_s
        self._random = int.from_bytes(first_nonce)

    def _random_bytes(self, count: int) -> bytes:
        self._random += 1
        return (self._random - 1).to_bytes(count)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.utc_s += round(seconds) * bool(self.utc_s)

    def say(self, frame: Frame) -> bytes:
        return self.channel.encode(frame, self.now, self.utc_s)

    def hear(self, octets: bytes, source: Hashable | None = None) -> Frame:
        return self.channel.decode(octets, self.now, self.utc_s, source)

    def fate(self, octets: bytes, source: Hashable | None = None) -> type[FrameError] | None:
        """Return the class of the error with which a frame is refused; None if it is accepted."""
        try:
            self.hear(octets, source)
        except FrameError as problem:
            return type(problem)
        return None


def pair(mode: Mode = Mode.SEALED, tag_bytes: int = 4) -> tuple[ProtectedEnd, ProtectedEnd]:
    return ProtectedEnd(mode, tag_bytes), ProtectedEnd(mode, tag_bytes)


def who_asked(answer: Frame, mode: Mode = Mode.SEALED, tag_bytes: int = 4, **settings: Any) -> ProtectedEnd:
    """Return an end that has asked for this answer; for another frame, one that has asked nothing."""
    asker = ProtectedEnd(mode, tag_bytes, first_nonce=ASKERS_NONCE, **settings)
    if isinstance(answer, Pong):
        asker.say(Ping(answer.over, answer.sequence, answer.token))
    elif isinstance(answer, Receipt):
        asker.say(Text(answer.over, answer.sequence, "Ada", "QTH?", "Bob"))
    return asker


def flipped(octets: bytes, bit: int) -> bytes:
    """Return these bytes with one bit changed."""
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
