"""Messages and receipts of a sealed or ham channel whose key a relay has not got: each is passed on as it is, once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from app.relay.link_end import LinkEnd
from app.relay.passed_over import misfit, nonce_in
from transport.protection.rate_limit import TokenBucket

SINGLES_PER_S, SINGLES_AT_ONCE = 1.0, 8.0
"""Messages and receipts a second that are passed on from one link, and how many at once."""
MAX_SINGLES = 256
"""Nonces of those that are remembered; the oldest makes room."""


class PassingSingles:
    """The single frames of all links of a relay without a key."""

    def __init__(self, ends: Sequence[LinkEnd]) -> None:
        """Take the links."""
        self._ends = ends
        self._rates = [TokenBucket(SINGLES_PER_S, SINGLES_AT_ONCE) for _ in ends]
        self._nonces: OrderedDict[bytes, None] = OrderedDict()

    def take(self, octets: bytes, end: LinkEnd, now: float) -> None:
        """Pass a message or a receipt on to the other links that are free."""
        nonce = nonce_in(octets)
        if nonce in self._nonces or not self._rates[end.number].take(now):
            return
        self._nonces[nonce] = None
        if len(self._nonces) > MAX_SINGLES:
            self._nonces.popitem(last=False)
        for target in (other for other in self._ends if other is not end and not misfit(end, other, 1)):
            target.give_way()
            if target.free and target.link.ready and target.has_air(1, len(octets)):
                target.pass_on(octets)
