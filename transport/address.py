"""The text that names a link, and what it means. No I/O.

    udp://HOST:PORT     calls a peer            udp://[::1]:PORT    the same, IPv6; PORT is 7800 if it is left out
    udp://:PORT         waits for callers       udp://239.1.2.3:PORT, udp://255.255.255.255:PORT    a group, a network
    mqtt://HOST/CHANNEL                         a channel on a broker; mqtts://USER@HOST/CHANNEL the same over TLS
    serial:///dev/ttyUSB0?baud=57600            a transparent radio, or a null-modem cable
    kiss://HOST:PORT?call=N0CALL-1              a packet-radio TNC over TCP; kiss:///dev/ttyUSB0?baud=9600&call=N0CALL-1
    parrot://                                   a station on this machine that repeats what it hears

Behind a '?', joined by '&', stand options: k, repeat, those of the kind of link (link_kinds.py), and those of the
impairment layer: rate, loss, burst, ber, delay, jitter, reorder, duplicate, seed.
Example: udp://192.0.2.7:7800?k=2&rate=1200&loss=0.05&delay=150&seed=7
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from transport.broker import PASSWORD_CURE, Access
from transport.errors import LinkError, UsageError
from transport.impairment import Impairment
from transport.link_kinds import LINK_KINDS, LinkKind, written_forms
from transport.link_options import COMMON_OPTIONS, IMPAIRMENT_OPTIONS, RADIO, AddressParts
from transport.protocol.frames import Repeat
from transport.radio.radios import Radio

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True)
class Address(Generic[Settings]):
    """A link, as asked for."""

    text: str
    """The address as the user wrote it: the name of the link on the screen."""
    kind: LinkKind
    settings: Settings
    """Settings that only this kind of link has."""
    k: int | None = None
    """Packets a frame, 1..6; None: not said."""
    repeat: Repeat = Repeat.NONE
    """Contents of the frame before that every VOICE frame carries again."""
    radio: Radio | None = None
    """Radio at the other end of a serial port or behind a TNC; None: not said, or no radio."""
    impairment: Impairment | None = None
    """Impairment that makes the link worse; None: leave it as it is."""

    @property
    def scheme(self) -> str:
        """Text before "://": "udp", "mqtt", "mqtts", "serial", "kiss" or "parrot"."""
        return self.kind.scheme

    @property
    def channel(self) -> str:
        """Name of the channel that the address itself names; empty where it names none."""
        settings: Any = self.settings
        return str(settings.channel) if self.kind.takes_channel else ""

    @property
    def has_certificate(self) -> bool:
        """True where the far end must show a certificate: a broker over TLS."""
        settings: Any = self.settings
        return self.kind.takes_channel and bool(settings.tls)

    def with_access(self, access: Access) -> Address[Any]:
        """Return the address to open for a station that has this access: a key, a password, certificates."""
        return replace(self, settings=self.kind.with_access(self.settings, access))


def parse_address(text: str) -> Address[Any]:
    """Return what an address means. Raise LinkError, one line, if it is no address of a link that is there."""
    text = text.strip()
    _refuse_password(text)
    kind, parts, host, port = _split(text)
    device = unquote(parts.path) if kind.takes_device and len(parts.path) > 1 else ""
    user, path = (unquote(parts.username or ""), parts.path) if kind.takes_channel else ("", "")
    meant = bool(device or kind.takes_channel or parts.path in ("", "/"))
    if (parts.username is not None and not user) or not meant or parts.fragment:
        cause = f"'{text}' has something behind or before HOST:PORT that means nothing"
        raise LinkError(cause, f"write {written_forms()}")
    options = _options(kind, parts.query)
    common = {option.field: options.pop(option.field) for option in COMMON_OPTIONS if option.field in options}
    wanted = {option.field: options.pop(option.field) for option in IMPAIRMENT_OPTIONS if option.field in options}
    radio = options.pop(RADIO.field, None)
    settings = kind.check(AddressParts(text, host, port, device, options, radio, bool(parts.netloc), user, path))
    try:
        impairment = Impairment(**wanted) if set(wanted) - {"seed"} else None
    except UsageError as error:
        raise LinkError(f"'{text}': {error}", "correct the address") from None
    return Address(text, kind, settings, radio=radio, impairment=impairment, **common)


def has_password(text: str) -> bool:
    """Tell whether a password seems to stand in an address, between USER: and @HOST."""
    rest = text.partition("://")[2]
    before = rest.partition("?")[0].rpartition("@")[0] or rest.rpartition("@")[0]
    head = re.split("[/?#]", before, maxsplit=1)[0]
    if ":" not in head:
        return False
    # HOST:PORT/... with an @ somewhere behind it has none.
    return head == before or not re.fullmatch(r"(\[.*\]|[^:]*):\d+", head)


def _refuse_password(text: str) -> None:
    """Raise LinkError, which does not repeat the address, where it holds a password."""
    if has_password(text):
        cause = "an address may hold no password, since others can see command lines, logs and screens"
        raise LinkError(cause, f"write mqtts://USER@HOST/CHANNEL; {PASSWORD_CURE}")


def _split(text: str) -> tuple[LinkKind, SplitResult, str, int | None]:
    """Return the kind, the parts of the address, its host and its port."""
    cure = f"write {written_forms()}"
    if not text.isprintable():
        raise LinkError(f"{text!r} is not a link", cure)
    try:
        parts = urlsplit(text)
        port = parts.port
        host = unquote(parts.hostname or "")
    except ValueError as error:
        raise LinkError(f"'{text}' is not a link ({error})", cure) from None
    if "://" not in text or not parts.scheme:
        raise LinkError(f"'{text}' is not a link", cure)
    if parts.scheme not in LINK_KINDS:
        raise LinkError(f"'{parts.scheme}://' is no kind of link", cure)
    return LINK_KINDS[parts.scheme], parts, host, port


def _options(kind: LinkKind, query: str) -> dict[str, Any]:
    """Return the values of all options that stand behind the '?', by field."""
    allowed = {option.name: option for option in (*COMMON_OPTIONS, *kind.options, *IMPAIRMENT_OPTIONS)}
    values: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True)
    except ValueError as error:
        raise LinkError(f"'{query}' are no settings ({error})", "write name=value, joined by &") from None
    for name, text in pairs:
        if name not in option_names():
            raise LinkError(f"'{name}' is no setting of a link", f"there are {', '.join(option_names())}")
        if name not in allowed:
            raise LinkError(f"'{name}' means nothing for {kind.scheme}://", "leave it out")
        option = allowed[name]
        if option.field in values:
            raise LinkError(f"'{name}' is given twice", "leave one out")
        try:
            value = option.read(text)
        except (ValueError, UsageError):
            raise LinkError(f"{name}={text}", f"{name} must be {option.wanted}") from None
        if option is RADIO and value.scheme != kind.scheme:
            raise LinkError(f"radio={text} is no radio for {kind.scheme}://", f"write {value.link}")
        values[option.field] = value
    return values


def option_names() -> list[str]:
    """Return the names of the options of all kinds of links, each once."""
    own = (option for kind in LINK_KINDS.values() for option in kind.options)
    return list(dict.fromkeys(option.name for option in (*COMMON_OPTIONS, *own, *IMPAIRMENT_OPTIONS)))
