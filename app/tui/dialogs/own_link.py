"""A card below the lab's lanes for a link of one's own: each figure is typed or stepped, and works at once."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input as TextField
from textual.widgets import Static

from app.tui.dialogs.card import Card
from transport.errors import UsageError
from transport.impairment import Impairment
from transport.planning.presets import Preset

KEYS = "↑↓ step   tab next   enter takes   esc closes"
NO_LIMIT = "no limit"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a link."""

    name: str
    """The field of Impairment that it sets."""
    label: str
    unit: str
    scale: float
    """The figure is shown as the field's value times this."""
    steps: tuple[float, ...]
    """Values as shown, rising; infinity is no limit."""


FIGURES = (
    Figure(
        "rate_bps",
        "rate",
        "bit/s",
        1,
        (
            300,
            600,
            800,
            1000,
            1200,
            1600,
            2000,
            2400,
            3200,
            4800,
            6400,
            9600,
            19200,
            38400,
            64000,
            128000,
            256000,
            math.inf,
        ),
    ),
    Figure("loss", "frames lost", "%", 100, (0, 0.5, 1, 2, 5, 10, 15, 20, 30, 50, 75, 100)),
    Figure("ber", "bits wrong", "%", 100, (0, 0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10)),
    Figure("delay_s", "delay", "ms", 1000, (0, 20, 50, 100, 200, 300, 500, 750, 1000, 2000, 5000)),
)


def shown(figure: Figure, impairment: Impairment) -> str:
    """Return the figure as it stands."""
    value = getattr(impairment, figure.name)
    return NO_LIMIT if value is None else f"{figure.scale * value:.6g}"


def read(figure: Figure, text: str) -> float | None:
    """Return what was typed in the impairment's unit, or None for no limit. Raises ValueError for no number."""
    text = text.strip().removesuffix(figure.unit).strip()
    if figure.name == "rate_bps" and text in ("", NO_LIMIT):
        return None
    return float(text or 0) / figure.scale


def stepped(figure: Figure, impairment: Impairment, up: bool) -> float | None:
    """Return the next step up or down in the impairment's unit, or None for no limit."""
    value = getattr(impairment, figure.name)
    now = math.inf if value is None else round(figure.scale * value, 9)
    place = bisect_right(figure.steps, now) if up else bisect_left(figure.steps, now) - 1
    after = figure.steps[min(len(figure.steps) - 1, max(0, place))]
    return None if after == math.inf else after / figure.scale


class OwnLinkScreen(Card[None]):
    """A form with the figures of a link; the lanes go on above it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close", show=False),
        Binding("up", "step(True)", show=False, priority=True),
        Binding("down", "step(False)", show=False, priority=True),
    ]

    def __init__(self, preset: Preset, change: Callable[..., Preset]) -> None:
        """Begin with a link.

        change: takes figures by name (fields of Impairment) and returns the link as it is then; raises UsageError.
        """
        super().__init__(classes="-small")
        self._preset = preset
        self._change = change

    def compose_card(self) -> ComposeResult:
        """Build the card."""
        with Vertical(id="card") as card:
            card.border_title = "your own link"
            card.border_subtitle = KEYS
            for figure in FIGURES:
                with Horizontal(classes="row"):
                    yield Static(figure.label, classes="what")
                    yield TextField(shown(figure, self._preset.impairment), id=figure.name)
                    yield Static(figure.unit, classes="unit")
            yield Static("", id="outcome", markup=False)

    def action_step(self, up: bool) -> None:
        """Step the figure that has the focus."""
        for figure in FIGURES:
            if self.focused is self.query_one(f"#{figure.name}"):
                self._take(figure, stepped(figure, self._preset.impairment, up))

    @on(TextField.Submitted)
    @on(TextField.Blurred)
    def _typed(self, message: TextField.Submitted | TextField.Blurred) -> None:
        figure = next(figure for figure in FIGURES if figure.name == message.input.id)
        if message.input.value == shown(figure, self._preset.impairment):
            return
        try:
            value = read(figure, message.input.value)
        except ValueError:
            self._say(f"{figure.label}: {message.input.value!r} is no number")
        else:
            self._take(figure, value)

    def _take(self, figure: Figure, value: float | None) -> None:
        try:
            self._preset = self._change(**{figure.name: value})
        except UsageError as problem:
            self._say(str(problem))
            return
        self._say("")
        self.query_one(f"#{figure.name}", TextField).value = shown(figure, self._preset.impairment)

    def _say(self, text: str) -> None:
        self.query_one("#outcome", Static).update(text)
