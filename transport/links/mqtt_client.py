"""MQTT itself, by the library paho, without its sockets: bytes in, events out; the caller owns the connection.

Paho is given two buffers for a socket. It has no thread, waits for nothing, and keeps nothing from one connection to
the next, since each has a client of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from transport.broker import BrokerSettings
from transport.errors import UsageError

MAX_MESSAGE_BYTES = 4096
"""Longest message that is taken: ten times the longest frame. A broker of MQTT 5 is told, and passes no longer one."""
MAX_MESSAGE_BYTES_3 = 65_536
"""Longest message that is taken where the broker cannot be told. A longer one ends the connection."""
KEEP_ALIVE_S = 30
"""Silence after which the broker is asked whether it is there. It takes us for gone after one and a half of these."""
MAX_EVENTS = 8192
"""Events of one piece of bytes that are kept: more than fit into it."""
UNSUPPORTED_VERSION = 0x84
"""Reason by which a broker says that it has no MQTT 5."""
_FIRST_ALIAS = 1
_NO_RETAINED = 2
"""Value of a subscription's option with which the broker sends no message that it has kept (MQTT 5, 3.8.3.1)."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A broker that has let us in."""


@dataclass(frozen=True, slots=True)
class Denied:
    """A broker that has not. `reason` is a code of MQTT 5; `says` is the name that it has there."""

    reason: int
    says: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A broker that passes on the messages of our topic."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """A broker that has taken our first message."""


@dataclass(frozen=True, slots=True)
class TopicRefused:
    """A broker that does not let us "hear" our topic, or "use" it for what we say."""

    what: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message on our topic."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is none for us: one that the broker has kept, or on another topic."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of the connection. `says` is why, where the broker said so or broke the rules."""

    says: str


MqttEvent = Connected | Denied | Subscribed | Greeted | TopicRefused | Arrived | Ignored | Ended


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]


class _Buffers:
    """The two buffers that paho takes for a socket."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closed = False
        self.reading = False
        """True while paho reads. What it would send then, a broker has asked for that we want no answers from."""

    def recv(self, size: int) -> bytes:
        if size > self._longest:
            raise ConnectionError("a message that is too long")
        if not self.incoming:
            raise BlockingIOError
        octets = bytes(self.incoming[:size])
        del self.incoming[:size]
        return octets

    def send(self, octets: bytes | bytearray) -> int:
        if self.reading:
            raise ConnectionError("a message that wants an answer")
        self.outgoing += octets
        return len(octets)

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        pass


class _Paho(Client):
    """Paho's client on buffers."""

    def __init__(self, buffers: _Buffers, client_id: str, version: MQTTProtocolVersion) -> None:
        self._buffers = buffers
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False)

    def _create_socket(self) -> Any:
        return self._buffers


