"""Links that learn from what they hear where to send."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, runtime_checkable

from transport.links.registry import Link


@runtime_checkable
class PeerFinder(Protocol):
    """Such a link: UDP."""

    def protect(self, make_keep_alive: Callable[[], bytes]) -> None:
        """From now on nothing is learnt but from frames that are vouched for, and every keep-alive is made anew: on a
        protected channel the same bytes sent twice count once."""

    def source(self, frame: bytes) -> Hashable | None:
        """Who sent these bytes, received a moment ago; None where the link hears one station only, or forgot."""

    def vouch(self, frame: bytes) -> None:
        """These bytes, received a moment ago, are authentic and new."""


def peer_finder(link: Link) -> PeerFinder | None:
    """The link itself or the one that it wraps, if that is one."""
    inner = getattr(link, "inner", link)
    return inner if isinstance(inner, PeerFinder) else None
