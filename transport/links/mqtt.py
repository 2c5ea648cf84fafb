"""A channel on an MQTT broker: a message is a frame, and everybody who has subscribed to the topic hears it.

The broker may go and come back. Nothing waits for that: frames that cannot leave are refused, and a session begins
clean, so that no broker keeps anything for a station that is away.
"""

from __future__ import annotations

import math
import os
import random
import socket
from collections.abc import Callable
from functools import partial

import trio

from transport.address import Address
from transport.broker import (
    TCP_IPV4_BYTES,
    TCP_IPV6_BYTES,
    TLS_BYTES,
    TOKEN_BYTES,
    BrokerSettings,
    leave_mark,
    leaving_message,
)
from transport.errors import LinkError, PeerUnreachable
from transport.links.base import BaseLink
from transport.links.broker_session import AGAIN, CONNECT_S, OldBroker, Session, connect
from transport.links.message_filter import Came, Left, MessageFilter, Payload, TooMany
from transport.links.mqtt_client import MqttClient
from transport.links.tcp import break_off

ARRIVED_FRAMES = 4096
"""Received frames that wait to be fetched, as many as of a UDP socket. What comes while there are so many is lost."""
FETCHED_AT_ONCE = 256
"""Frames that are fetched before anything else may run: more than come with what is read at once, else they pile up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Pauses between two tries to reach a broker that is away, in seconds: each is twice as long as the one before."""
SPREAD = 0.5
"""Share by which a pause is longer or shorter, by chance: all whom a broker has lost do not come back at once."""
STEADY_S = 10.0
"""Time in seconds that a connection must have lasted for the pauses to begin anew."""
SEGMENT_BYTES = 1400
"""Bytes that a TCP segment holds, or little more."""


