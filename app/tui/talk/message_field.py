"""The field in which messages are written, and how much room is left in a message."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from app.tui.talk.state import TalkState
from app.tui.talk.wording import bytes_left
from app.tui.widgets.text import TextBlock


class MessageField(Horizontal):
    """A text field that says how to get into it and out of it, and the number of bytes that a message may still have.

    A message that is too long is not sent and not cut: it stays, with a word on how much there is too much.
    """

    class Written(Message):
        """The news that a message was written to its end, as it was typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class TooLong(Message):
        """The news that a message has so many bytes too many."""

        def __init__(self, excess: int) -> None:
            super().__init__()
            self.excess = excess

    def __init__(self) -> None:
        super().__init__(id="message")
        self._input = Input(id="message-text", select_on_focus=False)
        self._left = TextBlock(id="bytes-left")
        self._addressee = ""
        self._names: Sequence[str] = ()
        """Names of stations that a message may begin with."""

    @property
    def input(self) -> Input:
        """The text field itself."""
        return self._input

    def compose(self) -> ComposeResult:
        """Build the parts."""
        yield self._input
        yield self._left

    def on_mount(self) -> None:
        """Say how to begin."""
        self._say()

    def show(self, state: TalkState) -> None:
        """Show whom messages are for."""
        self._names = state.others.names
        if self._addressee != state.addressee:
            self._addressee = state.addressee
            self._say()

    def on_resize(self) -> None:
        """Say as much as there is room for."""
        self._say()

    def on_descendant_focus(self) -> None:
        """Say how to send and to leave."""
        self._say()

    def on_descendant_blur(self) -> None:
        """Say how to come back."""
        self._say()

    def on_input_changed(self) -> None:
        """Count anew."""
        self._say()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Hand on what was written, unless it is too long."""
        message.stop()
        left = bytes_left(message.value.strip(), self._names)
        if left < 0:
            self.post_message(self.TooLong(-left))
            return
        self.post_message(self.Written(message.value.strip()))
        self._input.clear()

    def _say(self) -> None:
        text, writing = self._input.value.strip(), self._input.has_focus
        whom = f"to {self._addressee}, who confirms" if self._addressee else ""
        self.border_title = whom
        to = f"enter: write to {self._addressee}" if self._addressee else "enter: write a message"
        invitation = to if len(to) < self.size.width - 1 else "enter: write"
        ways_out = "space types, enter sends, esc leaves"
        if len(ways_out) >= self.size.width - 1:
            ways_out = "enter sends, esc leaves"
        self._input.placeholder = ways_out if writing else invitation
        left = bytes_left(text, self._names)
        self._left.display = bool(text)
        self._left.set_class(left < 0, "trouble")
        self._left.say(f"{left} bytes left" if left >= 0 else f"{-left} bytes too long", fit=True)
