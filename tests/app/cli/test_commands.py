"""The command line as a user meets it: the real program and models, its files, its words and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.__main__ import main
from app.audio.sound_files import read_speech
from codec import format as fmt
from tests.support.processes import read_line, without_invitations

CLIP = Path(__file__).parents[3] / "assets" / "clips" / "gossamer.flac"


def gossamer(*words: object, **options) -> subprocess.CompletedProcess:
    """A process of its own, without a terminal."""
    options = {"capture_output": True, "stdin": subprocess.DEVNULL, "timeout": 120, **options}
    if "input" in options:
        del options["stdin"]
    return subprocess.run([sys.executable, "-m", "app", *map(str, words)], cwd=options.pop("cwd", None), **options)


@pytest.fixture(autouse=True)
def repository_on_the_path(monkeypatch):
    """The processes import this checkout, wherever they run."""
    monkeypatch.setenv("PYTHONPATH", str(CLIP.parent.parent.parent))


@pytest.fixture(scope="module")
def packets(tmp_path_factory) -> Path:
    """The clip as packets."""
    path = tmp_path_factory.mktemp("packets") / "clip.g800"
    assert 0 == main(["encode", str(CLIP), str(path)])
    return path


def envelope(samples: np.ndarray) -> np.ndarray:
    """Root of the energy in steps of 2 ms over 20 ms, so that the voice's single pulses do not count; mean removed."""
    steps = samples[: len(samples) // 16 * 16].reshape(-1, 16)
    energy = np.sqrt(np.convolve((steps**2).sum(axis=1), np.hanning(12)[1:-1], "same"))
    return energy - energy.mean()


# --- encode and decode -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (800, 1), (2560, 1), (2561, 2), (8000, 4)])
def test_a_file_of_packets_has_the_size_that_follows_from_the_sound(tmp_path, samples, count):
    """32 bytes for every 2560 samples begun."""
    soundfile.write(tmp_path / "in.wav", 0.1 * np.sin(np.arange(samples) / 5), 8000)
    assert 0 == main(["encode", str(tmp_path / "in.wav"), str(tmp_path / "out.g800")])
    assert 32 * count == (tmp_path / "out.g800").stat().st_size


@pytest.mark.parametrize("synth", ["neural", "classic"])
def test_decoded_sound_is_as_long_as_its_packets_and_aligned(tmp_path, synth):
    """2560 samples a packet, and for the middle one of three talkers the envelopes fit best within 5 ms."""
    clips = sorted(CLIP.parent.glob("*.flac"))
    assert 0 == main(["encode", *map(str, clips), "--out", str(tmp_path)])
    packets = sorted(tmp_path.glob("*.g800"))
    assert 0 == main(["decode", *map(str, packets), "--out", str(tmp_path), "--synth", synth])
    lags_s = []
    for clip, path in zip(clips, packets, strict=True):
        decoded, original = read_speech(path.with_suffix(".wav")), read_speech(clip)
        assert path.stat().st_size // 32 * fmt.PACKET_SAMPLES == len(decoded)
        one, other = envelope(decoded), envelope(np.pad(original, (0, len(decoded) - len(original))))
        correlation = np.correlate(one, other, "full") / np.linalg.norm(one) / np.linalg.norm(other)
        assert correlation.max() > 0.8
        lags_s.append(0.002 * (int(correlation.argmax()) - len(correlation) // 2))
    # Synthetic talkers have flat peaks: one of them may be off by a step or two more.
    assert abs(float(np.median(lags_s))) <= 0.005


def test_a_truncated_file_is_decoded_as_far_as_it_goes(tmp_path, packets, capsys):
    """Its whole packets, a warning, exit code 2."""
    cut = tmp_path / "cut.g800"
    cut.write_bytes(packets.read_bytes()[: 5 * 32 + 7])
    assert 2 == main(["decode", str(cut), str(tmp_path / "out.wav")])
    assert 5 * fmt.PACKET_SAMPLES == len(read_speech(tmp_path / "out.wav"))
    assert "is truncated" in capsys.readouterr().err


def test_several_files_at_once(tmp_path, packets):
    """Each gets its own name in the folder, which is made."""
    other = tmp_path / "other.wav"
    soundfile.write(other, np.zeros(4000), 16000)
    assert 0 == main(["encode", str(CLIP), str(other), "--out", str(tmp_path / "out")])
    assert packets.read_bytes() == (tmp_path / "out" / "gossamer.g800").read_bytes()
    assert 32 == (tmp_path / "out" / "other.g800").stat().st_size
    again = [str(path) for path in sorted((tmp_path / "out").iterdir())]
    assert 0 == main(["decode", *again, "--out", str(tmp_path / "wav")])
    assert ["gossamer.wav", "other.wav"] == sorted(path.name for path in (tmp_path / "wav").iterdir())


def test_one_bad_file_among_several_does_not_stop_the_others(tmp_path, capsys):
    """It is named, the rest is done, exit code 2."""
    (tmp_path / "bad.wav").write_text("no sound")
    soundfile.write(tmp_path / "good.wav", np.zeros(4000), 8000)
    words = ["encode", str(tmp_path / "bad.wav"), str(tmp_path / "good.wav"), "--out", str(tmp_path / "out")]
    assert 2 == main(words)
    assert ["good.g800"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert "bad.wav" in capsys.readouterr().err


def test_dropping_packets_is_repeatable_and_audible(tmp_path, packets):
    """The same seed loses the same packets; without --drop nothing is lost."""

    def decode(*more: str) -> bytes:
        assert 0 == main(["decode", str(packets), str(tmp_path / "out.wav"), *more])
        return (tmp_path / "out.wav").read_bytes()

    assert decode("--drop", "0.3", "--seed", "7") == decode("--drop", "0.3", "--seed", "7")
    assert decode("--drop", "0.3", "--seed", "7") != decode("--drop", "0.3", "--seed", "8")
    assert decode("--drop", "0") == decode() != decode("--drop", "0.3")


def test_pipes(packets):
    """`-` is raw 16-bit sound at 8 kHz on the one side and bare packets on the other."""
    raw = (read_speech(CLIP) * 32768).astype("<i2").tobytes()
    encoded = gossamer("encode", "-", "-", input=raw)
    assert (0, packets.read_bytes()) == (encoded.returncode, encoded.stdout)
    decoded = gossamer("decode", "-", "-", input=encoded.stdout)
    assert (0, len(encoded.stdout) // 32 * 2560 * 2) == (decoded.returncode, len(decoded.stdout))


def test_decoding_loads_neither_screen_nor_link_nor_sound_card(packets, tmp_path):
    """What makes a cold start fast, whatever machine this runs on."""
    code = (
        "import sys; from app.__main__ import main\n"
        f"assert main(['decode', {str(packets)!r}, {str(tmp_path / 'o.wav')!r}]) == 0\n"
        "print([name for name in ('textual', 'trio', 'sounddevice', 'soundfile', 'soxr') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "[]" == told.splitlines()[-1]


def test_a_cold_decode_of_3_s_is_quick(packets, tmp_path):
    """Within 1.0 s of processor time, from the start of the program to its end."""
    short = tmp_path / "short.g800"
    short.write_bytes(packets.read_bytes()[: 10 * 32])
    before = os.times()
    assert 0 == gossamer("decode", short, tmp_path / "out.wav").returncode
    after = os.times()
    used_s = after.children_user - before.children_user + after.children_system - before.children_system
    assert used_s < 1.0


# --- facts as JSON -----------------------------------------------------------------------------------------------


def test_facts_are_one_json_object(tmp_path, packets, capsys):
    """With --json standard output is one object; a cut-off file keeps its exit code and its line."""
    assert 0 == main(["encode", str(CLIP), str(tmp_path / "out.g800"), "--json"])
    [told] = json.loads(capsys.readouterr().out)["files"]
    assert (30, 9.6, str(CLIP)) == (told["packets"], told["seconds"], told["input"])
    cut = tmp_path / "cut.g800"
    cut.write_bytes(packets.read_bytes()[: 5 * 32 + 7])
    words = ["decode", str(cut), str(tmp_path / "out.wav"), "--json", "--synth", "classic", "--drop", "1"]
    assert 2 == main(words)
    said = capsys.readouterr()
    [told] = json.loads(said.out)["files"]
    assert (5, 5, 7) == (told["packets"], told["dropped"], told["left_over"])
    assert 1 == len(said.err.splitlines())
    assert 2 == main(["decode", str(cut), "-", "--json"])
    assert "both want standard output" in capsys.readouterr().err


def test_the_demonstration_tells_its_figures_as_json(tmp_path, capsys):
    """The same that it says in words."""
    assert 0 == main(["demo", "parrot://?rate=9600", "--out", str(tmp_path), "--synth", "classic", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (30, 800.0) == (told["packets"], told["voice_bps"])
    assert told["mouth_to_ear"]["measured"] and told["mouth_to_ear"]["total_s"] > 0.3
    assert all(Path(path).exists() for path in told["written"])


# --- bad input: one line, exit code 2, nothing left behind --------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", "nothing.wav", "out.g800"], "cannot read nothing.wav"),
        (["encode", "text.wav", "out.g800"], "is no sound file"),
        (["encode", "text.wav"], "give IN and OUT.g800"),
        (["encode", "text.wav", "text.wav"], "both input and output"),
        (["encode", ".", "out.g800"], "is a folder"),
        (["decode", "nothing.g800", "out.wav"], "cannot read nothing.g800"),
        (["decode", "sound.wav", "out.wav"], "is a WAV file, not packets"),
        (["decode", "packets.g800", "nowhere/out.wav"], "there is no folder nowhere"),
        (["decode", "packets.g800", "other/packets.g800", "--out", "."], "would both become"),
        (["send", "udp://127.0.0.1:9", "--input", "nothing.wav"], "cannot read nothing.wav"),
        (["send", "udp://", "--input", "sound.wav"], "names no host"),
        (["send", "carrier-pigeon://x", "--input", "sound.wav"], "is no kind of link"),
        (["send", "udp://127.0.0.1:9?k=9", "--input", "sound.wav"], "k must be"),
        (["send", "udp://no-such-host.invalid:9", "--input", "sound.wav"], "no-such-host.invalid"),
        (["listen", "udp://:0", "--output", "out.wav"], "names no port"),
        (["talk", "udp://:7800"], "needs a terminal"),
        (["demo", "udp://:7800"], "has no parrot"),
        (["demo", "--synth", "mine.onnx"], "mine.onnx: no such vocoder"),
        (["listen", "udp://:7800", "--output", "out.wav", "--name", "x" * 30], "--name " + "x" * 30 + ": it must be"),
        (["listen", "udp://:7800", "--output", "speaker", "--volume", "3"], "--volume 3: it must be a number"),
        (["listen", "udp://:7800", "--output", "out.wav", "--config", "none.toml"], "no settings file none.toml"),
        (["listen", "bob", "--output", "out.wav"], "'bob' is no link and no contact"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path, monkeypatch, capsys, words, message):
    """Exit code 2, no traceback, no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "other").mkdir()
    soundfile.write("sound.wav", np.zeros(800), 8000)
    Path("packets.g800").write_bytes(bytes(64))
    before = sorted(tmp_path.rglob("*"))
    assert 2 == main(words)
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("gossamer: ")
    assert 1 == len(said.splitlines())
    assert before == sorted(tmp_path.rglob("*"))


def test_a_missing_model_is_said(tmp_path, monkeypatch, capsys):
    """The file's name and what to do, and no output file."""
    from codec import models

    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    assert 2 == main(["encode", str(CLIP), str(tmp_path / "out.g800")])
    assert "codec_encoder.onnx: no such model: reinstall gossamer" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_a_busy_port_is_said(tmp_path):
    """Two listeners cannot have one port; the first one ends with Ctrl-C and leaves nothing where nothing was heard."""
    import signal
    import socket

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as busy:
        busy.bind(("::", 0))
        port = busy.getsockname()[1]
        second = gossamer("listen", f"udp://:{port}", "--output", tmp_path / "second.wav", text=True)
    assert 2 == second.returncode
    assert f"UDP port {port} is in use" in second.stderr
    words = ["listen", f"udp://:{port}", "--output", str(tmp_path / "first.wav")]
    first = subprocess.Popen([sys.executable, "-m", "app", *words], stderr=subprocess.PIPE, text=True)
    assert f"listening on udp://:{port}, open channel\n" == read_line(first.stderr)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=30)[1]
    assert 130 == first.returncode
    assert "gossamer: nothing was heard, so nothing was written\n" == without_invitations(said)
    assert [] == list(tmp_path.iterdir())


def test_nobody_at_the_other_end_is_said():
    """A peer that does not listen answers so, and the command ends."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sent = gossamer("send", f"udp://127.0.0.1:{port}", "--input", CLIP, text=True)
    assert 2 == sent.returncode
    assert f"nobody listens at 127.0.0.1 port {port}" in sent.stderr


def test_help_shows_every_command(capsys):
    """With a line about each."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert 0 == end.value.code
    said = capsys.readouterr().out
    for command in ("talk", "send", "listen", "demo", "encode", "decode", "devices"):
        assert f"\n    {command} " in said


def test_without_portaudio_the_package_to_install_is_named():
    """The library may be missing: everything but sound works, and what needs sound says how to get it."""
    code = (
        "import sys, builtins\n"
        "real = builtins.__import__\n"
        "def refuse(name, *rest):\n"
        "    if name == 'sounddevice': raise OSError('PortAudio library not found')\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = refuse\n"
        "from app.__main__ import main\n"
        "sys.exit(main(['devices']))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 2 == said.returncode
    assert "apt-get install libportaudio2" in said.stderr
