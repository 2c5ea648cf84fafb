"""Sound files: any WAV, FLAC or Ogg in, 16-bit WAV at 8 kHz out.

`-` is standard input or output; sound is then raw: 16-bit little-endian samples at 8 kHz.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.audio.channels import ChannelMixer
from app.audio.raw_sound import can_be_sound
from app.audio.sound_blocks import ogg_has_end, silent, sound_blocks, spooled
from app.console import aside
from app.errors import FileProblem, os_reason
from app.file_kinds import MP3, OGG, OTHER_SOUND, SOUND, START_BYTES, WAV, check_output, kind_of, no_sound
from app.storage import STANDARD_STREAM, is_ordinary, open_input, packet_output, recording_file
from codec.format import PACKET_SAMPLES, SAMPLE_RATE_HZ

MIN_RATE_HZ, MAX_RATE_HZ = 2000, 768_000
"""Sampling rates that are read. Others are mistakes, or made to take all memory."""
BLOCK_SAMPLES = 1 << 21
"""Most samples, of all channels together, that are read at a time."""
UNKNOWN_FRAMES = 1 << 40
"""Number of frames from which on a file is taken not to know its length."""
BLOCK_S = 1.0
"""Seconds of sound that are read at a time, so that an hour needs no more memory than a minute."""
LONGEST_S = 3600.0
"""Longest sound that is read as a whole, in seconds, unless a command takes less: it needs 115 MB."""


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return float32 [n], -1..1, as int16 [n] (little-endian), clipped at full scale."""
    rounded: NDArray[np.int16] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")
    return rounded


