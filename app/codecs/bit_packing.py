"""Codec frames packed one behind the other, as a link or a file carries them, and taken apart again.

Frames of one length in bits lie bit by bit, most significant bit first, so that the bits which fill up each frame's
last byte are not sent; only the last byte of the whole is filled up with zeros. Before each frame of varying length
stands a byte with its length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST_FRAME_BYTES = 0xFF
"""Longest frame of varying length that a byte can announce."""


def pack_frames(frames: Sequence[bytes], frame_bits: int | None) -> bytes:
    """Return the frames packed, each of `frame_bits` bits, or of varying length where that is None.

    Three frames of 5 bits, in hexadecimal ff, 00 and ff, make f8 3e. Raises ValueError for a frame of varying length
    that is longer than LONGEST_FRAME_BYTES.
    """
    if frame_bits is None:
        return b"".join(bytes([len(frame)]) + frame for frame in frames)
    if not frames:
        return b""
    rows = [np.unpackbits(np.frombuffer(frame, np.uint8))[:frame_bits] for frame in frames]
    return np.packbits(np.concatenate(rows)).tobytes()


def unpack_frames(octets: bytes, frame_bits: int | None) -> list[bytes]:
    """Return the frames in `octets`, which may be damaged.

    A damaged length makes nonsense of all that follows it: the frames before it are returned. A frame has more bits
    than a byte, or the bits that fill up the last byte would count as one.
    """
    if frame_bits is not None:
        bits = np.unpackbits(np.frombuffer(octets, np.uint8))
        whole = bits[: len(bits) // frame_bits * frame_bits].reshape(-1, frame_bits)
        return [np.packbits(row).tobytes() for row in whole]
    frames, at = [], 0
    while at < len(octets) and 0 < octets[at] < len(octets) - at:
        frames.append(octets[at + 1 : at + 1 + octets[at]])
        at += 1 + octets[at]
    return frames


def packed_bytes(frames: Sequence[bytes], frame_bits: int | None) -> int:
    """Return the length of `pack_frames(frames, frame_bits)`."""
    if frame_bits is None:
        return len(frames) + sum(map(len, frames))
    return (len(frames) * frame_bits + 7) // 8
