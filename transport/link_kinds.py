"""The kinds of links, one row each: how a kind is written, what is on the wire, and which function opens it. No I/O.

Everything that depends on the kind of a link is read from its row: the address, the plan, the registry of links, the
account of bytes on the wire, the help. A new kind needs one file in links/ and one row here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from transport.broker import (
    CA,
    MQTT_BYTES,
    TCP_IPV4_BYTES,
    TLS_BYTES,
    Access,
    BrokerSettings,
    broker_way,
    check_broker,
)
from transport.errors import LinkError, UsageError
from transport.framing.ax25 import AIR_BYTES
from transport.framing.cobs import COBS_OVERHEAD_BYTES
from transport.link_options import (
    BAUD,
    CALLSIGN_OPTIONS,
    KISS_PORT_OPTION,
    LINE_OPTIONS,
    RADIO,
    TNC_OPTIONS,
    AddressParts,
    KissSettings,
    LinkOption,
    ParrotSettings,
    SerialLines,
    SerialSettings,
    TncSettings,
    UdpSettings,
)
from transport.protocol.frames import TAG_BYTES_IP, TAG_BYTES_RADIO
from transport.radio.airtime import NO_KEYING, UART_BITS, Bits, Cobs, KissUart, Stage, Way
from transport.radio.radios import UNKNOWN_TNC, Radio

IPV4_UDP_BYTES = 20 + 8
"""Headers of a datagram over IPv4 (RFC 791, RFC 768)."""
IPV6_UDP_BYTES = 40 + 8
"""Headers of a datagram over IPv6 (RFC 8200, RFC 768)."""
UDP_PORT = 7800
"""UDP port where the address names none."""
KISS_PORT = 8001
"""TCP port of a TNC program where the address names none: Direwolf's."""
FRAMING = "framing"
"""Name of the layer that marks frames off from one another; every other name is a carrier's."""


class LayerBytes(NamedTuple):
    """The bytes that one layer below the frame adds to every frame."""

    name: str
    octets: int
    is_ip: bool = False
    """Whether the headers of IP are among them."""


UDP_IPV4 = LayerBytes("UDP/IP", IPV4_UDP_BYTES, is_ip=True)
UDP_IPV6 = LayerBytes("UDP/IP", IPV6_UDP_BYTES, is_ip=True)
AX25 = LayerBytes("AX.25", AIR_BYTES)
TCP_IPV4 = LayerBytes("TCP/IP", TCP_IPV4_BYTES, is_ip=True)
MQTT = LayerBytes("MQTT", MQTT_BYTES)
MQTTS = LayerBytes("MQTTS", MQTT_BYTES + TLS_BYTES)
"""MQTT in TLS: a record for each message."""
COBS = LayerBytes(FRAMING, COBS_OVERHEAD_BYTES)
"""COBS around a frame of up to 253 bytes; a longer one has one byte more."""


class Form(NamedTuple):
    """One way to write an address of a kind."""

    text: str
    does: str
    """Purpose of such a link, in one or two words that continue the text."""


class Help(NamedTuple):
    """A line of help about a kind of link."""

    forms: str
    means: str


def _needs_nothing(settings: Any, access: Access) -> Any:
    """Return the settings as they are: a link that needs no access."""
    return settings


