"""The meaning of a key, a mouse button and the clock for push-to-talk, as a table: no terminal and no clock here.

Terminals differ in what they tell about a key:

- *kitty keyboard protocol*: press and release are both told. Held = talk while it is down; a tap shorter than
  `TAP_S` latches, the next press ends it.
- *all others*: a press is told, a release never. While a key is down the keyboard repeats it: a second press within
  `FIRST_REPEAT_S` means "held", and `LAST_REPEAT_S` without another means "let go". No repeat at all means
  "tapped", which latches. Talking starts with the first press in every case: nothing is lost while we find out.

::

          PRESS/start          REPEAT or (kitty) TIME
    UP ---------------> PRESSED ------------------> HELD --- RELEASE or (others) TIME/stop ---> UP
                           | RELEASE (kitty) or TIME (others)
                           v
                        LATCHED --- PRESS/stop ---> SPENT (swallows repeats of that press) --- RELEASE or TIME ---> UP

The mouse button (POINTER) talks while it is down, a pedal (REMOTE) until it says otherwise.
"""

from __future__ import annotations

from enum import Enum, auto

TAP_S = 0.25
"""Longest press that is a tap, where releases are told. People tap in 80-150 ms; the shortest word is longer."""
FIRST_REPEAT_S = 0.7
"""Longest wait for a first repeat. Keyboards begin after 250-660 ms (X11 is the slowest), a slow line adds some."""
LAST_REPEAT_S = 0.2
"""Time without a repeat that is a release. Repeats come every 25-50 ms, and a line may jitter."""


class KeyState(Enum):
    """The states of push-to-talk."""

    UP = auto()
    """Nothing pressed, not talking."""
    PRESSED = auto()
    """Talking; hold or tap is not known yet."""
    HELD = auto()
    """Talking while the key is down."""
    LATCHED = auto()
    """Talking, key up: the next press ends it."""
    POINTER = auto()
    """Talking while the mouse button is down."""
    REMOTE = auto()
    """Talking for a pedal or a shortcut (app/station/control_socket.py), which needs no focus."""
    BY_VOICE = auto()
    """Talking without the key, because somebody spoke under voice operation: the key ends that too."""
    SPENT = auto()
    """Not talking, though the key may still be down: its repeats start nothing."""


class KeyInput(Enum):
    """The events that move push-to-talk from state to state."""

    PRESS = auto()
    """The key went down, or repeated."""
    RELEASE = auto()
    """The key went up (kitty protocol only)."""
    POINTER_DOWN = auto()
    POINTER_UP = auto()
    REMOTE_DOWN = auto()
    REMOTE_UP = auto()
    """Ends an over, however it was begun."""
    VOICE_BEGAN = auto()
    """The engine began an over that no key asked for."""
    TIME = auto()
    """The deadline passed."""
    LEAVE = auto()
    """The terminal lost the focus: a release might never be told."""
    ENDED = auto()
    """The engine ended or refused the over: time-out, busy, link lost. It is told that the key is up all the same,
    or it would wait for that before it listens to the key again."""


class TalkCommand(Enum):
    """The commands for the engine that follow."""

    START = auto()
    STOP = auto()


Step = tuple[KeyState, "TalkCommand | None"]

_COMMON: dict[KeyState, dict[KeyInput, Step]] = {
    KeyState.UP: {
        KeyInput.PRESS: (KeyState.PRESSED, TalkCommand.START),
        KeyInput.POINTER_DOWN: (KeyState.POINTER, TalkCommand.START),
        KeyInput.REMOTE_DOWN: (KeyState.REMOTE, TalkCommand.START),
        KeyInput.VOICE_BEGAN: (KeyState.BY_VOICE, None),
    },
    KeyState.BY_VOICE: {
        KeyInput.PRESS: (KeyState.SPENT, TalkCommand.STOP),
        KeyInput.POINTER_DOWN: (KeyState.UP, TalkCommand.STOP),
        KeyInput.REMOTE_DOWN: (KeyState.REMOTE, TalkCommand.START),
        KeyInput.REMOTE_UP: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.UP, None),
    },
    KeyState.PRESSED: {
        KeyInput.REMOTE_UP: (KeyState.SPENT, TalkCommand.STOP),
        KeyInput.LEAVE: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.SPENT, TalkCommand.STOP),
    },
    KeyState.HELD: {
        KeyInput.REMOTE_UP: (KeyState.SPENT, TalkCommand.STOP),
        KeyInput.PRESS: (KeyState.HELD, None),
        KeyInput.LEAVE: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.SPENT, TalkCommand.STOP),
    },
    KeyState.LATCHED: {
        KeyInput.PRESS: (KeyState.SPENT, TalkCommand.STOP),
        KeyInput.POINTER_DOWN: (KeyState.UP, TalkCommand.STOP),
        KeyInput.REMOTE_UP: (KeyState.UP, TalkCommand.STOP),
        KeyInput.LEAVE: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.UP, TalkCommand.STOP),
    },
    KeyState.POINTER: {
        KeyInput.POINTER_UP: (KeyState.UP, TalkCommand.STOP),
        KeyInput.REMOTE_UP: (KeyState.UP, TalkCommand.STOP),
        KeyInput.LEAVE: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.UP, TalkCommand.STOP),
    },
    KeyState.REMOTE: {
        KeyInput.PRESS: (KeyState.SPENT, TalkCommand.STOP),
        KeyInput.POINTER_DOWN: (KeyState.UP, TalkCommand.STOP),
        KeyInput.REMOTE_UP: (KeyState.UP, TalkCommand.STOP),
        KeyInput.ENDED: (KeyState.UP, TalkCommand.STOP),
    },
    KeyState.SPENT: {
        KeyInput.PRESS: (KeyState.SPENT, None),
        KeyInput.RELEASE: (KeyState.UP, None),
        KeyInput.REMOTE_DOWN: (KeyState.REMOTE, TalkCommand.START),
        KeyInput.TIME: (KeyState.UP, None),
        KeyInput.LEAVE: (KeyState.UP, None),
    },
}

