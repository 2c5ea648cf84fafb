"""The terminal program: hosts the engine, hands its events to the talk screen, and ends both in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import trio
from textual import events, on
from textual.driver import Driver

from app.clips import speech_of
from app.errors import GossamerError
from app.events import CallHeard, DeviceProblem, DeviceReady, Event, StationReady
from app.lab.session import LabSession
from app.lab.shared_audio import SharedLoudspeaker, SharedMicrophone
from app.lab.state import LabSnapshot, LabStart
from app.paths import settings_file
from app.settings.contacts import recent_links, remember, resolve
from app.settings.file import Configuration, read_configuration, write_configuration
from app.settings.model import PARROT_LINK, Settings
from app.station.control_socket import Control
from app.station.engine import Engine
from app.tui.dialogs.choice import ChoiceScreen
from app.tui.dialogs.setup import Chosen, SetupScreen
from app.tui.host.app import HostedApp
from app.tui.host.key_release import KeyReporting, KeyUp
from app.tui.host.terminal_title import BLINK_S, Title
from app.tui.lab.screen import LabScreen
from app.tui.talk.screen import TalkScreen
from codec.errors import CodecError
from transport.address import parse_address
from transport.errors import TransportError


class TalkApp(HostedApp):
    """The terminal UI around one engine. ``failure`` is what the engine died of, once the program has ended."""

    TITLE = "gossamer"

    def __init__(
        self,
        settings: Settings,
        make_engine: Callable[[Settings, Callable[[Event], None]], Engine] = Engine,
        driver_class: type[Driver] | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """configuration: the settings file, for contacts and set-up; None: there is none, and none is written."""
        super().__init__(driver_class=driver_class)
        self.next_settings: Settings | None = None
        """The station to open when this one has ended, where the user asked for another."""
        self._settings = settings
        self.configuration = configuration
        self._title = Title(self._write_to_terminal)
        self._lab: LabSession | None = None
        self._lab_wanted = trio.Event()
        self.engine = make_engine(settings, self._engine_spoke)
        self.talk_screen = TalkScreen(settings, self.engine)
        self.control = Control(
            settings.station or settings.name, settings.link, partial(self._remote, True), partial(self._remote, False)
        )

    def on_mount(self) -> None:
        self.push_screen(self.talk_screen)
        self.set_interval(BLINK_S, self._blink)
        if self.configuration is not None and not self.configuration.exists:
            self._set_up(first=True)

    async def run_guest(self) -> None:
        """The engine, and the socket through which pedals and shortcuts reach its talk key."""
        async with trio.open_nursery() as nursery:
            try:
                self.control.open()
            except GossamerError as problem:  # everything but `gossamer ptt` works without it
                self.talk_screen.call_later(self.talk_screen.note, "control", str(problem))
            else:
                nursery.start_soon(self.control.serve)
            nursery.start_soon(self._run_labs)
            await self.engine.run()
            nursery.cancel_scope.cancel()

    async def _run_labs(self) -> None:
        """The link lab, as often as it is opened: with the station's sound, in the station's trio run."""
        while True:
            await self._lab_wanted.wait()
            self._lab_wanted = trio.Event()
            try:
                await self._run_lab(await trio.to_thread.run_sync(speech_of, None))
            except (GossamerError, CodecError) as problem:
                self.talk_screen.call_later(self.talk_screen.note, "lab", str(problem))

    async def _run_lab(self, speech: np.ndarray) -> None:
        talk, problems = self.talk_screen, self.talk_screen.standing.problems
        microphone, loudspeaker = SharedMicrophone(self.engine, problems), SharedLoudspeaker(self.engine, problems)

        def moved(picture: LabSnapshot) -> None:
            screen.post_message(LabScreen.Moved(picture))

        session = LabSession(LabStart(speech), microphone, loudspeaker, moved)
        screen = LabScreen(session, talk.behind, talk.on_key)
        self._lab = session
        self.call_later(self.push_screen, screen, lambda _: session.close())
        try:
            await session.run()
        finally:
            self._lab = None
            if not self._leaving:
                self.call_later(self._put_away, screen)

    def _put_away(self, screen: LabScreen) -> None:
        """The session may have ended by itself."""
        if screen.is_current:
            screen.dismiss()

    def _remote(self, down: bool) -> None:
        self.talk_screen.post_message(TalkScreen.RemoteKey(down))

    def _engine_spoke(self, event: Event) -> None:
        self.control.note(event)
        if self._lab is not None and isinstance(event, DeviceReady | DeviceProblem):
            self._lab.device_changed(event)
        if isinstance(event, CallHeard) and self._settings.bell:
            self.bell()
        if isinstance(event, StationReady) and self.configuration is not None and not event.station:
            remember(self._settings.link)
        self.talk_screen.post_message(TalkScreen.EngineSpoke(event))

    def close_guest(self) -> None:
        self.engine.close()

    def closing(self) -> None:
        self.talk_screen.closing()

    async def on_unmount(self) -> None:
        self._title.restore()

    # The terminal's title

    def _write_to_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)
            self._driver.flush()

    def _blink(self) -> None:
        if self._settings.title_flash:
            self._title.blink(self.talk_screen.standing.calling)

    # Another station

    @on(TalkScreen.LinksWanted)
    def _links_wanted(self) -> None:
        contacts = self.configuration.contacts if self.configuration else {}
        choices = list(contacts.items()) + [(link, link) for link in recent_links() if link not in contacts.values()]
        choices += [("parrot", PARROT_LINK)]
        self.push_screen(
            ChoiceScreen("open another link", choices, "or a link, and enter", self._link_problem), self._open
        )

    def _link_problem(self, link: str) -> str:
        try:
            parse_address(self._resolved(link))
        except (GossamerError, TransportError) as problem:
            return str(problem)
        return ""

    def _resolved(self, link: str) -> str:
        known = self.configuration
        return resolve(link, known.contacts if known else {}, known.path if known else settings_file())

    async def _open(self, link: str | None) -> None:
        """Ends this station and has another one opened."""
        if link is not None:
            self.next_settings = replace(self._settings, link=self._resolved(link))
            await self.action_leave()

    @on(TalkScreen.LabWanted)
    def _lab_asked(self) -> None:
        if self._lab is None:
            self._lab_wanted.set()

    # Set-up

    @on(TalkScreen.SetupWanted)
    def _setup_wanted(self) -> None:
        self._set_up(first=False)

    def _set_up(self, first: bool) -> None:
        settings, screen = self._settings, self.talk_screen
        card = SetupScreen(
            settings.name, settings.link, self._link_problem, screen.on_key, screen.action_devices, first
        )
        self.push_screen(card, self._set_up_done)

    async def _set_up_done(self, chosen: Chosen | None) -> None:
        """Writes it down; a station with another name or link has to be opened anew."""
        path = settings_file() if self.configuration is None else self.configuration.path
        changes: dict[str, object] = dict(self.talk_screen.chosen_sound) if chosen else {}
        if chosen:
            changes |= {"name": chosen.name, "link": chosen.link}
        try:
            write_configuration(path, changes)
            self.configuration = read_configuration(path)
        except GossamerError as problem:
            self.talk_screen.note("settings", str(problem))
        if chosen and (chosen.name, self._resolved(chosen.link)) != (self._settings.name, self._settings.link):
            self._settings = replace(self._settings, name=chosen.name)
            await self._open(chosen.link)

    # Keys reach the screen through its queue: what belongs with them has to queue up behind them.

    def on_key_up(self, event: KeyUp) -> None:
        self.talk_screen.call_later(self.talk_screen.key_up, event.time)

    def on_key_reporting(self, event: KeyReporting) -> None:
        self.talk_screen.release_told(event.release_is_told)

    def on_app_blur(self, event: events.AppBlur) -> None:
        self.talk_screen.call_later(self.talk_screen.left, event.time)
