"""All the keys, and what the marks mean, on a card over the talk screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("space", "talk: hold, or tap to begin and tap to end"),
    ("mouse", "hold the talk button; wheel or click on the knobs"),
    ("up  down", "loudspeaker volume"),
    ("m", "mute"),
    ("[  ]", "microphone gain: aim at -24 to -6 dB, CLIP is too much"),
    ("d", "choose microphone and loudspeaker, while you talk if you like"),
    ("b", "bits on this link by layer, beside what others would need"),
    ("enter", "write a message; enter sends it, escape leaves the field"),
    ("page up/down", "scroll the overs"),
    ("?", "this card"),
    ("q  ctrl+c", "quit"),
)
WORDS = (
    ("ASKING", "the key is down, the floor is not ours yet"),
    ("ON AIR", "you are heard, from 0.2 s before the key"),
    ("SENDING", "you let go; a slow link still carries the rest"),
    ("RECEIVING", "somebody talks; one at a time"),
    ("REFUSED", "you cannot talk now, and why"),
)
KEY_CELLS = 14


class HelpScreen(ModalScreen[None]):
    """Any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter,space", "dismiss", "close", show=False),
    ]

    def __init__(self, release_words: str) -> None:
        """release_words: what is known about holding a key in this terminal."""
        super().__init__()
        self._release_words = release_words

    def compose(self) -> ComposeResult:
        rows = [_row(key, what, "bold $secondary") for key, what in KEYS]
        rows += [Content(""), *(_row(word, what, "bold") for word, what in WORDS)]
        rows += [Content(""), Content.styled(self._release_words, "$label")]
        with VerticalScroll(id="card") as card:
            card.border_title = "keys"
            yield Static(Content("\n").join(rows))


def _row(name: str, what: str, style: str) -> Content:
    return Content.assemble((f"{name:{KEY_CELLS}}", style), what)
