"""The content of packets: pitch, voicing, energy and spectrum, the meaning of every bit, the effect of a flipped one.

Plain functions from packets to tables and to pictures, which are arrays of colours; a terminal and a PNG file are two
ways to show a picture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.codecs.decoding import FeatureDecoder
from codec import format as fmt
from codec.packing import unpack

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]
"""Picture, uint8 [rows, columns, 3]: red, green, blue."""

FOLLOWED = 2
"""Number of packets after the flipped one in which its effect is measured: the decoder remembers two."""
VOICED = 0.5
"""Voicing from which on a frame counts as voiced."""
BACKGROUND, PITCH, LOUD, RULE = (13, 18, 22), (255, 182, 92), (127, 220, 196), (77, 96, 109)
_HEAT = np.array([(13, 18, 22), (38, 60, 84), (60, 120, 140), (127, 220, 196), (242, 208, 107), (255, 245, 220)])
"""Colours of the spectrum from the quietest to the loudest, in even steps."""


@dataclass(frozen=True, slots=True)
class Bit:
    """The meaning of one bit of a packet (codec/packing.py)."""

    bit: int
    byte: int
    mask: int
    """Value of the bit in its byte: 128 for the top bit."""
    latent: int
    """Number of the 40 ms that it belongs to, 0..7."""
    dimension: int
    """Number of the value within them, 0..15."""
    is_high: bool
    """True for the high bit of the Gray code, the sign; in the low bit, 1 stands for one of the inner levels."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The change that a flipped bit makes, averaged over each packet's 32 frames.

    Entry 0 of each tuple is the packet with the bit, the others are the packets after it.
    """

    bit: int
    level_before: float
    """Value that the bit belongs to, before it is flipped."""
    level_after: float
    """The same value afterwards."""
    mel_db: tuple[float, ...]
    """Mean absolute change of the 40 log-mel bands, in dB."""
    f0_cents: tuple[float, ...]
    """Mean absolute change of the pitch over frames voiced before or after, in cents; 0 where there are none."""
    voicing: tuple[float, ...]
    """Mean absolute change of the voicing, 0..1."""


def bit_of(bit: int) -> Bit:
    """Return the meaning of a bit, 0..255. Raises ValueError for another number.

    Bit 2 (16 t + d) is the high bit of dimension d of latent t; the bit after it is the low one.
    """
    if not 0 <= bit < fmt.PACKET_BITS:
        raise ValueError(f"bit {bit}: a packet has the bits 0 to {fmt.PACKET_BITS - 1}")
    value, low = divmod(bit, fmt.BITS_PER_DIMENSION)
    latent, dimension = divmod(value, fmt.LATENT_DIMENSIONS)
    return Bit(bit, bit // 8, 128 >> bit % 8, latent, dimension, low == 0)


def flip(packet: bytes, bit: int) -> bytes:
    """Return the packet with one bit changed. Raises ValueError."""
    place = bit_of(bit)
    changed = bytearray(packet)
    changed[place.byte] ^= place.mask
    return bytes(changed)


def features_of(packets: Sequence[bytes], decoder: FeatureDecoder) -> Array:
    """Decode packets from the start of a transmission: float32 [32 * packets, 42] in 0..1."""
    decoder.reset()
    tables = [decoder.decode(packet) for packet in packets]
    return np.concatenate(tables) if tables else np.zeros((0, fmt.FEATURES), np.float32)


def pitch_hz(features: Array) -> Array:
    """Return the pitch of features, float32 [frames, 42]: [frames] in 55..550 Hz, of unvoiced frames too."""
    ratio = fmt.F0_HIGH_HZ / fmt.F0_LOW_HZ
    return (fmt.F0_LOW_HZ * ratio ** features[:, fmt.F0_INDEX]).astype(np.float32)


def bands_db(features: Array) -> Array:
    """Return the band levels of features, float32 [frames, 42]: [frames, 40] in dB."""
    levels: Array = fmt.BAND_LOW_DB + (fmt.BAND_HIGH_DB - fmt.BAND_LOW_DB) * features[:, fmt.BANDS_SLICE]
    return levels


def energy_db(features: Array) -> Array:
    """Return the mean power of the bands of features, float32 [frames, 42]: [frames] in dB."""
    mean_power: Array = np.mean(10 ** (bands_db(features) / 10), axis=1)
    return (10 * np.log10(mean_power)).astype(np.float32)


def packet_facts(features: Array) -> list[dict[str, float | int | None]]:
    """Return a row for each packet of features, float32 [frames, 42]: its number, start, pitch, voicing and energy.

    The pitch is the median over voiced frames, None where there are none.
    """
    rows: list[dict[str, float | int | None]] = []
    for number in range(len(features) // fmt.PACKET_FRAMES):
        part = features[number * fmt.PACKET_FRAMES : (number + 1) * fmt.PACKET_FRAMES]
        voiced = part[:, fmt.VOICING_INDEX] >= VOICED
        rows.append(
            {
                "packet": number,
                "start_s": round(number * fmt.PACKET_S, 2),
                "pitch_hz": round(float(np.median(pitch_hz(part)[voiced])), 1) if voiced.any() else None,
                "voiced_share": round(float(voiced.mean()), 3),
                "energy_db": round(float(energy_db(part).mean()), 1),
                "energy_peak_db": round(float(energy_db(part).max()), 1),
            }
        )
    return rows


# --- flips ------------------------------------------------------------------------------------------------------


def effect_of(packets: Sequence[bytes], number: int, bit: int, decoder: FeatureDecoder, before: Array) -> Effect:
    """Flip one bit of packet `number`, decode again, and return what changed. Raises ValueError.

    `before` is `features_of(packets, decoder)`.
    """
    if not 0 <= number < len(packets):
        raise ValueError(f"packet {number}: the file has the packets 0 to {len(packets) - 1}")
    damaged = flip(packets[number], bit)
    end = min(len(packets), number + 1 + FOLLOWED)
    after = features_of([*packets[:number], damaged, *packets[number + 1 : end]], decoder)
    place = bit_of(bit)
    mel: list[float] = []
    cents: list[float] = []
    voicing: list[float] = []
    for packet in range(number, end):
        frames = slice(packet * fmt.PACKET_FRAMES, (packet + 1) * fmt.PACKET_FRAMES)
        old, new = before[frames], after[frames]
        mel.append(float(np.abs(bands_db(new) - bands_db(old)).mean()))
        counted = np.maximum(old[:, fmt.VOICING_INDEX], new[:, fmt.VOICING_INDEX]) >= VOICED
        change = np.abs(1200 * np.log2(pitch_hz(new) / pitch_hz(old)))
        cents.append(float(change[counted].mean()) if counted.any() else 0.0)
        voicing.append(float(np.abs(new[:, fmt.VOICING_INDEX] - old[:, fmt.VOICING_INDEX]).mean()))
    value = (place.latent, place.dimension)
    return Effect(
        bit,
        float(unpack(packets[number])[value]),
        float(unpack(damaged)[value]),
        tuple(mel),
        tuple(cents),
        tuple(voicing),
    )


def every_effect(packets: Sequence[bytes], number: int, decoder: FeatureDecoder, before: Array) -> Iterator[Effect]:
    """Yield the effect of each of the 256 bits of packet `number` in turn. Raises ValueError."""
    # From eight packets earlier: four times what the decoder looks back, and a long file takes no longer.
    first = max(0, number - 8)
    near = packets[first : number + 1 + FOLLOWED]
    heard = before if first == 0 else features_of(near, decoder)
    for bit in range(fmt.PACKET_BITS):
        yield effect_of(near, number - first, bit, decoder, heard)


# --- pictures ---------------------------------------------------------------------------------------------------


def draw_features(features: Array, columns: int, spectrum_rows: int = fmt.BANDS, curve_rows: int = 24) -> Pixels:
    """Draw features, float32 [frames, 42], in so many columns, 1 or more; each shows the mean of its frames.

    The spectrum is at the top, its low bands at the bottom; below it come the pitch of voiced frames and the energy,
    with a rule between them on which packets are ticked.
    """
    if not len(features):
        return np.full((spectrum_rows + 2 * curve_rows + 2, columns, 3), BACKGROUND, np.uint8)
    edges = np.linspace(0, len(features), columns + 1).astype(int)
    table = np.stack([features[a : max(a + 1, b)].mean(axis=0) for a, b in pairwise(edges)])
    bands = np.clip((table[:, fmt.BANDS_SLICE] - 0.15) / 0.75, 0, 1)  # -70 to +5 dB: what speech uses
    rows = np.linspace(fmt.BANDS - 1, 0, spectrum_rows).round().astype(int)
    parts = [heat(bands[:, rows].T), _rule(columns, len(features))]
    pitch = np.where(table[:, fmt.VOICING_INDEX] >= VOICED, table[:, fmt.F0_INDEX], np.nan)
    parts += [_curve(pitch, curve_rows, PITCH, filled=False), _rule(columns, len(features))]
    energy = np.clip((energy_db(table) - fmt.BAND_LOW_DB) / (fmt.BAND_HIGH_DB - fmt.BAND_LOW_DB), 0, 1)
    parts.append(_curve(energy, curve_rows, LOUD, filled=True))
    return np.concatenate(parts)


def heat(values: NDArray[np.floating]) -> Pixels:
    """Return the colours of values in 0..1: an array of their shape with one more axis, of colours."""
    places = np.linspace(0, 1, len(_HEAT))
    return np.stack([np.interp(values, places, _HEAT[:, channel]) for channel in range(3)], axis=-1).astype(np.uint8)


def _rule(columns: int, frames: int) -> Pixels:
    """Draw a line of one row with a tick at each packet's start, where the columns are fine enough for that."""
    row = np.full((1, columns, 3), BACKGROUND, np.uint8)
    row[:] = RULE
    starts = np.arange(0, frames, fmt.PACKET_FRAMES) * columns // frames
    if len(starts) * 2 <= columns:
        row[0, starts] = 255
    return row


