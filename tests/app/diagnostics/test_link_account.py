"""What a conversation takes of its link, and the arithmetic of what others would take."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App

from app.diagnostics.link_account import SYSTEMS, account, carrier_bytes, minutes_per_megabyte, summary
from app.events import LayerRate, WireRate
from app.settings.model import Settings
from app.tui.dialogs.link_account import LinkAccountScreen, account_words
from app.tui.talk.app import TalkApp
from app.tui.talk.next_station import Start
from app.tui.talk.phase import Phase
from tests.support.pilot import press
from tests.support.tui_station import make_engine

ON_UDP = WireRate(
    (
        LayerRate("voice", 0, 0, 3200, 3200),
        LayerRate("frame header", 0, 0, 400, 400),
        LayerRate("begin, end, ...", 0, 0, 100, 100),
        LayerRate("UDP/IP", 0, 0, 1400, 1400),
    ),
    carriers=("UDP/IP",),
)
"""A hundred packets each way: 64 s."""
BY_NAME = {system.name: system for system in SYSTEMS}


@pytest.mark.parametrize(
    ("name", "layers", "bps"),
    [
        # 35 bytes a packet of six frames and one more for each; 8 kbit/s of Opus: Mumble's own formula
        ("Mumble", ("UDP/IP",), 8000 + 8 * (35 + 6) / 0.06),
        ("LXST, Codec2 700C", (), 2300),
        ("LXST, Codec2 700C", ("UDP/IP",), 2860),
        ("Opus 6k, bare", ("UDP/IP",), 6000 + 8 * 28 / 0.12),
        ("Opus 6k, bare", ("framing",), 6000 + 8 * 3 / 0.12),
        ("Mumble", (), 8000 + 8 * (35 + 6) / 0.06),
        ("M17", ("UDP/IP",), 9600),
        ("M17", ("AX.25",), 9600),
    ],
)
def test_others_by_hand(name, layers, bps):
    """Each as computed by hand; what needs IP brings it along where the link has none."""
    assert bps == pytest.approx(BY_NAME[name].wire_bps(*carrier_bytes(layers)), abs=0.5)


def test_mumble_needs_what_it_says():
    """About 13.5 kbit/s, the floor that it shows in its own settings."""
    assert 13_453 == pytest.approx(BY_NAME["Mumble"].wire_bps(28, True), rel=0.002)


def test_a_conversation_is_counted_by_layer():
    """Bits of every layer a second of speech, both ways; they add up."""
    counted = account(ON_UDP)
    assert (64.0, 10_200) == (counted.speech_s, counted.octets)
    assert [800.0, 100.0, 25.0, 350.0] == [layer.bps for layer in counted.layers]
    assert 1275.0 == counted.wire_bps
    assert ("Gossamer, here", 1275.0) == (counted.needs[0].name, counted.needs[0].wire_bps)
    assert 8e6 / 1275 / 60 == counted.needs[0].minutes_per_megabyte


def test_before_anything_was_said():
    """There is no figure of ours, and no summary."""
    for wire in (None, WireRate((LayerRate("voice", 0, 0), LayerRate("UDP/IP", 0, 0)), ("UDP/IP",))):
        counted = account(wire)
        assert counted.wire_bps is None and "" == summary(counted)
        assert len(SYSTEMS) == len(counted.needs)


def test_minutes_in_a_megabyte():
    """800 bit/s is 100 bytes a second: 10 000 s."""
    assert 10_000 / 60 == pytest.approx(minutes_per_megabyte(800))
    with pytest.raises(ValueError, match="more than 0"):
        minutes_per_megabyte(0)


def test_the_summary_is_one_screen():
    """Within 80 by 24, every layer and every system in it."""
    lines = summary(account(ON_UDP)).splitlines()
    assert len(lines) < 24 and max(map(len, lines)) <= 80
    for name in ("UDP/IP", "frame header", "Gossamer, here", *BY_NAME):
        assert any(name in line for line in lines), name


def test_every_figure_has_its_source():
    """On the card as well."""
    words = account_words(account(ON_UDP)).plain
    for system in SYSTEMS:
        assert system.source in words


def test_the_card_follows_the_conversation_and_closes():
    """It opens empty, shows what is counted meanwhile, and closes on the key that opened it."""
    counts = [account(None)]

    async def scene() -> None:
        app: App[None] = App()
        async with app.run_test(size=(60, 24)) as pilot:
            card = LinkAccountScreen(lambda: counts[-1])
            await app.push_screen(card)
            assert "nothing was said yet" in str(card.query_one("#account").render())
            counts.append(account(ON_UDP))
            async with asyncio.timeout(30):
                while "64 s of speech" not in str(card.query_one("#account").render()):
                    await pilot.pause(0.05)
            await press(pilot, "b")
            assert app.screen is not card

    asyncio.run(scene())


def test_the_key_on_the_talk_screen():
    """b opens the card over a running conversation, at any time, and closes it."""

    async def scene() -> None:
        app = TalkApp(Start(Settings(link="parrot://", name="Anna")), make_engine)
        async with app.run_test(size=(60, 24)) as pilot:
            async with asyncio.timeout(60):
                while app.talk_screen.phase is not Phase.QUIET:
                    await pilot.pause(0.05)
            await press(pilot, "b")
            assert "LinkAccountScreen" == type(app.screen).__name__
            await press(pilot, "b")
            assert app.screen is app.talk_screen
            await app.action_leave()

    asyncio.run(scene())
