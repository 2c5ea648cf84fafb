"""The list of what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from app.tui.talk.state import TalkState
from app.tui.talk.wording import meanwhile_words, problem_words
from app.tui.widgets.text import TextBlock

SHARE_OF_ROWS = 5
"""The list takes a fifth of the screen's rows at most."""
FEWEST_ROWS = 2


class ProblemList(TextBlock):
    """The problems of now, in the longest words that have room. The log has them in full.

    While the log shows them the list does not say them again, but what still works without what is missing.
    """

    def __init__(self, in_log: Callable[[str], bool]) -> None:
        """Build it empty. in_log: tells whether a text is in the log, in view."""
        super().__init__(id="problems")
        self._in_log = in_log

    def show(self, state: TalkState) -> None:
        """Show the problems as they stand."""
        width, rows = self.screen.size.width - 2, max(FEWEST_ROWS, self.screen.size.height // SHARE_OF_ROWS)
        in_log = all(self._in_log(str(problem)) for problem in state.problems.values())
        *longer, shortest = [meanwhile_words(state)] if in_log else problem_words(state)
        self.say(next((words for words in longer if _rows(words, width) <= rows), shortest), fit=True)


def _rows(words: Content, width: int) -> int:
    return len(words.wrap(max(1, width)))
