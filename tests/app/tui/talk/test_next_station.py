"""Another link that does not open: the old one and the conversation stay, the card says why, and nothing is saved."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app import tui
from app.settings.file import Configuration, read_configuration, write_configuration
from app.settings.model import Settings
from app.tui.talk.app import TalkApp
from app.tui.talk.next_station import same_port
from app.tui.talk.phase import Phase
from tests.support.processes import free_port
from tests.support.talk_stage import Stage, make_deaf_engine, play
from transport.errors import LinkError


@pytest.fixture
def taken() -> Iterator[str]:
    """A link whose port another program has."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("", 0))
        yield f"udp://:{other.getsockname()[1]}"


@pytest.fixture
def file(tmp_path: Path) -> Configuration:
    """A settings file that is not there yet."""
    return Configuration(tmp_path / "settings.toml")


def test_a_link_that_does_not_open_is_refused_on_its_card(file: Configuration, taken: str) -> None:
    """From the list; the station goes on, and so does what was said."""
    write_configuration(file.path, {}, {"bob": taken})
    existing = read_configuration(file.path)

    async def scene(stage: Stage) -> None:
        stage.app.talk_screen.note("test", "what was said before")
        await stage.press("l")
        await stage.says("bob")
        await stage.press("enter")
        await stage.says(f"port {taken.rpartition(':')[2]} is in use")
        assert stage.app.next_start is None
        await stage.press("escape", "space")
        await stage.phase(Phase.ON_AIR)
        await stage.says("what was said before")

    play(scene, make=make_deaf_engine, size=(80, 30), configuration=existing)


def test_the_first_run_saves_no_link_that_does_not_open(file: Configuration, taken: str) -> None:
    """The form stays as it is, with the reason, until something else is written or it is skipped."""

    async def scene(stage: Stage) -> None:
        await stage.says("First time here?")
        await stage.press("enter")
        stage.fill("#link-field", taken)
        await stage.press("enter", "enter", "enter")
        await stage.says("is in use")
        assert stage.app.next_start is None and not file.path.exists()
        await stage.press("escape")

    play(scene, make=make_deaf_engine, size=(80, 30), configuration=file)
    assert {} == read_configuration(file.path).values


@pytest.mark.parametrize("exists", [True, False])
def test_where_both_need_one_port_the_old_station_comes_back(
    file: Configuration, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    """The old station is closed first, and opened again with the log as it was, and the reason on the card."""
    if exists:
        write_configuration(file.path, {})
        file = read_configuration(file.path)
    port = free_port()
    old, new = f"udp://:{port}", f"udp://:{port}?rate=600"
    intruder = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)

    async def first(stage: Stage) -> None:
        stage.app.talk_screen.note("test", "what was said before")
        if exists:
            await stage.press("l")
            await stage.says("open another link")
            stage.fill("#typed", new)
            await stage.press("shift+tab", "enter")
        else:
            await stage.press("enter")
            stage.fill("#link-field", new)
            await stage.press("enter", "enter", "enter")
        await stage.until(lambda: stage.app.next_start is not None)

    async def second(stage: Stage) -> None:
        await stage.says("is in use")
        await stage.says("open another link" if exists else "your name")
        await stage.press("escape")  # a card covers the log
        await stage.says("what was said before")
        assert old == stage.app.engine._settings.link

    scenes = iter([first, None, second])

    def run(app: TalkApp) -> None:
        asyncio.run(run_scene(app, next(scenes)))
        if app.next_start is not None:
            intruder.bind(("", port))  # somebody is faster than the new station...
        else:
            intruder.close()  # ...but not than the old one

    monkeypatch.setattr(TalkApp, "run", run)
    assert 0 == tui.run_talk(Settings(link=old, name="Anna"), make_deaf_engine, file)
    assert "link" not in read_configuration(file.path if exists else None).values


async def run_scene(app: TalkApp, scene: Callable[[Stage], Awaitable[None]] | None) -> None:
    """Run a program with a scene, or without one until it ends by itself."""
    stage = Stage(app)
    async with app.run_test(size=(80, 44), message_hook=stage.note) as stage.pilot:
        if scene is not None:
            await stage.phase(Phase.QUIET)
            await scene(stage)
            await app.action_leave()
        await stage.until(lambda: not app.is_running)


@pytest.mark.parametrize("saved", [True, False])
def test_a_link_that_does_not_open_at_the_start_is_the_commands_error(
    file: Configuration, monkeypatch: pytest.MonkeyPatch, taken: str, saved: bool
) -> None:
    """There is no old station; where the link is from the settings file, the file is named, and what to do."""
    write_configuration(file.path, {"link": taken} if saved else {})
    monkeypatch.setattr(TalkApp, "run", lambda app: asyncio.run(run_scene(app, None)))
    with pytest.raises(LinkError, match="is in use") as raised:
        tui.run_talk(Settings(link=taken, name="Anna"), make_deaf_engine, read_configuration(file.path))
    assert saved is (f"`gossamer talk LINK` opens another than the one in {file.path}" in str(raised.value))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("udp://:7800", "udp://:7800?k=2", True),
        ("serial:///dev/ttyUSB0?baud=9600", "serial:///dev/ttyUSB0?baud=57600", True),
        ("serial:///dev/ttyUSB0?baud=9600", "serial:///dev/ttyUSB1?baud=9600", False),
        ("udp://:7800", "udp://:7801", False),
        ("udp://:", "udp://:7800", True),
        ("udp://:", "udp://192.0.2.7", False),
        ("kiss://localhost?call=AB1CDE", "kiss://LOCALHOST:8001/?call=AB1CDE&radio=afsk1200", True),
        ("kiss:///dev/ttyUSB0?baud=9600&call=AB1CDE", "serial:///dev/ttyUSB0?baud=9600", True),
        ("mqtts://broker.example/harbour", "mqtts://ada@broker.example:8883/harbour", True),
        ("mqtts://broker.example/harbour", "mqtts://broker.example/pier", False),
        ("parrot://", "udp://:", False),
    ],
)
def test_which_links_cannot_both_be_open(one: str, other: str, same: bool) -> None:
    """Those with the same place, whatever is left out of the address, and whatever its options are."""
    assert same is same_port(one, other)


@pytest.mark.parametrize("typed", ["harbour", "12345678"])
def test_a_weak_passphrase_is_refused_on_the_form(file: Configuration, typed: str) -> None:
    """With another one to take; nothing is opened and nothing saved."""

    async def scene(stage: Stage) -> None:
        await stage.press("enter")
        stage.fill("#passphrase", typed)
        await stage.press("enter", "enter", "enter")
        await stage.says("is soon guessed")
        assert stage.app.next_start is None and not file.path.exists()

    play(scene, make=make_deaf_engine, size=(80, 30), configuration=file)


def test_the_first_run_offers_a_passphrase_and_takes_none(file: Configuration) -> None:
    """An empty field is an open channel: nothing changes."""

    async def scene(stage: Stage) -> None:
        await stage.press("enter")
        await stage.says("Empty: everybody can listen")
        stage.fill("#passphrase", "")
        await stage.press("enter", "enter", "enter")
        await stage.says("saved in")
        assert stage.app.next_start is None

    play(scene, Settings(link="parrot://", name="Anna"), make_deaf_engine, size=(80, 30), configuration=file)
    assert "passphrase_file" not in read_configuration(file.path).values
