"""The talk key from outside: a pedal, a desktop shortcut or a script presses it through a Unix socket.

    $XDG_RUNTIME_DIR/gossamer/NAME.sock, mode 0600 in a folder of mode 0700

    down      latches: talking until `up`, or the time-out
    hold      talking until `up`, the time-out, or the end of the connection: what a pedal wants
    up        ends an over, however it was begun
    toggle    down or up
    status    only asks

A client sends one such word and a line feed. The answer is a line of JSON: {"station", "link", "state", "problem"};
`state` is the value of a floor.State (transport/protocol/floor.py), `problem` is "" or why the key does not count.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import trio

from app.errors import GossamerError, os_reason
from app.events import Event, FloorChanged, TalkDenied, TalkEnded
from app.paths import control_sockets_folder
from transport.protocol.floor_states import State

WORDS = ("down", "hold", "up", "toggle", "status")
LONGEST_LINE = 64
"""Largest number of bytes in a word and its line feed."""
ASKING_S = 2.0
"""Time that a client may take to ask, in seconds."""
ANSWERED_S = 5.0
"""Time until the floor is granted or refused, in seconds; a slow link takes its time with BEGIN."""
STATIONS_OF_A_NAME = 9
"""Largest number of stations that share a name; each after the first gets a number behind it."""
SUFFIX = ".sock"
"""End of the name of a socket."""
TALKING = (State.ASKED, State.ON_AIR, State.COLLIDED)
"""States of the floor in which a toggle ends the over."""


@dataclass(frozen=True, slots=True)
class ControlReply:
    """The answer of a station to a word."""

    station: str
    link: str
    state: State
    problem: str = ""

    def json(self) -> str:
        """Return the answer as it goes over the socket, and as `gossamer ptt --json` prints it."""
        return json.dumps(asdict(self) | {"state": self.state.value})

    @classmethod
    def from_json(cls, line: bytes) -> ControlReply:
        """Read an answer. Raises ValueError, TypeError or KeyError for anything else."""
        facts = json.loads(line)
        return cls(**facts | {"state": State(facts["state"])})


def folder() -> Path:
    """Return the folder of the sockets, which only this user may enter, made where there is none.

    Raises GossamerError where it cannot be made, or belongs to somebody else, who could talk through our stations.
    """
    path = control_sockets_folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise GossamerError(f"no control socket in {path}: it belongs to somebody else", "set XDG_RUNTIME_DIR")
        path.chmod(0o700)
    except OSError as error:
        raise GossamerError(f"no control socket in {path}: {os_reason(error)}", "set XDG_RUNTIME_DIR") from error
    return path


def file_name(station: str) -> str:
    """Return a station's name as that of a file, short enough for the path of a socket."""
    return re.sub(r"[^\w-]", "_", station)[:32] or "station"


# --- in the station ----------------------------------------------------------------------------------------------


