"""Everything a station can be told, as one frozen value: built once from the command line and passed down."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from typing import Literal

from transport.frame import MAX_K, MAX_NAME_BYTES

Synth = Literal["neural", "classic"]

PARROT_LINK = "parrot://?rate=1200"
"""The embedded station (app/parrot.py) behind a simulated link as thin as a packet radio's."""


def default_name() -> str:
    """The login name, or "somebody" where there is none (a container without a user database)."""
    try:
        return getpass.getuser()[:MAX_NAME_BYTES]
    except (OSError, KeyError, ImportError):
        return "somebody"


@dataclass(frozen=True)
class Settings:
    """A station. What changes while it runs (volume, gain, devices) starts here and then lives in the engine."""

    link: str = PARROT_LINK
    """Address of the link, as `transport.address.parse_address` reads it."""

    name: str = field(default_factory=default_name)
    """What the others see when this station talks."""

    synth: Synth = "neural"
    """Which synthesiser turns features into sound: the vocoder network, or the one without a network."""

    microphone: str | None = None
    """Name, or part of it, or number of the input device; None is the system's default."""

    loudspeaker: str | None = None
    """Name, or part of it, or number of the output device; None is the system's default."""

    volume: float = 1.0
    """Loudspeaker, 0..1, linear in amplitude."""

    muted: bool = False
    """Loudspeaker off without forgetting the volume."""

    gain_db: float = 0.0
    """Microphone, -20..+30 dB; what then exceeds full scale is clipped, and shown."""

    packets_per_frame: int = 1
    """k: packets of 320 ms that share one frame's overhead, 1..6. An address that says k= wins."""

    permit_tone: bool = True
    """Beep in one's own loudspeaker when the floor is granted."""

    pre_roll_s: float = 0.2
    """How much from before the key is sent, so that no first syllable is cut."""

    time_out_s: float = 120.0
    """Longest over; then the floor is let go."""

    def __post_init__(self) -> None:
        """Raises ValueError, in words for the user, for what no station can do."""
        if not 1 <= self.packets_per_frame <= MAX_K:
            raise ValueError(f"packets per frame must be 1 to {MAX_K}, not {self.packets_per_frame}")
        if not self.name or not self.name.isprintable() or len(self.name.encode()) > MAX_NAME_BYTES:
            raise ValueError(f"a name is 1 to {MAX_NAME_BYTES} bytes of printable text, not {self.name!r}")
        if not 0.0 <= self.volume <= 1.0:
            raise ValueError(f"volume must be 0 to 1, not {self.volume:g}")
        if not -20.0 <= self.gain_db <= 30.0:
            raise ValueError(f"microphone gain must be -20 to 30 dB, not {self.gain_db:g}")
        if not 1.0 <= self.time_out_s <= 3600.0:
            raise ValueError(f"the time-out must be 1 to 3600 s, not {self.time_out_s:g}")
        if not 0.0 <= self.pre_roll_s <= 1.0:
            raise ValueError(f"the pre-roll must be 0 to 1 s, not {self.pre_roll_s:g}")