@dataclass(frozen=True, slots=True)
class LinkKind:
    """One kind of link."""

    scheme: str
    """Text before "://"."""
    forms: tuple[Form, ...]
    """Forms of an address, in short."""
    help: tuple[Help, ...]
    """Forms of an address for the help, with their meanings."""
    options: tuple[LinkOption, ...]
    """Options that only this kind has, or shares with some others."""
    check: Callable[[AddressParts], Any]
    """Function that returns the kind's settings. It raises LinkError for an address that makes no sense."""
    layers: tuple[LayerBytes, ...]
    """Layers below the frame, with their bytes (UDP: over IPv4)."""
    tag_bytes: int
    """Length of the tag of a sealed or ham frame."""
    way: Callable[[Any, Radio | None, float | None], Way]
    """Function of the kind's settings, the radio and the address's bit rate, for planning and for pacing."""
    opener: str | None
    """Function that opens such a link, as "module:name"; None where a station opens it inside itself."""
    piece_bytes: int
    """Bytes of a frame without header and checks that the carrier takes in one piece, for codecs with longer frames."""
    amateur: bool = False
    """True for a link on amateur radio, where encryption is forbidden nearly everywhere."""
    takes_device: bool = False
    """Whether the path of an address may name a device."""
    takes_channel: bool = False
    """Whether the path of an address names a channel, and a user may stand before the host."""
    with_access: Callable[[Any, Access], Any] = _needs_nothing
    """Function of the kind's settings, and of what a station brings along, that returns the settings to open with."""

    @property
    def within_program(self) -> bool:
        """Whether a station opens such a link inside itself, so that nobody else is at its other end."""
        return self.opener is None


# --- UDP --------------------------------------------------------------------------------------------------------------


def _check_udp(parts: AddressParts) -> UdpSettings:
    if parts.port == 0:
        cure = f"write udp://HOST:PORT or udp://:PORT, with a port from 1 to 65535, or none for {UDP_PORT}"
        raise LinkError(f"'{parts.text}' names no port", cure)
    if not parts.has_authority:
        raise LinkError(f"'{parts.text}' names no host", "write udp://HOST to call somebody, or udp://: to wait")
    return UdpSettings(parts.host, UDP_PORT if parts.port is None else parts.port)


def _udp_way(settings: UdpSettings, radio: Radio | None, rate_bps: float | None) -> Way:
    air = Bits(rate_bps or math.inf, IPV6_UDP_BYTES if ":" in settings.host else IPV4_UDP_BYTES)
    return Way((air,), air)


# --- The parrot -------------------------------------------------------------------------------------------------------


def _check_parrot(parts: AddressParts) -> ParrotSettings:
    if parts.port is not None or parts.host:
        raise LinkError(f"'{parts.text}': the parrot lives on this machine", "write parrot:// without host and port")
    return ParrotSettings()


def _parrot_way(settings: ParrotSettings, radio: Radio | None, rate_bps: float | None) -> Way:
    air = Bits(rate_bps or math.inf)
    return Way((air,), air)


# --- Brokers ----------------------------------------------------------------------------------------------------------


def _broker_access(settings: BrokerSettings, access: Access) -> BrokerSettings:
    return settings.with_access(access)


def _broker_kind(
    scheme: str,
    form: Form,
    what: str,
    layer: LayerBytes,
    options: tuple[LinkOption, ...] = (),
    tls: bool = False,
) -> LinkKind:
    """Return the row of a channel on a broker. layer: what MQTT adds to a frame; TCP/IP comes below it."""
    return LinkKind(
        scheme,
        forms=(form,),
        help=(Help(form.text, what),),
        options=options,
        check=partial(check_broker, tls=tls),
        layers=(layer, TCP_IPV4),
        tag_bytes=TAG_BYTES_IP,
        way=broker_way,
        opener="transport.links.mqtt:open_mqtt",
        piece_bytes=_IP_PIECE_BYTES,
        takes_channel=True,
        with_access=_broker_access,
    )


# --- Serial ports -----------------------------------------------------------------------------------------------------


def _check_serial(parts: AddressParts) -> SerialSettings:
    if parts.host or parts.port is not None or not parts.device:
        raise LinkError(f"'{parts.text}' names no serial port", "write serial:///dev/ttyUSB0?baud=57600 with 3 slashes")
    return SerialSettings(parts.device, _checked_baud(parts), SerialLines(**_taken(parts.options, LINE_OPTIONS)))


def _taken(options: dict[str, Any], some: tuple[LinkOption, ...]) -> dict[str, Any]:
    """Return the values of some options, by field, and take them out of `options`."""
    return {option.field: options.pop(option.field) for option in some if option.field in options}


