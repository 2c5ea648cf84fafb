"""Radios and modems that a link can be planned for, each with the source of its figures. No I/O, no clock.

None of them was tried on the air: the figures are what makers and standards say. `radio=NAME` in an address says which
one is at the other end of a serial port or behind a TNC.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.framing.ax25 import HEADER_BYTES
from transport.radio.airtime import LORA_MAX_BYTES, Ax25, Cobs, Keying, Lora, Stage


@dataclass(frozen=True, slots=True)
class Radio:
    """A radio or modem, with what planning needs to know of it."""

    name: str
    """Name in `radio=NAME`."""
    title: str
    scheme: str
    """Kind of link that reaches it: "serial" or "kiss"."""
    air: Stage
    """Stretch that its frames pass on air."""
    baud: int | None
    """Speed of its serial port as delivered, or as these figures need it; None: it is reached over TCP."""
    source: str
    """Source of the figures."""
    options: tuple[str, ...] = ()
    """Options that an address for it should have beside `radio=`."""
    family: str = ""
    """Name that all settings of one kind of radio share; "" where there is one setting."""
    keyed: bool = False
    """True for a transmitter with TXDELAY and CSMA."""
    latency_s: float = 0.0
    """Delay that it adds to every frame, in seconds."""
    duty: float | None = None
    """Share of time that it may be on air in the European Union; None: no limit, or one for its owner to know."""
    max_frame_bytes: int | None = None
    """Longest frame that it sends at once; None: any."""

    @property
    def link(self) -> str:
        """Example of an address for it."""
        where = "localhost:8001" if self.baud is None else "/dev/ttyUSB0"
        return "&".join([f"{self.scheme}://{where}?radio={self.name}", *self.options])


_HC12 = "HC-12 user manual v2.4 (hc01.com), table of air rates: mode FU3"
_HC12_DELAY_S = 0.08
"""Delay of an HC-12, in seconds; the same manual: "transfer delay 4~80 ms" in FU3."""
_ISM_433 = 0.10
_ISM_868 = 0.01
"""Share of time on air that ERC Recommendation 70-03 allows.

Annex 1, bands f1 (433.05-434.79 MHz) and h1.4 (868.0-868.6 MHz).
"""
_EBYTE = (
    "EBYTE E220-230T30S user manual, 'at 2.4 kbps air speed, the 100-byte transmission delay is about 1.5 s': "
    "800 bits in 1.5 s, 0.22 of the nominal rate, taken for the whole family"
)
_EBYTE_SHARE = 800 / 1.5 / 2400
QUICK_KEYING = Keying(tx_delay_s=0.1, tx_tail_s=0.02, slot_s=0.01, persistence=255)
"""Keying for a channel that only Gossamer uses, and a transceiver that keys quickly."""
QUICK_KEYING_OPTIONS = "txdelay=100&txtail=20&slottime=10&persist=255"
"""The same, as options of an address."""
_CALL = "call=N0CALL-1"
_LORA = (
    "Semtech AN1200.13, LoRa Modem Designer's Guide: BW 125 kHz, CR 4/5, 8 symbols of preamble, explicit header, CRC; "
    "an RNode or another KISS TNC puts AX.25's addresses into the packet (16 bytes)"
)


def _lora(spreading_factor: int) -> Radio:
    return Radio(
        f"lora-sf{spreading_factor}",
        f"LoRa SF{spreading_factor}, 125 kHz, as a KISS TNC",
        "kiss",
        Lora(spreading_factor, added_bytes=HEADER_BYTES),
        115200,
        _LORA,
        (_CALL,),
        family="lora",
        duty=_ISM_868,
        max_frame_bytes=LORA_MAX_BYTES - HEADER_BYTES,
    )


_TABLE = (
    Radio(
        "afsk1200",
        "packet radio, 1200 baud AFSK on FM",
        "kiss",
        Ax25(1200),
        None,
        "AX.25 2.2; TXDELAY 100 ms is for transceivers that key quickly: many want 150 to 300",
        (_CALL, QUICK_KEYING_OPTIONS),
        keyed=True,
    ),
    Radio("fsk9600", "packet radio, 9600 baud G3RUH", "kiss", Ax25(9600), None, "AX.25 2.2", (_CALL,), keyed=True),
    Radio(
        "hc-12-far",
        "HC-12, FU3 at 2400 baud",
        "serial",
        Cobs(5000),
        2400,
        _HC12,
        family="hc-12",
        latency_s=_HC12_DELAY_S,
        duty=_ISM_433,
    ),
    Radio(
        "hc-12",
        "HC-12, FU3 as delivered",
        "serial",
        Cobs(15000),
        9600,
        _HC12,
        family="hc-12",
        latency_s=_HC12_DELAY_S,
        duty=_ISM_433,
    ),
    Radio(
        "sik",
        "SiK telemetry radio (3DR, Holybro), as delivered",
        "serial",
        Cobs(64000 / 2),
        57600,
        "SiK firmware, AIR_SPEED 64 kbit/s, of which time division leaves each end about half",
        latency_s=0.05,
    ),
    Radio(
        "e22-2k4",
        "EBYTE E22/E32 at 2.4 kbit/s, as delivered",
        "serial",
        Cobs(2400 * _EBYTE_SHARE),
        9600,
        _EBYTE,
        family="e22",
        duty=_ISM_868,
    ),
    Radio(
        "e22-9k6",
        "EBYTE E22/E32 at 9.6 kbit/s",
        "serial",
        Cobs(9600 * _EBYTE_SHARE),
        9600,
        _EBYTE,
        family="e22",
        duty=_ISM_868,
    ),
    *(_lora(spreading_factor) for spreading_factor in (7, 8, 9, 10)),
    Radio(
        "satellite-2400",
        "satellite telephone, a 2400 bit/s data call",
        "serial",
        Cobs(2400),
        9600,
        "Iridium circuit-switched data: 2.4 kbit/s from handset to satellite, whatever the modem reports; its users "
        "measure round trips of 2 to 3 s, of which half is counted",
        latency_s=1.25,
    ),
)

UNKNOWN_TNC = Ax25(1200)
"""Stretch on air behind a TNC of which nothing is said: most of them are that slow."""
RADIOS = {radio.name: radio for radio in _TABLE}
"""All radios, by name."""
