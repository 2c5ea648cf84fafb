"""Stations on a channel of a real broker, in real time: one floor for all, and what a broker does or suffers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from app import events
from app.history.capture import make_header
from app.settings.broker import VARIABLE, access_of
from app.settings.model import Settings
from app.settings.protection import channel_name, channel_words, secret_of
from tests.support.broker import PASSWORD, USER, Broker
from tests.support.processes import start
from tests.support.station import ADA, Station, clip, running
from transport.address import parse_address
from transport.links.base import Link
from transport.links.mqtt import MqttLink, open_mqtt
from transport.protocol.frames import Mode

pytestmark = [pytest.mark.mosquitto, pytest.mark.usefixtures("cheap_keys")]

PATIENCE_S = 20
SPOKEN_S = 1.2
PACKETS = 4
"""Of that: the last one is filled up with silence."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that lets everybody in."""
    started = Broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.kill()


LINKS: dict[str, Link] = {}
"""The links that were opened, by the names of their stations."""


def station(name: str, link: str, *, recordings: Path | None = None, **changes) -> Station:
    def keep(opened: Link) -> Link:
        return LINKS.setdefault(name, opened)

    LINKS.pop(name, None)
    settings = replace(ADA, name=name, link=link, **changes)
    return Station(settings, speaks_clips=False, recordings=recordings, wrap=keep)


def missing(one: Station) -> int:
    """Return how many packets never came, apart from those that a busy machine was too late to play."""
    counts = [events.PacketCounts(0, 0, 0, 0, 0), *one.only(events.PacketCounts)][-1]
    return counts.lost - counts.late


async def over(talker: Station, listeners: list[Station]) -> None:
    """Have one speak, and wait until all have heard the end of it, with every packet."""
    before = len(talker.only(events.OverSent))
    heard = [(len(listener.only(events.OverPlayed)), missing(listener)) for listener in listeners]
    talker.engine.play_clip(clip(SPOKEN_S))
    await talker.until(events.OverSent, before + 1, PATIENCE_S)
    for listener, (count, missed) in zip(listeners, heard, strict=True):
        ended = await listener.until(events.OverPlayed, count + 1, PATIENCE_S)
        expected = (talker.settings.name, PACKETS, 0, True)
        assert expected == (ended.sender, ended.packets, ended.damaged, ended.complete)
        assert missed == missing(listener)


def refused(one: Station) -> events.ChannelCounts:
    return [events.ChannelCounts(), *one.only(events.ChannelCounts)][-1]


def test_two_stations(broker: Broker) -> None:
    """Each hears the other whole, and confirms what was for it; the words of the screen name the channel."""
    link = f"mqtt://127.0.0.1:{broker.port}/two"
    ada = station("Ada", link, addressee="Bob", passphrase="secret")
    bob = station("Bob", link, addressee="Ada", passphrase="secret")

    async def main() -> None:
        async with running(ada, bob):
            await over(ada, [bob])
            await over(bob, [ada])
            for one in (ada, bob):
                receipt = await one.until(events.OverConfirmed, 1, PATIENCE_S)
                assert (PACKETS, PACKETS) == (receipt.heard, receipt.packets)
            layers = [layer.layer for layer in ada.only(events.WireRate)[-1].layers]
            assert ["voice", "frame header", "begin, end, ...", "MQTT + TCP/IP"] == layers

    trio.run(main)
    assert {events.ChannelCounts()} == {refused(ada), refused(bob)}
    assert "sealed: two" == channel_words(ada.settings)


def test_twenty_stations(broker: Broker) -> None:
    """What one says all hear, whole and once; nobody else gets the floor meanwhile; the addressee alone confirms."""
    link = f"mqtt://127.0.0.1:{broker.port}/twenty"
    addressees = ["S7"] + 19 * [""]
    everybody = [
        station(f"S{number}", link, addressee=addressee, presence="off") for number, addressee in enumerate(addressees)
    ]  # without presence, since every frame is counted
    talks, *hear = everybody

    async def main() -> None:
        async with running(*everybody):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(over, talks, hear)
                for one in hear:
                    await one.until(events.OverBegan, 1, PATIENCE_S)
                for one in hear:
                    one.engine.key_down()
                    one.engine.key_up()
            receipt = await talks.until(events.OverConfirmed, 1, PATIENCE_S)
            assert (PACKETS, PACKETS) == (receipt.heard, receipt.packets)
            await trio.sleep(0.3)
            before = {name: link.received.frames for name, link in LINKS.items()}
            answers, others = hear[4], [talks, *hear[:4], *hear[5:]]
            said = LINKS[answers.settings.name].sent.frames
            await over(answers, others)
            said = LINKS[answers.settings.name].sent.frames - said
            await trio.sleep(0.2)
            for one in others:
                assert said == LINKS[one.settings.name].received.frames - before[one.settings.name]

    trio.run(main)
    assert len(hear) == sum(bool(one.only(events.TalkDenied)) for one in hear)
    for one in everybody:
        assert 0 == [*one.only(events.PacketCounts)][-1].rubbish
        assert [] == one.only(events.Collision, events.LinkProblem)


