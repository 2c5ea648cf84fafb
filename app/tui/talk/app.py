"""The program behind `gossamer talk`: it hosts the engine, and hands its events to the screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import trio
from textual import events
from textual.driver import Driver
from textual.widgets import Input as TextField

from app.clips import speech_of
from app.errors import GossamerError
from app.events import CallHeard, DeviceProblem, DeviceReady, Event, Level, StationReady, TalkPermitted
from app.lab.session import LabSession
from app.lab.shared_audio import SharedLoudspeaker, SharedMicrophone
from app.lab.state import LabSnapshot, LabStart
from app.settings.model import Settings
from app.settings.words import fingerprint_line
from app.station.control_socket import ControlSocket
from app.station.engine import Engine
from app.tui.dialogs.card import Tell
from app.tui.host.app import HostedApp
from app.tui.host.key_release import KeyReporting, KeyUp
from app.tui.host.terminal_title import BLINK_S
from app.tui.lab.screen import LabScreen
from app.tui.talk.next_station import NextStation, Passwords, Start
from app.tui.talk.screen import TALK_KEY, TalkScreen
from app.tui.talk.talk_key import KeyInput
from app.tui.talk.user_watch import UserWatch
from codec.errors import CodecError
from transport.errors import TransportError

PAST_LINES = 100
"""Overs and messages from the disk that the log begins with."""
SIGNS_OF_LIFE = (events.Key, events.Paste, events.MouseDown, events.MouseScrollUp, events.MouseScrollDown)
"""Events that only a user causes who is there; the pointer moves over a terminal on its way elsewhere, too."""
Wanted = tuple[str, Passwords, Tell]
"""A link to try, with passwords for its broker, and the function that is told what is wrong with it."""
LINKS_TRIED = 4
"""Links that wait to be tried: nobody chooses faster than they are taken up."""


class TalkApp(HostedApp):
    """The terminal program around one engine. `failure` is what the engine died of, once the program has ended."""

    TITLE = "gossamer"

    def __init__(
        self,
        start: Start,
        make_engine: Callable[[Settings, Callable[[Event], None]], Engine] = Engine,
        driver_class: type[Driver] | None = None,
    ) -> None:
        """Build a station with `make_engine`."""
        super().__init__(driver_class=driver_class)
        settings = start.settings
        self.next_start: Start | None = None
        """The station to open when this one has ended, where the user asked for another."""
        self.was_ready = False
        """True once the station was open."""
        self._settings = settings
        self._is_first = start.log is None
        """The log is to begin with what is on the disk; another station's log goes on as it is."""
        self._device_problems: dict[str, DeviceProblem] = {}
        """Problems of the devices now, by their kind; lent to the lab with their sound."""
        self._lab: LabSession | None = None
        self._lab_wanted = trio.Event()
        self.engine = make_engine(settings, self._engine_spoke)
        self.talk_screen = TalkScreen(settings, self.engine)
        if start.log is not None:
            self.talk_screen.state.log = start.log
        self._user = UserWatch(settings, self.engine, self.talk_screen.state, self._write_to_terminal)
        self._ask_for_link, self._wanted_links = trio.open_memory_channel[Wanted](LINKS_TRIED)
        self._next_station = NextStation(self, start, self.talk_screen, self._want_link, self._leave_for)
        self.control = ControlSocket(
            settings.station or settings.name, settings.link, partial(self._remote, True), partial(self._remote, False)
        )

    def on_mount(self) -> None:
        """Show the conversation, and over it the set-up card where there are no settings yet."""
        self.push_screen(self.talk_screen)
        self.set_interval(BLINK_S, self._user.look)
        self._next_station.begin()

    async def run_guest(self) -> None:
        """Run the engine, and the socket through which pedals and shortcuts reach its talk key."""
        async with trio.open_nursery() as nursery:
            try:
                self.control.open()
            except GossamerError as problem:  # everything but `gossamer ptt` works without it
                self.talk_screen.call_later(self.talk_screen.note, "control", str(problem))
            else:
                nursery.start_soon(self.control.serve)
            nursery.start_soon(self._user.notices.run)
            nursery.start_soon(self._run_labs)
            nursery.start_soon(self._try_links, nursery)
            if self._is_first:
                self.talk_screen.call_later(self.talk_screen.show_past, await self.engine.past(PAST_LINES))
            await self.engine.run()
            nursery.cancel_scope.cancel()

    async def _run_labs(self) -> None:
        """Run the link lab as often as it is opened, with the station's sound and in the station's trio run."""
        while True:
            await self._lab_wanted.wait()
            self._lab_wanted = trio.Event()
            try:
                await self._run_lab(await trio.to_thread.run_sync(speech_of, None))
            except (GossamerError, CodecError) as problem:
                self.talk_screen.call_later(self.talk_screen.note, "lab", str(problem))

    async def _run_lab(self, speech: np.ndarray) -> None:
        problems = self._device_problems
        microphone, loudspeaker = SharedMicrophone(self.engine, problems), SharedLoudspeaker(self.engine, problems)

        def moved(picture: LabSnapshot) -> None:
            screen.post_message(LabScreen.Moved(picture))

        session = LabSession(LabStart(speech), microphone, loudspeaker, moved)
        screen = LabScreen(session)
        self._lab = session
        self.call_later(self.push_screen, screen, lambda _: session.close())
        try:
            await session.run()
        finally:
            self._lab = None
            if not self._leaving:
                self.call_later(self._put_away, screen)

    def _put_away(self, screen: LabScreen) -> None:
        """Close the lab's screen, where the session has ended by itself."""
        if screen.is_current:
            screen.dismiss()

    def _remote(self, down: bool) -> None:
        self._user.touch()
        self.talk_screen.post_message(TalkScreen.RemoteKey(down))

    def _engine_spoke(self, event: Event) -> None:
        self.control.note(event)
        if isinstance(event, DeviceReady | DeviceProblem):
            self._note_device(event)
        if isinstance(event, CallHeard):
            self._user.called(event.sender)
            if self._settings.bell:
                self.bell()
        if isinstance(event, TalkPermitted):  # by voice, perhaps
            self._user.touch()
        if isinstance(event, StationReady):
            self.was_ready = True
            self._next_station.opened()
        if isinstance(event, Level):  # so many that a message for each would cost more than drawing them
            self.talk_screen.take_level(event)
        else:
            self.talk_screen.post_message(TalkScreen.EngineSpoke(event))
        if isinstance(event, StationReady) and event.fingerprint:
            self.talk_screen.call_later(self.talk_screen.note, "key", fingerprint_line(event.fingerprint))

    def _note_device(self, event: DeviceReady | DeviceProblem) -> None:
        if isinstance(event, DeviceProblem):
            self._device_problems[event.device] = event
        else:
            self._device_problems.pop(event.device, None)
        if self._lab is not None:
            self._lab.device_changed(event)

    def close_guest(self) -> None:
        """Have the engine end."""
        self.engine.close()

    def closing(self) -> None:
        """Show that the station is being closed."""
        self.talk_screen.closing()

    async def on_unmount(self) -> None:
        """Give the terminal its title back."""
        self._user.restore()

    # The terminal's title

    def _write_to_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)
            self._driver.flush()

    def on_app_focus(self, event: events.AppFocus) -> None:
        """Take that the terminal has the focus again."""
        self._user.focus(True)

    # Another station

    def action_links(self) -> None:
        """Choose another link."""
        self._next_station.links()

    def action_set_up(self) -> None:
        """Set up name, link, passphrase and devices."""
        self._next_station.set_up(first=False)

    def _leave_for(self, start: Start) -> None:
        """End this station and have another one opened."""
        self.next_start = start
        self.call_later(self.action_leave)

    def _want_link(self, link: str, passwords: Passwords, tell: Tell) -> None:
        try:
            self._ask_for_link.send_nowait((link, passwords, tell))
        except trio.WouldBlock:
            tell("a moment: other links are being tried")

    async def _try_links(self, nursery: trio.Nursery) -> None:
        """Open links beside the station's for a moment, as they are asked for."""
        async for link, passwords, tell in self._wanted_links:
            nursery.start_soon(self._try_link, link, passwords, tell)

    async def _try_link(self, link: str, passwords: Passwords, tell: Tell) -> None:
        try:
            await self.engine.try_link(link, passwords)
        except (GossamerError, TransportError) as problem:
            self.call_later(tell, str(problem))
        else:
            self.call_later(tell, "")

    def action_lab(self) -> None:
        """Open the link lab; before the station is ready there is no sound to lend it."""
        if self._lab is None and self.talk_screen.state.station is not None:
            self._lab_wanted.set()

    async def on_event(self, event: events.Event) -> None:
        """Let the talk key talk on every screen and card, and end an over even where it would be typed."""
        if isinstance(event, SIGNS_OF_LIFE):
            self._user.touch()
        if isinstance(event, events.Key) and event.key == TALK_KEY and not event.is_forwarded and self._is_for_talk():
            self.talk_screen.call_later(self.talk_screen.press, KeyInput.PRESS, event.time)
        else:
            await super().on_event(event)

    def _is_for_talk(self) -> bool:
        """Tell whether the talk key means talking now, and the screen in front would not hand it on."""
        if not self.talk_screen.is_mounted:
            return False
        in_use, typing = self.talk_screen.state.key.in_use, isinstance(self.focused, TextField)
        return in_use and typing if self.screen is self.talk_screen else in_use or not typing

    # Keys reach the screen through its queue: what belongs with them has to queue up behind them.

    def on_key_up(self, event: KeyUp) -> None:
        """Hand on that the talk key went up."""
        self.talk_screen.call_later(self.talk_screen.press, KeyInput.RELEASE, event.time)

    def on_key_reporting(self, event: KeyReporting) -> None:
        """Hand on whether the terminal tells when keys go up."""
        self.talk_screen.release_told(event.release_is_told)

    def on_app_blur(self, event: events.AppBlur) -> None:
        """Hand on that the terminal lost the focus."""
        self.talk_screen.call_later(self.talk_screen.press, KeyInput.LEAVE, event.time)
        self._user.focus(False)
