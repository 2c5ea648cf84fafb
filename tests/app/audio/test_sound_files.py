"""Files in and out: any rate and channel count, whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import threading
import wave

import numpy as np
import pytest
import soundfile

from app.audio import sound_files as files
from app.errors import FileProblem


def tone(rate_hz: int, duration_s: float = 1.0, frequency_hz: float = 440.0) -> np.ndarray:
    """float32 [n], half of full scale"""
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_any_rate_of_any_kind_is_read_in_time(tmp_path, rate_hz, kind):
    """A tone keeps its length, its pitch, its phase and its level."""
    path = tmp_path / f"tone.{kind.lower()}"
    soundfile.write(path, tone(rate_hz), rate_hz, format=kind)
    read = files.read_speech(path)
    assert len(read) == pytest.approx(8000, abs=2)
    middle = slice(1000, 7000)
    tolerance = 0.05 if kind == "OGG" else 0.01
    assert np.abs(read[middle] - tone(8000)[middle]).max() < tolerance


@pytest.mark.parametrize("channels", [1, 2])
def test_channels_are_mixed(tmp_path, channels):
    """Every channel counts the same."""
    path = tmp_path / "many.wav"
    sound = np.zeros((8000, channels), np.float32)
    sound[:, -1] = tone(8000)
    soundfile.write(path, sound, 8000)
    assert np.abs(files.read_speech(path) - tone(8000) / channels).max() < 1e-3


OTHERS = {
    "one of six channels has sound": (0, 0, 0, 0, 0, 1),
    "two in opposite phase": (1, -1),
    "the second one stronger": (-0.4, 1),
    "four, in pairs of opposite phase": (1, -1, 0.9, -0.9),
}


@pytest.mark.parametrize("gains", OTHERS.values(), ids=list(OTHERS))
@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_channels_that_the_mean_would_lose(tmp_path, gains, rate_hz):
    """The strongest channel is taken, from the first moments of the file on."""
    path = tmp_path / "stereo.wav"
    soundfile.write(path, tone(rate_hz)[:, None] * np.float32(gains), rate_hz, subtype="FLOAT")
    read = files.read_speech(path)
    expected = max(gains, key=abs) * tone(8000)
    settled = slice(400, 7000)
    assert np.abs(read[settled] - expected[settled]).max() < 0.01


def test_reading_in_pieces_equals_reading_at_once(tmp_path, monkeypatch):
    """The size of the pieces does not show."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(44100, 2.5), 44100, subtype="FLOAT")
    at_once = files.read_speech(path)
    monkeypatch.setattr(files, "BLOCK_S", 0.01)
    in_pieces = files.read_speech(path)
    assert len(at_once) == len(in_pieces)
    assert np.abs(at_once - in_pieces).max() < 1e-6


def test_what_is_no_number_becomes_silence(tmp_path):
    """NaN and infinity in a float file do not spread, and nothing leaves -1..1."""
    sound = tone(48000)
    sound[1000] = np.nan
    sound[2000] = np.inf
    sound[3000] = 30.0
    path = tmp_path / "bad.wav"
    soundfile.write(path, sound, 48000, subtype="FLOAT")
    read = files.read_speech(path)
    assert np.isfinite(read).all()
    assert np.abs(read).max() <= 1.0
    assert np.abs(read[4000:7000] - tone(8000)[4000:7000]).max() < 0.01


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 44100])
@pytest.mark.parametrize(("loudest", "kind"), [(3e38, "FLOAT"), (1e30, "FLOAT"), (1e300, "DOUBLE")])
def test_what_is_far_beyond_full_scale_is_cut_off_to_it(tmp_path, loudest, kind, rate_hz, channels):
    """Numbers whose sums and squares are none any more: no library warns, and sound behind them is as it was."""
    sound = np.concatenate([np.full(rate_hz, loudest), np.full(rate_hz, -loudest), tone(rate_hz)])
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.repeat(sound[:, None], channels, axis=1), rate_hz, subtype=kind)
    read = files.read_speech(path)
    assert (1.0, 1.0, -1.0) == (np.abs(read).max(), read[1000:7000].min(), read[9000:15000].max())
    assert np.abs(read[18000:23000] - tone(8000)[2000:7000]).max() < 0.01


def test_a_written_file_is_an_ordinary_wav(tmp_path):
    """16 bit, mono, 8 kHz, with the samples rounded and clipped; readable by everybody as far as rights go."""
    path = tmp_path / "out.wav"
    files.write_speech(path, np.array([0.0, 0.5, -1.0, 1.0, 2.0], np.float32))
    with wave.open(str(path)) as sound:
        assert (1, 2, 8000, 5) == sound.getparams()[:4]
        assert [0, 16384, -32768, 32767, 32767] == np.frombuffer(sound.readframes(5), "<i2").tolist()
    mask = os.umask(0)
    os.umask(mask)
    assert 0o666 & ~mask == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("failure", [RuntimeError("full"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(tmp_path, failure):
    """An error or Ctrl-C while writing leaves neither the file nor a temporary one, and an old file as it was."""
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")

    def write_and_fail() -> None:
        with files.speech_output(path) as writer:
            writer.write(tone(8000))
            raise failure

    with pytest.raises(type(failure)):
        write_and_fail()
    assert [path] == list(tmp_path.iterdir())
    assert b"old" == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.wav", None, "no such file"),
        ("text.wav", b"hello", "no sound file"),
        ("empty.wav", b"", "is empty: name a recording"),
        ("cut.flac", b"fLaC\0\0\0\x22", "no sound file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    """One line with the file's name and the reason."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileProblem, match=message) as problem:
        files.read_speech(path)
    assert str(path) in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_folder_is_no_file(tmp_path):
    """Neither to read from nor to write to."""
    with pytest.raises(FileProblem, match="is a folder"):
        files.read_speech(tmp_path)
    with pytest.raises(FileProblem, match="is a folder"):
        files.write_speech(tmp_path, tone(8000))


def test_a_missing_folder_is_named(tmp_path):
    """The cause and the cure."""
    with pytest.raises(FileProblem, match=r"there is no folder .*nowhere: make it first"):
        files.write_speech(tmp_path / "nowhere" / "out.wav", tone(8000))


def test_a_pipe_gets_a_wav_of_unknown_length(tmp_path):
    """A header that cannot be corrected afterwards says so, and whoever reads the stream finds all samples in it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    files.write_speech(path, tone(8000))
    reader.join(10)
    [octets] = read
    assert (b"RIFF\xff\xff\xff\xff", b"data\xff\xff\xff\xff") == (octets[:8], octets[36:44])
    sound, rate_hz = soundfile.read(io.BytesIO(octets), dtype="float32")
    assert 8000 == rate_hz
    assert np.abs(sound - tone(8000)).max() < 1e-4


@pytest.mark.parametrize(("octets", "cut"), [(3000, False), (3001, True)])
def test_half_a_sample_at_the_end_of_a_pipe_is_said(monkeypatch, octets, cut):
    """Raw sound whose last sample lacks a byte was cut off."""
    sound = files.to_int16(tone(8000)).tobytes()[:octets]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sound)))
    reader = files.SpeechReader("-")
    assert octets // 2 == len(reader.read_all())
    assert cut == reader.cut_off


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="Linux has a file that cannot be read")
def test_a_file_that_cannot_be_read_is_said_in_a_line() -> None:
    """As a disk that fails says it."""
    with pytest.raises(FileProblem, match="cannot read /proc/self/mem: input/output error"):
        files.SpeechReader("/proc/self/mem")
