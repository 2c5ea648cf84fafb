"""Sound files by mail and through pipes: bounded, recognised, or refused in a line."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from app.__main__ import main
from app.audio.packet_files import PacketReader
from app.audio.sound_files import SpeechReader, read_speech, recording_output
from app.errors import FileProblem


def wav(rate_hz: int = 8000, samples: int = 8000, claimed: int | None = None) -> bytes:
    sound = (1000 * np.sin(np.arange(samples) / 5)).astype("<i2").tobytes()
    size = len(sound) if claimed is None else claimed
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", min(size + 36, 2**32 - 1), b"WAVE", b"fmt ", 16, 1, 1,
                       rate_hz, min(2 * rate_hz, 2**32 - 1), 2, 16, b"data", size)  # fmt: skip
    return head + sound


@pytest.mark.parametrize("rate_hz", [0, 1, 100, 1999, 768_001, 10**9, 2**31 - 1, 2**32 - 1])
def test_an_absurd_rate_is_refused(tmp_path, rate_hz):
    """At once, and without the memory that it would take."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(rate_hz))
    began_s = time.monotonic()
    with pytest.raises(FileProblem, match=r"sampling rate|no sound file"):
        read_speech(path)
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF"])
@pytest.mark.parametrize("way", ["stdin", "pipe"])
def test_a_sound_file_in_a_pipe_is_read_as_one(tmp_path, monkeypatch, kind, way):
    """The same sound as from a file, and no noise made of its bytes."""
    path, pipe = tmp_path / "a", tmp_path / "pipe"
    soundfile.write(path, np.sin(np.arange(16000) / 9).astype(np.float32) / 2, 16000, format=kind)
    expected = read_speech(path)
    if way == "stdin":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert np.array_equal(expected, read_speech("-"))
    else:
        os.mkfifo(pipe)
        threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes())).start()
        assert np.array_equal(expected, read_speech(pipe))


@pytest.mark.parametrize("rate_hz", [8000, 12000, 16000, 22050, 44100, 48000])
def test_mp3_without_a_mark_is_known_in_a_pipe(tmp_path, monkeypatch, rate_hz):
    """By its frames: no ID3 stands before them. And it is not taken for packets, whatever its name is."""
    path = tmp_path / "a.g800"
    soundfile.write(path, np.sin(np.arange(2 * rate_hz) / 9) / 2, rate_hz, format="MP3")
    expected = read_speech(path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert np.array_equal(expected, read_speech("-"))
    with pytest.raises(FileProblem, match="is an MP3 file, not packets"):
        list(PacketReader(str(path)).packets())


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours of digital silence: 173 kB of FLAC, 350 MB of sound."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(180):
            file.write(np.zeros(60 * 8000, np.int16))
    assert path.stat().st_size < 400_000
    return path


def without_length(path: Path, new: Path) -> Path:
    """The same FLAC file, whose header does not tell the number of samples (STREAMINFO, 36 bits from bit 108 on)."""
    octets = bytearray(path.read_bytes())
    assert b"fLaC" == octets[:4]
    octets[8 + 13] &= 0xF0
    octets[8 + 14 : 8 + 18] = bytes(4)
    new.write_bytes(octets)
    return new


@pytest.mark.parametrize("told", [True, False])
def test_no_more_is_read_than_is_wanted(tmp_path, bomb, told):
    """Whether the header says how long it is or not; and what is as long as is wanted is read."""
    path = bomb if told else without_length(bomb, tmp_path / "untold.flac")
    tracemalloc.start()
    try:
        with pytest.raises(FileProblem, match="is longer than 10 minutes: cut out"):
            read_speech(path, 600)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
    if told:
        short = tmp_path / "short.flac"
        soundfile.write(short, np.zeros(600 * 8000, np.int16), 8000)
        assert 600 * 8000 == len(read_speech(short, 600))


def test_a_pipe_brings_no_more_than_is_wanted(monkeypatch):
    """Raw sound without an end is refused when it is too long, not when memory is."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless())))
    with pytest.raises(FileProblem, match="is longer than 60 s"):
        read_speech("-", 60)


class Endless(io.RawIOBase):
    """Noise without an end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = bytes([1, 2]) * (len(buffer) // 2) + bytes(len(buffer) % 2)
        return len(buffer)


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "BOMB", "--out", "page.html"],
        ["send", "parrot://", "--input", "BOMB"],
        ["lab", "--tables", "BOMB"],
        ["inspect", "BOMB"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_refuses_a_bomb_in_a_line(tmp_path, monkeypatch, capfd, bomb, words):
    """Without the memory, and without the time, that all of it would take."""
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        code = main([str(bomb) if word == "BOMB" else word for word in words])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    [line] = capfd.readouterr().err.splitlines()
    assert 2 == code
    assert "bomb.flac is longer than" in line
    assert peak < 200e6


AAC_FRAME = bytes([0xFF, 0xF1, 0x50, 0x80, 0x19, 0x1F, 0xFC]) + bytes(range(193))
"""A header of ADTS (200 bytes with it, no checksum) and what is no sound."""
OTHERS = {"an AAC file": AAC_FRAME * 3, "a ZIP archive": b"PK\3\4" + bytes(60), "a program": b"\x7fELF" + bytes(60),
          "a gzip archive": b"\x1f\x8b\x08\0" + bytes(60), "a PDF document": b"%PDF-1.7\n" + bytes(60),
          "a JPEG picture": b"\xff\xd8\xff\xe0" + bytes(60),
          "a tar archive": bytes(257) + b"ustar" + bytes(250)}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_neither_sound_nor_packets_is_neither(tmp_path, monkeypatch, name):
    """In a pipe, and given to decode or encode by any name: no noise is made of it, and no file is left."""
    monkeypatch.chdir(tmp_path)
    for path in ("x", "x.g800", "x.wav"):
        Path(path).write_bytes(OTHERS[name])
        for use in (lambda: list(PacketReader(path).packets()), lambda: read_speech(path)):  # noqa: B023
            with pytest.raises(FileProblem, match=name):
                use()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OTHERS[name])))
    with pytest.raises(FileProblem, match=name) as caught:
        read_speech("-")
    assert "- <" not in str(caught.value) and "-i -" not in str(caught.value)


