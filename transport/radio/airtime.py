"""How long bytes take: on a UART, as a stream of bits, as HDLC on a packet-radio channel, as LoRa. No I/O, no clock.

A `Stage` is one stretch of the way that a frame takes, whole, before the next one has it: a UART, then the air, then
the far end's UART. The slowest one says what a link can carry, all of them together how late it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from transport.framing import ax25
from transport.framing.cobs import cobs_bytes

UART_BITS = 10
"""A start bit, eight of data, a stop bit."""
STUFFED = 1 + 1 / 62
"""HDLC puts a 0 behind every five 1s in a row: in random bits once in 62, the mean wait for such a run (2 + 4 + ... +
32)."""
KISS_ESCAPED = 1 + 2 / 256
"""Two of the 256 bytes take two."""
LORA_MAX_BYTES = 255
"""A LoRa packet holds no more."""


class Stage(Protocol):
    """One stretch of the way."""

    def octets(self, frame_bytes: int) -> float:
        """Bytes that go over it for a frame of so many, everything counted."""

    def time_s(self, frame_bytes: int) -> float:
        """Seconds it is busy with that frame."""


@dataclass(frozen=True, slots=True)
class Bits:
    """A stream of bits that adds so many bytes to every frame: an IP path, or a simulated one."""

    rate_bps: float
    added_bytes: int = 0

    def octets(self, frame_bytes: int) -> float:
        return frame_bytes + self.added_bytes

    def time_s(self, frame_bytes: int) -> float:
        return 8 * self.octets(frame_bytes) / self.rate_bps


@dataclass(frozen=True, slots=True)
class Cobs:
    """Frames in COBS, as a UART or a transparent radio carries them."""

    rate_bps: float
    octet_bits: int = 8

    def octets(self, frame_bytes: int) -> float:
        return cobs_bytes(frame_bytes)

    def time_s(self, frame_bytes: int) -> float:
        return self.octet_bits * self.octets(frame_bytes) / self.rate_bps


@dataclass(frozen=True, slots=True)
class KissUart:
    """Between a computer and its TNC."""

    baud: int

    def octets(self, frame_bytes: int) -> float:
        return (frame_bytes + ax25.HEADER_BYTES) * KISS_ESCAPED + 3

    def time_s(self, frame_bytes: int) -> float:
        return UART_BITS * self.octets(frame_bytes) / self.baud


@dataclass(frozen=True, slots=True)
class Ax25:
    """AX.25 UI frames as HDLC on air."""

    rate_bps: float

    def octets(self, frame_bytes: int) -> float:
        return frame_bytes + ax25.AIR_BYTES

    def time_s(self, frame_bytes: int) -> float:
        stuffed_bytes = frame_bytes + ax25.AIR_BYTES - ax25.FLAG_BYTES
        return 8 * (stuffed_bytes * STUFFED + ax25.FLAG_BYTES) / self.rate_bps


@dataclass(frozen=True, slots=True)
class Lora:
    """One LoRa packet a frame, with explicit header and CRC. Semtech AN1200.13, "LoRa Modem Designer's Guide", 2013,
    section 4."""

    spreading_factor: int
    """6..12."""
    bandwidth_hz: float = 125_000
    coding_rate: int = 1
    """1..4 for 4/5..4/8."""
    preamble_symbols: int = 8
    added_bytes: int = 0
    """What else stands in every packet, such as AX.25's addresses."""

    def octets(self, frame_bytes: int) -> float:
        return frame_bytes + self.added_bytes

    def time_s(self, frame_bytes: int) -> float:
        symbol_s = 2**self.spreading_factor / self.bandwidth_hz
        slow = symbol_s > 0.016  # low data rate optimisation, mandatory for symbols beyond 16 ms
        bits = 8 * (frame_bytes + self.added_bytes) - 4 * self.spreading_factor + 28 + 16
        blocks = max(0, math.ceil(bits / (4 * (self.spreading_factor - 2 * slow))))
        symbols = self.preamble_symbols + 4.25 + 8 + blocks * (self.coding_rate + 4)
        return symbols * symbol_s


@dataclass(frozen=True, slots=True)
class Keying:
    """What a packet-radio transmitter takes before and after every time it talks, in seconds."""

    tx_delay_s: float = 0.3
    """From the key to the first bit: the defaults here are Direwolf's (TXDELAY 30, TXTAIL 10, SLOTTIME 10, PERSIST
    63)."""
    tx_tail_s: float = 0.1
    slot_s: float = 0.1
    persistence: int = 63
    """0..255: in each slot in which the channel is free, it begins with a chance of (persistence + 1) / 256."""

    @property
    def access_s(self) -> float:
        """The mean wait for a free channel that is free."""
        return self.slot_s * 256 / (self.persistence + 1)

    @property
    def jitter_s(self) -> float:
        """What one wait in twenty takes longer than the mean."""
        chance = (self.persistence + 1) / 256
        slots = math.ceil(math.log(0.05) / math.log(1 - chance)) if chance < 1 else 1
        return max(0.0, slots * self.slot_s - self.access_s)

    @property
    def on_air_s(self) -> float:
        """Transmitting and saying nothing."""
        return self.tx_delay_s + self.tx_tail_s


NO_KEYING = Keying(0.0, 0.0, 0.0, 255)


@dataclass(frozen=True, slots=True)
class Way:
    """The stretches that a frame passes on a link, for planning."""

    stages: tuple[Stage, ...]
    """All stretches, in the order in which a frame passes them."""
    air: Stage
    """The one of `stages` whose bits cost power, and which is keyed."""
    keying: Keying = NO_KEYING
