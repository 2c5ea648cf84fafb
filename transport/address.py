"""The text that names a link, and what it means. No I/O.

    udp://HOST:PORT     calls a peer            udp://[::1]:PORT    the same, IPv6
    udp://:PORT         waits for a peer        parrot://           a station on this machine that repeats what it hears

and behind a '?', joined by '&': k, repeat, and for the impairment layer rate, loss, burst, ber, delay, jitter, reorder,
duplicate, seed. Example: udp://192.0.2.7:7800?k=2&rate=1200&loss=0.05&delay=150&seed=7
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from transport.errors import LinkError, UsageError
from transport.frame import MAX_K
from transport.impairment import Impairment

FORMS = "udp://HOST:PORT, udp://:PORT or parrot://"
PLANNED_SCHEMES = {"serial": "transparent serial radios", "kiss": "packet-radio modems"}
"""Named in the design, not there yet."""


@dataclass(frozen=True, slots=True)
class Address:
    """A link, as asked for."""

    text: str
    """As the user wrote it: the name of the link on the screen."""
    scheme: str
    """"udp" or "parrot"."""
    host: str = ""
    """Empty: wait for a peer."""
    port: int = 0
    k: int | None = None
    """Packets a frame, 1..6; None: not said."""
    repeat: bool = False
    """Every frame carries the packets of the one before again."""
    impairment: Impairment | None = None
    """None: leave the link as it is."""


def parse_address(text: str) -> Address:
    """Raises LinkError, one line, if the text is no address of a link that is there."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise LinkError(f"'{text}' is not a link: {error}; write {FORMS}") from None
    if "://" not in text or not parts.scheme:
        raise LinkError(f"'{text}' is not a link: write {FORMS}")
    if parts.scheme in PLANNED_SCHEMES:
        kind = PLANNED_SCHEMES[parts.scheme]
        raise LinkError(f"{parts.scheme}:// ({kind}) is not there yet: use {FORMS}")
    if parts.scheme not in ("udp", "parrot"):
        raise LinkError(f"'{parts.scheme}://' is no kind of link: write {FORMS}")
    if parts.username is not None or parts.path not in ("", "/") or parts.fragment:
        raise LinkError(f"'{text}' has something behind or before HOST:PORT that means nothing: write {FORMS}")
    if parts.scheme == "udp" and not port:
        raise LinkError(f"'{text}' names no port: write udp://HOST:PORT or udp://:PORT, with a port from 1 to 65535")
    if parts.scheme == "parrot" and (port is not None or host):
        raise LinkError(f"'{text}': the parrot lives on this machine, write parrot:// without host and port")
    settings = _settings(parts.query)
    k, repeat = settings.pop("k", None), settings.pop("repeat", False)
    try:
        impairment = Impairment(**settings) if set(settings) - {"seed"} else None
    except UsageError as error:
        raise LinkError(f"'{text}': {error}; correct the address") from None
    return Address(text, parts.scheme, unquote(host), port or 0, k, repeat, impairment)


def _settings(query: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _SETTINGS:
            raise LinkError(f"'{name}' is no setting of a link: there are {', '.join(_SETTINGS)}")
        key, read, wanted = _SETTINGS[name]
        if key in settings:
            raise LinkError(f"'{name}' is given twice: leave one out")
        try:
            settings[key] = read(value)
        except ValueError:
            raise LinkError(f"{name}={value}: {name} must be {wanted}") from None
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


def _refuse() -> bool:
    raise ValueError


_SETTINGS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "k": ("k", _packets, f"a whole number of packets a frame, 1 to {MAX_K}"),
    "repeat": ("repeat", _switch, "0 or 1"),
    "rate": ("rate_bps", _number, "a number of bits per second"),
    "loss": ("loss", _share, "a share of frames such as 0.05 or 5%"),
    "burst": ("burst_frames", _number, "the mean number of frames lost in a row"),
    "ber": ("ber", _share, "a share of bits such as 0.001"),
    "delay": ("delay_s", _seconds, "a time in milliseconds, or with s behind it in seconds"),
    "jitter": ("jitter_s", _seconds, "a time in milliseconds, or with s behind it in seconds"),
    "reorder": ("reorder", _share, "a share of frames such as 0.05 or 5%"),
    "duplicate": ("duplicate", _share, "a share of frames such as 0.05 or 5%"),
    "seed": ("seed", int, "a whole number"),
}
