"""The time bytes take: on a UART, as a stream of bits, as HDLC on a packet-radio channel, as LoRa. No I/O, no clock.

A `Stage` is one stretch of a frame's way: a UART, then the air, then the far end's UART. Each has the whole frame
before the next one begins. The slowest one decides what a link can carry, all of them together how late it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from transport.framing import ax25
from transport.framing.cobs import cobs_bytes

UART_BITS = 10
"""Bits of a byte on a UART: a start bit, eight of data, a stop bit."""
STUFFED = 1 + 1 / 62
"""Bits on air for a bit of a frame, with HDLC's bit stuffing.

HDLC puts a 0 behind every five 1s in a row. In random bits that is once in 62, the mean wait for such a run
(2 + 4 + ... + 32).
"""
KISS_ESCAPED = 1 + 2 / 256
"""Bytes on the cable for a byte of a frame: KISS escapes two of the 256."""
LORA_MAX_BYTES = 255
"""Length of the longest LoRa packet."""


class Stage(Protocol):
    """One stretch of a frame's way."""

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes that go over the stretch for a frame of this length, everything counted."""

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for which the stretch is busy with a frame of this length."""


@dataclass(frozen=True, slots=True)
class Bits:
    """A stream of bits that adds so many bytes to every frame: an IP path, or a simulated one."""

    rate_bps: float
    added_bytes: int = 0

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes for a frame of this length."""
        return frame_bytes + self.added_bytes

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for a frame of this length."""
        return 8 * self.octets(frame_bytes) / self.rate_bps


@dataclass(frozen=True, slots=True)
class Cobs:
    """A UART or a transparent radio, which carries frames in COBS."""

    rate_bps: float
    octet_bits: int = 8

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes for a frame of this length."""
        return cobs_bytes(frame_bytes)

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for a frame of this length."""
        return self.octet_bits * self.octets(frame_bytes) / self.rate_bps


@dataclass(frozen=True, slots=True)
class KissUart:
    """The cable between a computer and its TNC."""

    baud: int

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes for a frame of this length."""
        return (frame_bytes + ax25.HEADER_BYTES) * KISS_ESCAPED + 3

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for a frame of this length."""
        return UART_BITS * self.octets(frame_bytes) / self.baud


@dataclass(frozen=True, slots=True)
class Ax25:
    """A packet-radio channel, which carries AX.25 UI frames as HDLC."""

    rate_bps: float

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes for a frame of this length."""
        return frame_bytes + ax25.AIR_BYTES

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for a frame of this length."""
        stuffed_bytes = frame_bytes + ax25.AIR_BYTES - ax25.FLAG_BYTES
        return 8 * (stuffed_bytes * STUFFED + ax25.FLAG_BYTES) / self.rate_bps


@dataclass(frozen=True, slots=True)
class Lora:
    """LoRa, with one packet a frame, explicit header and CRC.

    The formula is that of Semtech AN1200.13, "LoRa Modem Designer's Guide", 2013, section 4.
    """

    spreading_factor: int
    """Spreading factor, 6..12."""
    bandwidth_hz: float = 125_000
    coding_rate: int = 1
    """Coding rate, 1..4 for 4/5..4/8."""
    preamble_symbols: int = 8
    added_bytes: int = 0
    """Bytes that stand in every packet beside the frame, such as AX.25's addresses."""

    def octets(self, frame_bytes: int) -> float:
        """Return the bytes for a frame of this length."""
        return frame_bytes + self.added_bytes

    def time_s(self, frame_bytes: int) -> float:
        """Return the seconds for a frame of this length."""
        symbol_s = (1 << self.spreading_factor) / self.bandwidth_hz
        slow = symbol_s > 0.016  # low data rate optimisation is mandatory for symbols beyond 16 ms
        bits = 8 * (frame_bytes + self.added_bytes) - 4 * self.spreading_factor + 28 + 16
        blocks = max(0, math.ceil(bits / (4 * (self.spreading_factor - 2 * slow))))
        symbols = self.preamble_symbols + 4.25 + 8 + blocks * (self.coding_rate + 4)
        return symbols * symbol_s


@dataclass(frozen=True, slots=True)
class Keying:
    """Times that a packet-radio transmitter takes before and after it talks, in seconds.

    The defaults are Direwolf's: TXDELAY 30, TXTAIL 10, SLOTTIME 10, PERSIST 63.
    """

    tx_delay_s: float = 0.3
    """Time from keying the transmitter to the first bit."""
    tx_tail_s: float = 0.1
    """Time from the last bit to letting go of the transmitter."""
    slot_s: float = 0.1
    """Time between two looks at whether the channel is free."""
    persistence: int = 63
    """Chance of using a free channel, 0..255 for (persistence + 1) / 256."""

    @property
    def access_s(self) -> float:
        """Mean wait before a channel that is free is used."""
        return self.slot_s * 256 / (self.persistence + 1)

    @property
    def jitter_s(self) -> float:
        """Time by which one wait in twenty exceeds the mean."""
        chance = (self.persistence + 1) / 256
        slots = math.ceil(math.log(0.05) / math.log(1 - chance)) if chance < 1 else 1
        return max(0.0, slots * self.slot_s - self.access_s)

    @property
    def on_air_s(self) -> float:
        """Time on air without a bit of the frame."""
        return self.tx_delay_s + self.tx_tail_s


NO_KEYING = Keying(0.0, 0.0, 0.0, 255)
"""Keying of a transmitter that takes no time."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way of a frame over a link: the stretches that it passes."""

    stages: tuple[Stage, ...]
    """All stretches, in the order in which a frame passes them."""
    air: Stage
    """The one of `stages` whose bits cost power, and which is keyed."""
    keying: Keying = NO_KEYING
