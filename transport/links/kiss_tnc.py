"""Packet-radio TNCs, over TCP or on a serial port: KISS around AX.25 UI frames.

The TNC itself looks after the air and CSMA. It is reached as `kiss://HOST:PORT?call=N0CALL-1` or as
`kiss:///dev/ttyUSB0?baud=9600&call=N0CALL-1`.
"""

from __future__ import annotations

import errno
import os

import trio

from transport.address import Address
from transport.errors import FrameError, LinkError, PeerUnreachable
from transport.framing import ax25
from transport.framing.kiss import KissCommand, KissReader, kiss_encode
from transport.framing.stream_reader import RUBBISH
from transport.link_options import KissSettings, TncSettings
from transport.links.serial_port import SerialPort
from transport.links.stream import Port, StreamLink
from transport.links.tcp import SILENT_S, break_off, notice_silence
from transport.protocol.open_frames import MAX_FRAME_BYTES

CONNECT_S = 10.0
"""Patience with a TNC program that does not answer, in seconds."""
READ_BYTES = 4096
"""Bytes that are read at once, at most."""
MAX_ADDRESS_BYTES = 8 * 7
"""Room for the addresses of digipeaters, in frames that came through them."""
AHEAD_S = 2.5
"""Transmission time that is handed over to a TNC ahead, in seconds.

A TNC sends what waits in one go: BEGIN must be there before the VOICE in front of it (1.5 s at 1200 baud) is out, or it
costs another TXDELAY.
"""
_SILENCE = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)
"""Errors of a connection whose other end has not been heard for too long."""


class TcpPort:
    """A TCP connection to a TNC program, such as Direwolf."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._stream: trio.SocketStream | None = None
        self._was_silent = False
        """True if the last connection was lost because nothing came back."""

    async def open(self) -> None:
        """Connect to wherever the host's name leads now. Raise LinkError."""
        self.close()
        try:
            with trio.fail_after(CONNECT_S):
                self._stream = await trio.open_tcp_stream(self._host, self._port)
                notice_silence(self._stream)
                self._was_silent = False
        except (OSError, trio.TooSlowError, UnicodeError) as error:
            reason = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else ""
            because = f" ({reason})" if reason else ""
            raise LinkError(
                f"no TNC answers at {self._host} port {self._port}{because}",
                "start it there (direwolf, with KISSPORT in its configuration)",
            ) from None

    async def read(self) -> bytes:
        """Return what has come, at least one byte. Raise PeerUnreachable."""
        stream = self._opened()
        try:
            octets = await stream.receive_some(READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._lost(error) from None
        if not octets:
            raise self._lost()
        return bytes(octets)

    async def write(self, octets: bytes) -> None:
        """Write all of the bytes. Raise PeerUnreachable."""
        stream = self._opened()
        try:
            with trio.fail_after(SILENT_S):
                await stream.send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._lost(error) from None
        except trio.TooSlowError:
            raise self._lost(silent=True) from None  # part of a frame may be written: the reader connects again

    def close(self) -> None:
        """Close the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.socket.close()

    def _opened(self) -> trio.SocketStream:
        if self._stream is None:
            raise self._lost()
        return self._stream

    def _lost(self, error: BaseException | None = None, *, silent: bool = False) -> PeerUnreachable:
        """Break the connection, so that nothing of what waits goes on the air later, and return why.

        Who reads and who writes get the same reason: that of whoever noticed it first.
        """
        reason = error.__cause__ if error is not None else None
        if self._stream is not None:
            self._was_silent = silent or (isinstance(reason, OSError) and reason.errno in _SILENCE)
            break_off(self._stream)
            self._stream = None
        tnc = f"the TNC at {self._host} port {self._port}"
        if self._was_silent:
            return PeerUnreachable(
                f"{tnc} does not answer any more", "look after it and the network, it is tried again"
            )
        return PeerUnreachable(f"{tnc} hung up", "start it again, it is waited for")


class Ax25Frames:
    """Frames in AX.25 UI frames in KISS, for one station."""

    def __init__(self, call: ax25.Callsign, destination: ax25.Callsign, port: int = 0) -> None:
        """Take the callsigns of this station and of the destination, and the TNC's port, 0 to 15."""
        self._port = port
        self._call = call
        self._destination = destination

    def wrap(self, frame: bytes) -> bytes:
        """Return what is written for a frame."""
        octets = ax25.encode_ui(ax25.UiFrame(self._destination, self._call, ax25.NO_LAYER_3, frame))
        return kiss_encode(octets, port=self._port)

    def unwrap(self, octets: bytes) -> bytes:
        """Return the payload of a UI frame for this station or for all; RUBBISH for anything else, echoes included."""
        try:
            frame = ax25.decode_ui(octets)
        except FrameError:
            return RUBBISH
        for_us = frame.destination in (self._destination, self._call) and frame.source != self._call
        return frame.payload if for_us and frame.protocol == ax25.NO_LAYER_3 else RUBBISH


def tnc_greeting(wanted: TncSettings, port: int = 0) -> bytes:
    """Return the KISS frames that tell a port of a TNC these settings."""
    values = {
        KissCommand.TXDELAY: _tens_of_ms(wanted.tx_delay_s),
        KissCommand.PERSISTENCE: wanted.persistence,
        KissCommand.SLOT_TIME: _tens_of_ms(wanted.slot_s),
        KissCommand.TX_TAIL: _tens_of_ms(wanted.tx_tail_s),
    }
    return b"".join(
        kiss_encode(bytes([value]), command, port) for command, value in values.items() if value is not None
    )


def _tens_of_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 100)


async def open_kiss(address: Address[KissSettings], nursery: trio.Nursery, keep_alive: bytes) -> StreamLink:
    """Reach the TNC; its reader runs in `nursery`. Raise LinkError: nobody there, or what a serial port can say."""
    told = address.settings
    port: Port = SerialPort(told.device, told.baud, told.lines) if told.device else TcpPort(told.host, told.port)
    reader = KissReader(MAX_FRAME_BYTES + ax25.HEADER_BYTES + MAX_ADDRESS_BYTES, told.kiss_port)
    frames = Ax25Frames(told.call, told.destination, told.kiss_port)
    greeting = tnc_greeting(told.tnc, told.kiss_port)
    link = StreamLink(address, port, reader, frames, greeting=greeting, ahead_s=AHEAD_S)
    await link.open()
    nursery.start_soon(link.run, name="StreamLink.run")
    return link
