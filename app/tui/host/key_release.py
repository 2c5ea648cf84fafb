"""Releases of keys, which terminals with the kitty keyboard protocol tell and Textual's own driver does not ask for.

    CSI = 2 ; 2 u       "also report event types" (set bit 2, leave the others as Textual set them)
    CSI ? u             "which flags are on?"
    CSI ? FLAGS u       the answer; terminals without the protocol are silent
    CSI 32 ; 1 : 3 u    space released   (event 1 press, 2 repeat, 3 release)

See https://sw.kovidgoyal.net/kitty/keyboard-protocol/. Textual's parser raises on the `:event` part, so the parser here
takes it off before Textual sees the sequence. Both classes use inner names of Textual (as of 8.2): the tests of this
file drive a real pseudo-terminal and fail when a new release moves them.
"""

from __future__ import annotations

import os
import re
import selectors
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys
from textual.messages import ExitApp

REPORT_EVENT_TYPES = 2
"""The kitty protocol's flag for press, repeat and release."""
RELEASE = "3"
SPACE = "32"
POLL_S = 0.1
"""Time after which the input thread sees that a lone ESC is the Escape key."""
IDLE_POLL_S = 0.25
"""Time in which it sees that it is to end: each look costs an idle station 0.01 % of a core."""

_FLAGS = re.compile(r"\x1b\[\?(\d+)u")
_EVENT = re.compile(r"(\x1b\[([\d:]*);\d*):([123])([\d:;]*[u~A-HPQRS])")


class KeyUp(events.Event, bubble=False):
    """The news that the talk key was released. It goes to the App (`on_key_up`)."""


class KeyReporting(events.Event, bubble=False):
    """The terminal's answer about the kitty keyboard protocol. It goes to the App (`on_key_reporting`)."""

    def __init__(self, flags: int) -> None:
        super().__init__()
        self.release_is_told = bool(flags & REPORT_EVENT_TYPES)


class KeyReleaseParser(XTermParser):
    """Textual's parser, which gives `KeyUp` and `KeyReporting` too."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if flags := _FLAGS.fullmatch(sequence):
            self._tokens.append(KeyReporting(int(flags[1])))
            return [_nothing()]
        if event := _EVENT.fullmatch(sequence):
            head, code, kind, tail = event.groups()
            if kind == RELEASE:
                if code.partition(":")[0] == SPACE and tail == "u":
                    self._tokens.append(KeyUp())
                return [_nothing()]
            sequence = head + tail
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):  # a number that is no character
            return [_nothing()]


def _nothing() -> events.Key:
    """Return the event that tells Textual's parser that the sequence is complete, and is dropped by it."""
    return events.Key(Keys.Ignore, None)


class KeyReleaseDriver(LinuxDriver):
    """Textual's terminal driver, which asks for key releases and reads with `KeyReleaseParser`."""

    def start_application_mode(self) -> None:
        """Do as Textual's and ask for key releases, at the start and again after Ctrl+Z and `fg`."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual declares no types for it
        if self._writer_thread is not None:  # None: in the background, nothing was started
            self.write(f"\x1b[={REPORT_EVENT_TYPES};2u\x1b[?u")
            self.flush()

    def run_input_thread(self) -> None:
        """Read the terminal until told to end; a terminal that went away ends the program."""
        parser = KeyReleaseParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(IDLE_POLL_S if parser._timeout_time is None else POLL_S):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:  # the terminal's window was closed
                        data = b""
                    if not data:
                        self.process_message(ExitApp())
                        return
                    if text := decode(data):  # "": half a character, which the parser would take for the end
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
