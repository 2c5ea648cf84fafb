"""The parts to open before a station can be built: the models, the channel's key and the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from app.errors import first_error
from app.history.nonce_file import NonceFile
from app.settings.broker import access_of
from app.settings.model import Settings
from app.settings.protection import secret_of
from app.station.channel_end import next_second
from app.station.invitation import invitations, waits_for_callers
from app.station.latency import Latency
from app.station.parrot import ParrotPorts
from app.station.parts import Parts, StationCodec
from app.station.speech import PacketCopier
from app.threads import InThread
from transport.address import Address, parse_address
from transport.links.base import Link
from transport.links.own_addresses import own_addresses
from transport.planning.planner import choose_k, planned_share
from transport.protection.cipher import Secret
from transport.protocol.frames import Repeat


@dataclass(frozen=True, slots=True)
class Opened:
    """Models, key and link of one station."""

    link: Link
    address: Address[Any]
    far_end: str
    """Name of the other end of the link; "" where that is not known."""
    secret: Secret | None
    """Key of the channel; None for the open channel."""
    codec: StationCodec
    in_thread: InThread
    """The thread in which the models work."""
    latency: Latency
    packets_per_frame: int
    repeat: Repeat
    """Contents of the frame before that every VOICE frame carries again."""
    copier: PacketCopier | None
    """Maker of the coarse copies; None where frames carry none, or this station only listens."""
    share: float
    """Seconds that an over of a second takes on the link; above 1, the link is slower than speech."""
    invitations: tuple[str, ...]
    """Commands by which others call this station, where its link waits for them."""
    nonce_file: NonceFile | None
    """Nonces that outlive a restart; None where nothing is kept, or needs to be."""


async def open_for_station(settings: Settings, parts: Parts, nursery: trio.Nursery) -> Opened:
    """Open what the settings name; the link and its tasks live in the nursery, and are closed with it.

    Returns as soon as the link is open, so that the caller can build the channel before the link's first keep-alive
    asks for it. Raises GossamerError, CodecError or TransportError.
    """
    address = parse_address(settings.link)
    asked_utc_s = parts.clock()
    in_thread = parts.in_thread()
    codec = await in_thread(parts.load_codec, settings.synth, settings.model)
    copier = None
    if address.repeat is Repeat.COPIES and codec.encoder is not None:
        copier = await in_thread(parts.load_copier, settings.model)
    secret = await in_thread(secret_of, settings)
    nonce_file = None
    if secret is not None:
        if parts.nonces is not None:
            nonce_file = await in_thread(NonceFile, parts.nonces, parts.clock)
        await next_second(parts.clock, asked_utc_s)
    sealed, name_bytes = secret is not None, len((settings.name + settings.addressee).encode())
    k = address.k or settings.packets_per_frame or choose_k(address, sealed=sealed, name_bytes=name_bytes)
    share = planned_share(address, k, sealed=sealed, name_bytes=name_bytes)
    latency = Latency()
    to_open = address.with_access(access_of(settings, secret))
    link, far_end = await parts.open_link(to_open, nursery, ParrotPorts(latency.arrived, secret, parts.clock))
    nursery.start_soon(_close_in_the_end, link)
    to_tell = invitations(settings, address, own_addresses()) if waits_for_callers(address) else ()
    repeat = address.repeat
    return Opened(
        link, address, far_end, secret, codec, in_thread, latency, k, repeat, copier, share, to_tell, nonce_file
    )


async def try_link(settings: Settings, parts: Parts) -> None:
    """Open the settings' link for a moment, beside whatever else is open, and say nothing over it. Raises LinkError."""
    address = parse_address(settings.link)
    if address.kind.within_program:
        return
    secret = await parts.in_thread()(secret_of, settings)
    to_open = address.with_access(access_of(settings, secret))
    try:
        async with trio.open_nursery() as nursery:
            opened, _ = await parts.open_link(to_open, nursery, ParrotPorts(Latency().arrived, secret, parts.clock))
            await opened.aclose()  # before its tasks have run: no keep-alive leaves
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def _close_in_the_end(link: Link) -> None:
    """Close the link when cancelled, so that its port is free where this program goes on with another link."""
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await link.aclose()
