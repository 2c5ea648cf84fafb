"""The list of what is missing, and how to get it."""

from __future__ import annotations

from textual.content import Content

from app.tui.talk.state import TalkState
from app.tui.talk.wording import problem_words
from app.tui.widgets.text import TextBlock

SHARE_OF_ROWS = 5
"""The list takes a fifth of the screen's rows at most."""
FEWEST_ROWS = 2


class ProblemList(TextBlock):
    """The problems of now, in the longest words that have room. The log has them in full."""

    def __init__(self) -> None:
        super().__init__(id="problems")

    def show(self, state: TalkState) -> None:
        """Show the problems as they stand."""
        width, rows = self.screen.size.width - 2, max(FEWEST_ROWS, self.screen.size.height // SHARE_OF_ROWS)
        *longer, shortest = problem_words(state)
        self.say(next((words for words in longer if _rows(words, width) <= rows), shortest), fit=True)


def _rows(words: Content, width: int) -> int:
    return len(words.wrap(max(1, width)))
