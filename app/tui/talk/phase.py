"""The phases of push-to-talk, as the screen shows them."""

from __future__ import annotations

from enum import Enum

from transport.protocol.floor_states import State


class Phase(Enum):
    """The phase of push-to-talk, in the words on the screen."""

    STARTING = "STARTING"
    QUIET = "LISTENING"
    ASKED = "ASKING"
    ON_AIR = "ON AIR"
    COLLISION = "COLLISION"
    DRAINING = "SENDING"
    RECEIVING = "RECEIVING"
    REFUSED = "REFUSED"
    REPLAY = "REPLAY"
    ENDED = "ENDED"


MINE = (Phase.ASKED, Phase.ON_AIR, Phase.COLLISION)
"""The phases in which the talk key is down, or latched, and counts."""

FLOOR_PHASES = {
    State.IDLE: Phase.QUIET,
    State.ASKED: Phase.ASKED,
    State.ON_AIR: Phase.ON_AIR,
    State.COLLIDED: Phase.COLLISION,
    State.DRAINING: Phase.DRAINING,
    State.RECEIVING: Phase.RECEIVING,
    State.LOCKED_OUT: Phase.REFUSED,
}
"""The phase of each state of the floor."""
