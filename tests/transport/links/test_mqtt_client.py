"""MQTT without a connection: what is sent, and what is made of whatever a broker answers."""

from __future__ import annotations

import pytest

from transport.address import parse_address
from transport.broker import HELLO, leaving_message
from transport.errors import UsageError
from transport.links.mqtt_client import (
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_BYTES_3,
    Arrived,
    Connected,
    Denied,
    Ended,
    Greeted,
    Ignored,
    MqttClient,
    Subscribed,
    TopicRefused,
)

SETTINGS = parse_address("mqtt://broker.example/harbour").settings
TOPIC = b"\x00\x09g/harbour"
WITH_ALIAS, WITHOUT_ALIAS, OLD = "2006000003220001", "2003000000", "20020000"
"""CONNACKs: of MQTT 5 with one topic alias and with none, and of 3.1.1."""


def client(version: int = 5, connack: str | None = None) -> MqttClient:
    """Return a client that was let in and has greeted; what it sent is forgotten."""
    made = MqttClient(SETTINGS, "g1", leaving_message(bytes(8)), version=version)
    assert [Connected()] == made.receive_data(bytes.fromhex(connack or (WITH_ALIAS if version == 5 else OLD)))
    made.subscribe()
    made.greet(HELLO)
    made.data_to_send()
    return made


def publish(payload: bytes, flags: int = 0, topic: bytes = TOPIC, more: bytes = b"", version: int = 5) -> bytes:
    """Return a PUBLISH as a broker sends it."""
    body = topic + more + bytes(version == 5) + payload
    length, octets = len(body), b""
    while length > 127:
        octets += bytes([length & 127 | 128])
        length >>= 7
    return bytes([0x30 | flags]) + octets + bytes([length]) + body


def test_the_greeting_holds_the_will_and_the_limits() -> None:
    """A will of nine bytes on the same topic, one message at a time, none longer than 4096 bytes, one alias."""
    made = MqttClient(SETTINGS, "g1", leaving_message(b"12345678"))
    greeting = made.data_to_send()
    assert b"\x00\x04MQTT\x05" in greeting and TOPIC + b"\x00\x09\x0012345678" in greeting
    assert b"\x27" + MAX_MESSAGE_BYTES.to_bytes(4) in greeting and b"\x21\x00\x01\x22\x00\x01" in greeting
    assert not made.has_data
    with pytest.raises(UsageError, match="no MQTT 4"):
        MqttClient(SETTINGS, "g1", b"", version=4)


@pytest.mark.parametrize(
    ("version", "connack", "first", "later"),
    [(5, WITH_ALIAS, 17, 8), (5, WITHOUT_ALIAS, 14, 14), (3, OLD, 13, 13)],
)
def test_bytes_around_a_frame(version: int, connack: str, first: int, later: int) -> None:
    """The topic goes out once where the broker takes a number for it, and in every message where not."""
    made = client(version, connack)
    for expected in (first, later, later):
        made.publish(bytes(40))
        octets = made.data_to_send()
        assert (expected + 40, True) == (len(octets), octets.endswith(bytes(40)))


def test_what_a_broker_answers() -> None:
    """It takes our topic and our first message, or says to which of them it does not."""
    made = client()
    assert [Subscribed()] == made.receive_data(bytes.fromhex("9004000100 00"))
    assert [Greeted()] == made.receive_data(bytes.fromhex("40020002"))
    assert [TopicRefused("hear")] == made.receive_data(bytes.fromhex("9004000100 87"))
    assert [TopicRefused("use")] == client().receive_data(bytes.fromhex("40040002 8700"))
    fresh = MqttClient(SETTINGS, "g1", b"")
    assert [Denied(0x86, "bad user name or password")] == fresh.receive_data(bytes.fromhex("2003008600"))[:1]
    assert [Ended("server shutting down")] == client().receive_data(bytes.fromhex("e0028b00"))


def test_messages_come_whole_however_they_are_cut() -> None:
    """Three in one piece, and one byte at a time, are the same three."""
    octets = publish(b"one") + publish(b"two", topic=b"\0\0", more=b"") + publish(bytes(200))
    whole = client().receive_data(octets)
    made = client()
    pieces = [event for at in range(len(octets)) for event in made.receive_data(octets[at : at + 1])]
    assert [Arrived(b"one"), Arrived(b"two"), Arrived(bytes(200))] == whole == pieces


def test_what_is_none_of_ours_is_told_without_its_content() -> None:
    """A message that was kept, one of another topic, and one whose topic is no text."""
    made = client()
    for octets in (publish(b"old", flags=1), publish(b"x", topic=b"\0\1a"), publish(b"x", topic=b"\0\1\xff")):
        assert [Ignored()] == made.receive_data(octets)
    assert [Arrived(b"ours")] == made.receive_data(publish(b"ours"))


@pytest.mark.parametrize(
    ("version", "octets"),
    [
        (5, publish(bytes(MAX_MESSAGE_BYTES))),
        (3, publish(bytes(MAX_MESSAGE_BYTES_3), version=3)),
        (5, b"\x30\xff\xff\xff\x7f"),
        (5, publish(b"quality 1", flags=2, more=b"\0\7")),
        (5, publish(b"quality 2", flags=4, more=b"\0\7")),
        (5, b"\xc0\x00"),
        (5, b"\x00\x00"),
        (5, b"SSH-2.0-OpenSSH_9.2\r\n" * 20),
        (3, b"\xff" * 9),
    ],
    ids=["too long", "too long for 3", "a quarter of a GB", "quality 1", "quality 2", "ping", "none", "SSH", "ones"],
)
def test_what_ends_a_connection(version: int, octets: bytes) -> None:
    """What is too long, what wants an answer from us, and what is no MQTT; nothing is kept, sent or raised, and nothing
    counts that comes after it."""
    made = client(version)
    *_, ended = made.receive_data(octets)
    assert isinstance(ended, Ended)
    assert (b"", []) == (
        made.data_to_send(),
        [event for event in made.receive_data(publish(b"x")) if event != Ended("")],
    )
    assert not made._buffers.incoming


def test_a_message_up_to_the_limit_is_taken() -> None:
    """In 3.1.1 the broker cannot be told a limit, so a longer message is taken, for the link to call rubbish."""
    [arrived] = client(3).receive_data(publish(bytes(60_000), version=3))
    assert isinstance(arrived, Arrived) and 60_000 == len(arrived.payload)
