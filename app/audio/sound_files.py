"""Sound files and packet files: any WAV, FLAC or Ogg in; 16-bit WAV at 8 kHz and bare packets out.

`-` is standard input or output; sound is then raw 16-bit little-endian at 8 kHz. A file appears under its own name only
when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from app.errors import FileProblem, os_reason
from codec import format as fmt

STANDARD_STREAM = "-"
BLOCK_S = 1.0
"""Read sound in pieces of about this length, so that an hour of it needs no more memory than a minute."""

_MAGIC = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an MP3 file"}


def to_int16(samples: np.ndarray) -> np.ndarray:
    """samples: float32 [n], -1..1 -> int16 [n], clipped at full scale."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")


def from_int16(samples: np.ndarray) -> np.ndarray:
    """samples: int16 [n] -> float32 [n], -1..1."""
    return samples.astype(np.float32) / np.float32(32768)


def to_float(pcm: bytes) -> np.ndarray:
    """Raw s16le -> float32 [n], -1..1; half a sample at the end is dropped."""
    return from_int16(np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2"))


# --- reading -----------------------------------------------------------------------------------------------------


class SpeechReader:
    """Sound of any rate and channel count as float32 at 8 kHz mono, block by block.

    `fraction` (0..1, or None where the length is unknown) is how far reading has come. Raises FileProblem.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fraction: float | None = None
        self._raw: BinaryIO | None = None
        if path == STANDARD_STREAM:
            self._raw = sys.stdin.buffer
            return
        _check_readable(path)
        import soundfile  # here: decoding packets must not wait for it

        try:
            self._sound = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise FileProblem(f"{path} is no sound file that can be read (WAV, FLAC or Ogg are): {error}") from error

    def blocks(self) -> Iterator[np.ndarray]:
        """float32 [n], n varies; NaN and what exceeds full scale are made harmless."""
        source = self._raw_blocks(self._raw) if self._raw is not None else self._sound_blocks()
        for block in source:
            yield np.clip(np.nan_to_num(block, nan=0.0), -1.0, 1.0)

    def read_all(self) -> np.ndarray:
        """float32 [samples]"""
        blocks = list(self.blocks())
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _raw_blocks(self, stream: BinaryIO) -> Iterator[np.ndarray]:
        rest = b""
        read = getattr(stream, "read1", stream.read)  # what is there, so that a live pipe is not held up
        while data := read(2 * fmt.PACKET_SAMPLES):
            data = rest + data
            rest = data[len(data) & ~1 :]
            if len(data) > 1:
                yield to_float(data)

    def _sound_blocks(self) -> Iterator[np.ndarray]:
        import soundfile
        import soxr

        with self._sound as sound:
            rate = sound.samplerate
            resampler = None
            if rate != fmt.SAMPLE_RATE_HZ:
                resampler = soxr.ResampleStream(rate, fmt.SAMPLE_RATE_HZ, 1, dtype="float32", quality="VHQ")
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


def read_speech(path: str | Path) -> np.ndarray:
    """A whole sound file as float32 [samples] at 8 kHz. Raises FileProblem."""
    return SpeechReader(str(path)).read_all()


def _check_readable(path: str) -> None:
    try:
        if Path(path).is_dir():
            raise FileProblem(f"{path} is a folder", "name a file in it")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error


class PacketReader:
    """A `.g800` file, packet by packet. After the last one `left_over` is how many bytes made no whole packet."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.left_over = 0
        self.fraction: float | None = None
        if path != STANDARD_STREAM:
            _check_readable(path)

    def packets(self) -> Iterator[bytes]:
        """32 bytes each. Raises FileProblem."""
        with contextlib.ExitStack() as stack:
            if self.path == STANDARD_STREAM:
                stream, size = sys.stdin.buffer, 0
            else:
                stream = stack.enter_context(open(self.path, "rb"))
                size = os.fstat(stream.fileno()).st_size
            done = 0
            while packet := stream.read(fmt.PACKET_BYTES):
                if not done:
                    self._check_magic(packet)
                if len(packet) < fmt.PACKET_BYTES:
                    self.left_over = len(packet)
                    return
                done += len(packet)
                self.fraction = done / size if size else None
                yield packet

    def _check_magic(self, start: bytes) -> None:
        for magic, kind in _MAGIC.items():
            if start.startswith(magic):
                raise FileProblem(f"{self.path} is {kind}, not packets", "`gossamer encode` makes them from sound")


# --- writing -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file that takes its name only if the block ends well; otherwise nothing is left of it. Raises FileProblem."""
    target = Path(path)
    if target.is_dir():
        raise FileProblem(f"{target} is a folder", "name a file in it, or use --out for several files")
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with open(target, "wb") as stream:  # a pipe or a device cannot be renamed over
            yield stream
        return
    if not target.parent.is_dir():
        raise FileProblem(f"cannot write {target}: there is no folder {target.parent}", "make it first")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), 0o666 & ~_umask())  # mkstemp's 0600 is for secrets
        os.replace(temporary, target)
    except OSError as error:
        raise FileProblem(f"cannot write {target}: {os_reason(error)}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_WAVE_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""RIFF size WAVE, "fmt " size, PCM, channels, rate, bytes/s, bytes a frame, bits, data size; all little-endian."""
_UNKNOWN_SIZE = 0xFFFFFFFF


def _wave_header(samples: int | None) -> bytes:
    """44 bytes for 16-bit mono at 8 kHz; None where the length is not known (yet, or ever, in a pipe)."""
    size = _UNKNOWN_SIZE if samples is None else 2 * samples
    riff_size = _UNKNOWN_SIZE if samples is None else size + _WAVE_HEADER.size - 8
    rate = fmt.SAMPLE_RATE_HZ
    return _WAVE_HEADER.pack(b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)


class SpeechWriter:
    """16-bit sound at 8 kHz, a WAV file or raw on standard output; use inside `speech_output`."""

    def __init__(self, stream: BinaryIO, raw: bool) -> None:
        self._stream = stream
        self._raw = raw
        self.samples = 0
        if not raw:
            stream.write(_wave_header(None))

    def write(self, samples: np.ndarray) -> None:
        """samples: float32 [n], -1..1"""
        self._stream.write(to_int16(samples).tobytes())
        self.samples += len(samples)
        if self._raw:
            self._stream.flush()  # whoever reads the pipe hears it now

    def close(self) -> None:
        """Puts the length into the header, where the file can go back to it."""
        if not self._raw and self._stream.seekable():
            self._stream.seek(0)
            self._stream.write(_wave_header(self.samples))


@contextlib.contextmanager
def speech_output(path: str | Path) -> Iterator[SpeechWriter]:
    """Where decoded speech goes: a WAV file that appears when complete, or `-`. Raises FileProblem."""
    with packet_output(path) as stream:
        writer = SpeechWriter(stream, raw=str(path) == STANDARD_STREAM)
        yield writer
        writer.close()


@contextlib.contextmanager
def packet_output(path: str | Path) -> Iterator[BinaryIO]:
    """Where bytes go: a file that appears when complete, or `-`. Raises FileProblem."""
    if str(path) == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with whole_file(path) as stream:
            yield stream


def write_speech(path: str | Path, samples: np.ndarray) -> None:
    """samples: float32 [n], 8 kHz -> a 16-bit WAV file. Raises FileProblem."""
    with speech_output(path) as writer:
        writer.write(samples)
