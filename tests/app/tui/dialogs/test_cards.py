"""What lies over the talk screen, and the keys of everyday use: voice, replay, addressee, links, set-up, calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.events import CallHeard, Level, OverBegan, OverPlayed
from app.settings import contacts
from app.settings.file import Configuration, read_configuration
from app.settings.model import Settings
from app.tui.dialogs.devices import DeviceScreen
from app.tui.dialogs.setup import SetupScreen
from app.tui.host.terminal_title import KEEP, RESTORE, TerminalTitle
from app.tui.talk.phase import Phase
from app.tui.talk.wording import addressed, bytes_left
from app.tui.widgets.level_words import level_words
from tests.support.talk_stage import Stage, play

BOB = "udp://127.0.0.1:7800"


@pytest.fixture
def file(tmp_path: Path) -> Configuration:
    """One that is not there yet."""
    return Configuration(tmp_path / "settings.toml", contacts={"bob": BOB})


@pytest.fixture
def existing(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path / "settings.toml", contacts={"bob": BOB}, exists=True)


async def one_over(stage: Stage) -> None:
    """Say something to the parrot, and hear its answer out."""
    await stage.press("space")
    await stage.phase(Phase.ON_AIR)
    await stage.pilot.pause(1.0)
    await stage.press("space")
    await stage.phase(Phase.RECEIVING)
    await stage.phase(Phase.QUIET)


def test_voice_is_switched_with_a_key() -> None:
    """The screen says that it works, and what to do."""

    async def scene(stage: Stage) -> None:
        await stage.press("v")
        await stage.says("speak, or tap space")
        await stage.press("v")
        await stage.says("tap space to talk")

    play(scene)


def test_the_last_over_is_heard_once_more() -> None:
    """A key plays its packets again, and the same key stops that; before any over it says so."""

    async def scene(stage: Stage) -> None:
        await stage.press("r")
        await stage.says("nothing has been heard yet")
        await one_over(stage)
        await stage.press("r")
        await stage.phase(Phase.REPLAY)
        await stage.says("parrot once more")
        await stage.phase(Phase.QUIET)
        await stage.press("r")
        await stage.phase(Phase.REPLAY)
        await stage.press("space")  # talking is more important
        await stage.phase(Phase.ON_AIR)

    play(scene)


def test_who_is_chosen_confirms(existing: Configuration) -> None:
    """From the list of who was heard; the over's line says how much of it they heard; messages are for them."""

    async def scene(stage: Stage) -> None:
        await one_over(stage)
        await stage.press("t")
        await stage.says("everybody")
        await stage.press("down", "enter")
        await stage.says("to parrot, who confirms")
        await one_over(stage)
        await stage.says("heard 100 %")
        await stage.pilot.pause(4.0)
        assert "collision" not in stage.text()
        await stage.press("enter", *"hi", "enter")
        await stage.says("“hi” to parrot")
        await stage.press("t")
        await stage.says("everybody")
        await stage.press("enter")
        await stage.until(lambda: "who confirms" not in stage.text())

    play(scene, size=(80, 30), configuration=existing)


def test_a_message_may_name_its_addressee() -> None:
    """With an @ before the name; else it is for who is chosen."""
    assert [("bob", "come in"), ("eve", "come in"), ("", "a@b"), ("bob", "")] == [
        addressed("@bob come in", ""),
        addressed("come in", "eve"),
        addressed("a@b", ""),
        addressed("@bob", ""),
    ]


@pytest.mark.parametrize(
    ("written", "to", "text"),
    [
        ("@Uma: hello", "Uma", "hello"),
        ("@Uma, hello", "Uma", "hello"),
        ("@Uma:hello", "Uma", "hello"),
        ("@Uma :) hello", "Uma", ":) hello"),
        ("@Bob via Hill: hello", "Bob via Hill", "hello"),
        ("@Bob via the hill", "Bob", "via the hill"),
        ("@K1: hello", "K1:", "hello"),
        ("@Umag hello", "Umag", "hello"),
    ],
)
def test_a_name_in_a_message_ends_as_people_write_it(written: str, to: str, text: str) -> None:
    """A colon or a comma behind it is no part of it, unless a station is called so; known names may hold spaces."""
    assert (to, text) == addressed(written, "eve", ["Uma", "Bob", "Bob via Hill", "K1:"])
    assert bytes_left("x" * 140) == bytes_left(
        f"{written.removesuffix(text)}{'x' * 140}", ["Uma", "Bob via Hill", "K1:"]
    )


