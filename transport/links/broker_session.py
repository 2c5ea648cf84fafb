"""One connection to a broker, from the first packet to the last: TCP, TLS, the greeting, and three tasks."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable

import trio

from transport.broker import HELLO, PASSWORD_CURE, BrokerSettings
from transport.errors import LinkError, PeerUnreachable
from transport.links.mqtt_client import (
    UNSUPPORTED_VERSION,
    Arrived,
    Connected,
    Denied,
    Ended,
    Greeted,
    Ignored,
    MqttClient,
    MqttEvent,
    Subscribed,
    TopicRefused,
)
from transport.links.route_watch import LOOK_EVERY_S, local_address
from transport.links.tcp import break_off, hold_little, notice_silence, reason_of

CONNECT_S = 15.0
"""Patience with a broker, from the first packet until it lets us in, in seconds: TLS at 4 kbit/s takes some 8."""
SILENT_S = 6
"""Time in seconds for which a network may take nothing before the connection counts as lost, and what waits is dropped.

A telephone that changes from one mast to the next is silent for some seconds.
"""
READ_BYTES = 4096
"""Bytes that are read at once, at most: some 50 frames."""
FLOOD_PAUSE_S = 0.1
"""Pause after each READ_BYTES while more messages come than are taken, in seconds: what a flood may cost."""
TICK_S = 1.0
"""Time between two looks at whether a silent broker must be asked, in seconds."""
GOODBYE_S = 1.0
"""Time that the last message gets to leave, in seconds."""
AGAIN = "it is tried again"
BAD_USER, NOT_AUTHORIZED = 0x86, 0x87
"""Reasons of MQTT 5 for a wrong password, and for a user who may not."""


class OldBroker(PeerUnreachable):
    """A broker that does not know the newest version of MQTT, or hung up when it was greeted in it."""


class Session:
    """One connection. `greet` makes it; `run` serves it until it is lost."""

    def __init__(
        self,
        settings: BrokerSettings,
        client: MqttClient,
        stream: trio.abc.Stream,
        socket_stream: trio.SocketStream,
        count: Callable[[int, int], None],
    ) -> None:
        """Take the stream, the TCP connection below it, and a function that is told the bytes sent and received."""
        self._settings = settings
        self._where = f"{settings.host} port {settings.port}"
        self._client = client
        self._stream = stream
        self._socket_stream = socket_stream
        self._count = count
        self._problem: PeerUnreachable | None = None
        self._handed = self._left = 0
        """Messages that were handed over, and those of them that have left."""
        self._more = trio.Event()
        self._moved = trio.Event()
        self._writing = False
        """True while bytes of a message may have left without the rest."""
        self._address = self._own_address()

    @property
    def is_lost(self) -> bool:
        """Whether the connection serves no longer."""
        return self._problem is not None

    async def greet(self, *, hello: bool) -> None:
        """Introduce ourselves and subscribe; hello: and say that we came. Raise OldBroker, or LinkError for a refusal.

        The broker confirms the hello, and so says whether it would pass on what we say: it drops all else in silence.
        """
        await self._write()
        await self._answers(Connected)
        self._client.subscribe()
        if hello:
            self._client.greet(HELLO)
        await self._write()
        await self._answers(Subscribed, *((Greeted,) if hello else ()))

    async def _answers(self, *wanted: type[MqttEvent]) -> None:
        """Read until the broker has answered as it should."""
        missing = {*wanted}
        while missing:
            for event in await self._read():
                match event:
                    case Denied(reason, says):
                        raise self._refusal(reason, says)
                    case TopicRefused(what):
                        cause = f"the broker at {self._where} does not let us {what} the topic {self._settings.topic}"
                        raise LinkError(cause, "ask who runs the broker, or take a channel that is yours")
                    case Ended(says):
                        raise self._hung_up_early(says, Connected in missing)
                    case _:
                        missing.discard(type(event))

    def _refusal(self, reason: int, says: str) -> LinkError:
        if reason == UNSUPPORTED_VERSION:
            return OldBroker(f"the broker at {self._where} speaks no MQTT that is spoken here", "use another")
        if reason not in (BAD_USER, NOT_AUTHORIZED):
            return LinkError(f"the broker at {self._where} refuses: {says}", "ask who runs it")
        cause = f"the broker at {self._where} does not let in"
        if not self._settings.user:
            return LinkError(f"{cause} anybody without a name", "write mqtts://USER@HOST/CHANNEL")
        cause = f"{cause} the user {self._settings.user}"
        if self._settings.password is None:
            return LinkError(f"{cause} without a password", PASSWORD_CURE)
        return LinkError(f"{cause} with this password", f"correct it: {PASSWORD_CURE}")

    def _hung_up_early(self, says: str, unknown: bool) -> LinkError:
        """Return the error for a broker that hung up; unknown: it may have been because of the version of MQTT."""
        because = f" ({says})" if says else ""
        cause = f"{self._where} hung up on an MQTT greeting{because}"
        cure = "is it a broker, and is it mqtt:// or mqtts:// there?"
        return OldBroker(cause, cure) if unknown else LinkError(cause, cure)

    async def _read(self) -> list[MqttEvent]:
        """Return what the next bytes mean; an Ended where there are none."""
        try:
            octets = bytes(await self._stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            return [Ended(reason_of(error))]
        self._count(0, len(octets))
        return self._client.receive_data(octets) if octets else [Ended("")]

    async def _write(self) -> None:
        """Write what the client has. Raise trio.BrokenResourceError."""
        octets = self._client.data_to_send()
        if octets:
            self._writing = True
            await self._stream.send_all(octets)
            self._writing = False
            self._count(len(octets), 0)

    # --- service -------------------------------------------------------------------------------------------------

    async def run(self, arrived: Callable[[bytes | None], bool]) -> PeerUnreachable:
        """Serve until the connection is lost, and return why.

        arrived: told each message, None for one that is none of ours; returns False where more come than is allowed.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_reading, arrived, nursery.cancel_scope)
            nursery.start_soon(self._keep_writing, nursery.cancel_scope)
            nursery.start_soon(self._keep_time, nursery.cancel_scope)
        assert self._problem is not None
        return self._problem

    async def publish(self, frame: bytes) -> None:
        """Send a frame, and return when the system has taken it. Raise PeerUnreachable."""
        if self._problem is None:
            self._client.publish(frame)
            self._handed += 1
            number = self._handed
            self._more.set()
            while self._left < number and self._problem is None:
                await self._moved.wait()
        if self._problem is not None:
            raise PeerUnreachable(self._problem.cause, self._problem.cure)

    async def close(self, last: bytes | None) -> None:
        """Take leave, with a last message, and close; nothing may run any more."""
        if last is None or self._writing or self._problem is not None:
            break_off(self._socket_stream)
            return
        with trio.move_on_after(GOODBYE_S) as patience, contextlib.suppress(trio.BrokenResourceError, OSError):
            self._client.publish(last)
            self._client.disconnect()
            await self._write()
            await self._stream.aclose()
        if patience.cancelled_caught:
            break_off(self._socket_stream)

    def lose(self, cause: str, cure: str = AGAIN) -> None:
        """Give the connection up; what waits in it is dropped. The first reason counts."""
        if self._problem is None:
            self._problem = PeerUnreachable(cause, cure)
            break_off(self._socket_stream)
            self._moved.set()

    async def _keep_reading(self, arrived: Callable[[bytes | None], bool], scope: trio.CancelScope) -> None:
        while not self.is_lost:
            calm = True
            for event in await self._read():
                match event:
                    case Arrived(payload):
                        calm = arrived(payload) and calm
                    case Ignored():
                        calm = arrived(None) and calm
                    case Ended(says):
                        because = f" ({says})" if says else ""
                        self.lose(f"the broker at {self._where} is gone{because}")
            if not calm:
                await trio.sleep(FLOOD_PAUSE_S)
        scope.cancel()

    async def _keep_writing(self, scope: trio.CancelScope) -> None:
        while not self.is_lost:
            if not self._client.has_data:
                self._more = trio.Event()
                await self._more.wait()
            number = self._handed
            try:
                with trio.fail_after(SILENT_S):
                    await self._write()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                because = f" ({reason})" if (reason := reason_of(error)) else ""
                self.lose(f"the broker at {self._where} is gone{because}")
            except trio.TooSlowError:
                self.lose(f"the way to the broker at {self._where} takes nothing any more")
            self._left = number
            self._moved.set()
            self._moved = trio.Event()
        scope.cancel()

    async def _keep_time(self, scope: trio.CancelScope) -> None:
        looked_s = trio.current_time()
        while not self.is_lost:
            await trio.sleep(TICK_S)
            if any(isinstance(event, Ended) for event in self._client.tick()):
                self.lose(f"the broker at {self._where} does not answer any more")
            self._more.set()
            if trio.current_time() - looked_s >= LOOK_EVERY_S:
                looked_s = trio.current_time()
                self._look_at_the_route()
        scope.cancel()

    def _look_at_the_route(self) -> None:
        """Give the connection up where this machine has another address by now: no answer would find the old one."""
        now = self._own_address()
        if now and self._address and now != self._address:
            self.lose(f"this machine is {now} now, so the broker is called anew", "a moment")

    def _own_address(self) -> str:
        """Return the address from which the system would call the broker now; "" where there is no way to it."""
        sock = self._socket_stream.socket
        try:
            return local_address(sock.family, sock.getpeername())
        except OSError:
            return ""


