"""The text that names a link, and what it means. No I/O.

    udp://HOST:PORT     calls a peer            udp://[::1]:PORT    the same, IPv6
    udp://:PORT         waits for a peer        udp://239.1.2.3:PORT, udp://255.255.255.255:PORT    a group, a network
    serial:///dev/ttyUSB0?baud=57600            a transparent radio, or a null-modem cable
    kiss://HOST:PORT?call=N0CALL-1              a packet-radio TNC over TCP; kiss:///dev/ttyUSB0?baud=9600&call=N0CALL-1
    parrot://                                   a station on this machine that repeats what it hears

and behind a '?', joined by '&': k, repeat, what the kind of link needs (baud, radio, call, dest, txdelay, txtail,
slottime, persist), and for the impairment layer rate, loss, burst, ber, delay, jitter, reorder, duplicate, seed.
Example: udp://192.0.2.7:7800?k=2&rate=1200&loss=0.05&delay=150&seed=7
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from transport.errors import LinkError, UsageError
from transport.framing.ax25 import DESTINATION, Callsign, parse_callsign
from transport.impairment import Impairment
from transport.protocol.frames import MAX_K
from transport.radio.radios import RADIOS, Radio

FORMS = "udp://HOST:PORT, udp://:PORT, serial:///dev/ttyUSB0?baud=57600, kiss://HOST:PORT?call=N0CALL-1 or parrot://"
KISS_PORT = 8001
"""Direwolf's."""
MAX_BAUD = 4_000_000
MAX_KISS_VALUE = 255


@dataclass(frozen=True, slots=True)
class TncSettings:
    """What a TNC is told when the link is opened; None: left as it is."""

    tx_delay_s: float | None = None
    """From keying the transmitter to the first bit."""
    tx_tail_s: float | None = None
    slot_s: float | None = None
    """CSMA: so often it is tried whether the channel is free..."""
    persistence: int | None = None
    """... and with a chance of (persistence + 1) / 256 used."""


@dataclass(frozen=True, slots=True)
class Address:
    """A link, as asked for."""

    text: str
    """As the user wrote it: the name of the link on the screen."""
    scheme: str
    """"udp", "serial", "kiss" or "parrot"."""
    host: str = ""
    """Empty: wait for a peer (udp), or not over the network (kiss)."""
    port: int = 0
    k: int | None = None
    """Packets a frame, 1..6; None: not said."""
    repeat: bool = False
    """Every frame carries the packets of the one before again."""
    impairment: Impairment | None = None
    """None: leave the link as it is."""
    device: str = ""
    """Path of a serial port."""
    baud: int = 0
    """Of that port."""
    call: Callsign | None = None
    """Ours, on packet radio."""
    destination: Callsign | None = None
    """Whom the frames are for, on packet radio."""
    radio: Radio | None = None
    """What is at the other end of the port or behind the TNC; None: not said."""
    tnc: TncSettings = TncSettings()


def parse_address(text: str) -> Address:
    """Raises LinkError, one line, if the text is no address of a link that is there."""
    text = text.strip()
    if not text.isprintable():
        raise LinkError(f"{text!r} is not a link", f"write {FORMS}")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = unquote(parts.hostname or "")
    except ValueError as error:
        raise LinkError(f"'{text}' is not a link ({error})", f"write {FORMS}") from None
    if "://" not in text or not parts.scheme:
        raise LinkError(f"'{text}' is not a link", f"write {FORMS}")
    if parts.scheme not in _OWN_SETTINGS:
        raise LinkError(f"'{parts.scheme}://' is no kind of link", f"write {FORMS}")
    device = unquote(parts.path) if parts.scheme in ("serial", "kiss") and len(parts.path) > 1 else ""
    if parts.username is not None or (not device and parts.path not in ("", "/")) or parts.fragment:
        raise LinkError(f"'{text}' has something behind or before HOST:PORT that means nothing", f"write {FORMS}")
    settings = _settings(parts.scheme, parts.query)
    check = {"udp": _check_udp, "parrot": _check_parrot, "serial": _check_serial, "kiss": _check_kiss}[parts.scheme]
    check(text, host, port, device, settings)
    if parts.scheme == "kiss":
        settings.setdefault("destination", Callsign(DESTINATION))
        port = port or (KISS_PORT if host else None)
    if device and "baud" not in settings:
        settings["baud"] = settings["radio"].baud
    own = {name: settings.pop(name) for name in _ADDRESS_FIELDS if name in settings}
    tnc = TncSettings(**{name: settings.pop(name) for name in _TNC_FIELDS if name in settings})
    try:
        impairment = Impairment(**settings) if set(settings) - {"seed"} else None
    except UsageError as error:
        raise LinkError(f"'{text}': {error}", "correct the address") from None
    return Address(text, parts.scheme, host, port or 0, impairment=impairment, device=device, tnc=tnc, **own)


def _check_udp(text: str, host: str, port: int | None, device: str, settings: dict[str, Any]) -> None:
    if not port:
        raise LinkError(f"'{text}' names no port", "write udp://HOST:PORT or udp://:PORT, with a port from 1 to 65535")


def _check_parrot(text: str, host: str, port: int | None, device: str, settings: dict[str, Any]) -> None:
    if port is not None or host:
        raise LinkError(f"'{text}': the parrot lives on this machine", "write parrot:// without host and port")


def _check_serial(text: str, host: str, port: int | None, device: str, settings: dict[str, Any]) -> None:
    if host or port is not None or not device:
        raise LinkError(f"'{text}' names no serial port", "write serial:///dev/ttyUSB0?baud=57600, with three slashes")
    _check_port(text, device, settings)


