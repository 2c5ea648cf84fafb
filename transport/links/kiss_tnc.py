"""Packet-radio TNCs, over TCP or a serial port: KISS around AX.25 UI frames. CSMA and the air are the TNC's business.

kiss://HOST:PORT?call=N0CALL-1          kiss:///dev/ttyUSB0?baud=9600&call=N0CALL-1
"""

from __future__ import annotations

import os

import trio

from transport.address import Address, TncSettings
from transport.errors import FrameError, LinkError, PeerUnreachable
from transport.framing import ax25
from transport.framing.kiss import KissCommand, KissReader, kiss_encode
from transport.framing.stream_reader import RUBBISH
from transport.links.serial_port import SerialPort
from transport.links.stream import Port, StreamLink
from transport.links.traffic import LayerBytes
from transport.protocol.open_frames import MAX_FRAME_BYTES
from transport.radio.airtime import KissUart
from transport.radio.radios import UNKNOWN_TNC

CONNECT_S = 10.0
READ_BYTES = 4096
MAX_ADDRESS_BYTES = 8 * 7
"""Digipeaters' addresses, in frames that came by them."""
AX25_LAYERS = (LayerBytes("AX.25", ax25.AIR_BYTES),)
AHEAD_S = 2.5
"""A TNC sends what waits in one go: BEGIN must be with it before the VOICE ahead of it (1.5 s at 1200 baud) is out, or
it costs another TXDELAY."""


class TcpPort:
    """A TNC program, such as Direwolf."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._stream: trio.SocketStream | None = None

    async def open(self) -> None:
        self.close()
        try:
            with trio.fail_after(CONNECT_S):
                self._stream = await trio.open_tcp_stream(self._host, self._port)
        except (OSError, trio.TooSlowError, UnicodeError) as error:
            reason = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else ""
            because = f" ({reason})" if reason else ""
            raise LinkError(
                f"no TNC answers at {self._host} port {self._port}{because}",
                "start it there (direwolf, with KISSPORT in its configuration)",
            ) from None

    async def read(self) -> bytes:
        stream = self._opened()
        try:
            octets = await stream.receive_some(READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._lost() from None
        if not octets:
            raise self._lost()
        return bytes(octets)

    async def write(self, octets: bytes) -> None:
        try:
            await self._opened().send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._lost() from None

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.socket.close()

    def _opened(self) -> trio.SocketStream:
        if self._stream is None:
            raise self._lost()
        return self._stream

    def _lost(self) -> PeerUnreachable:
        return PeerUnreachable(f"the TNC at {self._host} port {self._port} hung up", "start it again, it is waited for")


class Ax25Frames:
    """Frames to and from what KISS carries, for one station."""

    def __init__(self, call: ax25.Callsign, destination: ax25.Callsign) -> None:
        self._call = call
        self._destination = destination

    def wrap(self, frame: bytes) -> bytes:
        return kiss_encode(ax25.encode_ui(ax25.UiFrame(self._destination, self._call, ax25.NO_LAYER_3, frame)))

    def unwrap(self, octets: bytes) -> bytes:
        """The payload of a UI frame that is for us or for all of us; RUBBISH for everything else, an echo included."""
        try:
            frame = ax25.decode_ui(octets)
        except FrameError:
            return RUBBISH
        for_us = frame.destination in (self._destination, self._call) and frame.source != self._call
        return frame.payload if for_us and frame.protocol == ax25.NO_LAYER_3 else RUBBISH


def tnc_greeting(wanted: TncSettings) -> bytes:
    """The KISS frames that tell a TNC these settings."""
    values = {
        KissCommand.TXDELAY: _tens_of_ms(wanted.tx_delay_s),
        KissCommand.PERSISTENCE: wanted.persistence,
        KissCommand.SLOT_TIME: _tens_of_ms(wanted.slot_s),
        KissCommand.TX_TAIL: _tens_of_ms(wanted.tx_tail_s),
    }
    return b"".join(kiss_encode(bytes([value]), command) for command, value in values.items() if value is not None)


def _tens_of_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 100)


async def open_kiss(address: Address, nursery: trio.Nursery) -> StreamLink:
    """Reach the TNC; its reader runs in `nursery`. Raises LinkError: nobody there, or what a serial port can say."""
    assert address.call is not None and address.destination is not None, "an address of this kind has them"
    frames = Ax25Frames(address.call, address.destination)
    air = address.radio.air if address.radio is not None else UNKNOWN_TNC
    uart = KissUart(address.baud) if address.device else None
    port: Port = SerialPort(address.device, address.baud) if address.device else TcpPort(address.host, address.port)

    def line_s(frame_bytes: int) -> float:
        return max(air.time_s(frame_bytes), uart.time_s(frame_bytes) if uart is not None else 0.0)

    link = StreamLink(
        address.text,
        port,
        KissReader(MAX_FRAME_BYTES + ax25.HEADER_BYTES + MAX_ADDRESS_BYTES),
        frames.wrap,
        frames.unwrap,
        line_s,
        AX25_LAYERS,
        MAX_FRAME_BYTES,
        tnc_greeting(address.tnc),
        AHEAD_S,
    )
    await link.open()
    nursery.start_soon(link.run, name="StreamLink.run")
    return link
