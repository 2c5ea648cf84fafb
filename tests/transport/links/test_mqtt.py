"""Channels on a real broker: who hears what, a broker that goes and comes, and brokers that will not have us."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.support.broker import PASSWORD, USER, Broker, make_certificates
from tests.support.overs import numbered_packet
from transport.address import parse_address
from transport.broker import HELLO, Access, leaving_message
from transport.errors import LinkClosed, LinkError, PeerUnreachable
from transport.links import broker_session, message_filter, mqtt, mqtt_client
from transport.links.mqtt import MqttLink, open_mqtt
from transport.links.registry import open_link
from transport.protocol.frames import Voice
from transport.protocol.open_frames import encode

PATIENCE_S = 20
pytestmark = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that lets everybody in."""
    started = Broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.kill()


def run(main) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_S):
            await main()

    trio.run(limited)


def voice(number: int) -> bytes:
    return encode(Voice(number % 256, number, (numbered_packet(number % 100),)))


async def opened(text: str, nursery: trio.Nursery, access: Access | None = None) -> MqttLink:
    address = parse_address(text)
    return await open_mqtt(address.with_access(access or Access()), nursery, b"")


async def silent(link: MqttLink) -> bool:
    with trio.move_on_after(0.1):
        await link.receive()
        return False
    return True


