"""Notifications on the desktop, through the session's D-Bus (org.freedesktop.Notifications), where there is one.

Without the package jeepney, a session bus or somebody who shows notifications, nothing is shown, and nothing else
changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import trio

from app.threads import InThread
from transport.texts import plain_text

PROGRAM = "gossamer"
PAUSE_S = 5.0
"""Shortest time between two notifications, in seconds; of those between, the newest is shown."""
ANSWER_S = 2.0
"""Time in which the desktop has to answer, in seconds."""


ABANDONED: InThread = partial(trio.to_thread.run_sync, abandon_on_cancel=True)
"""A thread that the end of the program does not wait for: a desktop may be slow to answer."""


class Notice(NamedTuple):
    """A notification. Its texts are shown letter by letter: they are plain, and the body is never one of others."""

    summary: str
    """First line, which no desktop reads as markup; the name of a station may stand here."""
    body: str = ""
    """Words of the program's own, since many desktops read markup in them."""


class NoDesktop(Exception):
    """The reason why no notification can be shown, now or ever, in this session."""


Show = Callable[[Notice | None, int], int]
"""Shows a notice in place of the one of that number, 0 for none, and returns its number; None takes that one away.

Blocking. Raises NoDesktop, and OSError where it may work another time.
"""


def show_on_bus(notice: Notice | None, number: int) -> int:
    """Show a notice on the desktop of this session, as `Show` has it."""
    try:
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection
    except ImportError as error:
        raise NoDesktop(str(error)) from None
    server = DBusAddress(
        "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications"
    )
    if notice is None:
        call = new_method_call(server, "CloseNotification", "u", (number,))
    else:
        hints = {"category": ("s", "im.received")}
        facts: tuple[Any, ...] = (PROGRAM, number, "", plain_text(notice.summary), notice.body, [], hints, -1)
        call = new_method_call(server, "Notify", "susssasa{sv}i", facts)
    try:
        connection = open_dbus_connection("SESSION")
    except (KeyError, RuntimeError, ValueError) as error:  # no bus, or none that this program can speak to
        raise NoDesktop(str(error)) from None
    with connection:
        reply = connection.send_and_get_reply(call, timeout=ANSWER_S)
    if reply.header.message_type is MessageType.error:
        raise OSError("the desktop refused the notification")
    return int(reply.body[0]) if reply.body else 0


class DesktopNotices:
    """The one notification of this program: the newest takes the place of the one before."""

    def __init__(self, show: Show = show_on_bus) -> None:
        """Prepare; nothing is opened before the first notice."""
        self._show = show
        self._wanted: Notice | None = None
        self._changed = trio.Event()
        self._number = 0

    def say(self, summary: str, body: str = "") -> None:
        """Show a notice, as soon as the one before has stood for PAUSE_S."""
        self._want(Notice(summary, body))

    def clear(self) -> None:
        """Take the notice away: the user is here."""
        self._want(None)

    def _want(self, notice: Notice | None) -> None:
        if notice != self._wanted:
            self._wanted = notice
            self._changed.set()

    async def run(self, in_thread: InThread = ABANDONED) -> None:
        """Show what is wanted, until cancelled or until it is known that nothing can be shown.

        in_thread: makes the calls, which may block.
        """
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            if self._wanted is None and not self._number:
                continue
            try:
                self._number = await in_thread(self._show, self._wanted, self._number)
            except NoDesktop:
                return
            except OSError:
                self._number = 0  # a notice that is not shown is no reason to do anything else
            await trio.sleep(PAUSE_S)