async def connect(settings: BrokerSettings) -> tuple[trio.abc.Stream, trio.SocketStream]:
    """Return a stream to the broker and the TCP connection below it. Raise LinkError."""
    try:
        below = await trio.open_tcp_stream(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        because = f" ({reason})" if (reason := reason_of(error)) else ""
        cause = f"no broker answers at {settings.host} port {settings.port}{because}"
        raise PeerUnreachable(cause, "check the name and the network") from None
    notice_silence(below, SILENT_S, probes=False)
    hold_little(below)
    if not settings.tls:
        return below, below
    try:
        secured = trio.SSLStream(below, _tls_context(settings), server_hostname=settings.host, https_compatible=True)
        await secured.do_handshake()
    except BaseException as error:
        break_off(below)
        if isinstance(error, trio.BrokenResourceError):
            raise _tls_problem(settings, error.__cause__) from None
        raise
    return secured, below


def _tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:  # ssl.SSLError is one
        because = "it holds no certificate" if isinstance(error, ssl.SSLError) else reason_of(error)
        raise LinkError(f"cannot use the certificates in {settings.ca}: {because}", "name another file") from None


def _tls_problem(settings: BrokerSettings, error: BaseException | None) -> LinkError:
    where = f"{settings.host} port {settings.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = f"the certificate of {where} is not to be trusted ({error.verify_message})"
        return LinkError(cause, "ca=FILE names its own authority, if you know it; else leave that broker alone")
    if isinstance(error, ssl.SSLError):
        return LinkError(f"{where} does not speak TLS ({error.reason or 'SSL error'})", "try mqtt://, or another port")
    because = f" ({reason})" if (reason := reason_of(error)) else ""
    return PeerUnreachable(f"{where} hung up on a TLS greeting{because}", "try mqtt://, or another port")