# --- who hears what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [5, 3])
def test_three_stations(broker: Broker, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody hears everybody in order, nobody hears himself, and another channel hears nothing; also without
    MQTT 5, whose broker returns to each what he said."""
    if version == 3:
        original = MqttLink.__init__

        def older(self, *arguments) -> None:
            original(self, *arguments)
            self._version = 3

        monkeypatch.setattr(MqttLink, "__init__", older)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/three-{version}"
            stations = [await opened(link, nursery) for _ in range(3)]
            other = await opened(link + "x", nursery)
            for number, station in enumerate(stations):
                assert (True, 8, version) == (station.ready, station.tag_bytes, station._version)
                for frame in range(2):
                    await station.send(voice(10 * number + frame))
            for number, station in enumerate(stations):
                heard = [await station.receive() for _ in range(4)]
                expected = [voice(10 * who + frame) for who in range(3) if who != number for frame in range(2)]
                assert sorted(expected) == sorted(heard)
                assert all(
                    heard.index(voice(10 * who)) < heard.index(voice(10 * who + 1)) for who in {0, 1, 2} - {number}
                )
                assert await silent(station)
                assert (2, 4) == (station.sent.frames, station.received.frames)
            assert await silent(other)
            for station in (*stations, other):
                await station.aclose()

    run(main)


def test_what_is_counted(broker: Broker) -> None:
    """A frame counts with what MQTT, TCP and IP put around it: the topic's number from the second on, and the other
    end's acknowledgement in the other direction."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one, other = [await opened(f"mqtt://127.0.0.1:{broker.port}/count", nursery) for _ in range(2)]
            await one.send(voice(0))
            await other.receive()
            sent, received = one.sent, other.received
            for number in range(1, 4):
                await one.send(voice(number))
                assert voice(number) == await other.receive()
            here, there = one.sent - sent, other.received - received
            assert (3, 96, 24, 3 * (8 + 52)) == (here.frames, here.voice, here.header, here.carrier)
            assert (3, 96, 24, 3 * (2 + 2 + len("g/count") + 1 + 52)) == (
                there.frames,
                there.voice,
                there.header,
                there.carrier,
            )
            assert one.received.carrier >= 3 * 52  # the acknowledgements
            for link in (one, other):
                await link.aclose()

    run(main)


def test_a_sealed_channel_hides_its_name(broker: Broker) -> None:
    """Its topic is six letters that the key makes; who has another key, or the name alone, hears nothing."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/harbour"
            key, other_key = Access(key=bytes(range(32))), Access(key=bytes(32))
            ada, bob = [await opened(link, nursery, key) for _ in range(2)]
            eve, stranger = await opened(link, nursery), await opened(link, nursery, other_key)
            await ada.send(voice(1))
            assert voice(1) == await bob.receive()
            assert await silent(eve)
            assert await silent(stranger)
            for station in (ada, bob, eve, stranger):
                assert link == station.name
                await station.aclose()
            hidden = ada._settings.topic
            assert hidden == bob._settings.topic != stranger._settings.topic
            assert ("g/", 8, False) == (hidden[:2], len(hidden), "harbour" in hidden)

    run(main)


def test_coming_and_leaving(broker: Broker) -> None:
    """The others are told that somebody came, and by the mark that was told before who leaves, whether he takes leave
    or is cut off; neither is a frame."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/leaving"
            stays = await opened(link, nursery)
            told: list[object] = []
            stays.tell(told.append, lambda: told.append("hello"))
            polite, cut = await opened(link, nursery), await opened(link, nursery)
            marks = [polite.leave_mark, cut.leave_mark]
            await polite.aclose()
            cut._scope.cancel()
            assert cut._session is not None
            cut._session.lose("pulled out")
            while len(told) < 4:
                assert await silent(stays)
            assert ["hello", "hello", *marks] == told
            await stays.aclose()

    run(main)


def test_what_is_none_of_ours(broker: Broker) -> None:
    """What the broker has kept is not heard, what is no frame counts as rubbish, and what is too long never arrives."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/rubbish"
            first = await opened(link, nursery)
            paho = first._session._client._paho  # type: ignore[union-attr]
            paho.publish("g/rubbish", voice(1), retain=True)
            paho.publish("g/rubbish", b"", properties=None)
            await first.send(voice(2))
            second = await opened(link, nursery)
            assert await silent(second)
            for payload in (bytes(5000), bytes(700), b"", voice(3)):
                first._session._client._paho.publish("g/rubbish", payload)  # type: ignore[union-attr]
            await first.send(voice(4))
            assert [b"", b"", voice(3), voice(4)] == [await second.receive() for _ in range(4)]
            first._session._client._paho.publish("g/rubbish", b"", retain=True)  # type: ignore[union-attr]
            for station in (first, second):
                await station.aclose()

    run(main)


@pytest.mark.parametrize("read_at_once", [1, 55, 180])
def test_what_is_read_at_once_is_fetched_at_once(read_at_once: int) -> None:
    """However many messages come with one read, they do not pile up until some are lost: other tasks run meanwhile, but
    not between any two frames."""

    async def main() -> None:
        link, fetched = MqttLink(parse_address("mqtt://127.0.0.1:1/flood")), list[bytes]()
        most = 0

        async def fetch() -> None:
            while True:
                fetched.append(await link.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fetch)
            for number in range(4900):
                link._take(voice(number))
                if number % read_at_once == read_at_once - 1:
                    await trio.lowlevel.checkpoint()
                    most = max(most, number + 1 - len(fetched))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert (4900, 0) == (len(fetched), link.dropped)
        assert most <= 2 * read_at_once

    run(main)


def test_frames_that_wait_keep_nobody_else_waiting() -> None:
    """Whoever fetches a thousand frames lets others run in between."""

    async def main() -> None:
        link, ran = MqttLink(parse_address("mqtt://127.0.0.1:1/flood")), 0

        async def run_too() -> None:
            nonlocal ran
            while True:
                await trio.lowlevel.checkpoint()
                ran += 1

        for number in range(1000):
            link._take(voice(number))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_too)
            for number in range(1000):
                assert voice(number) == await link.receive()
            nursery.cancel_scope.cancel()
        assert 1 <= ran <= 100  # it begins at the first turn, and counts from the second on

    run(main)


def test_a_flood_is_bounded_and_counted(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more messages than are taken the rest is dropped, and counted; afterwards the channel is as before."""
    monkeypatch.setattr(broker_session, "FLOOD_PAUSE_S", 0.01)
    monkeypatch.setattr(message_filter, "MESSAGES_PER_S", 5.0)
    monkeypatch.setattr(message_filter, "MESSAGES_AT_ONCE", 50.0)
    flood = 300

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/flood"
            floods, hears = await opened(link, nursery), await opened(link, nursery)
            for number in range(flood):
                await floods.send(voice(number))
            taken = 0
            while taken + hears.dropped < flood:
                with trio.move_on_after(0.1):
                    await hears.receive()
                    taken += 1
            assert hears.dropped > flood / 3
            await trio.sleep(0.5)
            await floods.send(voice(7777))
            assert voice(7777) == await hears.receive()
            for station in (floods, hears):
                await station.aclose()

    run(main)


def test_closing(broker: Broker) -> None:
    """Who waits for a frame gets LinkClosed, and so does who sends; closing twice is closing."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link(f"mqtt://127.0.0.1:{broker.port}/closing", nursery)
            nursery.start_soon(link.aclose)
            with pytest.raises(LinkClosed):
                await link.receive()
            with pytest.raises(LinkClosed):
                await link.send(voice(1))
            await link.aclose()

    run(main)


# --- a broker that goes and comes ---------------------------------------------------------------------------------


def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    """Both ends are told once, what is said meanwhile is refused and never played later, and the talk goes on; nobody
    says hello again."""
    own = Broker(tmp_path)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{own.port}/comes-back"
            hellos: list[str] = []
            one = await opened(link, nursery)
            one.tell(lambda mark: None, lambda: hellos.append("one"))
            other = await opened(link, nursery)
            other.tell(lambda mark: None, lambda: hellos.append("other"))
            with trio.fail_after(5):
                while hellos != ["one"]:  # of the other, which came after it
                    await trio.sleep(0.01)
            mark = one.leave_mark
            await one.send(voice(1))
            assert voice(1) == await other.receive()
            own.kill()
            for end in (one, other):
                with pytest.raises(
                    PeerUnreachable, match=r"the broker at 127.0.0.1 port \d+ is gone.*: it is tried again"
                ):
                    await end.receive()
                assert not end.ready
            for number in range(2, 5):
                with pytest.raises(PeerUnreachable):
                    await one.send(voice(number))
            own.start()
            await one.wait_ready()
            await other.wait_ready()
            await one.send(voice(5))
            assert voice(5) == await other.receive()
            assert ["one", "one", "other"] == sorted(hellos) and mark != one.leave_mark  # each was told of itself
            for end in (one, other):
                await end.aclose()

    run(main)
    own.kill()


def test_pauses_grow_and_differ(virtual_time: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tries come after half a second, then after twice as long each time, up to half a minute, give or take a
    half; the figure begins anew only after a connection that lasted."""
    tries: list[float] = []

    async def main() -> None:
        link = MqttLink(parse_address("mqtt://127.0.0.1/away"), draw=iter([0.0, 1.0] * 20).__next__)

        async def fail() -> None:
            tries.append(trio.current_time())
            if len(tries) < 9:
                raise LinkError("nobody there")

        monkeypatch.setattr(link, "_enter", fail)
        began_s = trio.current_time()
        assert mqtt.LONGEST_PAUSE_S == await link._come_back(mqtt.FIRST_PAUSE_S)
        pauses = [after - before for before, after in zip([began_s, *tries], tries, strict=False)]
        assert pytest.approx([0.25, 1.5, 1, 6, 4, 24, 15, 45, 15]) == pauses

    trio.run(main, clock=virtual_time)


def test_a_way_that_takes_nothing(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose other end takes no more bytes is given up, and what waits in it never arrives."""
    monkeypatch.setattr(broker_session, "SILENT_S", 1)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{broker.port}/stuck"
            talks, hears = await opened(link, nursery), await opened(link, nursery)

            async def stuck(octets: bytes) -> None:
                await trio.sleep_forever()

            monkeypatch.setattr(talks._session._stream, "send_all", stuck)  # type: ignore[union-attr]
            with pytest.raises(PeerUnreachable, match="takes nothing any more: it is tried again"):
                await talks.send(voice(1))
            await talks.wait_ready()
            await talks.send(voice(2))
            assert voice(2) == await hears.receive()
            for end in (talks, hears):
                await end.aclose()

    run(main)


def test_a_broker_that_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose system still acknowledges is asked, and given up when it does not answer; it is there again when it
    goes on."""
    own = Broker(tmp_path)
    monkeypatch.setattr(mqtt_client, "KEEP_ALIVE_S", 1)
    monkeypatch.setattr(broker_session, "TICK_S", 0.1)
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = f"mqtt://127.0.0.1:{own.port}/still"
            one, other = [await opened(link, nursery) for _ in range(2)]
            await trio.sleep(1.5)
            await one.send(voice(1))
            assert voice(1) == await other.receive()  # it was asked, and had answered
            own.freeze()
            for end in (one, other):
                with pytest.raises(PeerUnreachable, match="does not answer any more: it is tried again"):
                    await end.receive()
            await trio.sleep(1.2)
            with pytest.raises(PeerUnreachable, match=r"does not answer any more|takes too long to answer"):
                await one.send(voice(2))
            own.thaw()
            for end in (one, other):
                await end.wait_ready()
            await one.send(voice(3))
            assert voice(3) == await other.receive()
            for end in (one, other):
                await end.aclose()

    run(main)
    own.kill()


# --- brokers that will not have us --------------------------------------------------------------------------------


def refusal(text: str, access: Access | None = None) -> str:
    """Return what is said when this is opened, which is one line."""
    said = ""

    async def main() -> None:
        nonlocal said
        async with trio.open_nursery() as nursery:
            with pytest.raises(LinkError) as caught:
                await opened(text, nursery, access)
            said = str(caught.value)

    run(main)
    assert "\n" not in said and PASSWORD not in said
    return said


def test_users_and_passwords(tmp_path: Path) -> None:
    """Who has the password talks; who has not is told, and so is who gave none."""
    own = Broker(tmp_path, users=True)
    link = f"mqtt://{USER}@127.0.0.1:{own.port}/harbour"

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one, other = [await opened(link, nursery, Access(password=PASSWORD)) for _ in range(2)]
            await one.send(voice(1))
            assert voice(1) == await other.receive()
            assert PASSWORD not in f"{one._settings!r} {Access(password=PASSWORD)!r} {one.name}"
            for end in (one, other):
                await end.aclose()

    run(main)
    for guess in ("guess", "\udcff"):
        wrong = refusal(link, Access(password=guess))
        assert f"does not let in the user {USER} with this password: correct it" in wrong
    assert f"does not let in the user {USER} without a password" in refusal(link)
    assert "does not let in anybody without a name" in refusal(link.replace(f"{USER}@", ""))
    own.kill()


def test_a_topic_that_is_not_ours(tmp_path: Path) -> None:
    """A broker drops in silence what may not be said, so it is asked once; topics below an own prefix are allowed."""
    own = Broker(tmp_path, topics="topic readwrite club/harbour\n")
    said = refusal(f"mqtt://127.0.0.1:{own.port}/harbour")
    assert "does not let us use the topic g/harbour: ask who runs the broker" in said

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await (await opened(f"mqtt://127.0.0.1:{own.port}/club/harbour", nursery)).aclose()

    run(main)
    own.kill()


def test_certificates(tmp_path: Path) -> None:
    """Frames go over TLS under an authority that was named; an unknown one, another name, and no TLS are told."""
    own = Broker(tmp_path, tls=True)
    link, ca = f"mqtts://127.0.0.1:{own.port}/harbour", f"?ca={tmp_path / 'ca.crt'}"

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one = await opened(link + ca, nursery)
            other = await opened(link, nursery, Access(ca=str(tmp_path / "ca.crt")))
            await one.send(voice(1))
            await one.send(voice(2))
            assert [voice(1), voice(2)] == [await other.receive(), await other.receive()]
            assert ("MQTTS", "TCP/IP") == tuple(layer.name for layer in one.layers)
            for end in (one, other):
                await end.aclose()

    run(main)
    assert "is not to be trusted (unable to get local issuer certificate): ca=FILE" in refusal(link)
    (tmp_path / "another").mkdir()
    make_certificates(tmp_path / "another")
    assert "is not to be trusted" in refusal(link + f"?ca={tmp_path / 'another' / 'ca.crt'}")
    elsewhere = refusal(link.replace("127.0.0.1", "127.1") + ca)
    assert "is not to be trusted" in elsewhere or "no broker answers" in elsewhere
    assert "cannot use the certificates in /nowhere: no such file or directory" in refusal(link + "?ca=/nowhere")
    assert "it holds no certificate" in refusal(link + f"?ca={tmp_path / 'broker.key'}")
    assert "is it mqtt:// or mqtts:// there?" in refusal(link.replace("mqtts", "mqtt"))
    own.kill()


def test_what_is_no_broker(broker: Broker) -> None:
    """A port where nobody listens, one where somebody else does, and TLS where there is none, each in one line."""
    assert "does not speak TLS" in (said := refusal(f"mqtts://127.0.0.1:{broker.port}/x")) or "hung up on a TLS" in said
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=_answer_twice, args=(server, b"SSH-2.0-OpenSSH_9.2\r\n"), daemon=True)
        thread.start()
        assert "hung up on an MQTT greeting" in refusal(f"mqtt://127.0.0.1:{port}/x")
        thread.join(5)
    assert f"no broker answers at 127.0.0.1 port {port} (connection refused)" in refusal(f"mqtt://127.0.0.1:{port}/x")
    assert "nobody knows that name" in refusal("mqtt://no-such-host.invalid/x")


def _answer_twice(server: socket.socket, said: bytes) -> None:
    for _ in range(2):
        caller, _ = server.accept()
        with caller:
            caller.recv(1024)
            caller.sendall(said)


def test_an_older_broker(broker: Broker) -> None:
    """One that says it has no MQTT 5 is greeted in 3.1.1, and talked to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_old_broker, args=(server, broker.port), daemon=True)
        thread.start()

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                old = await opened(f"mqtt://127.0.0.1:{server.getsockname()[1]}/old", nursery)
                new = await opened(f"mqtt://127.0.0.1:{broker.port}/old", nursery)
                assert (3, 5) == (old._version, new._version)
                await old.send(voice(1))
                assert voice(1) == await new.receive()
                await new.send(voice(2))
                assert voice(2) == await old.receive()
                for end in (old, new):
                    await end.aclose()

        run(main)
        thread.join(5)


def _old_broker(server: socket.socket, port: int) -> None:
    """Refuse the first greeting as a broker of MQTT 3.1.1 does, and pass the second one on."""
    caller, _ = server.accept()
    with caller:
        assert b"\x00\x04MQTT\x05" in caller.recv(1024)
        caller.sendall(bytes.fromhex("20020001"))
    caller, _ = server.accept()
    with caller, socket.create_connection(("127.0.0.1", port)) as real:
        back = threading.Thread(target=_pass_on, args=(real, caller))
        back.start()
        _pass_on(caller, real)
        back.join(5)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while octets := source.recv(4096):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# --- what a broker can do to frames -------------------------------------------------------------------------------


def test_marks_cannot_be_made_up() -> None:
    """A mark is not the token: who was told the one cannot send the other."""
    link = MqttLink(parse_address("mqtt://h/c"))
    link._token = bytes(8)
    told: list[bytes] = []
    link.tell(told.append, lambda: None)

    async def main() -> None:
        link._take(leaving_message(link.leave_mark))
        link._take(leaving_message(bytes(8)))
        link._take(HELLO)

    trio.run(main)
    assert (False, True, 2) == (told[0] == link.leave_mark, told[1] == link.leave_mark, len(told))
    assert link._settings == replace(link._settings)
