"""What is fuzzed of a channel on a broker: the bytes that a broker sends, and the messages on our topic."""

from __future__ import annotations

from transport.address import parse_address
from transport.broker import HELLO, TOKEN_BYTES, leaving_message
from transport.links.message_filter import OWN_FRAMES, Left, MessageFilter, Payload
from transport.links.mqtt_client import Arrived, Ended, Ignored, MqttClient
from transport.protocol.open_frames import MAX_FRAME_BYTES

BROKER_SAYS = (
    "2006000003220001",  # CONNACK with a topic alias
    "20020005",  # CONNACK of 3.1.1: not authorized
    "9004000100 00",  # SUBACK
    "40040002 8700",  # PUBACK: not authorized
    "d000",  # PINGRESP
    "e0028b00",  # DISCONNECT: server shutting down
    "3017 0009 672f686172626f7572 03230001 12000000000000ff",  # PUBLISH with an alias
    "3410 0009 672f686172626f7572 0007 00 0102",  # PUBLISH at quality 2
)
"""Packets of MQTT as a broker sends them (MQTT 5, section 3)."""


class BrokerMessages:
    """What a broker sends: bytes as they come, then the same as a message on our topic, from the client to the link."""

    def __init__(self) -> None:
        self._settings = parse_address("mqtt://broker.example/harbour").settings
        self._filter = MessageFilter()
        self._count = 0
        self._client = self._greeted()

    def __call__(self, octets: bytes) -> None:
        self._count += 1
        self._feed(octets)
        topic = self._settings.topic.encode()
        body = len(topic).to_bytes(2) + topic + bytes(self._client.version == 5) + octets
        length = bytes([len(body) & 127 | 128, len(body) >> 7])
        self._feed(bytes([0x30 | octets[0] & 15 if octets[:1] > b"\xf0" else 0x30]) + length + body)

    def _feed(self, octets: bytes) -> None:
        ended = False
        for event in self._client.receive_data(octets):
            ended = ended or isinstance(event, Ended)
            if isinstance(event, Arrived | Ignored):
                self._filter.sent(octets[::-1])
                said = self._filter.received(getattr(event, "payload", None), self._count / 100)
                assert not isinstance(said, Payload) or len(said.octets) <= MAX_FRAME_BYTES
                assert not isinstance(said, Left) or len(said.mark) == TOKEN_BYTES
        assert not self._client.has_data  # nothing that comes makes a station answer
        assert len(self._filter._own) <= OWN_FRAMES
        if ended:
            self._client = self._greeted()

    def _greeted(self) -> MqttClient:
        """Return a client that was let in: by a broker of MQTT 5, or of 3.1.1."""
        version = 3 if self._count % 2 else 5
        will = leaving_message(bytes(TOKEN_BYTES))
        client = MqttClient(self._settings, "g0", will, version=version)
        client.receive_data(bytes.fromhex("2006000003220001" if version == 5 else "20020000"))
        client.subscribe()
        client.greet(HELLO)
        client.data_to_send()
        return client
