"""Transparent serial radios and null-modem cables: what is written at one end comes out at the other, more or less.

In `serial:///dev/ttyUSB0?baud=57600` frames go in COBS, with a zero before and after each.
"""

from __future__ import annotations

import errno
import fcntl
import os
import termios

import serial
import trio

from transport.address import Address
from transport.errors import LinkError, PeerUnreachable
from transport.framing.cobs import COBS_MARK, CobsReader, cobs_encode
from transport.link_options import SerialSettings
from transport.links.stream import StreamLink
from transport.protocol.open_frames import MAX_FRAME_BYTES

READ_BYTES = 4096
"""Bytes that are read from a port at once, at most."""
_CHOOSE_A_PORT = "choose one of those that `ls /dev/tty*` shows"


class SerialPort:
    """A serial port: a UART, a USB adapter, or a pseudo-terminal."""

    def __init__(self, path: str, baud: int) -> None:
        self._path = path
        self._baud = baud
        self._port: serial.Serial | None = None

    async def open(self) -> None:
        """Open the port for this program alone. Raise LinkError."""
        self.close()
        self._port = await trio.to_thread.run_sync(self._open)

    def _open(self) -> serial.Serial:
        try:
            port = serial.Serial(self._path, self._baud, timeout=0, write_timeout=0, exclusive=True)
        except ValueError:
            raise LinkError(f"{self._path} cannot run at {self._baud} baud", "try another baud=") from None
        except (OSError, serial.SerialException) as error:
            raise self._explained(error) from None
        os.set_blocking(port.fileno(), False)
        fcntl.fcntl(port.fileno(), fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        return port

    def _explained(self, error: OSError) -> LinkError:
        """Return what an error of the system means for the user."""
        number = error.errno
        if number is None and isinstance(error.__context__, termios.error):  # pyserial says it in words only
            number = error.__context__.args[0]
        match number:
            case errno.ENOENT | errno.ENXIO | errno.ENODEV:
                return LinkError(f"{self._path} is not there", f"plug it in, or {_CHOOSE_A_PORT}")
            case errno.EACCES | errno.EPERM:
                return LinkError(
                    f"{self._path} may not be opened by you",
                    "join its group (sudo usermod -aG dialout $USER) and log in again",
                )
            case errno.EBUSY | errno.EWOULDBLOCK:
                return LinkError(f"{self._path} is in use by another program (ModemManager?)", "close that one first")
            case errno.ENOTTY | errno.EINVAL | errno.EISDIR:
                return LinkError(f"{self._path} is no serial port", _CHOOSE_A_PORT)
        reason = os.strerror(number).lower() if number else str(error)
        return LinkError(f"{self._path} cannot be opened ({reason})", "try another port")

    async def read(self) -> bytes:
        """Return what has come, at least one byte. Raise PeerUnreachable."""
        while True:
            port = self._opened()
            try:
                await trio.lowlevel.wait_readable(port.fileno())
                octets = os.read(port.fileno(), READ_BYTES)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                raise self._unplugged() from None
            if not octets:
                raise self._unplugged()
            return octets

    async def write(self, octets: bytes) -> None:
        """Write all of the bytes. Raise PeerUnreachable."""
        while octets:
            port = self._opened()
            try:
                await trio.lowlevel.wait_writable(port.fileno())
                octets = octets[os.write(port.fileno(), octets) :]
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                raise self._unplugged() from None

    def close(self) -> None:
        """Close the port, if it is open."""
        port, self._port = self._port, None
        if port is not None:
            trio.lowlevel.notify_closing(port.fileno())
            try:
                port.close()
            except OSError:
                pass  # it is gone: there is nothing left to close

    def _opened(self) -> serial.Serial:
        if self._port is None or not self._port.is_open:
            raise self._unplugged()
        return self._port

    def _unplugged(self) -> PeerUnreachable:
        return PeerUnreachable(f"{self._path} was unplugged", "plug it in again, it is waited for")


class CobsFrames:
    """Frames in COBS, with a mark on both sides."""

    def wrap(self, frame: bytes) -> bytes:
        """Return what is written for a frame."""
        return COBS_MARK + cobs_encode(frame) + COBS_MARK

    def unwrap(self, octets: bytes) -> bytes:
        """Return the frame that the reader has decoded already."""
        return octets


async def open_serial(address: Address[SerialSettings], nursery: trio.Nursery, keep_alive: bytes) -> StreamLink:
    """Open the port; its reader runs in `nursery`. Raise LinkError: not there, not permitted, busy."""
    port = SerialPort(address.settings.device, address.settings.baud)
    link = StreamLink(address, port, CobsReader(MAX_FRAME_BYTES), CobsFrames())
    await link.open()
    nursery.start_soon(link.run, name="StreamLink.run")
    return link
