"""A card with the microphones and loudspeakers, on which others can be chosen.

The conversation goes on meanwhile, and the talk key still talks: that is how a microphone is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from app.audio.portaudio import NO_DEVICE_CURE, DeviceInfo
from app.errors import DeviceError
from app.events import Device, DeviceProblem, DeviceReady
from app.station.engine import Engine
from app.tui.dialogs.card import Card

KINDS: tuple[Device, ...] = ("microphone", "loudspeaker")
KEYS = "↑↓ enter choose    esc closes"


class DeviceScreen(Card[None]):
    """A list of devices that stays open after a choice: its outcome can be seen, and the other device be chosen."""

    class Listed(Message):
        """The list that the worker has made, or one line why there is none."""

        def __init__(self, devices: list[DeviceInfo], problem: str) -> None:
            super().__init__()
            self.devices = devices
            self.problem = problem

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q", "dismiss", "close", show=False),
    ]

    def __init__(
        self,
        engine: Engine,
        in_use: Mapping[str, DeviceReady],
        picked: Callable[[Device], None] = lambda kind: None,
    ) -> None:
        """Show the engine's devices.

        in_use: the devices that work, by kind, kept up to date by their owner, who also calls `told`. picked: called
        with the kind of a device that was chosen.
        """
        super().__init__()
        self._engine = engine
        self._in_use = in_use
        self._picked = picked
        self._devices: list[DeviceInfo] = []
        self._problem = "looking for devices …"
        """Reason why there is no list."""
        self._outcome = ""
        """The outcome of the last choice; "" where the marks tell it."""
        self._opening = ""
        """Name of the device that was chosen, until it is known what became of it."""

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = "devices"
            card.border_subtitle = KEYS
            yield OptionList(id="devices", markup=False)
            yield Static(self._problem, id="outcome", markup=False)

    def on_mount(self) -> None:
        """Ask for the devices."""
        self._list()

    @work(thread=True, exclusive=True)
    def _list(self) -> None:
        """List the devices in a thread: a sound server that is slow to answer must not stop the screen."""
        try:
            self.post_message(self.Listed(self._engine.list_devices(), ""))
        except DeviceError as problem:
            self.post_message(self.Listed([], str(problem)))

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self._devices, self._problem = message.devices, message.problem
        self._show()

    def told(self, event: DeviceReady | DeviceProblem) -> None:
        """Take that the engine has opened a device, or could not."""
        if isinstance(event, DeviceProblem):
            self._outcome = str(event)
        elif event.name == self._opening:
            self._outcome = ""
        self._opening = ""
        self._list()  # the marks, and a device that came or went

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        device = next(device for device in self._devices if _key(device) == message.option_id)
        if self._is_used(device):
            return
        namesakes = [other for other in self._devices if (other.kind, other.name) == (device.kind, device.name)]
        name = device.name if len(namesakes) == 1 else str(device.number)
        self._opening, self._outcome = device.name, f"opening {device.name} …"
        self._show_outcome()
        self._picked(device.kind)
        if device.kind == "microphone":
            self._engine.choose_microphone(name)
        else:
            self._engine.choose_loudspeaker(name)

    def _is_used(self, device: DeviceInfo) -> bool:
        ready = self._in_use.get(device.kind)
        if ready is None:
            return False
        return ready.name == device.name and ready.number in (None, device.number)

    def _show_outcome(self) -> None:
        self.query_one("#outcome", Static).update(self._problem or self._outcome)

    def _show(self) -> None:
        """Make the list anew, with the cursor where it was, or at first on the microphone in use."""
        self._show_outcome()
        listing = self.query_one(OptionList)
        listing.display = not self._problem
        old = listing.highlighted_option.id if listing.highlighted_option else None
        options: list[Option] = []
        for kind in KINDS:
            of_kind = [device for device in self._devices if device.kind == kind]
            options.append(Option(Content.styled(f"{kind.capitalize()}s", "bold"), disabled=True))
            options += [Option(self._row(device), id=_key(device)) for device in of_kind]
            if not of_kind:
                options.append(Option(f"  none: {NO_DEVICE_CURE}", disabled=True))
        listing.set_options(options)
        wanted = [old, *(_key(device) for device in self._devices if self._is_used(device))]
        there = [option.id for option in options]
        listing.highlighted = next((there.index(key) for key in wanted if key is not None and key in there), None)
        if listing.highlighted is None:
            listing.action_first()

    def _row(self, device: DeviceInfo) -> Content:
        used = self._is_used(device)
        return Content.assemble(
            (f"{'●' if used else ' '} {'in use' if used else '':8}", "bold $primary"),
            (f"{'default' if device.is_default else '':9}", "$label"),
            device.name,
        )


def _key(device: DeviceInfo) -> str:
    """Return the id of the option of a device."""
    return f"{device.kind}-{device.number}"
