"""Channels on an MQTT broker: the address of one, its topic, and the mark by which a leaving is known. No I/O.

    mqtt://HOST/CHANNEL        mqtts://USER@HOST:PORT/PREFIX/CHANNEL?ca=FILE

The broker passes messages on by their topic, which it can read. The topic of an open channel has the channel's name;
that of a sealed one has six letters of a keyed hash in its place, which say nothing to who does not have the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import unicodedata
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from transport.errors import LinkError
from transport.link_options import AddressParts, LinkOption, refuse
from transport.radio.airtime import Bits, Way
from transport.radio.radios import Radio

PLAIN_PORT, TLS_PORT = 1883, 8883
"""TCP ports of brokers where the address names none: those registered with IANA."""
TOPIC_ROOT = "g"
"""First level of a topic whose address names no prefix: what a broker's access rules can be written for."""
HASHED_LETTERS = 6
"""Letters of a sealed channel's topic, 6 bits each.

Of a million channels on one broker, a given one shares its topic with another with a chance of 1 in 70,000; both then
hear the other's frames, refuse them and go on.
"""
TOPIC_LABEL = b"gossamer/topic"
"""Text that is hashed before the channel's name: what is shown of a key must be of no use for anything else."""
MAX_CHANNEL_LETTERS = 64
"""Longest name of a channel, and longest prefix, in letters."""
TCP_IPV4_BYTES = 20 + 20 + 12
"""Headers of a TCP segment over IPv4, with the time stamps that systems put into each (RFC 791, 9293, 7323)."""
TCP_IPV6_BYTES = 40 + 20 + 12
"""Headers of a TCP segment over IPv6 (RFC 8200)."""
TLS_BYTES = 5 + 1 + 16
"""Bytes that a TLS 1.3 record adds: header, type, and the tag of its cipher (RFC 8446, section 5.2)."""
MQTT_BYTES = 1 + 1 + 2 + len(TOPIC_ROOT) + 1 + HASHED_LETTERS + 1
"""Bytes around a frame of a sealed channel in an MQTT 5 PUBLISH.

Two of header, two and the topic, one for "no properties". With a topic alias, which is a property, they are 8; a frame
that makes the message longer than 127 bytes has one more.
"""

PASSWORD_CURE = "the password is asked for at the start, or taken from GOSSAMER_BROKER_PASSWORD or the settings file"
"""Places where a broker's password may stand, in words for the user."""
MAX_CREDENTIAL_BYTES = 0xFFFF
"""Longest name of a user, in UTF-8, and longest password: what a field of MQTT holds (MQTT 5, section 1.5)."""
TOKEN_BYTES = 8
"""Length of the random number that says that a station has left."""
LEAVING = b"\0"
"""First byte of a message that says so. No frame begins with it, since a frame's mode is never 0."""


@dataclass(frozen=True, slots=True)
class Access:
    """Things that a station brings along to a link beside the address."""

    key: bytes | None = field(default=None, repr=False)
    """Key of a sealed channel; None for a channel that hides nothing."""
    password: str | None = field(default=None, repr=False)
    """Password of this user of the broker; None for none. Bytes that are no text stand in it as Python reads them from
    the environment (PEP 383)."""
    ca: str = ""
    """File with the certificates to trust, where the address names none."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """A channel on a broker."""

    host: str
    port: int
    tls: bool
    prefix: str
    """Levels of the topic before the channel's; they are never hidden."""
    channel: str
    """Name of the channel."""
    topic: str
    """The channel's topic: with its name, or with what stands for it in a sealed channel."""
    user: str = ""
    """Name at the broker; empty: none is given."""
    password: bytes | None = field(default=None, repr=False)
    """Password of that user, any bytes; None: none is given."""
    ca: str = ""
    """File with the certificates to trust in place of the system's; empty: the system's."""

    def with_access(self, access: Access) -> BrokerSettings:
        """Return the settings for a station: with its password, and for a sealed channel with the topic that hides.

        Raise LinkError for a password that no broker can be given.
        """
        topic = self.topic if access.key is None else hidden_topic(self.prefix, self.channel, access.key)
        password = None if access.password is None else _password_bytes(access.password)
        return replace(self, topic=topic, password=password, ca=self.ca or access.ca)


def _password_bytes(password: str) -> bytes:
    """Return what a broker gets: text in UTF-8, and other bytes as they came. Raise LinkError, without the password."""
    try:
        octets = password.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise LinkError("the password of the broker's user is no text", f"correct it: {PASSWORD_CURE}") from None
    if len(octets) > MAX_CREDENTIAL_BYTES:
        cause = f"the password of the broker's user has {len(octets)} bytes, and MQTT carries {MAX_CREDENTIAL_BYTES}"
        raise LinkError(cause, f"correct it: {PASSWORD_CURE}")
    return octets