def test_a_broker_that_dies_in_an_over(tmp_path: Path) -> None:
    """Talker and listener are told, the over ends there, nothing of it comes later, and the next one is heard whole."""
    own = Broker(tmp_path)
    ada, bob = (station(name, f"mqtt://127.0.0.1:{own.port}/dies") for name in ("Ada", "Bob"))

    async def main() -> None:
        async with running(ada, bob):
            ada.engine.play_clip(clip(30.0))
            await bob.until(events.OverBegan, 1, PATIENCE_S)
            await trio.sleep(0.7)
            own.kill()
            for one in (ada, bob):
                problem = await one.until(events.LinkProblem, 1, PATIENCE_S)
                assert "it is tried again" == problem.cure and "is gone" in problem.cause
            denied = await ada.until(events.TalkDenied, 1, PATIENCE_S)
            assert "is gone" in denied.reason
            own.start()
            for one in (ada, bob):
                await one.until(events.LinkRecovered, 1, PATIENCE_S)
            cut = await bob.until(events.OverPlayed, 1, PATIENCE_S)
            assert not cut.complete and cut.packets < 10
            await over(ada, [bob])
        assert 2 == len(bob.only(events.OverBegan))

    trio.run(main)
    own.kill()


def test_a_broker_that_repeats_and_reorders(broker: Broker) -> None:
    """Frames that come back, twice, out of order and changed, and once more when the over has ended: the over is heard
    whole and once, nothing is answered twice, and all else is counted."""
    link = f"mqtt://127.0.0.1:{broker.port}/meddles"
    ada = station("Ada", link, addressee="Bob", passphrase="secret")
    bob = station("Bob", link, passphrase="secret")
    kept: list[bytes] = []

    async def meddle(there: MqttLink) -> None:
        while True:
            frame = await there.receive()
            kept.append(frame)
            for copy in (frame, frame[:-1] + bytes([frame[-1] ^ 1]), *reversed(kept[-3:])):
                await there.send(copy)

    async def main() -> None:
        address = parse_address(link).with_access(access_of(ada.settings, secret_of(ada.settings)))
        async with trio.open_nursery() as nursery:
            there = await open_mqtt(address, nursery, b"")
            nursery.start_soon(meddle, there)
            async with running(ada, bob):
                await over(ada, [bob])
                await ada.until(events.OverConfirmed, 1, PATIENCE_S)
                for frame in kept:
                    await there.send(frame)
                with trio.fail_after(PATIENCE_S):
                    while not all_counted(ada, bob):
                        await trio.sleep(0.1)
                assert 1 == len(bob.only(events.OverBegan)) == len(ada.only(events.OverConfirmed))
                assert [] == ada.only(events.OverBegan)
            nursery.cancel_scope.cancel()

    trio.run(main)


def all_counted(ada: Station, bob: Station) -> bool:
    """Tell whether all that was done is counted: what was Ada's comes back to her as nobody's, or not at all."""
    hers, his = refused(ada), refused(bob)
    repeated = his.replayed >= 3 * PACKETS and hers.replayed >= 1
    return repeated and his.bad_tags >= PACKETS and hers.bad_tags + hers.unknown >= PACKETS + 1


def test_no_password_stays_anywhere(tmp_path: Path) -> None:
    """The settings, the capture's header, the journal and everything else that is kept are without it."""
    own = Broker(tmp_path, users=True)
    kept = tmp_path / "kept"
    link = f"mqtt://{USER}@127.0.0.1:{own.port}/harbour"
    words = ((f"{USER}@127.0.0.1", PASSWORD),)
    ada = station("Ada", link, broker_passwords=words, recordings=kept)
    bob = station("Bob", link, broker_passwords=words, recordings=kept)

    async def main() -> None:
        async with running(ada, bob):
            await over(ada, [bob])

    trio.run(main)
    own.kill()
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)
    assert PASSWORD not in repr(ada.settings) + repr([*ada.happened, *bob.happened])
    assert PASSWORD not in json.dumps(make_header(ada.settings, link, Mode.OPEN, 0, 8, 0))


def test_a_wrong_password_is_one_line(tmp_path: Path) -> None:
    """The command ends with 2, and says whom the broker does not let in; the password is in no line."""
    own = Broker(tmp_path, users=True)
    environment = {"PATH": "/usr/bin:/bin", VARIABLE: "guessed-wrongly"}
    link = f"mqtt://{USER}@127.0.0.1:{own.port}/harbour"
    process = start("listen", link, "--output", tmp_path / "heard.wav", "--no-record", environment=environment)
    _, said = process.communicate(timeout=60)
    own.kill()
    clear, wrong = said.splitlines()
    assert 2 == process.returncode and "guessed" not in said
    assert "mqtt:// sends the password in clear: mqtts:// does not" in clear
    assert f"does not let in the user {USER} with this password: correct it" in wrong


def test_the_name_of_a_channel() -> None:
    """It is the address's own, unless the settings name another; on a link that names none it is everybody's."""
    on_broker = Settings(link="mqtt://broker.example/harbour")
    assert "harbour" == channel_name(on_broker)
    assert "team" == channel_name(replace(on_broker, channel="team"))
    assert "gossamer" == channel_name(Settings(link="udp://:7800"))
    assert "gossamer" == channel_name(Settings(link="mqtt://broker.example"))