class MqttLink(BaseLink):
    """A link to all stations on a channel of a broker. `open_mqtt` makes it."""

    def __init__(self, address: Address[BrokerSettings], draw: Callable[[], float] = random.random) -> None:
        """Take the address, and a function that draws from 0..1 for the pauses."""
        super().__init__(address.text, address.kind.layers, address.kind.tag_bytes)
        self._settings = address.settings
        self._draw = draw
        self._client_id = "g" + os.urandom(6).hex()
        self._token = b""
        self._version = 5
        self._known = False
        """True once the others were told that this station came: after that a broker that returns is no news, and where
        it had a thousand stations, a hello of each to each would be a million messages."""
        self._session: Session | None = None
        self._gone = PeerUnreachable(f"{self.name} is not open", "a moment")
        self._ready = trio.Event()
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._closed = False
        self._filter = MessageFilter()
        self._arrive, self._arrived = trio.open_memory_channel[bytes | PeerUnreachable](ARRIVED_FRAMES)
        self._fetched = 0
        """Frames that were fetched since anything else could run."""
        self._on_leave: Callable[[bytes], None] | None = None
        self._on_hello: Callable[[], None] | None = None

    def tell(self, on_leave: Callable[[bytes], None], on_hello: Callable[[], None]) -> None:
        """Tell from now on who leaves and that somebody came.

        on_leave: is told the mark (`transport.broker.leave_mark`) of a station that has left. on_hello: is told that
        another station has come, or that this one has come back, with a new mark.
        """
        self._on_leave, self._on_hello = on_leave, on_hello

    @property
    def leave_mark(self) -> bytes:
        """Return the mark by which the others know, once they were told it, that this station has left."""
        return leave_mark(self._token)

    @property
    def ready(self) -> bool:
        """Return whether the broker is there."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Return as soon as the broker is there."""
        while not self.ready:
            await self._ready.wait()

    async def open(self) -> None:
        """Reach the broker for the first time. Raise LinkError."""
        try:
            await self._enter()
        except OldBroker:
            self._version = 3
            await self._enter()

    async def run(self) -> None:
        """Serve until `aclose`, and come back to the broker whenever it was lost."""
        try:
            with self._scope:
                pause_s = FIRST_PAUSE_S
                while True:
                    assert self._session is not None
                    since_s = trio.current_time()
                    problem = await self._session.run(self._take)
                    self._away(problem)
                    await self._arrive.send(problem)
                    if trio.current_time() - since_s >= STEADY_S:
                        pause_s = FIRST_PAUSE_S
                    pause_s = await self._come_back(pause_s)
        finally:
            self._ended.set()

    async def send(self, frame: bytes) -> None:
        """Publish one frame. Raise PeerUnreachable where the broker is away: the frame is lost then."""
        if self._closed:
            raise self._was_closed()
        session = self._session
        if session is None:
            raise PeerUnreachable(self._gone.cause, self._gone.cure)
        self._filter.sent(frame)
        try:
            await session.publish(frame)
        except PeerUnreachable as problem:
            if self._closed:
                raise self._was_closed() from None
            self._away(problem)
            raise
        self._sent.add(frame, ())
        self._sent.carry(-len(frame))

    async def receive(self) -> bytes:
        """Return the next frame of another station, or RUBBISH."""
        try:
            if self._fetched >= FETCHED_AT_ONCE or not self._arrived.statistics().current_buffer_used:
                self._fetched = 0
                arrived = await self._arrived.receive()
            else:
                self._fetched += 1
                arrived = self._arrived.receive_nowait()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise self._was_closed() from None
        if isinstance(arrived, PeerUnreachable):
            raise arrived
        return arrived

    async def aclose(self) -> None:
        """Tell the others that this station leaves, and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._scope.cancel()
        await self._ended.wait()
        session, self._session = self._session, None
        if session is not None:
            await session.close(leaving_message(self._token))
        self._arrive.close()

    # --- the broker ----------------------------------------------------------------------------------------------

    async def _enter(self) -> None:
        """Connect, be let in, and subscribe. Raise LinkError; OldBroker where an older MQTT may help."""
        token = os.urandom(TOKEN_BYTES)
        where = f"the broker at {self._settings.host} port {self._settings.port}"
        try:
            with trio.fail_after(CONNECT_S):
                self._session = await self._greeted(leaving_message(token))
        except trio.TooSlowError:
            raise PeerUnreachable(f"{where} takes too long to answer", "look after it and the network") from None
        except trio.BrokenResourceError:
            raise PeerUnreachable(f"{where} hung up", "look after it and the network") from None
        self._token = token
        self._ready.set()
        if self._known and self._on_hello is not None:
            self._on_hello()
        self._known = True

    async def _greeted(self, will: bytes) -> Session:
        stream, below = await connect(self._settings)
        client = MqttClient(self._settings, self._client_id, will, version=self._version)
        headers = TCP_IPV4_BYTES if below.socket.family == socket.AF_INET else TCP_IPV6_BYTES
        count = partial(self._count_bytes, headers)
        session = Session(self._settings, client, stream, below, count)
        try:
            await session.greet(hello=not self._known)
        except BaseException:
            break_off(below)
            raise
        return session

    async def _come_back(self, pause_s: float) -> float:
        """Try until the broker has let us in again; return the pause that comes after the last one."""
        while True:
            await trio.sleep(pause_s * (1 + SPREAD * (2 * self._draw() - 1)))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._enter()
            except LinkError as problem:
                self._gone = PeerUnreachable(problem.cause, AGAIN)
            else:
                return pause_s

    def _away(self, problem: PeerUnreachable) -> None:
        """Take note that the broker is away; who waits for its return goes on waiting."""
        self._session, self._gone = None, problem
        if self._ready.is_set():
            self._ready = trio.Event()

    # --- messages ------------------------------------------------------------------------------------------------

    def _take(self, payload: bytes | None) -> bool:
        """Take a message, or None for one that is none of ours; return False where more come than are taken."""
        match self._filter.received(payload, trio.current_time()):
            case Came():
                if self._on_hello is not None:
                    self._on_hello()
            case Left(mark):
                if self._on_leave is not None:
                    self._on_leave(mark)
            case Payload(octets):
                return self._keep(octets)
            case TooMany():
                self.dropped += 1
                return False
        return True

    def _keep(self, frame: bytes) -> bool:
        """Keep a frame until it is fetched, if there is room; return whether there was."""
        try:
            self._arrive.send_nowait(frame)
        except trio.WouldBlock:
            self.dropped += 1
            return False
        self._received.add(frame, ())
        self._received.carry(-len(frame))
        return True

    def _count_bytes(self, headers: int, sent: int, received: int) -> None:
        """Count bytes of MQTT that passed, with what TLS, TCP and IP add, and the acknowledgements of the other end."""
        for there, back, octets in ((self._sent, self._received, sent), (self._received, self._sent, received)):
            if octets:
                segments = math.ceil(octets / SEGMENT_BYTES)
                there.carry(octets + segments * headers + (TLS_BYTES if self._settings.tls else 0))
                back.carry(segments * headers)


async def open_mqtt(address: Address[BrokerSettings], nursery: trio.Nursery, keep_alive: bytes) -> MqttLink:
    """Reach the broker and subscribe to the channel; the link's tasks run in `nursery`.

    The keep-alive is not sent: MQTT has its own. Raise LinkError: no broker, one that does not let us in, no trust.
    """
    link = MqttLink(address)
    await link.open()
    nursery.start_soon(link.run, name="MqttLink.run")
    return link
