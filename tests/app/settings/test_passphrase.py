"""Where the passphrase comes from, and that it seals: files, the prompt on a real terminal, two real processes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import soundfile

from app.__main__ import main
from app.audio.sound_files import read_speech
from app.errors import GossamerError
from app.settings.model import Settings
from app.settings.passphrase import with_passphrase
from codec import format as fmt
from tests.support.processes import CLIP, free_port, listener, start
from tests.support.terminal import STARTED_S, Terminal, gossamer
from transport.protocol.frames import Mode


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("correct horse battery staple\n")
    path.chmod(0o600)
    return path


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"caf\xc3\xa9 au lait im hafen",
        b"caf\xc3\xa9 au lait im hafen\nsecond line\n",
        b"\xef\xbb\xbfcaf\xc3\xa9 au lait im hafen\r\n",
    ],
    ids=["no line end", "several lines", "from Windows"],
)
def test_the_first_line_counts(tmp_path: Path, octets: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever follows the first line or precedes its text is not of the passphrase; a private file is no remark."""
    path = tmp_path / "key"
    path.write_bytes(octets)
    path.chmod(0o600)
    settings = with_passphrase(Settings(passphrase_file=str(path), channel="harbour"), ask=False)
    assert "caf\u00e9 au lait im hafen" == settings.passphrase
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
    ("words", "problem"),
    [
        (["--passphrase-file", "key"], "this passphrase is soon guessed"),
        (["--channel", "harbour", "--mode", "ham"], "mode ham needs a passphrase"),
    ],
    ids=["weak", "none"],
)
def test_a_refusal_stands_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    problem: str,
) -> None:
    """One line: no remark about the readers of a passphrase, or the name of a channel, that is not used."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("host\n")
    (tmp_path / "key").chmod(0o644)
    assert 2 == main(["who", "udp://192.0.2.7", *words])
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"gossamer: {problem}")


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
        (Settings(mode=Mode.HAM), False, "mode ham needs a passphrase"),
    ):
        with pytest.raises(GossamerError, match=problem):
            with_passphrase(settings, ask)
    assert with_passphrase(Settings(mode=Mode.OPEN, passphrase_file=missing), ask=False).passphrase is None


def test_on_a_packet_radio_ham_mode_is_thought_of(passphrase_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sealed channel over a TNC is opened, and a line says what amateur radio allows; in ham mode none does."""
    link, there = "kiss://localhost:8001?call=N0CALL", str(passphrase_file)
    for mode, said in ((Mode.SEALED, True), (Mode.HAM, False)):
        with_passphrase(Settings(link, mode=mode, passphrase_file=there), ask=False)
        assert said is ("--mode ham" in capsys.readouterr().err)


# --- the prompt ---------------------------------------------------------------------------------------------------


def test_the_prompt_comes_before_the_screen(tmp_path: Path) -> None:
    """`talk --passphrase` asks, shows nothing of what is typed, and then says that the channel is sealed."""
    words = ["talk", f"udp://:{free_port()}", "--passphrase", "--channel", "harbour", "--name", "Ada"]
    with Terminal(gossamer(*words), kitty=False) as terminal:
        terminal.until("Passphrase of the channel 'harbour':", STARTED_S)
        terminal.write(b"tide tables of seven anchors\r")
        terminal.until("sealed: harbour", STARTED_S)
        assert b"tide tables of seven anchors" not in terminal.raw


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
    key = ("--passphrase-file", passphrase_file, "--channel", "harbour")
    hearing = listener(port, "--output", tmp_path / "heard.wav", "--once", *key, protection="sealed")
    stranger = start("send", f"udp://127.0.0.1:{port}", "--input", short, "--name", "Mallory")
    said, problems = stranger.communicate(timeout=90)
    assert (0, True) == (stranger.returncode, said.endswith(", open channel\n")), problems
    saying = start("send", f"udp://127.0.0.1:{port}", "--input", short, "--name", "Marigold", *key)
    said, problems = saying.communicate(timeout=90)
    assert (0, True) == (saying.returncode, said.endswith(", sealed\n")), problems
    fingerprint = problems
    assert fingerprint.startswith("the key's fingerprint: ") and 1 == fingerprint.count("\n")
    told, problems = hearing.communicate(timeout=60)
    assert 0 == hearing.returncode
    assert problems.startswith(fingerprint)  # both show the same words
    assert told.startswith("Marigold: ") and "Mallory" not in told and "other mode" in told
    assert 1 == problems.count("somebody here speaks in the open; you are sealed")
    assert 7 * fmt.PACKET_SAMPLES == len(read_speech(tmp_path / "heard.wav"))


# --- weak and strong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weak",
    ["a", "secret", "password123", "Tr0ub4dor&3", "harbour harbour", "qwertyuiop", "12345678901234567890", "Ada1990"],
)
def test_a_weak_passphrase_is_refused_with_a_better_one(tmp_path: Path, weak: str) -> None:
    """Words on every guesser's list, patterns, and the channel's own name; the one that is offered is taken."""
    path = tmp_path / "key"
    path.write_text(weak)
    path.chmod(0o600)
    settings = Settings(passphrase_file=str(path), channel="harbour", name="Ada")
    with pytest.raises(GossamerError, match="soon guessed") as caught:
        with_passphrase(settings, ask=False)
    assert weak == with_passphrase(settings, ask=False, weak=True).passphrase  # where an old capture is heard again
    offered = str(caught.value).split("'")[1]
    path.write_text(offered)
    assert offered == with_passphrase(settings, ask=False).passphrase


def test_channel_names_that_do_not_help_are_warned_of(
    passphrase_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default one beside a passphrase, and any other one without, are warned of."""
    with_passphrase(Settings(passphrase_file=str(passphrase_file)), ask=False)
    assert "--channel NAME" in capsys.readouterr().err
    with_passphrase(Settings(channel="harbour"), ask=False)
    assert "'harbour' is open to everybody" in capsys.readouterr().err
    with_passphrase(Settings(), ask=False)
    with_passphrase(Settings(passphrase_file=str(passphrase_file), channel="harbour"), ask=False)
    assert "" == capsys.readouterr().err


def test_a_pipe_into_which_nobody_writes_is_said(tmp_path, monkeypatch, capsys):
    """After a while, in one line; one into which somebody writes gives the passphrase."""
    monkeypatch.setattr("app.storage.WRITER_S", 0.1)
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    assert 2 == main(["listen", "udp://:9", "--output", "speaker", "--passphrase-file", str(pipe)])
    assert f"gossamer: nobody writes into the pipe {pipe}" in capsys.readouterr().err
    writes = os.open(pipe, os.O_RDWR)
    os.write(writes, b"canoe tiger lamp moss river\n")
    writer = threading.Timer(0.05, os.close, [writes])
    writer.start()
    settings = Settings(passphrase_file=str(pipe), channel="harbour", link="udp://:9")
    assert "canoe tiger lamp moss river" == with_passphrase(settings, ask=False).passphrase
    writer.join()
