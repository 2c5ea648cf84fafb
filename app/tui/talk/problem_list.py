"""What is missing, and how to get it."""

from __future__ import annotations

from app.tui.talk.state import TalkState
from app.tui.talk.wording import notices
from app.tui.widgets.text import TextBlock


class ProblemList(TextBlock):
    """A line for each cure."""

    def show(self, state: TalkState) -> None:
        """Show the problems as they stand."""
        self.say(notices(state), fit=True)
