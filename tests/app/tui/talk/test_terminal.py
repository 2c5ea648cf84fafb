"""Push-to-talk in a real terminal: bytes of a keyboard in, and what the screen says.

The terminal is a pseudo-terminal, the station is whole (tests/support/tui_station.py); the last tests run
`gossamer` itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.terminal import STARTED_S, Terminal, gossamer

STATION = [sys.executable, "-m", "tests.support.tui_station"]

KITTY_PRESS, KITTY_REPEAT, KITTY_RELEASE = b"\x1b[32;1:1;32u", b"\x1b[32;1:2;32u", b"\x1b[32;1:3u"
KITTY_Q = b"\x1b[113;1:1;113u\x1b[113;1:3u"
FOCUS_OUT, FOCUS_IN = b"\x1b[O", b"\x1b[I"
REPEAT_S = 0.03
"""As keyboards do it."""
SPEECH_S = 1.2
"""Longer than any of the waiting times of push-to-talk."""
NO_SOUND = {"PULSE_SERVER": "/nowhere"}
"""No sound server; sound cards of their own may still be there."""

ON_AIR = "ON AIR"


def off_air(screen: str) -> bool:
    return ON_AIR not in screen and "ASKING" not in screen


@pytest.fixture
def kitty() -> Iterator[Terminal]:
    with Terminal(STATION, kitty=True) as terminal:
        terminal.until("LISTENING", STARTED_S)
        yield terminal


@pytest.fixture
def plain() -> Iterator[Terminal]:
    with Terminal(STATION, kitty=False) as terminal:
        terminal.until("LISTENING", STARTED_S)
        yield terminal


def hold(terminal: Terminal, key: bytes, duration_s: float) -> None:
    """A key kept down: the keyboard repeats it."""
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        terminal.write(key)
        time.sleep(REPEAT_S)


def test_kitty_hold(kitty: Terminal) -> None:
    """Where releases are told, talking lasts exactly as long as the key is down."""
    kitty.until("hold space to talk")
    kitty.write(KITTY_PRESS)
    kitty.until(ON_AIR)
    kitty.until("● let go to end")
    hold(kitty, KITTY_REPEAT, SPEECH_S)
    assert ON_AIR in kitty.screen()
    kitty.write(KITTY_RELEASE)
    kitty.until(off_air)


def test_kitty_tap(kitty: Terminal) -> None:
    """A tap stays on the air without a key down; the next one ends it, and its release starts nothing."""
    kitty.write(KITTY_PRESS + KITTY_RELEASE)
    kitty.until("tap space to end")
    time.sleep(SPEECH_S)
    assert ON_AIR in kitty.screen()
    kitty.write(KITTY_PRESS)
    kitty.until(off_air)
    kitty.write(KITTY_RELEASE)
    kitty.until("RECEIVING")


def test_repeats_mean_held(plain: Terminal) -> None:
    """Elsewhere a held key is known by its repeats, and let go when they cease; the screen has learnt it then."""
    plain.until("tap space to talk")
    plain.write(b" ")
    plain.until(ON_AIR)
    hold(plain, b" ", SPEECH_S)
    plain.until(off_air)
    plain.until("hold space to talk", STARTED_S)


def test_a_tap_latches_without_repeats(plain: Terminal) -> None:
    """No repeat means a tap: on the air until the next."""
    plain.write(b" ")
    plain.until("tap space to end")
    time.sleep(SPEECH_S)
    assert ON_AIR in plain.screen()
    plain.write(b" ")
    plain.until(off_air)
    plain.until("RECEIVING")


def test_focus_lost(kitty: Terminal) -> None:
    """Another window takes the keyboard: no release would be told, so the over ends."""
    kitty.write(KITTY_PRESS)
    kitty.until(ON_AIR)
    kitty.write(FOCUS_OUT)
    kitty.until(off_air)
    kitty.write(FOCUS_IN)


def test_mouse(plain: Terminal) -> None:
    """The talk button talks while the mouse button is down, and ends wherever it is let go."""
    screen = plain.until("tap space to talk")
    row = next(row for row, line in enumerate(screen.split("\n"), 1) if "tap space to talk" in line)
    column = screen.split("\n")[row - 1].index("tap space to talk") + 1
    plain.write(f"\x1b[<0;{column};{row}M".encode())
    plain.until(ON_AIR)
    plain.write(f"\x1b[<32;{column - 30};{row - 9}M".encode())
    time.sleep(SPEECH_S)
    assert ON_AIR in plain.screen()
    plain.write(f"\x1b[<0;{column - 30};{row - 9}m".encode())
    plain.until(off_air)


def test_a_lost_mouse_release(plain: Terminal) -> None:
    """The button was let go outside the window: the next movement without a button tells it."""
    screen = plain.until("tap space to talk")
    row = next(row for row, line in enumerate(screen.split("\n"), 1) if "tap space to talk" in line)
    column = screen.split("\n")[row - 1].index("tap space to talk") + 1
    plain.write(f"\x1b[<0;{column};{row}M\x1b[<32;{column - 1};{row}M".encode())
    plain.until(ON_AIR)
    plain.write(f"\x1b[<35;{column - 9};{row - 9}M".encode())
    plain.until(off_air)


@pytest.mark.parametrize("press", [b" ", KITTY_PRESS])
def test_space_types_in_the_message(press: bytes) -> None:
    """In the text field space is a letter, and enter sends; the parrot answers a message too."""
    with Terminal(STATION, kitty=press is KITTY_PRESS) as terminal:
        terminal.until("LISTENING", STARTED_S)
        terminal.write(b"\r")
        terminal.until("enter sends")
        terminal.write(b"over" + press + (KITTY_RELEASE if press is KITTY_PRESS else b"") + b"there")
        screen = terminal.until("over there")
        assert off_air(screen)
        terminal.write(b"\r")
        screen = terminal.until(lambda screen: screen.count("“over there”") == 2)
        assert "parrot" in screen


def test_what_follows_the_opening_of_the_field_is_typed(plain: Terminal) -> None:
    """However fast it comes: in one read with the key that opens the field, nothing of it is taken for a command."""
    plain.write(b"\rmute dq")
    screen = plain.until("mute dq")
    assert "muted" not in screen
    plain.write(b"\x1b")
    time.sleep(1.0)  # or the terminal has said alt+m
    plain.write(b"m")
    plain.until("muted")


def test_leaving_gives_the_terminal_back(kitty: Terminal) -> None:
    """Quitting in the middle of an over ends it and the program, keyboard protocol and screen as they were."""
    kitty.write(KITTY_PRESS)
    kitty.until(ON_AIR)
    kitty.write(KITTY_Q)
    assert 0 == kitty.ended()
    assert b"\x1b[=2;2u\x1b[?u" in kitty.raw
    assert kitty.raw.rindex(b"\x1b[<u") > kitty.raw.rindex(b"\x1b[=2;2u")
    assert b"\x1b[?1049l" in kitty.raw
    assert "Traceback" not in kitty.raw.decode(errors="replace")


def test_closing_the_window_ends_the_program() -> None:
    """Hang-up: no process stays behind with the port and the microphone open."""
    with Terminal(STATION, kitty=True) as terminal:
        terminal.until("LISTENING", STARTED_S)
        terminal.hang_up()
        terminal.ended()


def test_a_failure_is_one_line() -> None:
    """A port that is taken: the screen goes, one line with cause and cure stays, exit code 2."""
    with Terminal(gossamer("talk", "udp://:48123"), kitty=False) as first:
        first.until("LISTENING", STARTED_S)
        with Terminal(gossamer("talk", "udp://:48123"), kitty=False) as second:
            assert 2 == second.ended(STARTED_S)
            text = second.after_the_screen()
        assert "48123" in text
        assert "Traceback" not in text
        assert 1 == len(text.strip().splitlines())


def test_gossamer_alone_opens_the_parrot() -> None:
    """The first minute of a new user: no arguments; speaks, with a clip where there is no microphone; is answered."""
    with Terminal(gossamer(), kitty=True, env=NO_SOUND) as terminal:
        terminal.until("LISTENING", STARTED_S)
        terminal.until("a parrot on this machine, 1200 bit/s")
        terminal.until("open channel")
        terminal.until("hold space to talk")
        if "no microphone" in terminal.screen():
            terminal.until("a recorded clip is spoken")
        terminal.write(KITTY_PRESS)
        terminal.until(ON_AIR)
        time.sleep(SPEECH_S)
        terminal.write(KITTY_RELEASE)
        terminal.until("RECEIVING", STARTED_S)
        terminal.until(lambda screen: "LISTENING" in screen and "mouth to ear" in screen, STARTED_S)
        terminal.write(KITTY_Q)
        assert 0 == terminal.ended()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_properly(name: str) -> None:
    """Killed politely, it gives the terminal back."""
    with Terminal(STATION, kitty=True) as terminal:
        terminal.until("LISTENING", STARTED_S)
        os.kill(terminal.pid, getattr(signal, name))
        terminal.ended()
        assert b"\x1b[?1049l" in terminal.raw


def test_the_lab_in_a_terminal() -> None:
    """`gossamer lab` opens its screen, a key changes the link, q leaves; without sound it says so and goes on."""
    with Terminal(gossamer("lab", "--link", "wifi", "--muted"), kitty=False, env=NO_SOUND) as terminal:
        terminal.until("1 Gossamer 800", STARTED_S)
        terminal.until("lossy Wi-Fi")
        terminal.write(b"\x1b[D")
        terminal.until("satellite 2400")
        terminal.until("choked")
        terminal.until("arrives")
        terminal.write(b"q")
        assert 0 == terminal.ended()
        assert "" == terminal.after_the_screen().strip()


def test_the_lab_as_tables_in_a_terminal() -> None:
    """With --tables there is no screen; with a microphone there has to be one."""
    with Terminal(gossamer("lab", "--link", "hc-12", "--seconds", "1", "--tables"), kitty=False) as terminal:
        assert 0 == terminal.ended(STARTED_S)
        assert b"\x1b[?1049h" not in terminal.raw
        assert "Gossamer 800" in terminal.screen()
    with Terminal(gossamer("lab", "mic", "--tables"), kitty=False) as terminal:
        assert 2 == terminal.ended(STARTED_S)
        assert "lab mic needs the screen" in terminal.screen()
