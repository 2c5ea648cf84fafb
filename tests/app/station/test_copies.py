"""Overs with coarse copies between stations in virtual time: what is lost is rebuilt, told, and kept as such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from trio.testing import trio_test

from app import events
from app.history.folder import over_files
from app.history.overs import read_over
from codec import format as fmt
from tests.support.station import ADA, BOB, LeftOpen, LosingLink, StaircaseCopier, Station, clip, running
from transport.links.memory import memory_pair
from transport.protocol.frames import VOICE_SHAPES, Begin, Mode, Repeat, Type, VoiceWithCopies
from transport.protocol.open_frames import decode, peek_type

pytestmark = pytest.mark.usefixtures("cheap_keys")

KEY = {"passphrase": "nutmeg tractor ruby walnut harbour"}
PACKETS = 18
OVER = clip(PACKETS * fmt.PACKET_S - 0.05)
COARSE = "udp://192.0.2.7?k={}&repeat=coarse"


async def one_over(k: int, *lost: int, **protection: Any) -> tuple[Station, Station, list[bytes]]:
    """Let Ada say an over to Bob with frames of k packets, of which these are lost."""
    here, there = memory_pair()
    losing = LosingLink(here, *lost)
    ada = Station(replace(ADA, link=COARSE.format(k), **protection), link=losing)
    bob = Station(replace(BOB, **protection), link=LeftOpen(there))
    async with running(ada, bob):
        ada.engine.play_clip(OVER)
        await bob.until(events.OverPlayed)
        await ada.until(events.OverSent)
    return ada, bob, losing.frames


@pytest.mark.parametrize("protection", [{}, KEY, {**KEY, "mode": Mode.HAM}], ids=["open", "sealed", "ham"])
@pytest.mark.parametrize("k", [1, 2, 3])
@trio_test
async def test_a_lost_frame_is_rebuilt_from_its_copies(k: int, protection: dict, virtual_time) -> None:
    """The first one too; the last one has no copies and stays lost. Lost and rebuilt packets are counted apart."""
    last = PACKETS // k - 1
    ada, bob, frames = await one_over(k, 0, 2, last, **protection)
    gone = [*range(k), *range(2 * k, 3 * k)]
    assert [StaircaseCopier().copy(ada.encoder.packets[index]) for index in gone] == bob.decoder.copies
    (played,) = bob.only(events.OverPlayed)
    assert (PACKETS, k, 2 * k) == (played.packets, played.lost, played.rebuilt)
    counts = bob.only(events.PacketCounts)[-1]
    assert (PACKETS - 3 * k, k, 2 * k) == (counts.received, counts.lost, counts.rebuilt)
    voices = [frame for frame in frames if peek_type(frame) in VOICE_SHAPES]
    assert [Type.VOICE] + [Type.VOICE_WITH_COPIES] * last == [peek_type(frame) for frame in voices]
    if not protection:
        begin = decode(frames[0])
        assert isinstance(begin, Begin) and begin.repeat is Repeat.COPIES


@trio_test
async def test_what_is_rebuilt_is_heard_roughly(virtual_time) -> None:
    """The loudspeaker plays the copy in its packet's place, and all others as they were said."""
    ada, bob, _ = await one_over(1, 4)
    said, heard = np.concatenate(ada.spoken), np.concatenate(bob.heard)
    off = np.abs(said - heard).reshape(PACKETS, fmt.PACKET_SAMPLES).max(axis=1) > 0.01
    assert [4] == list(np.flatnonzero(off))
    steps = said[4 * fmt.PACKET_SAMPLES : 5 * fmt.PACKET_SAMPLES].reshape(8, -1).mean(axis=1)
    assert np.abs(np.repeat(steps, 320) - heard[4 * fmt.PACKET_SAMPLES : 5 * fmt.PACKET_SAMPLES]).max() < 0.01


@trio_test
async def test_an_over_is_kept_with_its_copies(tmp_path: Path, virtual_time) -> None:
    """A recorded over has the copy in its packet's place, and a replay rebuilds from it what was lost."""
    here, there = memory_pair()
    ada = Station(replace(ADA, link=COARSE.format(1)), link=LosingLink(here, 3))
    bob = Station(BOB, link=LeftOpen(there), recordings=tmp_path)
    async with running(ada, bob):
        ada.engine.play_clip(OVER)
        await bob.until(events.OverPlayed)
        await trio.sleep(1.0)
        heard = list(bob.decoder.copies)
        bob.engine.replay_last()
        await bob.until(events.ReplayEnded)
    assert 1 == len(heard) and [*heard, *heard] == bob.decoder.copies
    (over,) = [read_over(path) for path in over_files(tmp_path)]
    assert ("...c" + "." * (PACKETS - 4), 0, 1) == (over.flags, over.lost, over.rebuilt)
    assert heard[0] == over.received_packets()[3].copy


@trio_test
async def test_nobody_else_makes_copies(virtual_time) -> None:
    """A station whose link does not ask for them, and the parrot, which answers by packets alone."""
    here, there = memory_pair()
    plain = LosingLink(here)
    ada, bob = Station(replace(ADA, link="udp://192.0.2.7"), link=plain), Station(BOB, link=LeftOpen(there))
    async with running(ada, bob):
        ada.engine.play_clip(OVER)
        await bob.until(events.OverPlayed)
    assert Type.VOICE_WITH_COPIES not in [peek_type(frame) for frame in plain.frames]
    eve = Station(replace(ADA, link="parrot://?repeat=coarse&loss=0.2&seed=5"))
    async with running(eve):
        eve.engine.play_clip(OVER)
        played = await eve.until(events.OverPlayed)
    assert [] == eve.decoder.copies and 0 == played.rebuilt


@trio_test
async def test_the_wire_counts_copies_apart(virtual_time) -> None:
    """They are a layer of their own: the account of the link counts no speech for them."""
    ada, bob, frames = await one_over(1)
    copies = sum(8 for frame in frames if isinstance(decode(frame), VoiceWithCopies))
    for station, of in ((ada, "sent_octets"), (bob, "received_octets")):
        layers = {layer.layer: getattr(layer, of) for layer in station.only(events.WireRate)[-1].layers}
        assert (32 * PACKETS, copies) == (layers["voice"], layers["coarse copies"])
