"""All the keys, and what the marks mean, on a card over the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("space", "talk: hold, or tap to begin and tap to end"),
    ("mouse", "hold the talk button; wheel or click on the knobs"),
    ("up  down", "loudspeaker volume"),
    ("m", "mute"),
    ("[  ]", "microphone gain: aim at -24 to -6 dB, CLIP is too much"),
    ("d", "choose microphone and loudspeaker"),
    ("v", "talk by voice, without a key; again: with the key only"),
    ("r", "hear the last over once more; again: stop that"),
    ("t", "to whom you talk and write: who is chosen confirms"),
    ("l", "open another link: contacts and recent ones"),
    ("b", "bits on this link by layer, beside what others would need"),
    ("c", "compare codecs on a thin link, side by side: the link lab"),
    ("s", "set up name, link and devices"),
    ("enter", "write a message (@NAME ...: to NAME); escape leaves it"),
    ("page up/down", "scroll the overs"),
    ("?", "this card"),
    ("q  ctrl+c", "quit"),
)
WORDS = (
    ("ASKING", "the key is down, the floor is not ours yet"),
    ("ON AIR", "you are heard, from 0.2 s before the key"),
    ("SENDING", "you let go; a slow link still carries the rest"),
    ("RECEIVING", "somebody talks; one at a time"),
    ("REPLAY", "the last over once more, for you alone"),
    ("REFUSED", "you cannot talk now, and why"),
)
Rows = Sequence[tuple[str, str]]


class HelpScreen(ModalScreen[None]):
    """Any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter,space", "dismiss", "close", show=False),
    ]

    def __init__(self, first: str, keys: Rows = KEYS, words: Rows = WORDS) -> None:
        """first: a line at the top; on the talk screen what is known about holding a key in this terminal."""
        super().__init__()
        self._first = first
        self._rows = ((keys, "key"), (words, "word"))

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="card") as card:
            card.border_title = "keys"
            yield Static(self._first, id="release", markup=False)
            for names, kind in self._rows:
                for place, (name, what) in enumerate(names):
                    with Horizontal(classes="row first" if not place and kind == "word" else "row"):
                        yield Static(name, classes=kind, markup=False)
                        yield Static(what, classes="what", markup=False)
