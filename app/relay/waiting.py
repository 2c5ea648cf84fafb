"""The things that stand in a link's queue, as the link sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from transport.protocol.receiver import Fact


class Waiting(Protocol):
    """Something that is being carried to a link, or waits for it."""

    @property
    def is_said(self) -> bool:
        """True from its BEGIN there on, and once it is to be carried no further."""

    @property
    def came(self) -> int | None:
        """Number of packets that wait to be said, where no more can come; None while more can."""

    def wants(self, origin: bytes) -> bool:
        """Tell whether it waits, and has something to say that is not of the over with this origin."""

    def take(self, fact: Fact, now: float) -> None:
        """Take a fact of that link."""

    def take_own(self, nonce: bytes, packets: Sequence[bytes]) -> None:
        """Take packets that the relay itself says there, of an over that it says under this nonce."""

    def outlasts(self, fact: Fact) -> bool:
        """Tell whether a fact of that link is of the same over, said by somebody else who will end for this one."""

    def stop(self, reason: str) -> None:
        """Carry it no further."""
