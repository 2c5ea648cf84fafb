"""What a key, a mouse button and the clock mean for push-to-talk: a table, no terminal and no clock in it.

Terminals differ in what they tell about a key:

- *kitty keyboard protocol*: press and release are both told. Held = talk while it is down; a tap shorter than
  ``TAP_S`` latches, the next press ends it.
- *all others*: a press is told, a release never. While a key is down the keyboard repeats it: a second press within
  ``FIRST_REPEAT_S`` means "held", and ``LAST_REPEAT_S`` without another means "let go". No repeat at all means
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
"""A press shorter than this is a tap where releases are told. People tap in 80-150 ms; the shortest word is longer."""
FIRST_REPEAT_S = 0.7
"""Keyboards start repeating after 250-660 ms (X11's default is the longest); a little more for a slow line."""
LAST_REPEAT_S = 0.2
"""Repeats come every 25-50 ms; 200 ms without one is a release, and bears a line that jitters."""


class Press(Enum):
    """Where push-to-talk is."""

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
    SPENT = auto()
    """Not talking, though the key may still be down: its repeats start nothing."""


class Input(Enum):
    """What can happen to push-to-talk."""

    PRESS = auto()
    """The key went down, or repeated."""
    RELEASE = auto()
    """The key went up (kitty protocol only)."""
    POINTER_DOWN = auto()
    POINTER_UP = auto()
    REMOTE_DOWN = auto()
    REMOTE_UP = auto()
    """Ends an over, however it was begun."""
    TIME = auto()
    """The deadline passed."""
    LEAVE = auto()
    """The terminal lost the focus: a release might never be told."""
    ENDED = auto()
    """The engine ended or refused the over: time-out, busy, link lost. It is told that the key is up all the same,
    or it would wait for that before it listens to the key again."""


class Talk(Enum):
    """What the engine is to do."""

    START = auto()
    STOP = auto()


Step = tuple[Press, "Talk | None"]

_COMMON: dict[Press, dict[Input, Step]] = {
    Press.UP: {
        Input.PRESS: (Press.PRESSED, Talk.START),
        Input.POINTER_DOWN: (Press.POINTER, Talk.START),
        Input.REMOTE_DOWN: (Press.REMOTE, Talk.START),
    },
    Press.PRESSED: {
        Input.REMOTE_UP: (Press.SPENT, Talk.STOP),
        Input.LEAVE: (Press.UP, Talk.STOP),
        Input.ENDED: (Press.SPENT, Talk.STOP),
    },
    Press.HELD: {
        Input.REMOTE_UP: (Press.SPENT, Talk.STOP),
        Input.PRESS: (Press.HELD, None),
        Input.LEAVE: (Press.UP, Talk.STOP),
        Input.ENDED: (Press.SPENT, Talk.STOP),
    },
    Press.LATCHED: {
        Input.PRESS: (Press.SPENT, Talk.STOP),
        Input.POINTER_DOWN: (Press.UP, Talk.STOP),
        Input.REMOTE_UP: (Press.UP, Talk.STOP),
        Input.LEAVE: (Press.UP, Talk.STOP),
        Input.ENDED: (Press.UP, Talk.STOP),
    },
    Press.POINTER: {
        Input.POINTER_UP: (Press.UP, Talk.STOP),
        Input.REMOTE_UP: (Press.UP, Talk.STOP),
        Input.LEAVE: (Press.UP, Talk.STOP),
        Input.ENDED: (Press.UP, Talk.STOP),
    },
    Press.REMOTE: {
        Input.PRESS: (Press.SPENT, Talk.STOP),
        Input.POINTER_DOWN: (Press.UP, Talk.STOP),
        Input.REMOTE_UP: (Press.UP, Talk.STOP),
        Input.ENDED: (Press.UP, Talk.STOP),
    },
    Press.SPENT: {
        Input.PRESS: (Press.SPENT, None),
        Input.RELEASE: (Press.UP, None),
        Input.REMOTE_DOWN: (Press.REMOTE, Talk.START),
        Input.TIME: (Press.UP, None),
        Input.LEAVE: (Press.UP, None),
    },
}

_RELEASE_TOLD: dict[Press, dict[Input, Step]] = {
    Press.PRESSED: {
        Input.PRESS: (Press.HELD, None),
        Input.TIME: (Press.HELD, None),
        Input.RELEASE: (Press.LATCHED, None),
    },
    Press.HELD: {Input.RELEASE: (Press.UP, Talk.STOP)},
}

_REPEAT_ONLY: dict[Press, dict[Input, Step]] = {
    Press.PRESSED: {
        Input.PRESS: (Press.HELD, None),
        Input.TIME: (Press.LATCHED, None),
    },
    Press.HELD: {Input.TIME: (Press.UP, Talk.STOP)},
}


class TalkKey:
    """Push-to-talk's state. Every call is told the time in seconds of one steady clock."""

    def __init__(self) -> None:
        self.state = Press.UP
        self.release_is_told = False
        """The terminal reports key releases (kitty protocol): set when it has said so."""
        self.repeat_was_seen = False
        """A held key repeats in this terminal: learnt at the first hold."""
        self.deadline_s: float | None = None
        """When to call ``handle(Input.TIME, now)``, or None."""

    @property
    def talking(self) -> bool:
        """Whether the last word to the engine was START."""
        return self.state in (Press.PRESSED, Press.HELD, Press.LATCHED, Press.POINTER, Press.REMOTE)

    @property
    def hold_works(self) -> bool:
        """Whether holding the key is known to work in this terminal."""
        return self.release_is_told or self.repeat_was_seen

    def handle(self, event: Input, now_s: float) -> Talk | None:
        """Take one step; what the table does not list is ignored (a stray release, a second mouse button).

        Returns what the engine is to do, or None.
        """
        if event is Input.TIME and (self.deadline_s is None or now_s < self.deadline_s):
            return None  # a repeat moved the deadline while the timer was on its way
        particular = _RELEASE_TOLD if self.release_is_told else _REPEAT_ONLY
        before = self.state
        step = particular.get(before, {}).get(event) or _COMMON[before].get(event)
        if step is None:
            return None
        self.state, talk = step
        if before is Press.HELD and event is Input.PRESS:
            self.repeat_was_seen = True  # the second repeat: two alone could be a quick double tap
        self.deadline_s = self._deadline(event, before, now_s)
        return talk

    def _deadline(self, event: Input, before: Press, now_s: float) -> float | None:
        if self.state is Press.PRESSED:
            return now_s + (TAP_S if self.release_is_told else FIRST_REPEAT_S)
        if self.state is Press.HELD and not self.release_is_told:
            return now_s + LAST_REPEAT_S
        if self.state is Press.SPENT:
            # The first repeat of the press that ended it is the late one; those after it come fast.
            first = event is not Input.PRESS or before is not Press.SPENT
            return now_s + (FIRST_REPEAT_S if first else LAST_REPEAT_S)
        return None
