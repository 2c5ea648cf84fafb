"""A link to a broker chosen on the screen: its user's password is asked for, tried, and written nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings.file import read_configuration, write_configuration
from tests.support.broker import PASSWORD, USER, Broker
from tests.support.talk_stage import Stage, make_deaf_engine, play

pytestmark = pytest.mark.mosquitto


def test_a_password_is_asked_for_until_it_is_right(tmp_path: Path) -> None:
    """A wrong one is said and forgotten, none changes nothing, and the right one goes on to the next station alone."""
    broker = Broker(tmp_path, users=True)
    link = f"mqtt://{USER}@127.0.0.1:{broker.port}/harbour"
    path = tmp_path / "settings.toml"
    write_configuration(path, {}, {"harbour": link})

    async def scene(stage: Stage) -> None:
        async def choose() -> None:
            stage.fill("#typed", "harbour")
            await stage.press("enter")
            await stage.says(f"Password of {USER}@127.0.0.1:")

        await stage.press("l")
        await stage.says("open another link")
        await stage.press("tab")
        await choose()
        assert "in clear" in stage.text()
        await stage.press("escape")
        await stage.says(f"no password of {USER}@127.0.0.1 was given")
        await choose()
        stage.fill("#password", "a guess")
        assert "a guess" not in stage.text()
        await stage.press("enter")
        await stage.says("this password: correct it")
        await choose()
        stage.fill("#password", PASSWORD)
        await stage.press("enter")
        await stage.until(lambda: stage.app.next_start is not None)

    app = play(scene, make=make_deaf_engine, size=(100, 30), configuration=read_configuration(path))
    broker.kill()
    assert app.next_start is not None
    assert (link, {f"{USER}@127.0.0.1": PASSWORD}) == (
        app.next_start.settings.link,
        dict(app.next_start.settings.broker_passwords),
    )
    assert PASSWORD not in path.read_text() and PASSWORD not in f"{app.next_start!r}"
