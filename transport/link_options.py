"""The options behind the '?' of a link's address: how each is read, and the settings that they become. No I/O.

`COMMON_OPTIONS` and `IMPAIRMENT_OPTIONS` may stand in any address; link_kinds.py says which others a kind of link has.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from transport.framing.ax25 import DESTINATION, Callsign, parse_callsign
from transport.protocol.frames import MAX_K, Repeat
from transport.radio.airtime import Keying
from transport.radio.radios import RADIOS, Radio

MAX_BAUD = 4_000_000
"""Highest speed of a serial port that is believed, in baud: the fastest USB adapters have it."""
MAX_KISS_VALUE = 255
"""Highest value of a TNC's setting, which is one byte."""
MAX_KISS_PORT = 15
"""Highest number of a TNC's port: KISS writes it in four bits."""
SETTLE_S = 0.1
"""Pause between opening a serial port and writing to it, in seconds, unless the address says otherwise.

Linux raises DTR and RTS for a moment when a port is opened; a transmitter that this keyed has let go by then.
"""
MAX_RATE_BPS = 10**10
"""Highest rate of a link in bits per second, far beyond what its frames take."""
MAX_DELAY_S = 3600
"""Longest delay and longest jitter that are simulated, in seconds: no conversation bears an hour."""
MAX_BURST_FRAMES = 10**6
"""Longest mean run of lost frames that is simulated: more than frames pass in a day of talk."""
MAX_SETTLE_S = 30.0
"""Longest pause after opening a serial port, in seconds: boards that start anew take 2 to 10."""


@dataclass(frozen=True, slots=True)
class LinkOption:
    """One option: `name=value`."""

    name: str
    """Text before the '='."""
    field: str
    """Name of the field that holds the value: of `Address`, of its settings, or of `Impairment`."""
    read: Callable[[str], Any]
    """Reader of the value. It raises ValueError or UsageError for one that means nothing."""
    wanted: str
    """Description of a good value, in words that continue "NAME must be"."""


def read_number(text: str) -> float:
    """Return a finite number. Raise ValueError for anything else."""
    number = float(text)
    return number if math.isfinite(number) else refuse()


def read_share(text: str) -> float:
    """Return '0.05' or '5%' as 0.05."""
    return read_number(text[:-1]) / 100 if text.endswith("%") else read_number(text)


def read_seconds(text: str) -> float:
    """Return '150', '150ms' or '0.15s' as 0.15: a number without a unit is milliseconds."""
    if text.endswith("ms"):
        return read_number(text[:-2]) / 1000
    return read_number(text[:-1]) if text.endswith("s") else read_number(text) / 1000


def within(least: float, most: float, read: Callable[[str], Any] = read_number) -> Callable[[str], Any]:
    """Return a reader of values from `least` to `most`, each included, in the unit in which `read` returns them."""

    def read_within(text: str) -> Any:
        value = read(text)
        return value if least <= value <= most else refuse()

    return read_within


def read_packets(text: str) -> int:
    """Return a number of packets a frame, 1 to MAX_K."""
    return int(text) if text in {str(k) for k in range(1, MAX_K + 1)} else refuse()


def read_repeat(text: str) -> Repeat:
    """Return what this word says that frames repeat."""
    words = {repeat.word: repeat for repeat in Repeat}
    return words[text] if text in words else refuse()


def read_switch(text: str) -> bool:
    """Return '0' as False and '1' as True."""
    return {"0": False, "1": True}[text] if text in ("0", "1") else refuse()


def read_destination(text: str) -> Callsign:
    """Return whom frames on packet radio are for: a callsign, or a name that is none."""
    return parse_callsign(text, licensed=False)


def read_radio(text: str) -> Radio:
    """Return the radio of this name."""
    return RADIOS[text] if text in RADIOS else refuse()


def refuse() -> NoReturn:
    """Say that a value means nothing: raise ValueError."""
    raise ValueError


