"""The card that every dialog is drawn on."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

Result = TypeVar("Result")


class Card(ModalScreen[Result]):
    """A dialog over a screen. What it shows stands in a container with the id "card" (styles/base.tcss)."""

    AUTO_FOCUS = ""
