"""The screen says how the channel is protected, what was refused, and who else is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.events import ChannelCounts, ChannelProblem
from app.settings.model import Settings
from app.settings.protection import channel_words, refusal_words
from tests.support.talk_stage import SETTINGS, Stage, play
from transport.protocol.frames import Mode


@pytest.mark.parametrize(
    ("mode", "passphrase", "words"),
    [(None, None, "open channel"), (None, "secret", "sealed: harbour"), (Mode.HAM, "secret", "signed (ham): harbour")],
)
def test_words_for_the_channel(mode: Mode | None, passphrase: str | None, words: str) -> None:
    """The mode, and of a protected channel the name, which the stations must share."""
    assert words == channel_words(Settings(mode=mode, passphrase=passphrase, channel="harbour"))


def test_words_for_what_was_refused() -> None:
    """Only what came is named; VOICE whose BEGIN was not heard is no refusal."""
    assert "" == refusal_words(None) == refusal_words(ChannelCounts(unknown=7))
    assert "2 bad tag, 1 replayed, 5 muted" == refusal_words(ChannelCounts(bad_tags=2, replayed=1, muted=5))


@pytest.mark.parametrize("size", [(80, 24), (80, 40)])
def test_a_sealed_channel_on_the_screen(size: tuple[int, int]) -> None:
    """The word sealed stands there all the time; refusals get a row as soon as there are some, and who else is
    there a line in the log."""

    async def scene(stage: Stage) -> None:
        await stage.says("sealed: harbour")
        assert "refused" not in stage.text()
        stage.app._engine_spoke(ChannelCounts(bad_tags=9, replayed=3))
        stage.app._engine_spoke(ChannelProblem("somebody here speaks in the open", "leave it out"))
        await stage.says("9 bad tag, 3 replayed")
        await stage.says("somebody here speaks in the open")
        panels = ("packets sent", "play-out hold", "voice") if size[1] >= 30 else ()
        for words in ("sealed: harbour", "refused", "space", *panels):
            assert words in stage.text(), words

    play(scene, replace(SETTINGS, passphrase="secret", channel="harbour"), size=size)
