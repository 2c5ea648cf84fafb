"""Where the passphrase comes from, and that it seals: files, the prompt on a real terminal, two real processes."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import cast

import pytest
import soundfile
import trio
import trio.testing

from app.audio.sound_files import read_speech
from app.errors import GossamerError
from app.settings.model import Settings
from app.settings.passphrase import with_passphrase
from codec import format as fmt
from tests.support.processes import CLIP, free_port, listener, start
from tests.support.station import Station
from tests.support.terminal import STARTED_S, Terminal, gossamer
from transport.address import parse_address
from transport.links.base import Link, source_finder
from transport.links.registry import open_link
from transport.links.udp import KEEP_ALIVE_S
from transport.protection.channel import open_channel
from transport.protection.cipher import Secret
from transport.protocol.frames import Beacon, Begin, Mode
from transport.protocol.open_frames import encode


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("correct horse battery staple\n")
    path.chmod(0o600)
    return path


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [b"caf\xc3\xa9 au lait", b"caf\xc3\xa9 au lait\nsecond line\n", b"\xef\xbb\xbfcaf\xc3\xa9 au lait\r\n"],
    ids=["no line end", "several lines", "from Windows"],
)
def test_the_first_line_counts(tmp_path: Path, octets: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever follows the first line or precedes its text is not of the passphrase; a private file is no remark."""
    path = tmp_path / "key"
    path.write_bytes(octets)
    path.chmod(0o600)
    assert "caf\u00e9 au lait" == with_passphrase(Settings(passphrase_file=str(path)), ask=False).passphrase
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_warned_of(
    passphrase_file: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says how to change that; the passphrase is used all the same."""
    passphrase_file.chmod(mode)
    settings = with_passphrase(Settings(passphrase_file=str(passphrase_file)), ask=False)
    assert "correct horse battery staple" == settings.passphrase
    said = capsys.readouterr().err
    assert "others on this machine can read" in said and f"chmod 600 {passphrase_file}" in said


@pytest.mark.parametrize(
    ("octets", "problem"),
    [(b"", "is empty"), (b"\nsecond\n", "is empty"), (b"\xff\xfe", "not text"), (b"x" * 5000, "too long")],
    ids=["empty", "empty line", "not UTF-8", "too long"],
)
def test_a_file_without_a_passphrase(tmp_path: Path, octets: bytes, problem: str) -> None:
    """One line that names the file."""
    path = tmp_path / "key"
    path.write_bytes(octets)
    with pytest.raises(GossamerError, match=problem) as caught:
        with_passphrase(Settings(passphrase_file=str(path)), ask=False)
    assert str(path) in str(caught.value)


def test_what_contradicts_itself(tmp_path: Path, passphrase_file: Path) -> None:
    """A missing file, two sources, a prompt without a terminal, a mode without a passphrase: each a line; mode open
    leaves the file of the settings alone."""
    missing, there = str(tmp_path / "missing"), str(passphrase_file)
    for settings, ask, problem in (
        (Settings(passphrase_file=missing), False, "no such file"),
        (Settings(passphrase_file=there), True, "exclude each other"),
        (Settings(), True, "asks on a terminal"),
        (Settings(mode="ham"), False, "mode ham needs a passphrase"),
    ):
        with pytest.raises(GossamerError, match=problem):
            with_passphrase(settings, ask)
    assert with_passphrase(Settings(mode="open", passphrase_file=missing), ask=False).passphrase is None


def test_on_a_packet_radio_ham_mode_is_thought_of(passphrase_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sealed channel over a TNC is opened, and a line says what amateur radio allows; in ham mode none does."""
    link, there = "kiss://localhost:8001?call=N0CALL", str(passphrase_file)
    for mode, said in (("sealed", True), ("ham", False)):
        with_passphrase(Settings(link, mode=mode, passphrase_file=there), ask=False)
        assert said is ("--mode ham" in capsys.readouterr().err)


# --- the prompt ---------------------------------------------------------------------------------------------------


def test_the_prompt_comes_before_the_screen(tmp_path: Path) -> None:
    """`talk --passphrase` asks, shows nothing of what is typed, and then says that the channel is sealed."""
    words = ["talk", f"udp://:{free_port()}", "--passphrase", "--channel", "harbour", "--name", "Ada"]
    with Terminal(gossamer(*words), kitty=False) as terminal:
        terminal.until("Passphrase of the channel 'harbour':", STARTED_S)
        terminal.write(b"tide tables\r")
        terminal.until("sealed: harbour", STARTED_S)
        assert b"tide tables" not in terminal.raw


def test_an_empty_answer_is_refused(tmp_path: Path) -> None:
    """Enter alone is no passphrase, and the station does not open."""
    words = ["listen", f"udp://:{free_port()}", "--output", str(tmp_path / "heard.wav"), "--passphrase"]
    with Terminal(gossamer(*words), kitty=False) as terminal:
        terminal.until("Passphrase of the channel 'gossamer':", STARTED_S)
        terminal.write(b"\r")
        terminal.until("an empty passphrase protects nothing")
        assert 2 == terminal.ended()


# --- two stations -------------------------------------------------------------------------------------------------


def test_two_processes_talk_sealed(tmp_path: Path, passphrase_file: Path) -> None:
    """A file goes from one to the other; both say that it was sealed, and who has no passphrase is told of and not
    heard."""
    short = tmp_path / "short.wav"
    soundfile.write(short, read_speech(CLIP)[:16000], fmt.SAMPLE_RATE_HZ)
    port = free_port()
    key = ("--passphrase-file", passphrase_file)
    hearing = listener(port, "--output", tmp_path / "heard.wav", "--once", *key, protection="sealed")
    stranger = start("send", f"udp://127.0.0.1:{port}", "--input", short, "--name", "Mallory")
    said, problems = stranger.communicate(timeout=90)
    assert (0, True) == (stranger.returncode, said.endswith(", open channel\n")), problems
    saying = start("send", f"udp://127.0.0.1:{port}", "--input", short, "--name", "Marigold", *key)
    said, problems = saying.communicate(timeout=90)
    assert (0, True, "") == (saying.returncode, said.endswith(", sealed\n"), problems)
    told, problems = hearing.communicate(timeout=60)
    assert 0 == hearing.returncode
    assert told.startswith("Marigold: ") and "Mallory" not in told and "other mode" in told
    assert 1 == problems.count("somebody here speaks in the open; you are sealed")
    assert 7 * fmt.PACKET_SAMPLES == len(read_speech(tmp_path / "heard.wav"))


def is_ready(link: Link) -> bool:
    """Read through a function, so that type checkers do not believe that it stays."""
    return link.ready


def test_a_waiting_end_is_led_to_its_peer_by_authentic_frames_only() -> None:
    """On a protected channel a forged BEGIN from elsewhere teaches nothing, and neither does a copied one."""

    async def main() -> None:
        secret = Secret(Mode.SEALED, bytes(32))
        peer, forger = open_channel(secret, 8, lambda count: bytes(count)), open_channel(None, 8, bytes)
        begin = Begin(1, 0, bytes(8), 0, 1, 1, "Ada")
        port = free_port()
        async with trio.open_nursery() as nursery:
            for options in ("", "?delay=10"):
                link = await open_link(parse_address(f"udp://:{port}{options}"), nursery)
                finder = source_finder(link)
                assert finder is not None
                finder.protect(lambda: b"anew")
                with (
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
                ):
                    for sock in (here, there):
                        sock.bind(("127.0.0.1", 0))
                        sock.settimeout(10)
                    there.sendto(encode(begin), ("127.0.0.1", port))
                    there.sendto(forger.encode(Beacon(0, 0), 0.0, 0), ("127.0.0.1", port))
                    for _ in range(2):
                        with trio.fail_after(10):
                            await link.receive()
                    assert finder.source(encode(begin)) is not None and not is_ready(link)
                    authentic = peer.encode(begin, 0.0, 0)
                    here.sendto(authentic, ("127.0.0.1", port))
                    there.sendto(authentic, ("127.0.0.1", port))
                    for _ in range(2):
                        with trio.fail_after(10):
                            octets = await link.receive()
                        finder.vouch(octets)
                    assert is_ready(link)
                    assert here.getsockname()[1] == cast("tuple", finder.source(octets))[1]
                    await link.send(b"answer")
                    assert b"answer" == await trio.to_thread.run_sync(here.recv, 100)
                await link.aclose()

    trio.run(main)


def test_keep_alives_are_sealed_and_made_anew() -> None:
    """From the very first on, what keeps a sealed caller's path open is authentic, and never the same bytes."""
    secret = Secret(Mode.SEALED, bytes(32))

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(10)
            settings = Settings(f"udp://127.0.0.1:{far.getsockname()[1]}", name="Ada", passphrase="secret")
            station = Station(settings, clock=lambda: 1_700_000_000)
            hearer = open_channel(secret, 8, os.urandom)
            async with trio.open_nursery() as nursery:
                await nursery.start(station.engine.run)
                for _ in range(3):
                    await trio.sleep(KEEP_ALIVE_S)
                    octets = await trio.to_thread.run_sync(far.recv, 100)
                    assert Beacon(0, 0) == hearer.decode(octets, 0.0, 1_700_000_000)  # the same twice is Replayed
                station.engine.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.settings.protection.derive_key", lambda passphrase, channel: secret.key)
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))