def from_int16(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return int16 [n] as float32 [n], -1..1."""
    return samples.astype(np.float32) / np.float32(32768)


def to_float(pcm: bytes) -> NDArray[np.float32]:
    """Return raw 16-bit little-endian samples as float32 [n], -1..1; half a sample at the end is dropped."""
    return from_int16(np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2"))


# --- reading -----------------------------------------------------------------------------------------------------


class SpeechReader:
    """A sound file of any sampling rate and number of channels, read block by block. Raises FileProblem.

    A pipe, and standard input, brings either such a file or raw sound, which its first bytes tell apart. `fraction`
    (0..1, or None where the length is unknown) is how far reading has come; `cut_off`, after the last block, whether
    there was less than the file says; `title` and `artist` are those of its tags.
    """

    def __init__(self, path: str, longest_s: float = math.inf) -> None:
        """Open a file of `longest_s` seconds at most: a longer one is a FileProblem before more of it is read."""
        self.path = path
        self._longest_s = longest_s
        self.title = self.artist = ""
        self.fraction: float | None = None
        self.cut_off = False
        self._start = b""
        self._stream = open_input(path)
        ordinary = is_ordinary(self._stream)
        try:
            self._start = self._stream.read(START_BYTES)
        except OSError as problem:
            raise FileProblem(f"cannot read {path}: {os_reason(problem)}") from problem
        kind = kind_of(self._start)
        if kind in OTHER_SOUND:
            raise no_sound(path, kind)
        self._is_raw = kind not in SOUND and (path == STANDARD_STREAM or not ordinary)
        if self._is_raw:
            if kind is not None:
                raise FileProblem(f"{path} brings {kind.name}, and no sound", "give a WAV file, or raw 16-bit sound")
            if not can_be_sound(self._start):
                cause = f"{path} brings neither a sound file nor raw sound: it would be noise at full volume"
                raise FileProblem(cause, "packets become sound with `gossamer decode`; make WAV of anything else")
            if self._start:
                aside(f"{path} is taken for raw 16-bit sound at 8 kHz: it does not begin as a sound file")
            return
        if not self._start:
            raise FileProblem(f"{path} is empty", "name a recording")
        whole = self._stream if ordinary and path != STANDARD_STREAM else spooled(self._start, self._stream, path)
        self._file_bytes = os.fstat(whole.fileno()).st_size
        self._quiet = kind is MP3 or kind is None  # the library for MP3 prints what it thinks of a file
        self._whole, self._kind = whole, kind
        self._sound = self._opened()
        self.title, self.artist = str(self._sound.title or ""), str(self._sound.artist or "")
        frames = self._sound.frames
        if frames < UNKNOWN_FRAMES:
            self._check_length(frames / self._sound.samplerate)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound as float32 [n] at 8 kHz, mono, n varies, -1..1; NaN becomes silence."""
        samples = 0
        for block in self._raw_blocks() if self._is_raw else self._sound_blocks():
            samples += len(block)
            self._check_length(samples / SAMPLE_RATE_HZ)
            yield np.clip(np.nan_to_num(block, nan=0.0), -1.0, 1.0)

    def read_all(self) -> NDArray[np.float32]:
        """Return the whole sound: float32 [samples] at 8 kHz, mono, -1..1."""
        blocks = list(self.blocks())
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _check_length(self, seconds: float) -> None:
        """Refuse what is longer than the caller takes: packed silence of a day is 14 MB, and 3 GB of sound."""
        if seconds > self._longest_s:
            most = f"{self._longest_s / 60:.0f} minutes" if self._longest_s > 60 else f"{self._longest_s:.0f} s"
            raise FileProblem(f"{self.path} is longer than {most}", "cut out the part that matters")

    def _opened(self) -> Any:
        """Return the sound file, at its beginning.

        The library gets a descriptor, not the stream: what a signal raises would be lost in the callbacks for that.
        """
        import soundfile  # here: decoding packets must not wait for it

        handle = self._whole.fileno()
        os.lseek(handle, 0, os.SEEK_SET)
        try:
            with silent() if self._quiet else contextlib.nullcontext():
                sound = soundfile.SoundFile(handle, closefd=False)
        except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise no_sound(self.path, self._kind) from error
        if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
            cause = f"{self.path} has a sampling rate of {sound.samplerate} Hz"
            raise FileProblem(cause, f"convert it to one from {MIN_RATE_HZ} to {MAX_RATE_HZ}")
        return sound

    def _raw_blocks(self) -> Iterator[NDArray[np.float32]]:
        read = getattr(self._stream, "read1", self._stream.read)  # what is there, so that a live pipe is not held up
        data = self._start
        while data:
            if len(data) > 1:
                yield to_float(data)
            rest = data[len(data) & ~1 :]
            data = read(2 * PACKET_SAMPLES)
            self.cut_off = not data and bool(rest)
            data = rest + data if data else b""

    def _sound_blocks(self) -> Iterator[NDArray[np.float32]]:
        import soxr

        with self._sound as sound:
            rate = sound.samplerate
            resampler = None
            if rate != SAMPLE_RATE_HZ:
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="VHQ")
            frames = max(1, min(int(BLOCK_S * rate), BLOCK_SAMPLES // sound.channels))
            mixer = ChannelMixer(rate)
            done = 0
            for block in sound_blocks(sound, self._opened, frames, quiet=self._quiet):
                done += len(block)
                self.fraction = min(1.0, done / max(1, sound.frames))
                mono = mixer.mix(block)
                if resampler is not None:
                    mono = resampler.resample_chunk(mono, last=not len(block))
                if len(mono):
                    yield mono
            self._check_end(done, sound.frames)

    def _check_end(self, done: int, told: int) -> None:
        """Note whether there was less than the `told` samples. Raises FileProblem where there was nothing of them."""
        self.cut_off = self._claims_more() or done < told < UNKNOWN_FRAMES or done > told == 0
        self.cut_off = self.cut_off or (self._kind is OGG and not ogg_has_end(self._whole))
        if done:
            return
        if self._start[:4] == b"RIFF" and self._start[4:8] == bytes(4):
            cause = f"the header of {self.path} was never finished, so it does not tell how much sound follows"
            raise FileProblem(cause, "open it as raw data in a sound editor, and save it")
        if self._kind is OGG:
            cause = f"{self.path} holds no sound, or lacks its end, without which an Ogg file is not read here"
            raise FileProblem(cause, f"`ffmpeg -i {self.path} sound.wav` saves what is there")
        if told:
            raise FileProblem(f"{self.path} is damaged: nothing of it can be read", "get it once more")

    def _claims_more(self) -> bool:
        """Tell whether the header of a WAV file promises more bytes than there are; 0 and the largest say nothing."""
        if self._start[:4] != b"RIFF" or len(self._start) < 8:
            return False
        claimed = int.from_bytes(self._start[4:8], "little")
        return 0 < claimed < 0x7FFFFFFF and claimed + 8 > self._file_bytes + 1  # a byte of padding may be missing


def read_speech(path: str | Path, longest_s: float = LONGEST_S) -> NDArray[np.float32]:
    """Return a whole sound file of `longest_s` seconds at most: float32 [samples] at 8 kHz, mono, -1..1.

    Raises FileProblem.
    """
    return SpeechReader(str(path), longest_s).read_all()


# --- writing -----------------------------------------------------------------------------------------------------

# `wave` and soundfile both go back to the header when the length is known. A pipe does not let them: this header can
# say that the length is unknown, and programs that read a stream then read to its end.
_WAVE_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""RIFF size WAVE, "fmt " size, PCM, channels, rate, bytes/s, bytes a frame, bits, data size; all little-endian."""
_UNKNOWN_SIZE = 0xFFFFFFFF


def _wave_header(samples: int | None) -> bytes:
    """Return the 44 bytes before 16-bit mono at 8 kHz; None: the number of samples is not known, yet or ever."""
    size = _UNKNOWN_SIZE if samples is None else 2 * samples
    riff_size = _UNKNOWN_SIZE if samples is None else size + _WAVE_HEADER.size - 8
    rate = SAMPLE_RATE_HZ
    return _WAVE_HEADER.pack(b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)


class SpeechWriter:
    """Sound on its way out, 16-bit at 8 kHz: with a WAV header, or raw. `speech_output` opens and closes it."""

    def __init__(self, stream: BinaryIO, raw: bool) -> None:
        self._stream = stream
        self._raw = raw
        self.samples = 0
        """Samples written so far."""
        self._begun = raw

    def write(self, samples: NDArray[np.float32]) -> None:
        """Write float32 [n], -1..1; what is beyond full scale is clipped."""
        self._begin()
        _write_all(self._stream, to_int16(samples).tobytes())
        self.samples += len(samples)
        if self._raw:
            self._stream.flush()  # whoever reads the pipe hears it now

    def _begin(self) -> None:
        """Write the header, once there is something to follow it: a recording without sound is an empty file."""
        if not self._begun:
            self._begun = True
            self._stream.write(_wave_header(None))

    def close(self) -> None:
        """Write the length into the header, where the stream can go back to it."""
        self._begin()
        if not self._raw and self._stream.seekable():
            written = self._stream.seek(0, os.SEEK_END) - _WAVE_HEADER.size  # less than was tried, on a full disk
            self._stream.seek(0)
            self._stream.write(_wave_header(max(0, written) // 2))


@contextlib.contextmanager
def speech_output(path: str | Path) -> Iterator[SpeechWriter]:
    """Open what sound is written to: a WAV file that appears when complete, or standard output. Raises FileProblem."""
    with packet_output(path) as stream:
        writer = SpeechWriter(stream, raw=str(path) == STANDARD_STREAM)
        yield writer
        writer.close()


@contextlib.contextmanager
def recording_output(path: str | Path) -> Iterator[SpeechWriter]:
    """Open what speech is recorded to: a new WAV file, or standard output.

    However the block ends, what was written can be heard, also after the program was killed; a file without sound is
    taken away again. Raises FileProblem where there is a file already.
    """
    if str(path) == STANDARD_STREAM or (Path(path).exists() and not Path(path).is_file()):
        with speech_output(path) as writer:
            yield writer
        return
    check_output(path, WAV)
    with recording_file(path) as stream:
        writer = SpeechWriter(stream, raw=False)
        try:
            yield writer
        finally:
            if writer.samples:
                writer.close()
            else:
                Path(path).unlink(missing_ok=True)


def _write_all(stream: BinaryIO, octets: bytes) -> None:
    """Write all of it; an unbuffered file may take a part at a time."""
    rest = memoryview(octets)
    while rest:
        rest = rest[stream.write(rest) :]


def write_speech(path: str | Path, samples: NDArray[np.float32]) -> None:
    """Write float32 [n], 8 kHz, -1..1, as a 16-bit WAV file. Raises FileProblem."""
    with speech_output(path) as writer:
        writer.write(samples)
