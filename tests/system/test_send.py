"""`gossamer send` as a process of its own: links that fail for a moment or for good, a busy channel, empty input."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio

from app.audio.devices import NoLoudspeaker
from app.audio.sound_files import read_speech
from app.cli import send
from app.cli.confirmation import Confirmation
from app.cli.outgoing_over import OutgoingOver
from app.errors import GossamerError
from app.settings.model import Settings
from app.signals import Ending
from app.station.control_socket import ControlSocket
from codec.encoder import Encoder
from codec.format import SAMPLE_RATE_HZ
from tests.support.processes import CLIP, ROOT, free_port, read_line, start
from tests.support.station import SteadyMicrophone
from tests.support.wires import Plug
from transport.framing.cobs import CobsReader
from transport.protocol.frames import PACKET_S, Beacon, Begin, End, Frame, Voice
from transport.protocol.open_frames import MAX_FRAME_BYTES, decode, encode

SOON_S = 30.0
"""Time in which a command has ended on a busy machine, in seconds."""


def bound(port: int) -> socket.socket:
    """A socket at which somebody can be called."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", port))
    peer.settimeout(SOON_S)
    return peer


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with bound(free_port()) as peer:
        yield peer


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Four seconds of speech."""
    path = tmp_path / "short.wav"
    soundfile.write(path, read_speech(CLIP)[:32000], SAMPLE_RATE_HZ)
    return path


def frames_until(peer: socket.socket, last: type[Frame]) -> list[Frame]:
    """Return the frames that come, up to the first of this kind."""
    frames: list[Frame] = []
    while not (frames and isinstance(frames[-1], last)):
        frames.append(decode(peer.recv(2048)))
    return frames


def test_a_link_that_fails_for_a_moment_ends_nothing(speech: Path) -> None:
    """0.4 s in which the far end refuses: the over goes on to its end, and the exit code is 0."""
    port = free_port()
    with bound(port) as peer:
        process = start("send", f"udp://127.0.0.1:{port}", "--input", speech)
        for _ in range(4):
            frames_until(peer, Voice)
    time.sleep(0.4)
    with bound(port) as peer:
        assert isinstance(frames_until(peer, End)[-1], End)
        said, problems = process.communicate(timeout=SOON_S)
    assert 0 == process.returncode, problems
    assert said.startswith("sent 13 packets")
    told = [line for line in problems.splitlines() if "works again" not in line]
    assert [f"gossamer: nobody listens at 127.0.0.1 port {port}"] == told  # on the air there is nothing to be done


@pytest.mark.parametrize("ends", ["a signal", "several there"])
def test_whatever_ends_it_before_its_over_takes_leave(peer: socket.socket, speech: Path, ends: str) -> None:
    """A signal, or a refusal: nobody is shown as present for minutes who has gone."""
    address = f"udp://127.0.0.1:{peer.getsockname()[1]}"
    process = start("send", address, "--input", speech, "--name", "Ada", "--confirm")
    octets, sender = peer.recvfrom(2048)
    while not (isinstance(frame := decode(octets), Beacon) and frame.sender == "Ada"):
        octets, sender = peer.recvfrom(2048)
    if ends == "a signal":
        process.terminate()
    else:
        for number, name in enumerate(("Bob", "Eve")):
            peer.sendto(encode(Beacon(0, number, name)), sender)
    frames = frames_until(peer, Beacon)
    while not (isinstance(frames[-1], Beacon) and frames[-1].leaves):
        frames = frames_until(peer, Beacon)
    _, problems = process.communicate(timeout=SOON_S)
    assert (130 if ends == "a signal" else 2) == process.returncode, problems
    assert ("several stations are here: " in problems) == (ends == "several there")


def test_a_far_end_that_says_something_and_dies_ends_in_a_doubt(speech: Path) -> None:
    """The over goes on to its end, since what the network says can be forged; then a line says so, exit 2."""
    port = free_port()
    with bound(port) as peer:
        process = start("send", f"udp://127.0.0.1:{port}", "--input", speech)
        for number in range(4):
            _, sender = peer.recvfrom(2048)
            peer.sendto(encode(Beacon(0, number, "Bob")), sender)
        frames_until(peer, Voice)
    said, problems = process.communicate(timeout=SOON_S)
    assert (2, "") == (process.returncode, said)
    hint, line = problems.splitlines()
    assert f"gossamer: nobody listens at 127.0.0.1 port {port}" == hint
    assert f"{hint}: the over may not have been heard, send it again" == line


def test_a_far_end_that_comes_late_is_waited_for(speech: Path) -> None:
    """Nobody listens at first; the over begins when somebody does."""
    port = free_port()
    process = start("send", f"udp://127.0.0.1:{port}", "--input", speech)
    assert process.stderr is not None
    assert "nobody listens" in read_line(process.stderr)
    time.sleep(0.5)
    with bound(port) as peer:
        frames = frames_until(peer, End)
        said, problems = process.communicate(timeout=SOON_S)
    assert (0, "gossamer: the link works again\n") == (process.returncode, problems)
    assert 13 == sum(len(frame.packets) for frame in frames if isinstance(frame, Voice))
    assert said.startswith("sent 13 packets")


def test_a_serial_line_that_is_pulled_in_mid_over_ends_it(tmp_path: Path) -> None:
    """At once, with exit code 2, the reason, and the length that had left: what came over the line till then."""
    speech, plug = tmp_path / "long.wav", Plug(tmp_path / "ttyRADIO")
    soundfile.write(speech, np.tile(read_speech(CLIP), 4), SAMPLE_RATE_HZ)
    process = start("send", f"serial://{plug.path}?baud=57600", "--input", speech, "--no-record")
    reader, frames = CobsReader(MAX_FRAME_BYTES), list[Frame]()

    async def hear(packets: int) -> None:
        with trio.fail_after(SOON_S):
            while len([frame for frame in frames if isinstance(frame, Voice)]) < packets:
                frames.extend(decode(octets) for octets in reader.receive(await plug.read_some()) if octets)

    trio.run(hear, 8)
    plug.unplug()
    said, problems = process.communicate(timeout=SOON_S)
    assert (2, "") == (process.returncode, said)
    first, last = problems.splitlines()
    assert f"gossamer: {plug.path} was unplugged" == first
    heard = sum(len(frame.packets) for frame in frames if isinstance(frame, Voice))
    left = int(last.split(" packets had left")[0].split()[-1])
    assert heard <= left <= heard + 1  # one may have been taken, and not read, when the line was pulled
    assert last.startswith("gossamer: the over was lost after ")


def test_it_waits_for_the_end_of_somebodys_over(peer: socket.socket, speech: Path) -> None:
    """Who is talking is heard first, and nothing is sent meanwhile."""
    process = start("send", f"udp://127.0.0.1:{peer.getsockname()[1]}", "--input", speech, "--presence", "off")
    _, caller = peer.recvfrom(2048)
    peer.sendto(encode(Begin(9, 0, bytes(8), 0, Encoder().codec_id, 1, "Eve")), caller)
    peer.settimeout(0.001)
    for number in range(8):
        peer.sendto(encode(Voice(9, 1 + number, (bytes(32),))), caller)
        time.sleep(PACKET_S)
    with pytest.raises(TimeoutError):
        peer.recv(2048)
    peer.sendto(encode(End(9, 9, 8)), caller)
    peer.settimeout(SOON_S)
    assert isinstance(frames_until(peer, Begin)[-1], Begin)
    said, problems = process.communicate(timeout=SOON_S)
    assert (0, "gossamer: somebody is talking: waiting for the end of that over\n") == (process.returncode, problems)
    assert said.startswith("sent 13 packets")


@pytest.mark.parametrize("source", ["-", "empty.wav"])
def test_nothing_to_say_keys_nothing(peer: socket.socket, tmp_path: Path, source: str) -> None:
    """An empty pipe, and a sound file without a sample: one line, exit code 2, and not a frame."""
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), SAMPLE_RATE_HZ)
    link = f"udp://127.0.0.1:{peer.getsockname()[1]}"
    ended = subprocess.run(
        [sys.executable, "-m", "app", "send", link, "--input", source],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        input="",
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert 2 == ended.returncode
    assert 1 == len(ended.stderr.splitlines()) and "there is nothing to send" in ended.stderr
    peer.settimeout(0.001)
    with pytest.raises(TimeoutError):
        peer.recv(2048)


def test_the_microphone_is_sent_where_nothing_can_reach_its_key(
    peer: socket.socket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a place for the control socket `gossamer ptt` does not work, which is said, and all else does."""

    def nowhere(control: ControlSocket) -> None:
        raise GossamerError("this user has no home folder", "set HOME")

    microphone = SteadyMicrophone(lambda moments_s: np.sin(2000 * moments_s) / 10)
    monkeypatch.setattr(ControlSocket, "open", nowhere)
    monkeypatch.setattr(send, "open_portaudio", lambda *_: (microphone, NoLoudspeaker()))
    over = OutgoingOver(live=True)
    settings = Settings(f"udp://127.0.0.1:{peer.getsockname()[1]}", name="Ada", record=False, synth="classic")

    async def main() -> None:
        with trio.fail_after(SOON_S):
            async with trio.open_nursery() as nursery:
                ending = Ending(trio.Event(), nursery.cancel_scope)
                nursery.start_soon(send._send, ending, settings, None, over, Confirmation(settings, wanted=False))
                frames = await trio.to_thread.run_sync(frames_until, peer, Voice)
                assert isinstance(frames[-2], Begin)
                ending.asked.set()

    trio.run(main)
    assert over.sent is not None and over.sent.packets
    assert "`gossamer ptt` will not reach this over: this user has no home folder: set HOME" in capsys.readouterr().err


def test_who_sends_with_another_passphrase_is_told(tmp_path: Path, speech: Path) -> None:
    """The listener has one key, the sender another: both have a line about it, and nothing is heard."""
    keys = []
    for name, words in (("one", "canoe tiger lamp moss river"), ("other", "garlic cowboy elbow gold bicycle")):
        keys.append(tmp_path / name)
        keys[-1].write_text(words)
        keys[-1].chmod(0o600)
    port = free_port()
    sealed = ["--channel", "harbour", "--passphrase-file"]
    hearing = start("listen", f"udp://:{port}", "--output", tmp_path / "heard.wav", *sealed, keys[0])
    assert "listening" in read_line(hearing.stderr)
    saying = start("send", f"udp://127.0.0.1:{port}", "--input", speech, *sealed, keys[1])
    said, problems = saying.communicate(timeout=SOON_S)
    hearing.terminate()
    heard = hearing.communicate(timeout=SOON_S)[1]
    assert 0 == saying.returncode and said.startswith("sent 13 packets")
    for told in (problems, heard):
        assert "somebody here has another passphrase or another channel name" in told