def test_another_link_is_opened_from_the_list(
    existing: Configuration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Contacts first, recent ones after; a typed one is looked at before this station is closed for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    contacts.remember("udp://:7811")

    async def scene(stage: Stage) -> None:
        await stage.press("l")
        await stage.says("bob")
        await stage.says("udp://:7811")
        await stage.press(*"pigeon", "enter")
        await stage.says("'pigeon' is no link and no contact")
        assert stage.app.is_running
        await stage.press("escape", "l")
        await stage.says("bob")
        await stage.press("enter")
        await stage.until(lambda: stage.app.next_start is not None)

    app = play(scene, size=(80, 30), configuration=existing)
    assert app.next_start is not None
    settings = app.next_start.settings
    assert ("Anna", BOB) == (settings.name, settings.link)


def test_the_first_run_asks_once(file: Configuration) -> None:
    """The talk key talks meanwhile; skipped, it is not asked again."""

    async def scene(stage: Stage) -> None:
        await stage.says("First time here?")
        await stage.press("space")
        await stage.phase(Phase.ON_AIR)
        await stage.press("space", "escape")
        await stage.until(lambda: "First time" not in stage.text())

    assert play(scene, size=(80, 30), configuration=file).next_start is None
    assert ({}, True) == (read_configuration(file.path).values, read_configuration(file.path).exists)


def test_set_up(file: Configuration) -> None:
    """Name, link and level; what is wrong is said; what was chosen is in the file, and the station opens anew."""

    async def scene(stage: Stage) -> None:
        await stage.press("enter")
        await stage.says("your name")
        await stage.says("good: speak as you do now")
        await stage.press(*["backspace"] * 4, *"Eve", "enter")
        stage.fill("#link-field", "nowhere")
        await stage.press("enter", "enter")
        await stage.says("'nowhere' is no link and no contact")
        stage.fill("#link-field", BOB)
        await stage.press("enter")
        await stage.until(lambda: stage.app.next_start is not None)

    app = play(scene, size=(80, 30), configuration=file)
    assert app.next_start is not None and not file.path.exists()  # nothing is written before the station works
    settings = app.next_start.settings
    assert ("Eve", BOB, True) == (settings.name, settings.link, settings.passphrase is not None)

    async def opened(stage: Stage) -> None:
        await stage.says("saved in")

    play(opened, start=app.next_start)
    passphrase_file = file.path.with_name("passphrase.txt")
    values = read_configuration(file.path).values
    assert {
        "name": "Eve",
        "link": BOB,
        "gain_db": 0.0,
        "volume": 1.0,
        "passphrase_file": str(passphrase_file),
    } == values
    assert f"{settings.passphrase}\n" == passphrase_file.read_text()
    assert 0o600 == passphrase_file.stat().st_mode & 0o777


def test_set_up_later(existing: Configuration) -> None:
    """A key opens it at any time, another one the devices over it; saved without a change, nothing is opened anew."""

    async def scene(stage: Stage) -> None:
        await stage.press("s")
        await stage.says("your name")
        await stage.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, DeviceScreen))
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, SetupScreen))
        await stage.press("enter", "enter", "enter")
        await stage.until(lambda: stage.app.screen is stage.app.talk_screen)

    assert play(scene, size=(80, 30), configuration=existing).next_start is None
    assert "Anna" == read_configuration(existing.path).values["name"]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_call_rings_and_blinks(wanted: bool) -> None:
    """Bell and title, each where it is wanted; the title is the terminal's own again after the over."""

    async def scene(stage: Stage) -> None:
        app, written, rung = stage.app, list[str](), list[bool]()
        app._user._title = TerminalTitle(written.append)
        app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
        app._engine_spoke(OverBegan(7, "Bob", 1))
        app._engine_spoke(CallHeard("Bob", addressed=False))
        await stage.says("Bob calls, ")
        await stage.pilot.pause(2.0)
        app._engine_spoke(OverPlayed(7, "Bob", 10, 0, 0, 3.2, True))
        await stage.pilot.pause(1.5)
        assert [True] * wanted == rung
        if wanted:
            assert (KEEP, RESTORE) == (written[0], written[-1])
            assert "\x1b]0;● Bob calls - gossamer\x07" in written
        else:
            assert [] == written

    play(scene, Settings(link="parrot://", name="Anna", bell=wanted, title_flash=wanted))


def test_what_to_do_about_the_level() -> None:
    """From nothing to too much."""
    levels = [(-90.0, False), (-40.0, False), (-15.0, False), (-1.0, False), (0.0, True)]
    words = [level_words(Level("microphone", peak, peak, clipped)).split(":")[0] for peak, clipped in levels]
    assert ["nothing is heard", "quiet", "good", "a little loud", "too loud"] == words


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
def test_a_receipt_is_told_for_the_parrot_too(size: tuple[int, int]) -> None:
    """Addressed by a flag: the first over is confirmed, and that can be read in narrow terminals too."""

    async def scene(stage: Stage) -> None:
        await one_over(stage)
        await stage.says("heard 100 %")

    play(scene, Settings(link="parrot://", name="Anna", addressee="parrot"), size=size)
