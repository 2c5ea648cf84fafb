"""Sound files: any WAV, FLAC or Ogg in, 16-bit WAV at 8 kHz out.

`-` is standard input or output; sound is then raw: 16-bit little-endian samples at 8 kHz.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.errors import FileProblem
from app.storage import STANDARD_STREAM, check_readable, packet_output
from codec.format import PACKET_SAMPLES, SAMPLE_RATE_HZ

BLOCK_S = 1.0
"""Seconds of sound that are read at a time, so that an hour needs no more memory than a minute."""


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

    `fraction` (0..1, or None where the length is unknown) is how far reading has come.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fraction: float | None = None
        self._raw: BinaryIO | None = None
        if path == STANDARD_STREAM:
            self._raw = sys.stdin.buffer
            return
        check_readable(path)
        import soundfile  # here: decoding packets must not wait for it

        try:
            self._sound = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise FileProblem(f"{path} is no sound file that can be read (WAV, FLAC or Ogg are): {error}") from error

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound as float32 [n] at 8 kHz, mono, n varies, -1..1; NaN becomes silence."""
        source = self._raw_blocks(self._raw) if self._raw is not None else self._sound_blocks()
        for block in source:
            yield np.clip(np.nan_to_num(block, nan=0.0), -1.0, 1.0)

    def read_all(self) -> NDArray[np.float32]:
        """Return the whole sound: float32 [samples] at 8 kHz, mono, -1..1."""
        blocks = list(self.blocks())
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _raw_blocks(self, stream: BinaryIO) -> Iterator[NDArray[np.float32]]:
        rest = b""
        read = getattr(stream, "read1", stream.read)  # what is there, so that a live pipe is not held up
        while data := read(2 * PACKET_SAMPLES):
            data = rest + data
            rest = data[len(data) & ~1 :]
            if len(data) > 1:
                yield to_float(data)

    def _sound_blocks(self) -> Iterator[NDArray[np.float32]]:
        import soundfile
        import soxr

        with self._sound as sound:
            rate = sound.samplerate
            resampler = None
            if rate != SAMPLE_RATE_HZ:
                resampler = soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="VHQ")
            done = 0
            while True:
                try:
                    block = sound.read(max(1, int(BLOCK_S * rate)), dtype="float32", always_2d=True)
                except (soundfile.LibsndfileError, RuntimeError) as error:
                    raise FileProblem(f"{self.path} is damaged: {error}") from error
                done += len(block)
                self.fraction = min(1.0, done / max(1, sound.frames))
                mono = block.mean(axis=1, dtype=np.float32)
                if resampler is not None:
                    mono = np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)  # or it spreads through the filter
                    mono = resampler.resample_chunk(mono, last=not len(block))
                if len(mono):
                    yield mono
                if not len(block):
                    return


def read_speech(path: str | Path) -> NDArray[np.float32]:
    """Return a whole sound file: float32 [samples] at 8 kHz, mono, -1..1. Raises FileProblem."""
    return SpeechReader(str(path)).read_all()


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
        if not raw:
            stream.write(_wave_header(None))

    def write(self, samples: NDArray[np.float32]) -> None:
        """Write float32 [n], -1..1; what is beyond full scale is clipped."""
        self._stream.write(to_int16(samples).tobytes())
        self.samples += len(samples)
        if self._raw:
            self._stream.flush()  # whoever reads the pipe hears it now

    def close(self) -> None:
        """Write the length into the header, where the stream can go back to it."""
        if not self._raw and self._stream.seekable():
            self._stream.seek(0)
            self._stream.write(_wave_header(self.samples))


@contextlib.contextmanager
def speech_output(path: str | Path) -> Iterator[SpeechWriter]:
    """Open what sound is written to: a WAV file that appears when complete, or standard output. Raises FileProblem."""
    with packet_output(path) as stream:
        writer = SpeechWriter(stream, raw=str(path) == STANDARD_STREAM)
        yield writer
        writer.close()


def write_speech(path: str | Path, samples: NDArray[np.float32]) -> None:
    """Write float32 [n], 8 kHz, -1..1, as a 16-bit WAV file. Raises FileProblem."""
    with speech_output(path) as writer:
        writer.write(samples)