def _read_file_name(text: str) -> str:
    return text if text and text.isprintable() else refuse()


CA = LinkOption("ca", "ca", _read_file_name, "the name of a file with certificates")
"""Option of a broker over TLS: whom to trust in place of the system's certificates."""


def clear_topic(prefix: str, channel: str) -> str:
    """Return the topic of a channel that hides nothing."""
    return f"{prefix}/{channel}"


def hidden_topic(prefix: str, channel: str, key: bytes) -> str:
    """Return the topic of a sealed channel: six letters instead of its name, the same for all who have the key.

    They are the first 36 bits of HMAC-SHA-256 with the channel's key over `gossamer/topic` and the name, in UTF-8 in
    Unicode's form NFC, written in base64 for URLs (RFC 4648).
    """
    name = unicodedata.normalize("NFC", channel).encode()
    digest = hmac.digest(key, TOPIC_LABEL + name, "sha256")
    return clear_topic(prefix, base64.urlsafe_b64encode(digest)[:HASHED_LETTERS].decode())


HELLO = LEAVING
"""Message by which a station says that it has come, without saying who it is: that is for its own frames to tell."""


def leaving_message(token: bytes) -> bytes:
    """Return the message by which a station leaves, or the broker tells that it is gone. token: TOKEN_BYTES bytes."""
    return LEAVING + token


def read_leaving(message: bytes) -> bytes | None:
    """Return the mark of the station that a message says has left; None for any other message."""
    token = message[len(LEAVING) :]
    return leave_mark(token) if message.startswith(LEAVING) and len(token) == TOKEN_BYTES else None


def leave_mark(token: bytes) -> bytes:
    """Return what a station may tell of its token beforehand: 8 bytes, from which nobody can make the token.

    The broker is given the token when a station connects, and publishes it when that is gone. The others know whose it
    is if the station has told them the mark in a frame of its own, which nobody else can write on a sealed channel.
    """
    return hashlib.sha256(b"gossamer/leaving" + token).digest()[:TOKEN_BYTES]


def check_broker(parts: AddressParts, *, tls: bool) -> BrokerSettings:
    """Return the settings of a broker's address. Raise LinkError for one that makes no sense."""
    form = "mqtts://USER@HOST/CHANNEL" if tls else "mqtt://HOST/CHANNEL"
    if not parts.host or parts.port == 0:
        raise LinkError(f"'{parts.text}' names no broker", f"write {form}")
    if not parts.user.isprintable() or len(parts.user.encode()) > MAX_CREDENTIAL_BYTES:
        cause = "no user of a broker can be called as in this address"
        raise LinkError(cause, f"take a name that can be shown, of {MAX_CREDENTIAL_BYTES} bytes at most")
    *levels, channel = [unquote(level) for level in parts.path.strip("/").split("/")]
    if not channel:
        raise LinkError(
            f"'{parts.text}' names no channel", f"write {form}, such as {form.replace('CHANNEL', 'harbour')}"
        )
    prefix = "/".join(levels) or TOPIC_ROOT
    if (
        not (_is_level(channel) and all(map(_is_level, levels)) and len(prefix) <= MAX_CHANNEL_LETTERS)
        or prefix[0] == "$"
    ):
        cause = f"'{parts.text}': no channel can be called so"
        raise LinkError(cause, f"take 1 to {MAX_CHANNEL_LETTERS} letters without + # and $, prefixes likewise")
    port = parts.port or (TLS_PORT if tls else PLAIN_PORT)
    ca: str = parts.options.get(CA.field, "")
    return BrokerSettings(parts.host, port, tls, prefix, channel, clear_topic(prefix, channel), user=parts.user, ca=ca)


def _is_level(name: str) -> bool:
    """Tell whether this can be a level of a topic (MQTT 5, section 4.7)."""
    return 0 < len(name) <= MAX_CHANNEL_LETTERS and name.isprintable() and not set(name) & set("+#/")


def broker_way(settings: BrokerSettings, radio: Radio | None, rate_bps: float | None) -> Way:
    """Return the stretch of a frame's way, to the broker or from it: the slower of the two counts, and is not known."""
    headers = TCP_IPV6_BYTES if ":" in settings.host else TCP_IPV4_BYTES
    air = Bits(rate_bps or math.inf, MQTT_BYTES + (TLS_BYTES if settings.tls else 0) + headers)
    return Way((air,), air)
