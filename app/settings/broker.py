"""The password of a broker's user: from the environment, from the settings file, or asked for at the start."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import replace
from typing import Any

from app.console import note
from app.settings.model import Settings
from transport.address import Address, parse_address
from transport.broker import Access
from transport.protection.cipher import Secret
from transport.protocol.frames import Mode

VARIABLE = "GOSSAMER_BROKER_PASSWORD"
"""Name of the environment variable with the password for the link that is opened; it goes before the settings file."""
PROMPT = "Password of {who}: "
"""Text before the cursor."""


def with_password(settings: Settings) -> Settings:
    """Return the settings with the password that the user of their link's broker needs.

    It is asked for on the terminal where nothing holds it; without a terminal there is none, and the broker may say so.
    Raise LinkError for a link that makes no sense.
    """
    address = parse_address(settings.link)
    who = user_of(address)
    if not who:
        return settings
    if not address.settings.tls:
        note("mqtt:// sends the password in clear: mqtts:// does not")
    password = os.environ.get(VARIABLE)
    if not password and who not in dict(settings.broker_passwords) and sys.stdin is not None and sys.stdin.isatty():
        password = _ask(who)
    if not password:
        return settings
    return replace(settings, broker_passwords=(*settings.broker_passwords, (who, password)))


def lacks_password(settings: Settings) -> bool:
    """Tell whether a user of the link's broker has no password in the settings yet. Raise LinkError."""
    who = user_of(parse_address(settings.link))
    return bool(who) and who not in dict(settings.broker_passwords)


def access_of(settings: Settings, secret: Secret | None) -> Access:
    """Return what a station of these settings, with this key, brings along to its link. Raise LinkError."""
    key = secret.key if secret is not None and secret.mode is Mode.SEALED else None
    password = dict(settings.broker_passwords).get(user_of(parse_address(settings.link)))
    return Access(key, password, settings.ca)


def user_of(address: Address[Any]) -> str:
    """Return whose password the link needs, as USER@HOST; "" where it needs none."""
    told = address.settings
    return f"{told.user}@{told.host}".lower() if address.kind.takes_channel and told.user else ""


def _ask(who: str) -> str:
    try:
        return getpass.getpass(PROMPT.format(who=who))
    except EOFError:
        return ""
