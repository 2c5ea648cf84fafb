"""The words for what a screen's keys do: read from its bindings, where each key is written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from textual.binding import Binding, BindingType
from textual.content import Content

from app.tui.widgets.text import clickable

Rows = Sequence[tuple[str, str]]
"""Keys, and what they do."""


def key_name(binding: Binding) -> str:
    """Return how a binding's key is written for the user."""
    return binding.key_display or binding.key


def help_rows(bindings: Iterable[BindingType]) -> list[tuple[str, str]]:
    """Return a row for each thing that keys do, from the tooltips; neighbours with the same tooltip share a row."""
    told = [binding for binding in bindings if isinstance(binding, Binding) and binding.tooltip]
    return [(" ".join(map(key_name, group)), tooltip) for tooltip, group in groupby(told, lambda one: one.tooltip)]


def key_hints(bindings: Iterable[BindingType], cells: int) -> Content:
    """Return the keys to be shown at the bottom, as many as have room in so many cells, none of them cut.

    A click on a key or on its words does what the key does.
    """
    shown = [binding for binding in bindings if isinstance(binding, Binding) and binding.show]
    line = Content("")
    for words, group in groupby(shown, lambda one: one.description):
        keys = list(group)
        names = [clickable(f"{key_name(key)} ", key.action) for key in keys]
        longer = Content.assemble(line, "  " if line else "", *names, clickable(words, keys[0].action))
        if longer.cell_length > cells:
            break
        line = longer
    return line
