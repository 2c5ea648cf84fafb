"""The press of a pedal, said to the station before anything else is loaded.

`gossamer ptt down` is on its way when Python has hardly started: what prints the answer, and reads the flags, is loaded
while the station asks for the floor. Nothing is imported here that the interpreter has not loaded already, but for the
C module of sockets. Whatever is not plain (several stations, other flags, one that does not answer) is left alone, and
done in the usual way afterwards.
"""

from __future__ import annotations

import _socket
import os

from app.runtime_folder import session_folder

PRESSES = {("ptt", "down"): "down", ("ptt", "down", "--hold"): "hold", ("ptt", "down", "--hold", "--json"): "hold"}
"""Command lines that are said at once, each with its word."""

_said: dict[tuple[str, str], _socket.socket] = {}
"""The connection on which a word was said to a socket, until `connection_of` takes it over."""


def press_first(words: list[str]) -> None:
    """Say what the words of a command line ask for to the only station of this session, if they are of PRESSES."""
    word = PRESSES.get(tuple(words))
    place = session_folder() if word is not None else ""
    if word is None or not place:
        return
    try:
        sockets = [entry for entry in os.listdir(f"{place}/gossamer") if not entry.startswith(".")]
        if len(sockets) != 1 or os.lstat(f"{place}/gossamer").st_uid != os.getuid():
            return
        path = f"{place}/gossamer/{sockets[0]}"
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.setblocking(False)  # where it has no room, the usual way waits
        connection.connect(path)
        connection.send(f"{word}\n".encode())
    except OSError:
        return
    _said[path, word] = connection


def connection_of(path: str, word: str) -> int | None:
    """Return, once, the file descriptor of the connection on which the word was said already; None without one."""
    connection = _said.pop((path, word), None)
    return None if connection is None else connection.detach()
