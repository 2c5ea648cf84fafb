"""The one screen of a conversation: keys become commands for the engine, its events become what the widgets show."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message

from app.diagnostics.link_account import Account, account
from app.events import (
    DeviceProblem,
    DeviceReady,
    Event,
    Level,
)
from app.history.past import History
from app.settings.model import Settings
from app.settings.protection import channel_words
from app.station.engine import Engine
from app.station.microphone_end import clip_may_speak
from app.tui.dialogs.card import at_once
from app.tui.dialogs.choice import ChoiceScreen
from app.tui.dialogs.devices import DeviceScreen
from app.tui.dialogs.help import HelpScreen
from app.tui.dialogs.link_account import LinkAccountScreen
from app.tui.dialogs.setup import SetupScreen
from app.tui.talk.addressee import AUTOMATIC, addressee_choices, addressee_problem, choose_addressee
from app.tui.talk.keys import KEYS, MOUSE, WORDS
from app.tui.talk.link_line import LinkLine
from app.tui.talk.log import Side
from app.tui.talk.message_field import MessageField
from app.tui.talk.panels import Panels
from app.tui.talk.phase import Phase
from app.tui.talk.picture import FIGURES, Picture
from app.tui.talk.problem_list import ProblemList
from app.tui.talk.push_to_talk import PushToTalk
from app.tui.talk.state import TalkState
from app.tui.talk.talk_button import TalkButton
from app.tui.talk.talk_key import KeyInput
from app.tui.talk.top_line import TopLine
from app.tui.talk.volume import Volume
from app.tui.talk.wording import addressed, release_words
from app.tui.widgets.keys import help_rows
from app.tui.widgets.meter import Knob
from app.tui.widgets.text import TextBlock

TALK_KEY = "space"


class TalkScreen(Picture):
    """The screen on which one talks, listens, and sees what the link is doing."""

    class EngineSpoke(Message):
        """An event of the engine."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class RemoteKey(Message):
        """The news that a pedal or a shortcut went down or up."""

        def __init__(self, down: bool) -> None:
            super().__init__()
            self.down = down

    BINDINGS: ClassVar[list[BindingType]] = KEYS
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (56, "-narrow"), (76, "-wide")]  # noqa: RUF012 - Textual declares them without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]  # noqa: RUF012

    def __init__(self, settings: Settings, engine: Engine) -> None:
        state = TalkState(settings.name, channel_words(settings), clip_instead=clip_may_speak(settings))
        choose_addressee(state, settings.addressee or AUTOMATIC)
        self._volume = Volume(settings, engine)
        super().__init__(state, self._volume)
        self._engine = engine
        self._push_to_talk = PushToTalk(self, self.state.key, engine, self.draw)
        self._picked: set[str] = set()
        """Kinds of the devices that were chosen here; the others stay whatever the system's default is."""

    @property
    def phase(self) -> Phase:
        """Return the phase of push-to-talk, as shown."""
        return self.state.phase

    @property
    def account(self) -> Account:
        """Return what the conversation has taken of its link so far."""
        return account(self.state.wire)

    @property
    def chosen_sound(self) -> dict[str, object]:
        """Gain, volume and devices as they stand, by the names of their settings."""
        used = {f"{kind}": ready.name for kind, ready in self.state.devices.items() if kind in self._picked}
        return {**self._volume.settings, **used}

    def compose(self) -> ComposeResult:
        """Build the widgets."""
        top, problems = TopLine(self.state.protection), ProblemList(self.overs.in_view)
        line, panels, button = LinkLine(id="link-line"), Panels(), TalkButton(id="talk")
        rows = (top, self.phase_panel, self.overs, problems, line, panels, self.meters)
        self.shown = [*rows, self.field, button]
        yield from rows
        with Horizontal(id="bottom"):
            yield self.field
            yield button
        yield TextBlock(id="help")

    # The talk key and the talk button

    def on_key(self, event: events.Key) -> None:
        """Take the talk key where no text field took it, and type keys that were sent here before the field opened.

        Such keys come in one read with the enter that opens the field.
        """
        field = self.field.input
        if self.focused is field and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            field.insert_text_at_cursor(event.character)
        elif event.key == "enter" and self.app.screen is self and self.focused is None:
            event.stop()
            event.prevent_default()
            self.action_write()
        elif event.key == TALK_KEY:
            event.stop()
            event.prevent_default()
            self.press(KeyInput.PRESS, event.time)

    def press(self, what: KeyInput, at_s: float) -> None:
        """Take what happened to the talk key."""
        self._push_to_talk.take(what, at_s)

    def release_told(self, told: bool) -> None:
        """Take that the terminal tells when a key is released, or does not."""
        self.state.key.release_is_told = told
        self.draw()

    @on(TalkButton.Pressed)
    def _button_pressed(self, message: TalkButton.Pressed) -> None:
        self.press(KeyInput.POINTER_DOWN, message.at_s)

    @on(TalkButton.Released)
    def _button_released(self, message: TalkButton.Released) -> None:
        self.press(KeyInput.POINTER_UP, message.at_s)

    @on(RemoteKey)
    def _remote_key(self, message: RemoteKey) -> None:
        self.press(KeyInput.REMOTE_DOWN if message.down else KeyInput.REMOTE_UP, time.monotonic())

    # The engine

    @on(EngineSpoke)
    def _engine_spoke(self, message: EngineSpoke) -> None:
        event, now_s = message.event, time.monotonic()
        self.state.apply(event, now_s)
        self._push_to_talk.hear(event, now_s)
        if isinstance(event, DeviceReady | DeviceProblem) and isinstance(self.app.screen, DeviceScreen):
            self.app.screen.told(event)
        self.draw(figures_only=isinstance(event, FIGURES))

    def take_level(self, level: Level) -> None:
        """Take the newest tenth of a second of a device; called by the engine, between two messages."""
        if not self.is_mounted or not self.heeds(level):
            return
        now_s = time.monotonic()
        self.state.apply(level, now_s)
        self.hear(level, now_s)
        if level.device == "microphone" and isinstance(self.app.screen, SetupScreen):
            self.app.screen.heard(level)

    def note(self, about: str, text: str, *, trouble: bool = True) -> None:
        """Write a note to the log that comes from the screen, not from an event of the engine."""
        self.state.log.note(Side.NOTE, about, text, time.monotonic(), trouble=trouble)
        self.draw()

    def closing(self) -> None:
        """Show that the program is on its way out."""
        self.state.end("closing", time.monotonic())
        self.draw()

    # The other keys

    @on(Knob.Turned)
    def _knob_turned(self, message: Knob.Turned) -> None:
        turn = self._volume.turn_gain if message.knob.id == "mic-knob" else self._volume.turn_volume
        self._change(lambda: turn(message.steps))

    def action_gain(self, steps: int) -> None:
        """Turn the microphone's gain."""
        self._change(lambda: self._volume.turn_gain(steps))

    def action_volume(self, steps: int) -> None:
        """Turn the loudspeaker's volume."""
        self._change(lambda: self._volume.turn_volume(steps))

    def action_mute(self) -> None:
        """Turn the loudspeaker off or on."""
        self._change(self._volume.mute_or_unmute)

    def _change(self, change: Callable[[], None]) -> None:
        change()
        self.draw()

    def action_write(self) -> None:
        """Go into the message field, at once and not by focus(), which queues: the next key may be here already."""
        self.set_focus(self.field.input)

    def action_leave_field(self) -> None:
        """Go out of the message field."""
        self.set_focus(None)

    @on(MessageField.Written)
    def _message_written(self, message: MessageField.Written) -> None:
        to, text = addressed(message.text, self.state.addressee, self.state.others.names)
        if problem := addressee_problem(to) if to else "":
            self.note("message", problem)
        elif text:
            number = self._engine.send_text(text, to, confirm=bool(to))
            self.state.wrote(text, time.monotonic(), to, number)
        self.set_focus(None)

    @on(MessageField.TooLong)
    def _message_too_long(self, message: MessageField.TooLong) -> None:
        self.note("message", f"not sent, {message.excess} bytes too long: shorten it, or send it in two")

    def action_vox(self) -> None:
        """Turn voice operation on or off."""
        self._engine.set_vox(not self.state.vox)

    def action_replay(self) -> None:
        """Play the last over once more, or stop that."""
        self._engine.replay_last()

    def action_missed(self) -> None:
        """Play and show what was missed, or go on to the next of it."""
        self.overs.to_missed()
        self._engine.replay_missed()

    def show_past(self, past: History) -> None:
        """Begin the log with what is on the disk."""
        self.state.log.put_past(past, self.state.me, time.monotonic(), time.time())
        self.draw()

    def action_addressee(self) -> None:
        """Choose whom overs and messages are for."""
        card = ChoiceScreen(
            "to whom", addressee_choices(self.state), "or a station's name, and enter", at_once(addressee_problem)
        )
        self.app.push_screen(card, self._address)

    def _address(self, name: str | None) -> None:
        if name is not None:
            self._engine.set_addressee(choose_addressee(self.state, name))
            self.draw()

    def action_help(self) -> None:
        """Show all the keys."""
        self.app.push_screen(HelpScreen(release_words(self.state.key), [*help_rows(KEYS), MOUSE], WORDS))

    def action_link_account(self) -> None:
        """Show what the conversation takes of its link."""
        self.app.push_screen(LinkAccountScreen(lambda: self.account))

    def action_devices(self) -> None:
        """Choose devices; before the station is ready nobody could open one."""
        if self.state.station is not None:
            card = DeviceScreen(self._engine, self.state.devices, self._picked.add)
            self.app.push_screen(card)

    def action_scroll_overs(self, pages: int) -> None:
        """Scroll the log, forward if positive."""
        self.overs.scroll_rows(-pages * max(1, self.overs.size.height - 1))
