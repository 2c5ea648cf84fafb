"""Bits on the wire now, by layer, from what a link has counted."""

from __future__ import annotations

from collections import deque

from app.events import FrameLayer, LayerRate, WireRate
from codec.format import PACKET_BYTES
from transport.link_kinds import FRAMING
from transport.links.base import Link
from transport.links.traffic import Traffic

AVERAGED_S = 3.0
"""Time over which rates are averaged, in seconds: a frame of six packets comes every 1.9 s, so less would flicker."""
MAX_PAST = 64
"""Readings that are kept: those of AVERAGED_S, four a second, and some more."""


class WireMeter:
    """A meter of the traffic on one link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._past: deque[tuple[float, Traffic, Traffic]] = deque(maxlen=MAX_PAST)
        self._silent: WireRate | None = None
        """Rate returned last, if nothing had come or gone for AVERAGED_S: an idle station is not worth a sum."""

    def rate(self, now: float) -> WireRate:
        """Return rates averaged over AVERAGED_S; before the first call there was nothing."""
        sent, received = self._link.sent, self._link.received
        self._past.append((now, sent, received))
        while len(self._past) > 2 and now - self._past[0][0] > AVERAGED_S:
            self._past.popleft()
        since_s, sent_before, received_before = self._past[0]
        silent = (sent, received) == (sent_before, received_before)
        if silent and self._silent is not None:
            return self._silent
        duration_s = max(AVERAGED_S, now - since_s)
        out, back = by_layer(self._link, sent - sent_before), by_layer(self._link, received - received_before)
        per_second = 8.0 / duration_s
        all_out, all_back = by_layer(self._link, sent), by_layer(self._link, received)
        rates = tuple(
            LayerRate(name, out[name] * per_second, back[name] * per_second, all_out[name], all_back[name])
            for name in out
        )
        carriers = tuple(layer.name for layer in self._link.layers)
        rate = WireRate(rates, carriers, sent.voice // PACKET_BYTES)
        self._silent = rate if silent else None
        return rate


def by_layer(link: Link, traffic: Traffic) -> dict[FrameLayer | str, int]:
    """Return the bytes of each layer, from the voice outwards; layers that this link does not have are left out.

    Coarse copies are one where any have passed.
    """
    octets: dict[FrameLayer | str, int] = {
        FrameLayer.VOICE: traffic.voice,
        FrameLayer.COPIES: traffic.copies,
        FrameLayer.HEADER: traffic.header,
        FrameLayer.SIGNALS: traffic.signals,
    }
    if not link.sent.copies and not link.received.copies:
        del octets[FrameLayer.COPIES]
    carriers = [layer.name for layer in link.layers if layer.name != FRAMING]
    if len(carriers) < len(link.layers):
        octets[FRAMING] = traffic.framing
    if carriers:
        octets[" + ".join(carriers)] = traffic.carrier
    return octets


def wire_bytes(link: Link, traffic: Traffic) -> int:
    """Return the bytes of all layers together."""
    return sum(by_layer(link, traffic).values())