def _checked_baud(parts: AddressParts) -> int:
    """Return the speed of the serial port: what the address says, or what its radio is delivered with."""
    if "\0" in parts.device:
        raise LinkError(f"{parts.text!r} is no name of a serial port", "write serial:///dev/ttyUSB0?baud=57600")
    baud: int | None = parts.options.get("baud", parts.radio.baud if parts.radio is not None else None)
    if baud is None:
        cure = "add baud=57600 (SiK) or baud=9600 (HC-12, E22)"
        raise LinkError(f"'{parts.text}' does not say how fast the port is", cure)
    return baud


def _serial_way(settings: SerialSettings, radio: Radio | None, rate_bps: float | None) -> Way:
    uart = Cobs(settings.baud, UART_BITS)
    air = radio.air if radio is not None else uart
    stages = (uart, air, uart) if radio is not None else (uart,)
    return Way(stages + _limit(rate_bps, COBS), air)


# --- Packet radio -----------------------------------------------------------------------------------------------------


def _check_kiss(parts: AddressParts) -> KissSettings:
    host, port, device, options = parts.host, parts.port, parts.device, dict(parts.options)
    if bool(host) == bool(device) or port == 0 or (device and port is not None):
        cure = "write kiss://HOST:PORT or kiss:///dev/ttyUSB0, with ?call=N0CALL-1"
        raise LinkError(f"'{parts.text}' names no TNC", cure)
    if "call" not in options:
        cause = f"'{parts.text}' names no callsign, and every frame on packet radio has one"
        raise LinkError(cause, "add call=N0CALL-1")
    if not device and "baud" in options:
        raise LinkError(f"'{parts.text}': a TNC over TCP has no baud rate", "leave baud out, say radio=afsk1200")
    baud = _checked_baud(parts) if device else 0
    options.pop("baud", None)
    tnc, lines = TncSettings(**_taken(options, TNC_OPTIONS)), _taken(options, LINE_OPTIONS)
    if lines and not device:
        raise LinkError(f"'{parts.text}': a TNC over TCP has no DTR and RTS", "leave dtr, rts, settle out")
    port = port or (KISS_PORT if host else 0)
    return KissSettings(host, port, device, baud, tnc=tnc, lines=SerialLines(**lines), **options)


def _kiss_way(settings: KissSettings, radio: Radio | None, rate_bps: float | None) -> Way:
    air = radio.air if radio is not None else UNKNOWN_TNC
    cable = KissUart(settings.baud) if settings.device else None
    stages: tuple[Stage, ...] = (cable, air, cable) if cable is not None else (air,)
    keyed = radio is None or radio.keyed
    return Way(stages + _limit(rate_bps, AX25), air, settings.tnc.keying() if keyed else NO_KEYING)


def _limit(rate_bps: float | None, layer: LayerBytes) -> tuple[Stage, ...]:
    """Return the stretch that the impairment layer adds, if it limits the rate."""
    return () if rate_bps is None else (Bits(rate_bps, layer.octets),)


# --- The table --------------------------------------------------------------------------------------------------------

_RADIO_PIECE_BYTES = 240
"""Bytes of a frame in one AX.25 frame or LoRa packet, which hold some 255 with their own headers."""
_IP_PIECE_BYTES = 1400
"""Bytes of a frame in one Ethernet frame, which holds 1500 with the headers of IP and UDP."""

