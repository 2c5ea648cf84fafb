"""The overs that others say on the links of a relay without the key, while it may say them there too."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.relay.passed_over import digest_of
from transport.protection.replay import WINDOW


@dataclass(slots=True)
class OverElsewhere:
    """An over that others say on a link, while this relay may say it there too."""

    over: int
    nonce: bytes
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """Digests of the frames that were heard there last."""

    def has(self, nonces: Iterable[bytes], octets: bytes) -> bool:
        """Tell whether this frame of an over with one of these nonces was heard there, byte by byte.

        Its number alone says nothing: anybody can say a frame with it.
        """
        return self.nonce in nonces and digest_of(octets) in self.heard


class OversElsewhere:
    """The over that others were heard to say last on each link, if it is known: one for each."""

    def __init__(self) -> None:
        self._overs: dict[int, OverElsewhere] = {}
        """By the number of the link."""

    def mark(self, link: int, over: int, nonce: bytes) -> None:
        """Take that others have begun an over on a link."""
        if link not in self._overs or self._overs[link].nonce != nonce:
            self._overs[link] = OverElsewhere(over, nonce)

    def hear(self, link: int, over: int, octets: bytes) -> OverElsewhere | None:
        """Take a frame of a link, and return the over that others say there, if the frame has its number."""
        elsewhere = self._overs.get(link)
        if elsewhere is None or elsewhere.over != over:
            return None
        elsewhere.heard.append(digest_of(octets))
        return elsewhere

    def has(self, link: int, nonces: Iterable[bytes], octets: bytes) -> bool:
        """Tell whether a frame of an over with one of these nonces was heard on a link, byte by byte."""
        return link in self._overs and self._overs[link].has(nonces, octets)
