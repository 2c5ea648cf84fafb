"""Transparent serial radios and null-modem cables: what is written at one end comes out at the other, more or less.

In `serial:///dev/ttyUSB0?baud=57600` frames go in COBS, with a zero before and after each.

A port is opened with DTR and RTS off, because they key transmitters and restart boards. An adapter is known by its
lasting name: when it comes back under another number it is found, and another adapter under its old number is not
taken for it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from pathlib import Path

import serial
import trio

from transport.address import Address
from transport.errors import LinkError, LinkRemade, PeerUnreachable
from transport.framing.cobs import COBS_MARK, CobsReader, cobs_encode
from transport.link_options import SAFE_LINES, SerialLines, SerialSettings
from transport.links.serial_names import lasting_name
from transport.links.stream import StreamLink
from transport.protocol.open_frames import MAX_FRAME_BYTES

READ_BYTES = 4096
"""Bytes that are read from a port at once, at most."""
STUCK_S = 3.0
"""Time for which a port may take no bytes before they are given up, in seconds, as with a TNC over TCP."""
STILL_STUCK_S = 0.05
"""The same time for a port that took nothing the last time, so that frames do not pile up in front of it."""
_CHOOSE_A_PORT = "choose one of those that `ls /dev/tty*` shows"


class SerialPort:
    """A serial port: a UART, a USB adapter, or a pseudo-terminal."""

    def __init__(self, path: str, baud: int, lines: SerialLines = SAFE_LINES) -> None:
        self._path = path
        self._baud = baud
        self._lines = lines
        self._lasting: str | None = None
        """Lasting name of the adapter, once it was opened and if it has one."""
        self._stuck = False
        """True if the port took nothing when it was written to last."""
        self._device = ""
        """Device that was opened last, as the system numbers it."""
        self._port: serial.Serial | None = None

    async def open(self) -> LinkRemade | None:
        """Open the port for this program alone, and leave it alone while it settles. Raise LinkError.

        Return what to tell the user where the adapter has another number than before.
        """
        self.close()
        before = self._device
        self._port = await trio.to_thread.run_sync(self._open)
        try:
            await trio.sleep(self._lines.settle_s)
        except trio.Cancelled:
            self.close()
            raise
        if before in ("", self._device) or self._lasting in (None, self._path):
            return None
        return LinkRemade(f"{self._path} is {self._device} now", f"name it {self._lasting} in the link's address")

    def _open(self) -> serial.Serial:
        # An adapter with a lasting name is opened by that alone: under its number there may be another one by now.
        path = self._lasting or self._path
        try:
            port = serial.Serial(None, self._baud, timeout=0, write_timeout=0, exclusive=True)
            port.dtr, port.rts = self._lines.dtr, self._lines.rts  # before it is open, so that they are never set
            port.port = path
            port.open()
        except ValueError:
            raise LinkError(f"{self._path} cannot run at {self._baud} baud", "try another baud=") from None
        except (OSError, serial.SerialException) as error:
            raise self._explained(error) from None
        os.set_blocking(port.fileno(), False)
        fcntl.fcntl(port.fileno(), fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        self._lasting = self._lasting or lasting_name(path)
        self._device = str(Path(path).resolve())
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
        """Write all of the bytes. Raise PeerUnreachable.

        A port that takes nothing for STUCK_S is emptied, because what waits there would come much later, in a heap.
        From then on one frame waits in it at the most, until it takes that one.
        """
        port = self._opened()
        try:
            with trio.fail_after(STILL_STUCK_S if self._stuck else STUCK_S):
                while self._stuck and port.out_waiting:
                    await trio.sleep(STILL_STUCK_S)
                while octets:
                    await trio.lowlevel.wait_writable(port.fileno())
                    with contextlib.suppress(BlockingIOError):
                        octets = octets[os.write(port.fileno(), octets) :]
        except trio.TooSlowError:
            self._stuck = True
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(port.fileno(), termios.TCOFLUSH)
            raise PeerUnreachable(f"{self._path} takes no bytes", "look after the device, it is tried again") from None
        except (OSError, trio.ClosedResourceError):
            raise self._unplugged() from None
        self._stuck = False

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
        waited_for = "under any number" if self._lasting else "it is waited for"
        return PeerUnreachable(f"{self._path} was unplugged", f"plug it in again, {waited_for}")


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
    told = address.settings
    port = SerialPort(told.device, told.baud, told.lines)
    link = StreamLink(address, port, CobsReader(MAX_FRAME_BYTES), CobsFrames())
    await link.open()
    nursery.start_soon(link.run, name="StreamLink.run")
    return link