class ControlSocket:
    """The socket of one station. Its host tells it the events, and lends it the talk key."""

    def __init__(self, station: str, link: str, press: Callable[[], None], release: Callable[[], None]) -> None:
        """Take the name that is wanted, and the talk key, whose functions are called in the trio thread."""
        self.station = station
        """Name for `--station`: the one that was wanted, or that with a number behind it."""
        self._link = link
        self._press = press
        self._release = release
        self._state = State.IDLE
        self._problem = ""
        self._presses = 0
        """Number of presses and releases so far: a connection that ends releases its own press only."""
        self._changed = trio.Event()
        self._listener: trio.SocketListener | None = None
        self._path = Path()

    def note(self, event: Event) -> None:
        """Follow the station's events."""
        match event:
            case FloorChanged(state):
                self._state = state
                self._problem = "" if state in TALKING else self._problem
            case TalkDenied(reason):
                self._problem = reason
                self._presses += 1
            case TalkEnded():
                self._presses += 1
            case _:
                return
        self._changed.set()
        self._changed = trio.Event()

    async def serve(self) -> None:
        """Answer clients until cancelled, then take the socket away. `open` comes first."""
        assert self._listener is not None
        try:
            await trio.serve_listeners(self._answer, [self._listener])
        finally:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def open(self) -> None:
        """Make the socket. Raises GossamerError where there cannot be one.

        It is bound and listened to under a name of its own before it gets its real one: whoever finds that name and
        gets no connection knows that it is stale.
        """
        place = folder()
        made = place / f".{os.getpid()}-{id(self)}{SUFFIX}"
        asked = self.station
        try:
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            bound.bind(str(made))
            made.chmod(0o600)
            bound.listen(8)
            for number in range(1, STATIONS_OF_A_NAME + 1):
                self.station = asked if number == 1 else f"{asked}-{number}"
                path = place / f"{file_name(self.station)}{SUFFIX}"
                if path.exists() and not _answers(path):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(FileExistsError):
                    os.link(made, path)
                    bound.setblocking(False)
                    self._listener, self._path = trio.SocketListener(trio.socket.from_stdlib_socket(bound)), path
                    return
        except OSError as error:
            raise GossamerError(f"no control socket in {place}: {os_reason(error)}") from error
        finally:
            made.unlink(missing_ok=True)
        raise GossamerError(f"{STATIONS_OF_A_NAME} stations are called {asked} already", "give this one --station NAME")

    async def _answer(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                word = None
                with trio.move_on_after(ASKING_S):
                    word = await _line(stream)
                if word is None:
                    return
                mine = self._obey(word)
                try:
                    await self._settled()
                    await self._say(stream, "" if word in WORDS else f"'{word}' is none of {', '.join(WORDS)}")
                    while word == "hold" and await stream.receive_some(LONGEST_LINE):
                        pass  # it has nothing more to say, but that it is gone
                finally:
                    if word == "hold" and self._presses == mine:
                        self._release()

    def _obey(self, word: str) -> int:
        """Do what a word says; return the number of the press that it made, or of the last one."""
        if word == "toggle":
            word = "up" if self._state in TALKING else "down"
        if word in ("down", "hold"):
            self._problem = ""
            self._presses += 1
            self._press()
        elif word == "up":
            self._presses += 1
            self._release()
        return self._presses

    async def _settled(self) -> None:
        """Return when the floor was granted or refused, or has not moved at all."""
        with trio.move_on_after(ANSWERED_S):
            await trio.sleep(0.05)  # the host's queue
            while self._state is State.ASKED:
                await self._changed.wait()

    async def _say(self, stream: trio.SocketStream, problem: str) -> None:
        answer = ControlReply(self.station, self._link, self._state, problem or self._problem)
        await stream.send_all(answer.json().encode() + b"\n")


async def _line(stream: trio.SocketStream) -> str:
    """Return the word that a client sends, "" where no whole line comes."""
    octets = b""
    while b"\n" not in octets and len(octets) < LONGEST_LINE:
        part = await stream.receive_some(LONGEST_LINE)
        if not part:
            break
        octets += part
    word, line_feed, _ = octets.partition(b"\n")
    return word.decode(errors="replace") if line_feed else ""


# --- in the client -----------------------------------------------------------------------------------------------


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect, waiting up to ASKING_S for room among those that wait to be answered.

    With a time-out of Python's own, a station without room would refuse at once. Raises OSError; BlockingIOError where
    there was no room in that time.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(ASKING_S), 0))
    connection.connect(str(path))


def _answers(path: Path) -> bool:
    """Tell whether a station listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            _connect(probe, path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def running() -> Iterator[Path]:
    """Yield the sockets of the stations that run; what is left of others is taken away."""
    for path in sorted(folder().glob(f"[!.]*{SUFFIX}"), key=lambda path: path.stem):
        if _answers(path):
            yield path
        else:
            path.unlink(missing_ok=True)


def find(station: str | None) -> Path:
    """Return the socket of the station of that name, or for None of the only one. Raises GossamerError."""
    found = list(running())
    names = ", ".join(path.stem for path in found)
    if not found:
        raise GossamerError("no station is running", "start one, `gossamer talk LINK`")
    if station is not None:
        path = folder() / f"{file_name(station)}{SUFFIX}"
        if path not in found:
            raise GossamerError(f"no station '{station}' is running", f"there are {names}")
        return path
    if len(found) > 1:
        raise GossamerError("several stations are running", f"give --station, one of {names}")
    return found[0]


@contextlib.contextmanager
def asked(path: Path, word: str) -> Iterator[tuple[ControlReply, Callable[[], None]]]:
    """Send a word, and give the answer and a function that waits for the end of the station.

    The connection lasts as long as the context. Raises GossamerError.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            _connect(connection, path)
            connection.settimeout(ASKING_S + ANSWERED_S)
            connection.sendall(f"{word}\n".encode())
            with connection.makefile("rb") as lines:
                answer = ControlReply.from_json(lines.readline(4096))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise GossamerError(f"station {path.stem} does not answer ({error})", "is it closing?") from error

        def wait() -> None:
            connection.settimeout(None)
            with contextlib.suppress(OSError):
                connection.recv(1)

        yield answer, wait
