"""`gossamer text` as a process of its own: nobody there, forged errors, a busy channel, and what is no message."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.text import OutgoingText
from app.events import LinkProblem, LinkRecovered, TextSent
from app.history.folder import Mark, mark_of, over_files
from app.paths import recordings_folder
from app.station.messages import TEXTS_AT_ONCE, TEXTS_PER_S
from tests.support.processes import CLIP, free_port, start
from transport.protocol.frames import Beacon, Frame, Receipt, Text
from transport.protocol.open_frames import decode, encode
from transport.protocol.over import OverSender

SOON_S = 40.0
"""Time in which a command has ended on a busy machine, in seconds."""


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(SOON_S)
        yield peer


def frames_of(peer: socket.socket, process: subprocess.Popen[str]) -> list[Frame]:
    """Return all that a command sends until it ends."""
    frames: list[Frame] = []
    peer.settimeout(0.2)
    while True:
        try:
            frames.append(decode(peer.recv(2048)))
        except TimeoutError:
            if process.poll() is not None:
                return frames


def test_a_message_to_nobody_is_not_sent() -> None:
    """Where nobody listens a line says so at once, and an error where that lasts; without --confirm too."""
    port = free_port()
    process = start("text", f"udp://127.0.0.1:{port}", "hi")
    said, problems = process.communicate(timeout=SOON_S)
    assert (2, "") == (process.returncode, said), problems
    hint, error = problems.splitlines()
    assert f"gossamer: nobody listens at 127.0.0.1 port {port}" == hint
    assert error.startswith(hint + ": ")


def test_who_sends_a_message_takes_leave(peer: socket.socket) -> None:
    """Nobody is shown as present for minutes who sent one line and left."""
    process = start("text", f"udp://127.0.0.1:{peer.getsockname()[1]}", "hi", "--name", "Ada")
    frames = frames_of(peer, process)
    assert 0 == process.returncode
    assert ["hi"] == [frame.text for frame in frames if isinstance(frame, Text)]
    last = frames[-1]
    assert isinstance(last, Beacon) and last.leaves


@pytest.mark.parametrize(
    "words",
    [["who", "--seconds", "3"], ["text", "hi"], ["send", "--input", CLIP, "--no-record"]],
    ids=lambda words: words[0],
)
def test_a_message_that_comes_while_a_command_runs_is_shown(peer: socket.socket, words: list[object]) -> None:
    """Whatever it was started for, since its sender is told that it has come. A flood of them is shown in part."""
    command, *more = words
    process = start(command, f"udp://127.0.0.1:{peer.getsockname()[1]}", *more, "--name", "Bob")
    _, there = peer.recvfrom(2048)
    for number in (1, 1, *range(2, 60)):
        peer.sendto(encode(Text(7, number, "Ada", f"dinner at {number}", "Bob")), there)
    frames = frames_of(peer, process)
    _, problems = process.communicate()
    assert 0 <= process.returncode <= 1, problems
    assert (7, 1) in {(frame.over, frame.sequence) for frame in frames if isinstance(frame, Receipt)}
    assert 1 == problems.count("Ada writes to Bob: dinner at 1\n")
    assert problems.count(" writes to ") <= TEXTS_AT_ONCE + SOON_S * TEXTS_PER_S < 58


@pytest.mark.parametrize(
    "words",
    [["who", "--seconds", "3"], ["text", "hi"], ["send", "--input", CLIP, "--no-record"], ["send", "--input", CLIP]],
    ids=["who", "text", "send", "send and keep"],
)
def test_an_over_that_nobody_can_hear_is_not_confirmed(
    peer: socket.socket, words: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command without a loudspeaker has heard nothing, whatever has come; what it keeps counts as missed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    command, *more = words
    process = start(command, f"udp://127.0.0.1:{peer.getsockname()[1]}", *more, "--name", "Bob")
    _, there = peer.recvfrom(2048)
    over = OverSender(over=7, nonce=bytes(8), utc_s=0, codec_id=1, k=1, sender="Ada", addressee="Bob")
    for frame in (over.begin(), *over.voice([bytes(32)]), over.end()):
        peer.sendto(encode(frame), there)
    frames = frames_of(peer, process)
    _, problems = process.communicate()
    assert 0 == process.returncode, problems
    keeps = command == "send" and "--no-record" not in more
    assert keeps == (7 in {frame.over for frame in frames if isinstance(frame, Receipt)})
    kept = [path for path in over_files(recordings_folder()) if mark_of(path) is not Mark.SENT]
    assert [Mark.MISSED] * keeps == [mark_of(path) for path in kept]


def test_one_report_of_the_network_ends_nothing() -> None:
    """It can be forged: it is told as a hint, and the message waits for its receipt all the same."""
    message = OutgoingText("hi", confirm=True)
    message.note(TextSent(1, "Bob", "hi"))
    ended = []
    for event in (
        LinkProblem("nobody listens there", "start it", lasting=False),
        LinkRecovered(),
        LinkProblem("nobody listens there", "start it", lasting=True),
    ):
        message.note(event)
        ended.append(message.done)
    assert [False, False, True] == ended
    assert "nobody listens there: start it" == message.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\xff\xfe", "the message has bytes that are no characters: write it in UTF-8"),
        (b" ", "the message is empty: write something"),
        (b"x" * 141, "the message is 1 byte too long: it has at most 140"),
    ],
)
def test_what_is_no_message_is_refused_in_a_line(text: bytes, problem: str) -> None:
    """Before anything is opened."""
    process = start("text", "udp://127.0.0.1", os.fsdecode(text))
    said, problems = process.communicate(timeout=SOON_S)
    assert (2, "", f"gossamer: {problem}\n") == (process.returncode, said, problems)
