"""The host of an engine without a screen: commands come from standard input, a socket, a button and the voice.

It is as thin as the talk screen's: everything that a station does is the engine's business (app/station/engine.py).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import trio

from app.errors import GossamerError, first_error
from app.events import Event, Level, PlayoutState, StationReady, WireRate
from app.headless.button import Presses, watch_button
from app.headless.commands import LONGEST_LINE, CommandError, LineCommand, LineReader, read_command
from app.headless.event_lines import AnyEvent, CommandRefused, LinkOpening, LinkRefused, StationClosed
from app.headless.logs import log_words
from app.headless.output import EventWriter
from app.settings.model import NAME_LENGTH, OPTIONS, Settings
from app.station.control_socket import ControlSocket
from app.station.engine import NOT_READY, Engine
from app.station.messages import check_text
from codec.errors import CodecError
from transport.errors import TransportError

FIGURES = (Level, PlayoutState, WireRate)
"""Events that come several times a second, and are told only where the command figures asks for them."""
LOG = logging.getLogger("gossamer.station")
MakeEngine = Callable[[Settings, Callable[[Event], None]], Engine]


class StationHost:
    """A station without a screen, on one link after another."""

    def __init__(
        self,
        settings: Settings,
        writer: EventWriter,
        *,
        resolve: Callable[[str], str] = str,
        make_engine: MakeEngine = Engine,
        button: tuple[str, int | None] | None = None,
        commands: int = 0,
    ) -> None:
        """Take the first station's settings, and where its events go.

        resolve: turns what a command calls a link into its address, or raises an error with cause and cure. button:
        device and number of the key. commands: the file descriptor that commands come from.
        """
        self._settings = settings
        self._writer = writer
        self._resolve = resolve
        self._make_engine = make_engine
        self._button = button
        self._commands = commands
        self._engine = make_engine(settings, self._emit)
        self._next: Settings | None = None
        self._back_to: Settings | None = None
        """The station to open again where the next one does not open."""
        self._figures = False
        self._scope = trio.CancelScope()
        self._control: ControlSocket | None = None

    async def run(self) -> None:
        """Run until `close` or the command quit. Raises what makes a station impossible, as `Engine.run` does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._writer.run)
            nursery.start_soon(self._read_commands)
            if self._button is not None:
                presses = Presses(self._key_down, self._key_up, self._button[1])
                nursery.start_soon(watch_button, self._button[0], presses, self._tell)
            with self._scope:
                await self._run_stations()
            nursery.cancel_scope.cancel()
        self._tell(StationClosed())
        await self._writer.flush()

    def close(self) -> None:
        """End the station in order; one that is not open yet has nothing to end."""
        self._next = None
        if self._engine.ready:
            self._engine.close()
        else:
            self._scope.cancel()

    async def _run_stations(self) -> None:
        """Run one station after another, as commands change the link."""
        while True:
            try:
                await self._run_alone()
            except (GossamerError, CodecError, TransportError) as problem:
                if self._back_to is None:
                    raise
                self._tell(LinkRefused(self._settings.link, problem.cause, problem.cure))
                self._next, self._back_to = self._back_to, None
            if self._next is None:
                return
            self._settings, self._next = self._next, None
            self._engine = self._make_engine(self._settings, self._emit)

    async def _run_alone(self) -> None:
        """Run a station; its error comes out alone, not in the exception group that a nursery makes of it."""
        try:
            await self._run_station()
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    async def _run_station(self) -> None:
        settings = self._settings
        self._control = ControlSocket(settings.station or settings.name, settings.link, self._key_down, self._key_up)
        async with trio.open_nursery() as nursery:
            try:
                self._control.open()
            except GossamerError as problem:  # everything but `gossamer ptt` works without it
                LOG.warning("%s", problem)
            else:
                nursery.start_soon(self._control.serve)
            try:
                await self._engine.run()
            finally:
                nursery.cancel_scope.cancel()

    # --- events --------------------------------------------------------------------------------------------------

    def _emit(self, event: Event) -> None:
        """Take an event of the engine."""
        if self._control is not None:
            self._control.note(event)
        if isinstance(event, StationReady):
            self._back_to = None
        if self._figures or not isinstance(event, FIGURES):
            self._tell(event)

    def _tell(self, event: AnyEvent) -> None:
        """Write an event, and log it: what is wrong as a warning."""
        self._writer.put(event)
        level, words = log_words(event)
        LOG.log(level, "%s", words)

    # --- commands ------------------------------------------------------------------------------------------------

    async def _read_commands(self) -> None:
        """Obey commands until nothing more comes: a service has no standard input, and goes on."""
        reader = LineReader()
        while True:
            try:
                octets = await trio.to_thread.run_sync(os.read, self._commands, LONGEST_LINE, abandon_on_cancel=True)
            except OSError:
                octets = b""
            if not octets:
                LOG.debug("standard input has ended: the station goes on")
                return
            for line in reader.push(octets):
                self._take_line(line)

    def _take_line(self, line: bytes | None) -> None:
        """Obey one line; None is one that was too long."""
        if line is None:
            self._tell(CommandRefused(f"a command has at most {LONGEST_LINE} bytes, its line feed included"))
            return
        try:
            if line.strip():
                self._obey(read_command(line))
        except (CommandError, GossamerError, TransportError) as error:
            self._tell(CommandRefused(str(error)))

    def _obey(self, command: LineCommand) -> None:
        """Do what a command says. Raises CommandError, GossamerError or TransportError."""
        given: dict[str, Any] = command.arguments
        match command.word:
            case "key":
                (self._key_down if given["down"] else self._key_up)()
            case "text":
                self._send_text(given["text"], given["to"], given["confirm"])
            case "addressee":
                self._engine.set_addressee(_name(given["name"]))
            case "mute":
                self._engine.set_mute(given["on"])
            case "volume":
                self._engine.set_volume(given["volume"])
            case "gain":
                self._engine.set_gain(given["gain_db"])
            case "vox":
                self._engine.set_vox(given["on"])
            case "replay":
                self._engine.replay_last()
            case "missed":
                self._engine.replay_missed()
            case "away":
                self._engine.set_away(given["on"])
            case "figures":
                self._figures = given["on"]
            case "link":
                self._change_link(given["link"])
            case "quit":
                self.close()

    def _send_text(self, text: str, to: str | None, confirm: bool) -> None:
        """Send a message. Raises CommandError."""
        try:
            check_text(text)
        except GossamerError as problem:
            raise CommandError(str(problem)) from None
        name = self._engine.controls.addressee if to is None else _name(to)
        if confirm and not name:
            raise CommandError("a text to everybody is confirmed by nobody: give it a name in 'to'")
        if self._engine.send_text(text, name, confirm=confirm) is None:
            raise CommandError(NOT_READY)

    def _change_link(self, link: str) -> None:
        """Close this station in order, and open one on another link; where it does not open, this one again."""
        if not self._engine.ready:
            raise CommandError(NOT_READY)
        address = self._resolve(link)
        self._tell(LinkOpening(address))
        controls = self._engine.controls
        self._settings = replace(
            self._settings,
            volume=controls.volume,
            muted=controls.muted,
            gain_db=controls.gain_db,
            addressee=controls.addressee or "",
        )
        self._back_to, self._next = self._settings, replace(self._settings, link=address)
        self._engine.close()

    def _key_down(self) -> None:
        self._engine.key_down()

    def _key_up(self) -> None:
        self._engine.key_up()


def _name(given: str) -> str:
    """Return the name of a station, or "" for everybody. Raises CommandError for one that none can have."""
    try:
        name: str = OPTIONS["addressee"].read(given)
    except ValueError:
        raise CommandError(f"that is no station's name: it must be {NAME_LENGTH}") from None
    return name