class MqttClient:
    """The client of one connection, on one topic."""

    def __init__(self, settings: BrokerSettings, client_id: str, will: bytes, *, version: int = 5) -> None:
        """Take the will, which the broker publishes when we are gone; version: 5, or 3 for MQTT 3.1.1.

        Raise UsageError for another version.
        """
        if version not in (3, 5):
            raise UsageError(f"there is no MQTT {version} here, only 3 and 5")
        self.version = version
        self._topic = settings.topic
        self._alias = 0
        """Number that stands for the topic; 0 while the broker knows none."""
        self._may_alias = False
        self._hello = 0
        """Number of the first message, which the broker confirms."""
        self._buffers = _Buffers(MAX_MESSAGE_BYTES if version == 5 else MAX_MESSAGE_BYTES_3)
        self._events: deque[MqttEvent] = deque(maxlen=MAX_EVENTS)
        protocol = MQTTProtocolVersion.MQTTv5 if version == 5 else MQTTProtocolVersion.MQTTv311
        self._paho = paho = _Paho(self._buffers, client_id, protocol)
        password = settings.password if settings.user else None
        paho.username_pw_set(settings.user or None, password)  # type: ignore[arg-type]  # it takes bytes as they are
        paho.will_set(self._topic, will)
        paho.on_connect = self._on_connect
        paho.on_subscribe = self._on_subscribe
        paho.on_message = self._on_message
        paho.on_publish = self._on_publish
        paho.on_disconnect = self._on_disconnect
        about: dict[str, Any] = {}
        if version == 5:
            about["properties"] = told = _properties(PacketTypes.CONNECT)
            told.MaximumPacketSize = MAX_MESSAGE_BYTES
            told.ReceiveMaximum = 1
            told.TopicAliasMaximum = _FIRST_ALIAS
        paho.connect(settings.host, settings.port, KEEP_ALIVE_S, **about)

    # --- bytes ---------------------------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return the bytes that are to go to the broker, and forget them."""
        octets = bytes(self._buffers.outgoing)
        self._buffers.outgoing.clear()
        return octets

    @property
    def has_data(self) -> bool:
        """Whether there are bytes for the broker."""
        return bool(self._buffers.outgoing)

    def receive_data(self, octets: bytes) -> list[MqttEvent]:
        """Return what the bytes mean that came from the broker. Whatever they are, nothing is raised."""
        self._buffers.incoming += octets
        self._buffers.reading = True
        try:
            while self._buffers.incoming and not self._buffers.closed:
                self._paho.loop_read()
        except Exception:  # whatever rubbish can make of a library
            self._end("it does not speak MQTT")
        finally:
            self._buffers.reading = False
        if self._buffers.closed:
            self._buffers.incoming.clear()
            self._end("")
        events = list(self._events)
        self._events.clear()
        return events

    # --- what to do ----------------------------------------------------------------------------------------------

    def tick(self) -> list[MqttEvent]:
        """Do what time demands, every second or so: ask a silent broker whether it is there, and give it up."""
        self._paho.loop_misc()
        if self._buffers.closed:
            self._end("")
        events = list(self._events)
        self._events.clear()
        return events

    def subscribe(self) -> None:
        """Ask for the messages on our topic, without our own and without such as the broker has kept."""
        if self.version == 5:
            options = SubscribeOptions(qos=0, noLocal=True, retainHandling=_NO_RETAINED)
            self._paho.subscribe(self._topic, options=options)
        else:
            self._paho.subscribe(self._topic, 0)

    def greet(self, payload: bytes) -> None:
        """Send the first message on our topic, and have the broker confirm it: it refuses all others in silence."""
        self._hello = self._paho.publish(self._topic, payload, qos=1).mid

    def publish(self, payload: bytes) -> None:
        """Send a message on our topic, once, under the topic's number where the broker takes one."""
        if not self._may_alias:
            self._paho.publish(self._topic, payload)
            return
        properties = _properties(PacketTypes.PUBLISH)
        properties.TopicAlias = _FIRST_ALIAS
        self._paho.publish("" if self._alias else self._topic, payload, properties=properties)
        self._alias = _FIRST_ALIAS

    def disconnect(self) -> None:
        """Take leave, with which the broker forgets the will."""
        self._paho.disconnect()

    # --- what paho tells -----------------------------------------------------------------------------------------

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._events.append(Denied(reason.value, reason.getName().lower()))
            return
        self._may_alias = getattr(properties, "TopicAliasMaximum", 0) >= _FIRST_ALIAS
        self._events.append(Connected())

    def _on_subscribe(self, client: Any, userdata: Any, number: int, reasons: list[Any], properties: Any) -> None:
        granted = bool(reasons) and not any(reason.is_failure for reason in reasons)
        self._events.append(Subscribed() if granted else TopicRefused("hear"))

    def _on_publish(self, client: Any, userdata: Any, number: int, reason: Any, properties: Any) -> None:
        if number == self._hello:
            self._events.append(TopicRefused("use") if reason.is_failure else Greeted())

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        try:
            ours = message.topic in (self._topic, "")  # empty: the broker has a number for it
        except UnicodeDecodeError:
            ours = False
        self._events.append(Arrived(bytes(message.payload)) if ours and not message.retain else Ignored())

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._end(reason.getName().lower() if flags.is_disconnect_packet_from_server else "")

    def _end(self, says: str) -> None:
        if not (self._events and isinstance(self._events[-1], Ended)):
            self._events.append(Ended(says))
        self._buffers.closed = True


ClientMaker = Callable[[int], MqttClient]
"""Function of the version of MQTT that makes a client for one connection."""
