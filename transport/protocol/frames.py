"""The kinds of frames, as frozen dataclasses, and the bounds of their fields. No I/O, no clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass

PACKET_BYTES = 32
"""Length of one voice packet. It is the codec's, repeated because this package knows no codec; a test compares them."""
PACKET_S = 0.32
"""Speech in one voice packet, in seconds."""
COPY_BYTES = 8
"""Length of the coarse copy of a packet. It is the codec's, too."""
MAX_K = 6
"""Most packets in a frame on the link: k is 1..6."""
LATEST_UTC_S = 2**32 - 1
"""Seconds since 1970 beyond which no frame can say the time: its field has four bytes."""

TAG_BYTES_RADIO = 4
"""Length of the tag of a sealed or ham frame on radios, where every byte is air."""
TAG_BYTES_IP = 8
"""Length of that tag where bytes cost less."""
TAG_BYTES = (TAG_BYTES_RADIO, TAG_BYTES_IP)
"""Lengths that a tag may have."""
BEACON_MARK_BYTES = 8
"""Length of the mark in a BEACON."""
NONCE_BYTES = 8
"""Length of a nonce."""
PROFILE_BYTES = 32
"""Length of a speaker profile."""
MAX_NAME_BYTES = 24
"""Longest name of a station, in bytes of UTF-8."""
MAX_TEXT_BYTES = 140
"""Longest message, in bytes of UTF-8: with two full names it still fits where a frame of six packets fits."""


class Mode(enum.IntEnum):
    """The protection of a channel's frames: the high nibble of the first byte."""

    OPEN = 1
    """Two CRCs against accidents, nothing against anybody."""
    SEALED = 2
    """Encrypted and signed with a key that all stations share."""
    HAM = 3
    """Signed with such a key and sent in clear, as amateur radio wants it."""

    @property
    def word(self) -> str:
        """The word for it in flags and files: "open", "sealed" or "ham"."""
        return self.name.lower()

    @classmethod
    def of_word(cls, word: object) -> Mode:
        """Return the mode that has this word. Raises ValueError where none has."""
        for mode in cls:
            if mode.word == word:
                return mode
        raise ValueError(f"{word!r} is no mode of a channel")


class Repeat(enum.Enum):
    """Contents of a VOICE frame that the next one of its over carries again. The value is its flag in BEGIN."""

    NONE = 0
    """None."""
    PACKETS = 1
    """All packets."""
    COPIES = 4
    """A coarse copy of each packet."""

    @property
    def word(self) -> str:
        """The value of `repeat=` in the address of a link: "0", "1" or "coarse"."""
        return _REPEAT_WORDS[self]

    def repeated_bytes(self, k: int) -> int:
        """Return the length of all that a frame carries again, where the one before had k packets."""
        return k * {Repeat.NONE: 0, Repeat.PACKETS: PACKET_BYTES, Repeat.COPIES: COPY_BYTES}[self]


_REPEAT_WORDS = {Repeat.NONE: "0", Repeat.PACKETS: "1", Repeat.COPIES: "coarse"}


class Type(enum.IntEnum):
    """The low nibble of the first byte. 0 and 11..15 are free."""

    BEGIN = 1
    VOICE = 2
    END = 3
    RECEIPT = 4
    TEXT = 5
    BEACON = 6
    PING = 7
    PONG = 8
    REFUSAL = 9
    """Always a frame of the open channel, whatever the others are: who sends it has not got the other's key."""
    VOICE_WITH_COPIES = 10


def _shapes_with_copies() -> dict[int, tuple[int, int]]:
    shapes: dict[int, tuple[int, int]] = {}
    for copies in range(1, MAX_K + 1):
        for packets in range(1, copies + 1):
            octets = packets * PACKET_BYTES + copies * COPY_BYTES
            shapes[octets if octets not in shapes else octets + 1] = packets, copies
    return shapes


VOICE_SHAPES: dict[int, dict[int, tuple[int, int]]] = {
    Type.VOICE: {packets * PACKET_BYTES: (packets, 0) for packets in range(1, 2 * MAX_K + 1)},
    Type.VOICE_WITH_COPIES: _shapes_with_copies(),
}
"""Numbers of packets and of copies in a body, by its length, of both types that carry voice.

1 packet and 6 copies would be as long as 2 and 2: there a byte 0 stands behind them.
"""


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of an over, repeated for those who join late: who talks, and how to understand what follows."""

    over: int
    sequence: int
    nonce: bytes
    """8 random bytes, which tell this over from any other with the same `over` byte."""
    utc_s: int
    """Time of the talker's clock, in whole seconds since 1970 (0..2^32-1); 0 from a station without a clock."""
    codec_id: int
    """Number of the codec, 0..65535: which decoders understand the packets."""
    k: int
    """Packets in every VOICE frame of this over (1..6), except that its last one may carry fewer."""
    sender: str
    addressee: str = ""
    """The one station that answers END with RECEIPT; empty: to all."""
    repeat: Repeat = Repeat.NONE
    """Contents of the frame before that every VOICE frame but the first carries, after its own packets."""
    profile: bytes | None = None
    """Speaker profile, 32 bytes, or None."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Packets of speech, in order; with `Repeat.PACKETS` those of the frame before come after its own."""

    over: int
    sequence: int
    packets: tuple[bytes, ...]
    """1..12 packets of 32 bytes."""
    damaged: bool = False
    """True if some bits are flipped, nobody knows which: the check of the voice failed, that of the header did not."""


@dataclass(frozen=True, slots=True)
class VoiceWithCopies(Voice):
    """Packets of speech, with a coarse copy of each packet of the frame before: `Repeat.COPIES`."""

    copies: tuple[bytes, ...] = ()
    """1..6 copies of 8 bytes, and no fewer than packets."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of an over. It is sent twice, as the same bytes."""

    over: int
    sequence: int
    packets_sent: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer of the addressed station to END or TEXT; `over` and `sequence` are those of what it answers."""

    over: int
    sequence: int
    packets_heard: int
    """Packets that arrived intact, duplicates not counted; 0 for a TEXT."""
    of_text: bool = False
    """True for the answer to a TEXT, when it is sent: it is bound to no over. A receiver knows it by its numbers."""


@dataclass(frozen=True, slots=True)
class Text:
    """A short message; `over` and `sequence` together are a random number of 24 bits that tells it from a repeat."""

    over: int
    sequence: int
    sender: str
    text: str
    addressee: str = ""


@dataclass(frozen=True, slots=True)
class Beacon:
    """A sign that somebody is here; without a name it only keeps a path open."""

    over: int
    sequence: int
    sender: str = ""
    leaves: bool = False
    """True where the sender says that it leaves the channel."""
    mark: bytes = b""
    """The 8 bytes by which a broker will tell that the sender has gone (transport/broker.py); empty elsewhere."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A request for a `Pong` with the same `over`, `sequence` and token."""

    over: int
    sequence: int
    token: int
    """A number, 0..2^32-1, that means something to the asker alone."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a `Ping`; exactly as long."""

    over: int
    sequence: int
    token: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The news that somebody cannot open a frame, which is named by its over, its sequence and an echo of its end."""

    over: int
    sequence: int
    mode: Mode
    """Mode of the channel on which it was refused."""
    echo: int
    """The last two bytes of the refused frame, 0..65535."""


Frame = Begin | Voice | End | Receipt | Text | Beacon | Ping | Pong | Refusal
"""Any frame."""