@pytest.mark.parametrize("content", [bytes([0xFF, 0xF1]) + bytes(1000), AAC_FRAME[:5] + bytes(20), AAC_FRAME[:150]])
def test_aac_in_a_pipe_is_known_by_a_header_without_a_length_or_by_a_frame_that_is_cut(monkeypatch, content):
    """No noise is made of it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(FileProblem, match="is an AAC file, which is not read here"):
        read_speech("-")


def test_a_name_tells_what_the_bytes_do_not(tmp_path):
    """An AAC file without a frame gets its cure, and no sound is taken for packets."""
    (tmp_path / "a.aac").write_bytes(bytes([0xFF, 0xF1]) * 500)
    with pytest.raises(FileProblem, match="ffmpeg"):
        read_speech(tmp_path / "a.aac")
    with pytest.raises(FileProblem, match="name of an AAC file"):
        list(PacketReader(str(tmp_path / "a.aac")).packets())
    (tmp_path / "a.g800").write_bytes(bytes([0x80]) * 64)
    with pytest.raises(FileProblem, match="gossamer decode"):
        read_speech(tmp_path / "a.g800")


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 5000, 5001])
def test_raw_sound_in_a_pipe_stays_raw_sound(monkeypatch, count):
    """Every sample of it, however few; half a sample at the end is dropped."""
    octets = bytes(range(200, 256)) * 100
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets[:count])))
    assert np.array_equal(np.frombuffer(octets[: count & ~1], "<i2"), np.rint(read_speech("-") * 32768))


def test_raw_sound_is_said_to_be_taken_as_such(monkeypatch, capsys):
    """In one line; a sound file in a pipe is not worth one."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(4000))))
    read_speech("-")
    assert "- is taken for raw 16-bit sound at 8 kHz: it does not begin as a sound file\n" == capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav())))
    read_speech("-")
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x20ftypM4A " + bytes(50), "ffmpeg"),
        (b"\x1a\x45\xdf\xa3" + bytes(50), "ffmpeg"),
        (b"#!AMR\n" + bytes(50), "ffmpeg"),
        (b"hello " * 20, "is no sound file"),
        (bytes(2000), "through a pipe"),
        (b"ID3" + bytes(2000), "is no sound file"),
        (b"\xff\xfb\x90\x00" + os.urandom(2000), ""),
    ],
)
@pytest.mark.parametrize("name", ["a", "a.raw", "a.wav", "a.mp3"])
def test_what_cannot_be_read_is_one_line_with_a_cure(tmp_path, monkeypatch, content, message, name):
    """Whatever its name says, and nothing of a library's own on standard error."""
    (tmp_path / name).write_bytes(content)
    run = subprocess.run(
        [sys.executable, "-m", "app", "encode", name, "out.g800"], cwd=tmp_path, capture_output=True, timeout=60,
        text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    if message:
        assert (2, 1) == (run.returncode, run.stderr.count("\n")), run.stderr
        assert message in run.stderr
        assert [name] == os.listdir(tmp_path)
    assert "Traceback" not in run.stderr
    assert all(line.startswith("gossamer: ") for line in run.stderr.splitlines())


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_cut_file_is_said(tmp_path, kind, kept):
    """What is there is read; that there was more is known."""
    path = tmp_path / "a"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 80000), 8000, format=kind)
    whole = SpeechReader(str(path))
    whole.read_all()
    assert not whole.cut_off
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    cut = SpeechReader(str(path))
    try:
        assert 0 < len(cut.read_all()) < 80000
    except FileProblem:
        return  # it is said to be damaged, which is as good
    assert cut.cut_off


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["FLAC", "MP3", "OGG", "WAV"])
def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path, kind, kept):
    """Up to a page or two before the cut, and that it was cut is known."""
    path = tmp_path / "a"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 80000), 8000, format=kind)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    cut = SpeechReader(str(path))
    assert kept * 80000 - 16000 < len(cut.read_all()) < 80000
    assert cut.cut_off


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("WAV", lambda octets: octets[:4] + bytes(4) + octets[8:40] + bytes(4) + octets[44:], "was never finished"),
        ("OGG", lambda octets: octets[:5000], "lacks its end"),
        ("FLAC", lambda octets: octets[:200], "damaged"),
    ],
    ids=["WAV", "OGG", "FLAC"],
)
def test_what_gives_no_sound_at_all_says_why(tmp_path, kind, change, message):
    """In our own words, not in a library's."""
    path = tmp_path / "a"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 80000), 8000, format=kind)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FileProblem, match=message) as caught:
        read_speech(path)
    assert "Error" not in str(caught.value)


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 16000])
def test_a_stream_that_does_not_know_its_length_is_whole(tmp_path, claimed):
    """As pipes of other programs write it."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(claimed=claimed))
    reader = SpeechReader(str(path))
    assert 8000 == len(reader.read_all())
    assert not reader.cut_off


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", "a.wav", "b.ogg"], "name of an Ogg file"),
        (["encode", "a.wav", "b.wav"], "name of a WAV file"),
        (["encode", "a.wav", "b"], "is there already"),
        (["decode", "a.g800", "c.g800"], "name of a file of packets"),
        (["decode", "a.g800", "out.mp3"], "name of an MP3 file"),
        (["decode", "a.g800", "b.wav"], "is there already"),
        (["decode", "t.txt", "out.wav"], "is text, not packets"),
        (["decode", "short", "out.wav"], "holds no packet"),
        (["decode", "empty", "out.wav"], "holds no packet"),
        (["encode", "empty.wav", "out.g800"], "holds no sound"),
        (["encode", "empty", "out.g800"], "empty is empty: name a recording"),
        (["encode", "h.raw", "out.g800"], "through a pipe"),
        (["inspect", "a.g800", "--png", "b.ogg"], "name of an Ogg file"),
        (["compare", "a.wav", "--out", "a.wav"], "name of a WAV file"),
        (["compare", "a.wav", "--out", "b"], "is there already"),
        (["listen", "udp://:7899", "--output", "b.ogg"], "name of an Ogg file"),
        (["listen", "udp://:7899", "--output", "a.wav"], "a recording is not replaced"),
    ],
)
def test_nothing_of_the_user_is_replaced_or_passed_in_silence(tmp_path, monkeypatch, capsys, words, message):
    """Exit code 2, one line, and every file as it was."""
    monkeypatch.chdir(tmp_path)
    contents = {"a.wav": wav(), "b.ogg": b"OggS" + bytes(60), "b": b"OggS" + bytes(60), "b.wav": bytes(99),
                "a.g800": os.urandom(64), "c.g800": os.urandom(32), "t.txt": b"some words\n", "short": b"\x80" * 31,
                "empty": b"", "empty.wav": wav(samples=0), "h.raw": bytes(4000)}  # fmt: skip
    for name, content in contents.items():
        Path(name).write_bytes(content)
    assert 2 == main(words)
    said = capsys.readouterr().err
    assert (message in said, said.count("\n")) == (True, 1), said
    assert contents == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("ending", [RuntimeError(), KeyboardInterrupt(), OSError(28, "No space left on device"), None])
def test_a_recording_can_be_heard_however_it_ended(tmp_path, ending):
    """Also before it ended, as after a kill -9; nothing is left where nothing was heard."""
    path = tmp_path / "a.wav"
    try:
        with recording_output(path) as writer:
            writer.write(np.full(800, 0.5, np.float32))
            assert 800 == len(read_speech(path))
            if ending is not None:
                raise ending
    except (RuntimeError, KeyboardInterrupt, FileProblem):
        pass
    assert 800 == soundfile.info(path).frames
    with recording_output(tmp_path / "b.wav"):
        assert 0 == (tmp_path / "b.wav").stat().st_size  # killed here, it is in nobody's way
    assert [path] == list(tmp_path.iterdir())


FULL = """
import resource, signal, sys
import numpy as np
from app.audio.sound_files import recording_output
from app.errors import FileProblem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_001, 10_001))
try:
    with recording_output(sys.argv[1]) as writer:
        for _ in range(100):
            writer.write(np.full(800, 0.5, np.float32))
except FileProblem as problem:
    sys.exit(str(problem))
"""


def test_a_full_disk_keeps_what_was_recorded(tmp_path):
    """Up to there, as an ordinary WAV file, and it is said so."""
    path = tmp_path / "a.wav"
    words = [sys.executable, "-c", FULL, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment)
    assert "what was recorded until then is in it" in run.stderr
    assert (10_001 - 44) // 2 == soundfile.info(path).frames == len(read_speech(path))