def _check_kiss(text: str, host: str, port: int | None, device: str, settings: dict[str, Any]) -> None:
    if bool(host) == bool(device) or port == 0 or (device and port is not None):
        raise LinkError(f"'{text}' names no TNC", "write kiss://HOST:PORT or kiss:///dev/ttyUSB0, with ?call=N0CALL-1")
    if "call" not in settings:
        raise LinkError(f"'{text}' names no callsign, and every frame on packet radio has one", "add call=N0CALL-1")
    if device:
        _check_port(text, device, settings)
    elif "baud" in settings:
        raise LinkError(f"'{text}': a TNC over the network has no baud rate here", "leave baud out, say radio=afsk1200")


def _check_port(text: str, device: str, settings: dict[str, Any]) -> None:
    if "\0" in device:
        raise LinkError(f"{text!r} is no name of a serial port", "write serial:///dev/ttyUSB0?baud=57600")
    radio: Radio | None = settings.get("radio")
    if "baud" not in settings and (radio is None or radio.baud is None):
        raise LinkError(f"'{text}' does not say how fast the port is", "add baud=57600 (SiK) or baud=9600 (HC-12, E22)")


def _settings(scheme: str, query: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True)
    except ValueError as error:
        raise LinkError(f"'{query}' are no settings ({error})", "write name=value, joined by &") from None
    for name, value in pairs:
        if name not in _SETTINGS:
            raise LinkError(f"'{name}' is no setting of a link", f"there are {', '.join(_SETTINGS)}")
        if name in _ALL_OWN and name not in _OWN_SETTINGS[scheme]:
            raise LinkError(f"'{name}' means nothing for {scheme}://", "leave it out")
        key, read, wanted = _SETTINGS[name]
        if key in settings:
            raise LinkError(f"'{name}' is given twice", "leave one out")
        try:
            settings[key] = read(value)
        except (ValueError, UsageError):
            raise LinkError(f"{name}={value}", f"{name} must be {wanted}") from None
        if name == "radio" and settings[key].scheme != scheme:
            raise LinkError(f"radio={value} is no radio for {scheme}://", f"write {settings[key].link}")
    return settings


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _share(text: str) -> float:
    """'0.05' or '5%' as 0.05."""
    return _number(text[:-1]) / 100 if text.endswith("%") else _number(text)


def _seconds(text: str) -> float:
    """'150', '150ms' or '0.15s' as 0.15: milliseconds unless it says otherwise."""
    if text.endswith("ms"):
        return _number(text[:-2]) / 1000
    return _number(text[:-1]) if text.endswith("s") else _number(text) / 1000


def _packets(text: str) -> int:
    if text not in {str(k) for k in range(1, MAX_K + 1)}:
        raise ValueError
    return int(text)


def _switch(text: str) -> bool:
    return {"0": False, "1": True}[text] if text in ("0", "1") else _refuse()


def _refuse() -> NoReturn:
    raise ValueError


def _baud(text: str) -> int:
    baud = int(text)
    return baud if 1 <= baud <= MAX_BAUD else _refuse()


def _tens_of_ms(text: str) -> float:
    """A time that KISS can carry: steps of 10 ms, at most 2.55 s."""
    seconds = _seconds(text)
    return seconds if 0 <= seconds <= MAX_KISS_VALUE / 100 else _refuse()


def _octet(text: str) -> int:
    value = int(text)
    return value if 0 <= value <= MAX_KISS_VALUE else _refuse()


def _destination(text: str) -> Callsign:
    return parse_callsign(text, licensed=False)


def _radio(text: str) -> Radio:
    return RADIOS[text] if text in RADIOS else _refuse()


_OWN_SETTINGS: dict[str, set[str]] = {
    "udp": set(),
    "parrot": set(),
    "serial": {"baud", "radio"},
    "kiss": {"baud", "radio", "call", "dest", "txdelay", "txtail", "slottime", "persist"},
}
"""By kind of link."""
_ALL_OWN = set().union(*_OWN_SETTINGS.values())
_ADDRESS_FIELDS = ("k", "repeat", "baud", "call", "destination", "radio")
_TNC_FIELDS = ("tx_delay_s", "tx_tail_s", "slot_s", "persistence")
_TIME = "a time in milliseconds, or with s behind it in seconds"
_CALL = "one to six letters and digits, among them a letter and a digit, then perhaps - and 0 to 15"
_SETTINGS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "k": ("k", _packets, f"a whole number of packets a frame, 1 to {MAX_K}"),
    "repeat": ("repeat", _switch, "0 or 1"),
    "baud": ("baud", _baud, "the speed of a serial port in baud"),
    "radio": ("radio", _radio, "the name of a radio that `gossamer plan` lists"),
    "call": ("call", parse_callsign, _CALL),
    "dest": ("destination", _destination, "one to six letters and digits, then perhaps - and 0 to 15"),
    "txdelay": ("tx_delay_s", _tens_of_ms, f"{_TIME}, at most 2550"),
    "txtail": ("tx_tail_s", _tens_of_ms, f"{_TIME}, at most 2550"),
    "slottime": ("slot_s", _tens_of_ms, f"{_TIME}, at most 2550"),
    "persist": ("persistence", _octet, "a number from 0 to 255"),
    "rate": ("rate_bps", _number, "a number of bits per second"),
    "loss": ("loss", _share, "a share of frames such as 0.05 or 5%"),
    "burst": ("burst_frames", _number, "the mean number of frames lost in a row"),
    "ber": ("ber", _share, "a share of bits such as 0.001"),
    "delay": ("delay_s", _seconds, _TIME),
    "jitter": ("jitter_s", _seconds, _TIME),
    "reorder": ("reorder", _share, "a share of frames such as 0.05 or 5%"),
    "duplicate": ("duplicate", _share, "a share of frames such as 0.05 or 5%"),
    "seed": ("seed", int, "a whole number"),
}
