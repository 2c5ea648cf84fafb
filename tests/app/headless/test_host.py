"""The host of a station without a screen, in virtual time: what commands do, and that nothing wrong ends it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio

from app import events
from app.errors import GossamerError
from app.headless.event_lines import event_line
from app.headless.host import StationHost
from app.headless.output import MAX_WAITING, EventWriter
from app.settings.model import Settings
from app.station.controls import Controls


class KeptEngine:
    """An engine that keeps its commands, and does nothing but run until it is closed."""

    refused = ""
    """A link that does not open."""

    def __init__(self, settings: Settings, emit: Callable[[events.Event], None]) -> None:
        self.settings, self.emit = settings, emit
        self.said: list[tuple[Any, ...]] = []
        self.controls = Controls(settings.volume, settings.muted, settings.gain_db, settings.addressee)
        self.ready = False
        self._closing = trio.Event()

    async def run(self) -> None:
        if self.settings.link == self.refused:
            raise GossamerError("the port is in use", "take another")
        self.ready = True
        self.emit(events.StationReady(self.settings.link, "", 1, 1))
        await self._closing.wait()
        self.ready = False

    def close(self) -> None:
        self._closing.set()

    def send_text(self, *given: Any, **more: Any) -> int | None:
        self.said.append(("send_text", *given, *more.values()))
        return 1 if self.ready else None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.said.append((name, *given))


class KeptLines(EventWriter):
    """A writer that keeps events in place of writing them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def put(self, event: Any) -> None:
        self.events.append(json.loads(event_line(event, 0.0)))

    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


