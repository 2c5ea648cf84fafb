"""The line that says what goes on in the conversation, on every screen and card that covers it."""

from __future__ import annotations

from app.tui.talk.phase import MINE, Phase
from app.tui.talk.state import TalkState
from app.tui.talk.wording import covered_words
from app.tui.widgets.text import TextBlock


class ConversationLine(TextBlock):
    """A line above everything else, there while the channel is not free."""

    def show(self, state: TalkState) -> None:
        """Show the phase, in the colour of who talks."""
        words = covered_words(state)
        self.display = bool(words)
        self.set_class(state.phase in (*MINE, Phase.DRAINING), "mine")
        self.set_class(state.phase in (Phase.RECEIVING, Phase.REPLAY), "theirs")
        self.set_class(state.phase in (Phase.REFUSED, Phase.COLLISION), "trouble")
        self.say(words)