_TIME = "a time in milliseconds, or with s behind it in seconds"
_SHARE_OF_FRAMES = "a share of frames such as 0.05 or 5%"
COMMON_OPTIONS = (
    LinkOption("k", "k", read_packets, f"a whole number of packets a frame, 1 to {MAX_K}"),
    LinkOption("repeat", "repeat", read_repeat, "0, 1 or coarse"),
)
"""Options of every link that are fields of `Address`."""
IMPAIRMENT_OPTIONS = (
    LinkOption("rate", "rate_bps", within(1, MAX_RATE_BPS), f"a number of bits per second, 1 to {MAX_RATE_BPS}"),
    LinkOption("loss", "loss", read_share, _SHARE_OF_FRAMES),
    LinkOption(
        "burst",
        "burst_frames",
        within(0, MAX_BURST_FRAMES),
        f"the mean number lost in a row, at most {MAX_BURST_FRAMES}",
    ),
    LinkOption("ber", "ber", read_share, "a share of bits such as 0.001"),
    LinkOption("delay", "delay_s", within(0, MAX_DELAY_S, read_seconds), f"{_TIME}, at most {MAX_DELAY_S}s"),
    LinkOption("jitter", "jitter_s", within(0, MAX_DELAY_S, read_seconds), f"{_TIME}, at most {MAX_DELAY_S}s"),
    LinkOption("reorder", "reorder", read_share, _SHARE_OF_FRAMES),
    LinkOption("duplicate", "duplicate", read_share, _SHARE_OF_FRAMES),
    LinkOption("seed", "seed", int, "a whole number"),
)
"""Options of every link that are fields of `Impairment`."""
BAUD = LinkOption("baud", "baud", within(1, MAX_BAUD, int), "the speed of a serial port in baud")
RADIO = LinkOption("radio", "radio", read_radio, "the name of a radio that `gossamer plan` lists")
LINE_OPTIONS = (
    LinkOption("dtr", "dtr", read_switch, "0 or 1"),
    LinkOption("rts", "rts", read_switch, "0 or 1"),
    LinkOption("settle", "settle_s", within(0, MAX_SETTLE_S, read_seconds), f"{_TIME}, at most {MAX_SETTLE_S:.0f}s"),
)
"""Options of every serial port: fields of `SerialLines`."""
KISS_PORT_OPTION = LinkOption(
    "kissport", "kiss_port", within(0, MAX_KISS_PORT, int), f"a number from 0 to {MAX_KISS_PORT}"
)
"""Option of packet radio: which of a TNC's radios is meant."""
EVERYBODY = Callsign(DESTINATION)
"""Destination of frames on packet radio, unless the address says otherwise."""
CALLSIGN_OPTIONS = (
    LinkOption(
        "call",
        "call",
        parse_callsign,
        "one to six letters and digits, among them a letter and a digit, then perhaps - and 0 to 15",
    ),
    LinkOption("dest", "destination", read_destination, "one to six letters and digits, then perhaps - and 0 to 15"),
)
"""Options of packet radio: the callsigns of this station and of the destination."""
TNC_OPTIONS = (
    LinkOption("txdelay", "tx_delay_s", within(0, MAX_KISS_VALUE / 100, read_seconds), f"{_TIME}, at most 2550"),
    LinkOption("txtail", "tx_tail_s", within(0, MAX_KISS_VALUE / 100, read_seconds), f"{_TIME}, at most 2550"),
    LinkOption("slottime", "slot_s", within(0, MAX_KISS_VALUE / 100, read_seconds), f"{_TIME}, at most 2550"),
    LinkOption("persist", "persistence", within(0, MAX_KISS_VALUE, int), "a number from 0 to 255"),
)
"""Options that a TNC is told when the link is opened: fields of `TncSettings`."""


@dataclass(slots=True)
class AddressParts:
    """An address that was taken to pieces, before its kind has checked them."""

    text: str
    """The whole address."""
    host: str
    port: int | None
    device: str
    """Path of a serial port; empty where there is none."""
    options: dict[str, Any]
    """Values of the options of this kind, by field."""
    radio: Radio | None
    has_authority: bool = True
    """Whether anything stands between "://" and the path, if only a colon."""
    user: str = ""
    """Name before the host; empty where there is none."""
    path: str = ""
    """Path with the name of a channel, as it is written; empty where the kind has none."""


@dataclass(frozen=True, slots=True)
class UdpSettings:
    """The destination of datagrams."""

    host: str
    """Name or numeric address of a peer or a group; empty: wait for callers."""
    port: int

    @property
    def waits(self) -> bool:
        """Whether this end waits for others to call it."""
        return not self.host


@dataclass(frozen=True, slots=True)
class ParrotSettings:
    """Nothing: there is one parrot."""


@dataclass(frozen=True, slots=True)
class SerialLines:
    """The control lines of a serial port, and how long it is left alone once they are set."""

    dtr: bool = False
    """True to hold DTR. It keys some interfaces and restarts some boards, so it is off unless it is asked for."""
    rts: bool = False
    """True to hold RTS. It keys most interfaces between a radio and a sound card, so it is off as well."""
    settle_s: float = SETTLE_S
    """Pause between opening the port and the first byte to it, in seconds."""


SAFE_LINES = SerialLines()
"""Control lines that key no transmitter and restart no board."""


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """A serial port with a transparent radio or a null-modem cable behind it."""

    device: str
    """Path of the port."""
    baud: int
    lines: SerialLines = SAFE_LINES


@dataclass(frozen=True, slots=True)
class TncSettings:
    """The settings that a TNC is told when the link is opened; None: left as it is."""

    tx_delay_s: float | None = None
    """Time from keying the transmitter to the first bit."""
    tx_tail_s: float | None = None
    """Time from the last bit to letting go of the transmitter."""
    slot_s: float | None = None
    """CSMA: time between two looks at whether the channel is free."""
    persistence: int | None = None
    """CSMA: a free channel is used with a chance of (persistence + 1) / 256."""

    def keying(self) -> Keying:
        """Return how a TNC keys that was told these settings: its own defaults for what it was not told."""
        told = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(Keying(), **{name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True, slots=True)
class KissSettings:
    """A packet-radio TNC, over TCP or on a serial port, and the callsigns of its frames."""

    host: str
    """Name or address of the machine with the TNC; empty: the TNC is on a serial port."""
    port: int
    device: str
    """Path of the serial port; empty: the TNC is reached over TCP."""
    baud: int
    call: Callsign
    """Callsign of this station."""
    destination: Callsign = EVERYBODY
    """Destination of the frames."""
    tnc: TncSettings = TncSettings()
    lines: SerialLines = SAFE_LINES
    """Control lines of the serial port; without meaning over TCP."""
    kiss_port: int = 0
    """Number of the TNC's radio, 0 to 15."""