_TABLE = (
    LinkKind(
        "udp",
        forms=(Form("udp://HOST:PORT", "calls"), Form("udp://:PORT", "waits")),
        help=(
            Help("udp://HOST:PORT, udp://:PORT", f"IP: call, wait for calls; port {UDP_PORT} if it is left out"),
            Help("udp://239.1.2.3:PORT, udp://255.255.255.255:PORT", "several stations on one network"),
        ),
        options=(),
        check=_check_udp,
        layers=(UDP_IPV4,),
        tag_bytes=TAG_BYTES_IP,
        way=_udp_way,
        opener="transport.links.udp:open_udp",
        piece_bytes=_IP_PIECE_BYTES,
    ),
    _broker_kind(
        "mqtt",
        Form("mqtt://HOST/CHANNEL", "a broker"),
        "a channel on an MQTT broker: both sides call outward",
        MQTT,
    ),
    _broker_kind(
        "mqtts",
        Form("mqtts://USER@HOST/CHANNEL", "over TLS"),
        "the same over TLS, with a user's name",
        MQTTS,
        options=(CA,),
        tls=True,
    ),
    LinkKind(
        "serial",
        forms=(Form("serial:///dev/ttyUSB0?baud=57600", "a radio"),),
        help=(Help("serial:///dev/ttyUSB0?baud=57600", "a transparent radio or a null-modem cable"),),
        options=(BAUD, RADIO, *LINE_OPTIONS),
        check=_check_serial,
        layers=(COBS,),
        tag_bytes=TAG_BYTES_RADIO,
        way=_serial_way,
        opener="transport.links.serial_port:open_serial",
        piece_bytes=_RADIO_PIECE_BYTES,
        takes_device=True,
    ),
    LinkKind(
        "kiss",
        forms=(Form("kiss://HOST:PORT?call=N0CALL-1", "a TNC"),),
        help=(Help("kiss://HOST:PORT?call=AB1CDE, kiss:///dev/ttyUSB0?baud=9600&call=AB1CDE", "a packet-radio modem"),),
        options=(BAUD, RADIO, *CALLSIGN_OPTIONS, KISS_PORT_OPTION, *TNC_OPTIONS, *LINE_OPTIONS),
        check=_check_kiss,
        layers=(AX25,),
        tag_bytes=TAG_BYTES_RADIO,
        way=_kiss_way,
        opener="transport.links.kiss_tnc:open_kiss",
        piece_bytes=_RADIO_PIECE_BYTES,
        amateur=True,
        takes_device=True,
    ),
    LinkKind(
        "parrot",
        forms=(Form("parrot://", "alone"),),
        help=(Help("parrot://", "the station on this machine that repeats what you say"),),
        options=(),
        check=_check_parrot,
        layers=(),
        tag_bytes=TAG_BYTES_IP,
        way=_parrot_way,
        opener=None,
        piece_bytes=_IP_PIECE_BYTES,
    ),
)
LINK_KINDS = {kind.scheme: kind for kind in _TABLE}
"""All kinds of links, by scheme."""


def kind_of(text: str) -> LinkKind | None:
    """Return the kind of a link from its address, or None where the text begins with no known scheme."""
    return LINK_KINDS.get(text.strip().partition("://")[0].lower()) if "://" in text else None


def written_forms() -> str:
    """Return all forms of an address in a row, for an error that says what to write."""
    *most, last = [form.text for kind in LINK_KINDS.values() for form in kind.forms]
    return f"{', '.join(most)} or {last}"


def explained_forms() -> str:
    """Return all forms of an address with what each does, for help: "udp://HOST:PORT calls, ..."."""
    return ", ".join(f"{form.text} {form.does}" for kind in LINK_KINDS.values() for form in kind.forms)


def help_lines() -> list[str]:
    """Return the lines of help about all kinds of links."""
    return [f"{line.forms:<48} {line.means}" for kind in LINK_KINDS.values() for line in kind.help]


def layer_named(name: str) -> LayerBytes:
    """Return the layer of this name, with the bytes that it adds to a frame (UDP/IP: over IPv4).

    Raise UsageError for a layer that no kind of link has.
    """
    for kind in LINK_KINDS.values():
        for layer in kind.layers:
            if layer.name == name:
                return layer
    raise UsageError(f"no kind of link has a layer '{name}'", "add it to the row of its kind in link_kinds.py")
