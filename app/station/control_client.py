"""A client of a station's control socket: it finds the stations of this machine, and says a word to one of them.

`gossamer ptt` is this module and little else. A pedal must not wait for imports, so nothing here loads trio, numpy or
pathlib (tests/app/cli/test_ptt.py says what is loaded). The words and answers stand in control_socket.py.
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
from typing import NamedTuple

from app.errors import GossamerError, os_reason
from app.runtime_folder import session_folder
from app.station.first_press import connection_of

WORDS = ("down", "hold", "up", "toggle", "status")
"""Words that a station understands."""
ASKING_S = 2.0
"""Time that a client may take to ask, in seconds."""
ANSWERED_S = 5.0
"""Time until the floor is granted or refused, in seconds; a slow link takes its time with BEGIN."""
LONGEST_ANSWER = 4096
"""Largest number of bytes in an answer that a client reads."""
SUFFIX = ".sock"
"""End of the name of a socket."""


class ControlReply(NamedTuple):
    """The answer of a station to a word."""

    station: str
    link: str
    state: str
    """Value of a State of the floor (transport/protocol/floor_states.py)."""
    problem: str = ""
    """Reason why the key does not count; "" where it does."""

    def json(self) -> str:
        """Return the answer as it goes over the socket, and as `gossamer ptt --json` prints it."""
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, line: bytes) -> ControlReply:
        """Read an answer. Raises ValueError or TypeError for anything else."""
        reply = cls(**json.loads(line))
        if not all(isinstance(field, str) for field in reply):
            raise ValueError("its answer is no text")
        return reply


def folder() -> str:
    """Return the folder of the sockets, which only this user may enter, made where there is none.

    Raises GossamerError where it cannot be made, or belongs to somebody else, who could talk through our stations.
    """
    path = session_folder()
    if path:
        path += "/gossamer"
    else:
        from app.paths import control_sockets_folder

        path = str(control_sockets_folder())
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise GossamerError(f"no control socket in {path}: it belongs to somebody else", "set XDG_RUNTIME_DIR")
        os.chmod(path, 0o700)
    except OSError as error:
        raise GossamerError(f"no control socket in {path}: {os_reason(error)}", "set XDG_RUNTIME_DIR") from error
    return path


def file_name(station: str) -> str:
    """Return a station's name as that of a file, short enough for the path of a socket."""
    return re.sub(r"[^\w-]", "_", station)[:32] or "station"


def _station_of(path: str) -> str:
    """Return the name of the station whose socket this is."""
    return os.path.basename(path).removesuffix(SUFFIX)


def _connect(connection: socket.socket, path: str) -> None:
    """Connect, waiting up to ASKING_S for room among those that wait to be answered.

    With a time-out of Python's own, a station without room would refuse at once. Raises OSError; BlockingIOError where
    there was no room in that time.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(ASKING_S), 0))
    connection.connect(path)


def answers(path: str) -> bool:
    """Tell whether a station listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            _connect(probe, path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def running() -> Iterator[str]:
    """Yield the sockets of the stations that run; what is left of others is taken away."""
    place = folder()
    names = (name for name in os.listdir(place) if name.endswith(SUFFIX) and not name.startswith("."))
    for path in sorted((f"{place}/{name}" for name in names), key=_station_of):
        if answers(path):
            yield path
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def find(station: str | None) -> str:
    """Return the socket of the station of that name, or for None of the only one. Raises GossamerError."""
    found = list(running())
    names = ", ".join(map(_station_of, found))
    if not found:
        raise GossamerError("no station is running", "start one, `gossamer talk LINK`")
    if station is not None:
        path = f"{folder()}/{file_name(station)}{SUFFIX}"
        if path not in found:
            raise GossamerError(f"no station '{station}' is running", f"there are {names}")
        return path
    if len(found) > 1:
        raise GossamerError("several stations are running", f"give --station, one of {names}")
    return found[0]


@contextlib.contextmanager
def asked(path: str, word: str) -> Iterator[tuple[ControlReply, Callable[[], None]]]:
    """Send a word, and give the answer and a function that waits for the end of the station.

    The connection lasts as long as the context. Raises GossamerError.
    """
    said = connection_of(path, word)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=said) as connection:
        try:
            if said is None:
                _connect(connection, path)
            connection.settimeout(ASKING_S + ANSWERED_S)
            if said is None:
                connection.sendall(f"{word}\n".encode())
            with connection.makefile("rb") as lines:
                answer = ControlReply.from_json(lines.readline(LONGEST_ANSWER))
        except (OSError, ValueError, TypeError) as error:
            raise GossamerError(f"station {_station_of(path)} does not answer ({error})", "is it closing?") from error

        def wait() -> None:
            connection.settimeout(None)
            with contextlib.suppress(OSError):
                connection.recv(1)

        yield answer, wait
