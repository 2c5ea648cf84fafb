"""Channels on a broker: how their names may be, how a leaving is read, what goes over the line."""

from __future__ import annotations

import pytest

from transport.address import parse_address
from transport.broker import MAX_CHANNEL_LETTERS, leave_mark, leaving_message, read_leaving

TOKEN = bytes(range(8))


def test_a_leaving_is_read_as_it_was_written() -> None:
    """It tells the mark that the station had told before, and not the token that only its broker knew."""
    mark = read_leaving(leaving_message(TOKEN))
    assert leave_mark(TOKEN) == mark
    # printf 'gossamer/leaving\0\1\2\3\4\5\6\7' | sha256sum: stations of other versions must arrive at the same.
    assert bytes.fromhex("8ca5318b6906d375") == mark


@pytest.mark.parametrize(
    "message",
    [b"", leaving_message(b""), leaving_message(TOKEN[1:]), leaving_message(TOKEN + b"8"), b"\x11" + TOKEN],
    ids=["nothing", "a hello", "too short", "too long", "a frame"],
)
def test_other_messages_tell_of_no_leaving(message: bytes) -> None:
    """A station that comes says less, and a frame of that length begins with its mode."""
    assert read_leaving(message) is None


def test_a_name_is_as_long_as_it_may_be() -> None:
    """64 letters are a channel; the levels before it have as many together."""
    channel, prefix = "a" * MAX_CHANNEL_LETTERS, "b" * MAX_CHANNEL_LETTERS
    settings = parse_address(f"mqtt://broker.example/{prefix}/{channel}").settings
    assert (prefix, channel) == (settings.prefix, settings.channel)


@pytest.mark.parametrize(
    ("link", "octets"),
    [
        ("mqtt://192.0.2.7/harbour", 40 + 13 + 52),
        ("mqtt://[2001:db8::7]/harbour", 40 + 13 + 72),
        ("mqtts://192.0.2.7/harbour", 40 + 13 + 22 + 52),
    ],
)
def test_the_bytes_around_a_frame(link: str, octets: int) -> None:
    """MQTT, TLS where it is used, and TCP over the kind of IP that the address shows; IPv6 has 20 bytes more."""
    address = parse_address(link)
    assert octets == address.kind.way(address.settings, None, 1200.0).air.octets(40)
