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
import os
import socket
from collections.abc import Callable
from pathlib import Path

import trio

from app.errors import GossamerError, os_reason
from app.events import Event, FloorChanged, TalkDenied, TalkEnded
from app.station.control_client import ANSWERED_S, ASKING_S, SUFFIX, WORDS, ControlReply, answers, file_name, folder
from transport.protocol.floor_states import State

LONGEST_LINE = 64
"""Largest number of bytes in a word and its line feed."""
HOST_S = 0.05
"""Longest wait for the host to obey a word, in seconds: a screen has a queue. An answer that nothing changed waits."""
STATIONS_OF_A_NAME = 9
"""Largest number of stations that share a name; each after the first gets a number behind it."""
TALKING = (State.ASKED, State.ON_AIR, State.COLLIDED)
"""States of the floor in which a toggle ends the over."""


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
        place = Path(folder())
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
                if path.exists() and not answers(str(path)):
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
                meant = self._meant(word)
                mine = self._obey(meant)
                try:
                    await self._settled(meant)
                    await self._say(stream, "" if word in WORDS else f"'{word}' is none of {', '.join(WORDS)}")
                    while word == "hold" and await stream.receive_some(LONGEST_LINE):
                        pass  # it has nothing more to say, but that it is gone
                finally:
                    if word == "hold" and self._presses == mine:
                        self._release()

    def _meant(self, word: str) -> str:
        """Return what a word means now: a toggle is up or down."""
        if word != "toggle":
            return word
        return "up" if self._state in TALKING else "down"

    def _obey(self, word: str) -> int:
        """Do what a word says; return the number of the press that it made, or of the last one."""
        if word in ("down", "hold"):
            self._problem = ""
            self._presses += 1
            self._press()
        elif word == "up":
            self._presses += 1
            self._release()
        return self._presses

    async def _settled(self, word: str) -> None:
        """Return when the floor was granted or refused, or has not moved at all."""
        with trio.move_on_after(ANSWERED_S):
            with trio.move_on_after(HOST_S):
                while not self._obeyed(word):
                    await self._changed.wait()
            while self._state is State.ASKED:
                await self._changed.wait()

    def _obeyed(self, word: str) -> bool:
        """Tell whether the floor stands as a word wants it, or was refused."""
        if word in ("down", "hold"):
            return self._state in TALKING or self._problem != ""
        return word != "up" or self._state not in TALKING

    async def _say(self, stream: trio.SocketStream, problem: str) -> None:
        answer = ControlReply(self.station, self._link, self._state.value, problem or self._problem)
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
