"""The names that stations have on the links of one relay. No I/O, no clock."""

from __future__ import annotations

from collections import OrderedDict

from transport.protocol.relaying import CUT, MAX_KNOWN, VIA, hops_of, name_before, origin_of, relayed_name


class KnownNames:
    """The names that stations have on the links of one relay, from what was heard on several of them."""

    def __init__(self, cut_by: str = "") -> None:
        """Take the name of the relay if it cuts those of others, as in ham mode; empty if not."""
        self._cut_by = cut_by
        self._whole: OrderedDict[str, dict[int, str]] = OrderedDict()
        """Names that were cut, as they were heard, by what this relay makes of them and the number of the link."""
        self._heard: OrderedDict[bytes, dict[int, str]] = OrderedDict()
        """Sender of an over or a message by the number of the link: at most all of the relay's."""
        self._elsewhere: OrderedDict[tuple[int, str], dict[int, str]] = OrderedDict()
        """Names of a station on other links, by their numbers, for its name on one: what was heard last counts."""

    def __len__(self) -> int:
        return max(len(self._heard), len(self._elsewhere), len(self._whole))

    def heard_over(self, nonce: bytes, name: str, link: int) -> None:
        """Take note of the name under which an over was heard on a link."""
        self._note(origin_of(nonce), name, link)

    def heard_message(self, over: int, sequence: int, name: str, link: int) -> None:
        """Take note of the name under which a TEXT or a BEACON was heard on a link."""
        self._note(bytes([over]) + sequence.to_bytes(2), name, link)

    def _note(self, said: bytes, name: str, link: int) -> None:
        names = self._heard.setdefault(said, {})
        names[link] = name
        self._heard.move_to_end(said)
        if len(self._heard) > MAX_KNOWN:
            self._heard.popitem(last=False)
        for other in names.keys() - {link}:
            self._join(link, name, other, names[other])
            self._join(other, names[other], link, name)
        told = relayed_name(name, self._cut_by, always=True) if self._cut_by else ""
        if CUT + VIA in told:
            self._whole.setdefault(told, {})[link] = name
            self._whole.move_to_end(told)
            if len(self._whole) > MAX_KNOWN:
                self._whole.popitem(last=False)

    def _join(self, link: int, name: str, other: int, name_there: str) -> None:
        self._elsewhere.setdefault((link, name), {})[other] = name_there
        self._elsewhere.move_to_end((link, name))
        if len(self._elsewhere) > MAX_KNOWN:
            self._elsewhere.popitem(last=False)

    def addressee(self, name: str, relay: str, source: int, target: int) -> str:
        """Return how somebody who is called this name on the source link is called on the target, by this relay.

        Whoever is called by the way through another relay, which joins the same links, was heard there himself.
        """
        if (whole := self._whole.get(name, {}).get(target)) is not None:
            return whole
        before = name_before(name, relay)
        if before != name or not hops_of(name):
            return before
        return self._elsewhere.get((source, name), {}).get(target, name)