class Stage:
    """A host with its engines, its lines, and the pipe of its commands."""

    def __init__(self) -> None:
        self.engines: list[KeptEngine] = []
        self.lines = KeptLines()
        self._reads, self._writes = os.pipe()
        self.host = StationHost(
            Settings("udp://:1", name="Ada"),
            self.lines,
            make_engine=cast(Any, self._make),
            commands=self._reads,
        )

    def _make(self, settings: Settings, emit: Callable[[events.Event], None]) -> KeptEngine:
        self.engines.append(KeptEngine(settings, emit))
        return self.engines[-1]

    async def command(self, *lines: str) -> None:
        """Write lines, and wait until they were taken, by the refusal of the last one."""
        before = self.lines.names().count("command_refused")
        os.write(self._writes, "".join(f"{line}\n" for line in (*lines, "the end")).encode())
        refused = before + 1 + sum(not line.startswith("{") for line in lines)
        with trio.fail_after(20):
            while self.lines.names().count("command_refused") < refused:
                await trio.sleep(0.002)

    def end_of_commands(self) -> None:
        os.close(self._writes)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """A host that runs; at the end of the block it is closed in order."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.host.run)
        await trio.testing.wait_all_tasks_blocked()
        yield stage
        stage.host.close()
    os.close(stage._reads)
    assert "station_closed" == stage.lines.names()[-1]


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A folder for the control socket."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_each_command_does_what_it_says() -> None:
    """On the one engine that there is."""

    async def main() -> None:
        async with staged() as stage:
            await stage.command(
                '{"command": "key", "down": true}',
                '{"command": "key", "down": false}',
                '{"command": "text", "text": "hi", "to": "Bob", "confirm": true}',
                '{"command": "mute", "on": true}',
                '{"command": "volume", "volume": 0.25}',
                '{"command": "gain", "gain_db": 6}',
                '{"command": "vox", "on": true}',
                '{"command": "addressee", "name": "Bob"}',
                '{"command": "replay"}',
            )
        assert [
            ("key_down",),
            ("key_up",),
            ("send_text", "hi", "Bob", True),
            ("set_mute", True),
            ("set_volume", 0.25),
            ("set_gain", 6),
            ("set_vox", True),
            ("set_addressee", "Bob"),
            ("replay_last",),
        ] == stage.engines[0].said

    trio.run(main)


def test_a_wrong_line_is_refused_and_nothing_ends() -> None:
    """Whatever is wrong with it; the end of the commands ends nothing either."""

    async def main() -> None:
        async with staged() as stage:
            long_text = json.dumps({"command": "text", "text": "x" * 141})
            await stage.command("rubbish", "x" * 5000)
            await stage.command(long_text, '{"command": "text", "text": "\\ud800"}', '{"command": "text", "text": " "}')
            problems = [event["problem"] for event in stage.lines.events if event["event"] == "command_refused"]
            assert "this line is no JSON" == problems[0]
            assert "a command has at most 4096 bytes, its line feed included" == problems[1]
            assert [
                "the message is 1 byte too long: it has at most 140",
                "'text' of text must be a text in whole characters",
                "the message is empty: write something",
            ] == problems[3:6]
            stage.end_of_commands()
            await trio.sleep(0.05)
            assert stage.engines[0].ready
        assert [] == stage.engines[0].said

    trio.run(main)


def test_another_link_is_opened_with_the_controls_of_the_first() -> None:
    """The station before is closed in order."""

    async def main() -> None:
        async with staged() as stage:
            stage.engines[0].controls = Controls(0.5, True, 3.0, "Bob")
            await stage.command('{"command": "link", "link": "udp://:2"}')
            await trio.sleep(0.05)
            assert ["udp://:1", "udp://:2"] == [engine.settings.link for engine in stage.engines]
            assert (0.5, True, "Bob") == (
                stage.engines[1].settings.volume,
                stage.engines[1].settings.muted,
                stage.engines[1].settings.addressee,
            )
            assert [False, True] == [engine.ready for engine in stage.engines]

    trio.run(main)


def test_a_link_that_does_not_open_gives_way_to_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the reason is told."""
    monkeypatch.setattr(KeptEngine, "refused", "udp://:2")

    async def main() -> None:
        async with staged() as stage:
            await stage.command('{"command": "link", "link": "udp://:2"}')
            with trio.fail_after(20):
                while len(stage.engines) < 3 or not stage.engines[2].ready:
                    await trio.sleep(0.002)
            assert "udp://:1" == stage.engines[2].settings.link
            [refused] = [event for event in stage.lines.events if event["event"] == "link_refused"]
            assert ("udp://:2", "the port is in use", "take another") == tuple(
                refused[field] for field in ("link", "cause", "cure")
            )

    trio.run(main)


def test_figures_are_told_where_they_are_asked_for() -> None:
    """They come several times a second."""

    async def main() -> None:
        async with staged() as stage:
            level = events.Level("microphone", -40.0, -30.0, False)
            stage.engines[0].emit(level)
            await stage.command('{"command": "figures", "on": true}')
            stage.engines[0].emit(level)
            assert 1 == stage.lines.names().count("level")

    trio.run(main)


def test_a_slow_reader_misses_the_oldest_events_and_holds_up_nobody() -> None:
    """How many are missing is told; then the newest come, whole."""

    async def main() -> None:
        reads, writes = os.pipe()
        writer = EventWriter(writes)
        for number in range(MAX_WAITING + 7):
            writer.put(events.TalkPermitted(number))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            octets = b""
            with trio.fail_after(20):
                while octets.count(b"\n") < MAX_WAITING + 1:
                    octets += await trio.to_thread.run_sync(os.read, reads, 65536)
            nursery.cancel_scope.cancel()
        lines = [json.loads(line) for line in octets.splitlines()]
        assert ("events_dropped", 7) == (lines[0]["event"], lines[0]["count"])
        assert [*range(7, MAX_WAITING + 7)] == [line["over"] for line in lines[1:]]
        os.close(reads)
        writer.put(events.TalkPermitted(1))
        await writer.flush()
        assert writer.gone  # and nothing is raised
        os.close(writes)

    trio.run(main)