def _curve(values: NDArray[np.floating], rows: int, colour: tuple[int, int, int], filled: bool) -> Pixels:
    """Draw a curve of values, [columns] in 0..1; nothing is drawn for NaN."""
    drawn = np.full((rows, len(values), 3), BACKGROUND, np.uint8)
    for column, value in enumerate(values):
        if np.isfinite(value):
            top = round((1 - float(value)) * (rows - 1))
            drawn[top : (rows if filled else top + 1), column] = colour
    return drawn


def half_blocks(pixels: Pixels, *, colour: bool = True) -> list[str]:
    """Return a picture as lines of text, two rows of pixels a line: half blocks in 24-bit colours.

    Without colour, they are shades of brightness without any escape sequence.
    """
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, np.full((1, *pixels.shape[1:]), BACKGROUND, np.uint8)])
    if not colour:
        light = pixels.max(axis=2).astype(int)
        both = (light[0::2] + light[1::2]) // 2 - max(BACKGROUND)
        return ["".join(" ░▒▓█"[min(4, max(0, value) * 5 // 234)] for value in row).rstrip() for row in both]
    lines = []
    for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
        cells = "".join(
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in zip(upper, lower, strict=True)
        )
        lines.append(cells + "\x1b[0m")
    return lines


def png(pixels: Pixels, scale: int = 1) -> bytes:
    """Return a picture as an 8-bit RGB PNG file, each pixel `scale` wide and high.

    It has what the W3C PNG specification asks for: signature, IHDR, IDAT, IEND.
    """
    large = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    rows = np.concatenate([np.zeros((len(large), 1), np.uint8), large.reshape(len(large), -1)], axis=1)  # filter 0

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", large.shape[1], large.shape[0], 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            chunk(b"IEND", b""),
        ]
    )
