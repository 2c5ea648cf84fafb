"""`gossamer who` and `gossamer send --confirm`: who is there, who confirmed, and the exit codes of both."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio

from app.__main__ import main
from app.cli import EXIT_UNCONFIRMED
from app.cli.who import EXIT_NOBODY
from tests.support.broker import Broker
from tests.support.processes import free_port, listener, read_line, start
from transport.address import parse_address
from transport.links.mqtt import open_mqtt
from transport.protocol.frames import Beacon
from transport.protocol.open_frames import encode


def test_who_is_there_and_who_confirms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A listener is found, and confirms what is sent without being named; somebody else does not."""
    port = free_port()
    soundfile.write(tmp_path / "short.wav", np.full(4000, 0.1), 8000)
    send = ["send", f"udp://127.0.0.1:{port}", "--input", str(tmp_path / "short.wav"), "--no-record", "--json"]
    process = listener(port, "--output", tmp_path / "heard.wav", "--name", "Ada", "--no-record")
    try:
        assert 0 == main(["who", f"udp://127.0.0.1:{port}", "--name", "Bob", "--seconds", "3", "--json"])
        (station,) = json.loads(capsys.readouterr().out)["stations"]
        assert "Ada" == station["name"] and station["heard_ago_s"] <= 3.0
        assert 0 == main([*send, "--name", "Cid", "--confirm"])
        said = capsys.readouterr()
        assert "confirmed by Ada: 2 of 2 packets heard\n" in said.err
        assert (2, "Ada") == (json.loads(said.out)["receipt"]["heard"], json.loads(said.out)["receipt"]["station"])
        assert EXIT_UNCONFIRMED == main([*send, "--name", "Cid", "--confirm", "--to", "Dora"])
        said = capsys.readouterr()
        assert "not confirmed by Dora\n" in said.err
        assert None is json.loads(said.out)["receipt"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_nobody_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """That is an answer, with an exit code of its own; an address where nobody listens is a problem."""
    assert EXIT_NOBODY == main(["who", f"udp://:{free_port()}", "--seconds", "0.2"])
    assert "nobody was heard\n" == capsys.readouterr().out
    assert EXIT_NOBODY == main(["who", f"udp://:{free_port()}", "--seconds", "0.2", "--json"])
    assert [] == json.loads(capsys.readouterr().out)["stations"]
    assert 2 == main(["who", f"udp://127.0.0.1:{free_port()}", "--seconds", "1"])
    [problem] = capsys.readouterr().err.splitlines()
    assert "nobody listens at" in problem and "start `gossamer talk" in problem


@pytest.mark.mosquitto
def test_a_broker_that_dies_is_told_of_and_so_is_its_return(tmp_path: Path) -> None:
    """Who looks for long would take the silence for that of the others."""
    broker = Broker(tmp_path)
    link = f"mqtt://127.0.0.1:{broker.port}/who"
    process = start("who", link, "--seconds", "600")

    async def told() -> str:
        return await trio.to_thread.run_sync(read_line, process.stderr, abandon_on_cancel=True)

    async def stay() -> None:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + 60
            here = await open_mqtt(parse_address(link), nursery, b"")
            await here.receive()  # a BEACON: it is there
            await here.send(encode(Beacon(1, 1, "Ada")))
            await here.receive()  # an answer: it has heard of Ada
            broker.kill()
            lines.append(await told())
            await trio.to_thread.run_sync(broker.start)
            lines.append(await told())
            nursery.cancel_scope.cancel()

    lines: list[str] = []
    try:
        trio.run(stay)
    finally:
        process.send_signal(signal.SIGINT)
        said, problems = process.communicate(timeout=30)
    gone = f"gossamer: the broker at 127.0.0.1 port {broker.port} is gone\n"
    assert [gone, "gossamer: the link works again\n"] == lines
    assert (0, "") == (process.returncode, problems)
    assert said.startswith("Ada: heard ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["who", "parrot://"], "a parrot is on this machine alone: name a link"),
        (["who", "udp://h", "--seconds", "0"], "--seconds 0: it must be a number of seconds up to 3600"),
        (["who", "udp://h", "--seconds", "nan"], "--seconds nan: it must be"),
        (["who", "udp://h", "--presence", "maybe"], "--presence maybe: it must be auto, on or off"),
        (["who", "nowhere"], "is no link and no contact"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the cause and the cure, exit code 2."""
    assert 2 == main(words)
    problem = capsys.readouterr().err
    assert said in problem and 1 == problem.count("\n")
