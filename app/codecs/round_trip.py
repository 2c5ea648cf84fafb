"""A whole recording through a codec and back, without a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.codecs.reference import ReferenceCodec, Speech
from codec.format import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class CodedRecording:
    """A recording as a codec sends it, and as it comes back."""

    frames: Sequence[bytes]
    """Codec frames of the recording; the last one is filled up with silence."""
    decoded: Speech
    """Decoded speech, float32, at least as long as the recording; the codec's delay is still in it."""
    bits: int
    """Bits of the frames, in what the codec itself calls bits."""
    seconds: float
    """Speech that the frames stand for: a whole number of frames."""

    @property
    def rate_bps(self) -> float:
        """Bits per second of speech; 0 for an empty recording."""
        return self.bits / self.seconds if self.frames else 0.0


def padded(samples: Speech, multiple: int) -> Speech:
    """Return the samples, float32 [n], with silence behind them up to a multiple of so many samples."""
    return np.pad(samples, (0, -len(samples) % multiple)).astype(np.float32)


def encode_recording(codec: ReferenceCodec, samples: Speech) -> list[bytes]:
    """Return the codec frames of a recording, float32 [n], from a fresh start. Raises CodecMissing or CodecError."""
    encode = codec.open_encoder()
    return [encode(block) for block in padded(samples, codec.frame_samples).reshape(-1, codec.frame_samples)]


def round_trip(codec: ReferenceCodec, samples: Speech, flush_s: float) -> CodedRecording:
    """Encode and decode a recording, float32 [n], from a fresh start. Raises CodecMissing or CodecError.

    After it so much silence is coded, which pushes out what the codec still holds; it is not counted.
    """
    size = codec.frame_samples
    count = -(-len(samples) // size)
    silence = np.zeros(round(flush_s * SAMPLE_RATE_HZ), np.float32)
    frames = encode_recording(codec, np.concatenate([padded(samples, size), silence]))
    decode = codec.open_decoder()
    decoded = np.concatenate([decode(frame) for frame in frames]) if frames else np.zeros(0, np.float32)
    counted = frames[:count]
    bits = 8 * sum(map(len, counted)) if codec.frame_bits is None else count * codec.frame_bits
    return CodedRecording(counted, decoded, bits, count * size / SAMPLE_RATE_HZ)