_RELEASE_TOLD: dict[KeyState, dict[KeyInput, Step]] = {
    KeyState.PRESSED: {
        KeyInput.PRESS: (KeyState.HELD, None),
        KeyInput.TIME: (KeyState.HELD, None),
        KeyInput.RELEASE: (KeyState.LATCHED, None),
    },
    KeyState.HELD: {KeyInput.RELEASE: (KeyState.UP, TalkCommand.STOP)},
}

_REPEAT_ONLY: dict[KeyState, dict[KeyInput, Step]] = {
    KeyState.PRESSED: {
        KeyInput.PRESS: (KeyState.HELD, None),
        KeyInput.TIME: (KeyState.LATCHED, None),
    },
    KeyState.HELD: {KeyInput.TIME: (KeyState.UP, TalkCommand.STOP)},
}


class TalkKey:
    """The state of push-to-talk. Every call is told the time, in seconds of one steady clock."""

    def __init__(self) -> None:
        self.state = KeyState.UP
        self.release_is_told = False
        """The terminal reports releases of keys (kitty protocol), and has said so."""
        self.repeat_was_seen = False
        """A held key repeats in this terminal, as learnt at the first hold."""
        self.deadline_s: float | None = None
        """Time at which to call `handle(KeyInput.TIME, now)`, or None."""

    @property
    def talking(self) -> bool:
        """Return whether the last command to the engine was START."""
        return self.state in (KeyState.PRESSED, KeyState.HELD, KeyState.LATCHED, KeyState.POINTER, KeyState.REMOTE)

    @property
    def in_use(self) -> bool:
        """Return whether the next press means the over that goes on, or belongs to the one that has just ended."""
        return self.state is not KeyState.UP

    @property
    def hold_works(self) -> bool:
        """Return whether holding the key is known to work in this terminal."""
        return self.release_is_told or self.repeat_was_seen

    def handle(self, event: KeyInput, now_s: float) -> TalkCommand | None:
        """Take one step and return what the engine is to do, or None.

        What the table does not list is ignored: a stray release, a second mouse button.
        """
        if event is KeyInput.TIME and (self.deadline_s is None or now_s < self.deadline_s):
            return None  # a repeat moved the deadline while the timer was on its way
        particular = _RELEASE_TOLD if self.release_is_told else _REPEAT_ONLY
        before = self.state
        step = particular.get(before, {}).get(event) or _COMMON[before].get(event)
        if step is None:
            return None
        self.state, talk = step
        if before is KeyState.HELD and event is KeyInput.PRESS:
            self.repeat_was_seen = True  # the second repeat: two alone could be a quick double tap
        self.deadline_s = self._deadline(event, before, now_s)
        return talk

    def _deadline(self, event: KeyInput, before: KeyState, now_s: float) -> float | None:
        if self.state is KeyState.PRESSED:
            return now_s + (TAP_S if self.release_is_told else FIRST_REPEAT_S)
        if self.state is KeyState.HELD and not self.release_is_told:
            return now_s + LAST_REPEAT_S
        if self.state is KeyState.SPENT:
            # The first repeat of the press that ended it is the late one; those after it come fast.
            first = event is not KeyInput.PRESS or before is not KeyState.SPENT
            return now_s + (FIRST_REPEAT_S if first else LAST_REPEAT_S)
        return None
