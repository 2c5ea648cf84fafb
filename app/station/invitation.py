"""Invitation of a friend to call this station: the command to type, for each address of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from app.settings.model import Settings
from app.settings.protection import channel_mode, channel_name
from transport.address import Address
from transport.link_kinds import UDP_PORT
from transport.link_options import UdpSettings
from transport.protocol.frames import Mode, Repeat

MAX_INVITATIONS = 6
"""Addresses of this machine that are told at the most: a machine with containers has dozens that help nobody."""


def waits_for_callers(address: Address[Any]) -> bool:
    """Tell whether the link waits for others to call this machine."""
    return isinstance(address.settings, UdpSettings) and address.settings.waits


def invitations(settings: Settings, address: Address[Any], own: Iterable[IPv4Address | IPv6Address]) -> tuple[str, ...]:
    """Return the commands by which others call this station, one for each of its addresses, the likeliest first.

    They name the port where it is not the default, and what else both ends must agree on: k, mode, channel, and that
    there is a passphrase. The tuple is empty for a link on which nobody is called.
    """
    if not waits_for_callers(address):
        return ()
    port = "" if address.settings.port == UDP_PORT else f":{address.settings.port}"
    options = [f"k={address.k}"] * (address.k is not None) + [f"repeat={address.repeat.word}"] * (
        address.repeat is not Repeat.NONE
    )
    query = "?" + "&".join(options) if options else ""
    flags = _flags(settings)
    hosts = [f"[{ip}]" if ip.version == 6 else f"{ip}" for ip in own]
    links = [shlex.quote(f"udp://{host}{port}{query}") for host in hosts[:MAX_INVITATIONS]]
    return tuple(f"gossamer talk {link}{flags}" for link in links)


def _flags(settings: Settings) -> str:
    """Return the flags of a station on the same channel, with a space before each."""
    mode = channel_mode(settings)
    if mode is Mode.OPEN:
        return ""
    channel = channel_name(settings)
    named = f" --channel {shlex.quote(channel)}" if channel != Settings.channel else ""
    return " --passphrase" + named + (" --mode ham" if mode is Mode.HAM else "")
