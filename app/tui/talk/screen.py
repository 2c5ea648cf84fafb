"""The one screen of a conversation: puts keys into commands for the engine, and its events into widgets."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input as TextField
from textual.widgets import Static

from app.diagnostics.link_account import Account, account
from app.events import DeviceProblem, DeviceReady, EndReason, Event, Level, TalkDenied, TalkEnded
from app.settings.model import Settings
from app.settings.protection import channel_words, refusal_words
from app.station.engine import Engine
from app.tui.dialogs.choice import ChoiceScreen
from app.tui.dialogs.devices import DeviceScreen
from app.tui.dialogs.help import HelpScreen
from app.tui.dialogs.link_account import BandwidthScreen
from app.tui.dialogs.setup import SetupScreen
from app.tui.talk.link_panel import LinkPanel
from app.tui.talk.over_log import Overs
from app.tui.talk.state import MINE, Phase, Side, Standing
from app.tui.talk.talk_button import TalkButton
from app.tui.talk.talk_key import Input, Press, Talk, TalkKey
from app.tui.talk.volume import Knobs
from app.tui.talk.wire_panel import WirePanel
from app.tui.talk.wording import (
    addressed,
    addressee_problem,
    detail,
    hint,
    hold_words,
    link_words,
    notices,
    release_words,
    to_words,
    welcome,
)
from app.tui.widgets.ballistics import swelling
from app.tui.widgets.meter import Knob, Meter
from app.tui.widgets.waveform import STEP_S, VoiceThread

TALK_KEY = "space"
LEVEL_OVERDUE_S = 0.3
"""Sound moves the thread; where none comes (a frame is late, a device stopped) it moves by itself, thin."""
FITTED = ("#hold", "#notices")
"""Texts whose box follows their length. The others change many times a second and keep theirs."""


class TalkScreen(Screen[None]):
    """Talk, listen, and see what the link is doing."""

    class EngineSpoke(Message):
        """The engine has emitted an event."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class LinksWanted(Message):
        """The user wants to open another link."""

    class LabWanted(Message):
        """The user wants the link lab."""

    class SetupWanted(Message):
        """The user wants the set-up card."""

    class RemoteKey(Message):
        """A pedal or a shortcut went down or up."""

        def __init__(self, down: bool) -> None:
            super().__init__()
            self.down = down

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "volume(1)", show=False),
        Binding("down", "volume(-1)", show=False),
        Binding("plus,equals_sign", "volume(1)", show=False),
        Binding("minus", "volume(-1)", show=False),
        Binding("right_square_bracket", "gain(1)", show=False),
        Binding("left_square_bracket", "gain(-1)", show=False),
        Binding("m", "mute", show=False),
        Binding("d", "devices", show=False),
        Binding("v", "vox", show=False),
        Binding("r", "replay", show=False),
        Binding("t", "addressee", show=False),
        Binding("l", "links", show=False),
        Binding("s", "set_up", show=False),
        Binding("b", "bandwidth", show=False),
        Binding("c", "lab", show=False),
        Binding("escape", "leave_field", show=False),
        Binding("question_mark", "help", show=False),
        Binding("pageup", "scroll_overs(-1)", show=False),
        Binding("pagedown", "scroll_overs(1)", show=False),
        Binding("q", "app.leave", show=False),
    ]
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (56, "-narrow"), (76, "-wide")]  # noqa: RUF012 - Textual declares them without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (24, "-short"), (28, "-tall")]  # noqa: RUF012

    def __init__(self, settings: Settings, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._key = TalkKey()
        self._key_timer: Timer | None = None
        self.standing = Standing(me=settings.name, addressee=settings.addressee)
        self._thread_moved_s = 0.0
        self._knobs = Knobs(settings, engine)
        self._picked: set[str] = set()
        """The kinds of devices that were chosen here: the others stay whatever the system's default is."""
        self._protection = channel_words(settings)

    @property
    def phase(self) -> Phase:
        """What push-to-talk is doing, as shown."""
        return self.standing.phase

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Static("gossamer", id="brand")
            yield Static("", id="link", markup=False)
            yield Static(self._protection, id="channel", markup=False)
        with Vertical(id="stage"):
            with Horizontal(id="saying"):
                yield Static("", id="phase")
                yield Static("", id="hold")
                yield Static("", id="detail", markup=False)
            yield VoiceThread(id="thread")
        yield Meter("mic", id="mic")
        yield Meter("speaker", id="speaker")
        with Horizontal(id="panels"):
            yield WirePanel(id="wire")
            yield LinkPanel(id="packets")
        yield Overs(time.monotonic, id="overs")
        yield Static("", id="notices", markup=False)
        with Horizontal(id="bottom"):
            yield TextField(placeholder="enter: write a message", id="message", select_on_focus=False)
            yield TalkButton(id="talk")
        yield Static(id="help", markup=False)

    def on_mount(self) -> None:
        self.query_one(WirePanel).border_title = "on the wire"
        self.query_one(LinkPanel).border_title = "link"
        self.query_one(Overs).border_title = "overs"
        self._show_knobs()
        self._show(time.monotonic())
        self.set_interval(STEP_S, self._tick)

    # The talk key and the talk button

    def on_key(self, event: events.Key) -> None:
        """Space, wherever no text field took it; and the keys that came in one read with the enter that opens a field,
        which were sent here before it could take them."""
        field = self.query_one("#message", TextField)
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
            self._press(Input.PRESS, event.time)

    def key_up(self, at_s: float) -> None:
        """The terminal told that the talk key went up."""
        self._press(Input.RELEASE, at_s)

    def release_told(self, told: bool) -> None:
        """The terminal said whether it tells releases."""
        self._key.release_is_told = told
        self._show(time.monotonic())

    def left(self, at_s: float) -> None:
        """The terminal lost the focus."""
        self._press(Input.LEAVE, at_s)

    @on(TalkButton.Pressed)
    def _button_pressed(self, message: TalkButton.Pressed) -> None:
        self._press(Input.POINTER_DOWN, message.at_s)

    @on(TalkButton.Released)
    def _button_released(self, message: TalkButton.Released) -> None:
        self._press(Input.POINTER_UP, message.at_s)

    @on(RemoteKey)
    def _remote_key(self, message: RemoteKey) -> None:
        self._press(Input.REMOTE_DOWN if message.down else Input.REMOTE_UP, time.monotonic())

    def note(self, about: str, text: str) -> None:
        """Something that is not of the engine, for the log."""
        self.standing.note(about, text, time.monotonic())

    def _press(self, what: Input, at_s: float) -> None:
        now_s = time.monotonic()
        match self._key.handle(what, at_s):
            case Talk.START:
                self._engine.key_down()
            case Talk.STOP:
                self._engine.key_up()
        if self._key_timer is not None:
            self._key_timer.stop()
            self._key_timer = None
        if self._key.deadline_s is not None:
            # Behind what is in the queues already: a screen that was slow must not take waiting repeats for a release.
            self._key_timer = self.set_timer(
                max(0.001, self._key.deadline_s - now_s), lambda: self.app.call_later(self.call_later, self._key_time)
            )
        self._show(now_s)

    def _key_time(self) -> None:
        self._press(Input.TIME, time.monotonic())

    # The engine

    @on(EngineSpoke)
    def _engine_spoke(self, message: EngineSpoke) -> None:
        event, now_s = message.event, time.monotonic()
        self.standing.apply(event, now_s)
        if isinstance(event, Level):
            self._hear(event, now_s)
            if event.device == "microphone" and isinstance(self.app.screen, SetupScreen):
                self.app.screen.heard(event, now_s)
            return
        ended_by_itself = isinstance(event, TalkEnded) and event.reason is not EndReason.RELEASED
        if ended_by_itself or isinstance(event, TalkDenied):
            self._press(Input.ENDED, now_s)
        if isinstance(event, DeviceReady | DeviceProblem) and isinstance(self.app.screen, DeviceScreen):
            self.app.screen.told(event)
        self._show(now_s)

    def _hear(self, level: Level, now_s: float) -> None:
        mine = level.device == "microphone"
        self.query_one("#mic" if mine else "#speaker", Meter).push(0.0 if level.clipped else level.peak_db, now_s)
        if self._thread_side() is (Side.MINE if mine else Side.THEIRS):
            self.query_one(VoiceThread).push(swelling(level.rms_db), self._thread_side())
            self._thread_moved_s = now_s

    def _thread_side(self) -> Side | None:
        """Whose voice the thread shows now."""
        return Side.MINE if self.phase in MINE else Side.THEIRS if self.standing.hearing else None

    def _tick(self) -> None:
        now_s = time.monotonic()
        if self._thread_side() is None or now_s - self._thread_moved_s > LEVEL_OVERDUE_S:
            self.query_one(VoiceThread).push(0.0, self._thread_side())
        for meter in self.query(Meter):
            meter.fall(now_s)
        self.standing.pass_time(now_s)
        self._show(now_s)

    def closing(self) -> None:
        """The program is on its way out."""
        self.standing.end("closing", time.monotonic())
        self._show(time.monotonic())

    # What is shown

    def _show(self, now_s: float) -> None:
        if not self.is_mounted:
            return
        standing = self.standing
        phase = standing.phase
        stage = self.query_one("#stage")
        stage.set_class(phase in (*MINE, Phase.DRAINING), "mine")
        stage.set_class(phase is Phase.RECEIVING, "theirs")
        stage.set_class(phase in (Phase.REFUSED, Phase.COLLISION), "trouble")
        self._say("#phase", phase.value)
        self._say("#detail", detail(standing, now_s))
        self._say("#hold", hold_words(self._key, standing.vox))
        self.query_one("#message", TextField).border_title = to_words(standing.addressee)
        self._say("#link", link_words(standing))
        self._say("#help", hint(self._key, phase))
        self._say("#notices", notices(standing))
        self.set_class(bool(standing.problems), "crowded")
        button = self.query_one(TalkButton)
        button.phase, button.latched = phase, self._key.state in (Press.LATCHED, Press.REMOTE)
        wire = self.query_one(WirePanel)
        wire.wire = standing.wire
        if phase in (*MINE, Phase.DRAINING, Phase.RECEIVING):
            wire.sending = phase is not Phase.RECEIVING
        packets = self.query_one(LinkPanel)
        packets.wire, packets.counts, packets.playout = standing.wire, standing.counts, standing.playout
        packets.mouth_to_ear, packets.refusals = standing.mouth_to_ear, standing.refusals
        self.set_class(bool(refusal_words(standing.refusals)), "refusing")
        self.query_one("#mic", Meter).set_rest("no microphone" if "microphone" in standing.problems else "")
        self.query_one("#speaker", Meter).set_rest("no loudspeaker" if "loudspeaker" in standing.problems else "")
        self.query_one(Overs).show(standing.log, welcome(self._key))

    def _say(self, where: str, text: str | Content) -> None:
        widget = self.query_one(where, Static)
        if widget.content != text:
            widget.update(text, layout=where in FITTED)

    def _show_knobs(self) -> None:
        self.query_one("#mic", Meter).set_figure(self._knobs.gain_figure)
        self.query_one("#speaker", Meter).set_figure(self._knobs.volume_figure)

    # The other keys

    @on(Knob.Turned, "#mic-knob")
    def _gain_turned(self, message: Knob.Turned) -> None:
        self.action_gain(message.steps)

    @on(Knob.Turned, "#speaker-knob")
    def _volume_turned(self, message: Knob.Turned) -> None:
        self.action_volume(message.steps)

    def action_gain(self, steps: int) -> None:
        self._knobs.turn_gain(steps)
        self._show_knobs()

    def action_volume(self, steps: int) -> None:
        self._knobs.turn_volume(steps)
        self._show_knobs()

    def action_mute(self) -> None:
        self._knobs.mute_or_unmute()
        self._show_knobs()

    def on_descendant_focus(self) -> None:
        self._say_how_to_write()

    def on_descendant_blur(self) -> None:
        self._say_how_to_write()

    def _say_how_to_write(self) -> None:
        field = self.query_one("#message", TextField)
        field.placeholder = "enter sends, escape leaves" if field.has_focus else "enter: write a message"

    def action_write(self) -> None:
        # At once, not by focus(), which queues: the next key may be here already.
        self.set_focus(self.query_one("#message"))

    def action_vox(self) -> None:
        self._engine.set_vox(not self.standing.vox)

    def action_replay(self) -> None:
        self._engine.replay_last()

    def action_addressee(self) -> None:
        choices = [("everybody", ""), *((name, name) for name in self.standing.stations)]
        card = ChoiceScreen("to whom", choices, "or a station's name, and enter", addressee_problem)
        self.app.push_screen(card, self._address)

    def _address(self, name: str | None) -> None:
        if name is not None:
            self._engine.set_addressee(name)
            self.standing.addressee = name
            self._show(time.monotonic())

    @property
    def chosen_sound(self) -> dict[str, object]:
        """Gain, volume and devices as they stand, by the names of their settings."""
        used = {f"{kind}": ready.name for kind, ready in self.standing.devices.items() if kind in self._picked}
        return {**self._knobs.settings, **used}

    def action_links(self) -> None:
        self.post_message(self.LinksWanted())

    def action_set_up(self) -> None:
        self.post_message(self.SetupWanted())

    def action_leave_field(self) -> None:
        self.set_focus(None)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(release_words(self._key)))

    @property
    def account(self) -> Account:
        """What the conversation has taken of its link so far."""
        return account(self.standing.wire)

    def action_bandwidth(self) -> None:
        self.app.push_screen(BandwidthScreen(lambda: self.account))

    def action_lab(self) -> None:
        if self.standing.station is not None:  # before, there is no sound to lend
            self.post_message(self.LabWanted())

    def behind(self) -> str:
        """For a screen that covers this one: what goes on in the conversation, "" while the channel is free."""
        standing = self.standing
        quiet = standing.phase in (Phase.QUIET, Phase.STARTING)
        return "" if quiet else f"{standing.phase.value}: {detail(standing, time.monotonic())}"

    def action_devices(self) -> None:
        if self.standing.station is not None:  # before, there is nobody who could open one
            card = DeviceScreen(self._engine, self.standing.devices, self.on_key, self._picked.add)
            self.app.push_screen(card)

    def action_scroll_overs(self, pages: int) -> None:
        overs = self.query_one(Overs)
        overs.scroll_lines(-pages * max(1, overs.size.height - 1))

    @on(TextField.Submitted, "#message")
    def _message_written(self, message: TextField.Submitted) -> None:
        to, text = addressed(message.value.strip(), self.standing.addressee)
        if problem := addressee_problem(to) if to else "":
            self.note("message", problem)
        elif text:
            self._engine.send_text(text, to)
            self.standing.wrote(text, time.monotonic(), to)
        message.input.clear()
        self.set_focus(None)
