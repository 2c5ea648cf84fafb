"""Notices of a relay without a key that frames do not fit the link to which they are to go."""

from __future__ import annotations

from app.relay.link_end import LinkEnd

TOLD_EVERY_S = 60.0
"""Time between two of the same, in seconds."""
MAX_TOLD = 64
"""Number of them that are remembered."""


class MisfitNotices:
    """The notices that the passphrase is needed, each now and then."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, int, str], float] = {}

    def tell(self, end: LinkEnd, target: LinkEnd, reason: str, now: float) -> None:
        """Report why frames of one link do not fit another."""
        key = end.number, target.number, reason
        if now < self._told.get(key, -TOLD_EVERY_S) + TOLD_EVERY_S:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[key] = now
        target.tell(
            f"sealed overs of {end.name} cannot go on as they are: {reason}",
            "start the relay with --passphrase, which packs them anew",
        )
