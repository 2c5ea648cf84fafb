"""What is in packets: pitch, voicing, energy and spectrum of each, what every bit is, and what a flipped one does.

Plain functions from packets to tables and pictures (arrays of colours); a terminal and a PNG are two ways to show them.
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
Picture = NDArray[np.uint8]
"""uint8 [rows, columns, 3]: red, green, blue."""

FOLLOWED = 2
"""Packets after the flipped one in which its effect is measured: the decoder remembers two."""
VOICED = 0.5
"""From here on a frame counts as voiced."""
BACKGROUND, PITCH, LOUD, RULE = (13, 18, 22), (255, 182, 92), (127, 220, 196), (77, 96, 109)
_HEAT = np.array([(13, 18, 22), (38, 60, 84), (60, 120, 140), (127, 220, 196), (242, 208, 107), (255, 245, 220)])
"""From the quietest to the loudest, in even steps."""


@dataclass(frozen=True, slots=True)
class Bit:
    """What one bit of a packet is (codec/packing.py)."""

    bit: int
    byte: int
    mask: int
    """Its place in the byte: 128 is the top bit."""
    latent: int
    """0..7: which 40 ms."""
    dimension: int
    """0..15."""
    is_high: bool
    """The high Gray bit says the sign; the low one, 1, that the level is one of the two inner ones."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a flipped bit changes, on average over a packet's 32 frames; entry 0 is its own packet, then the next."""

    bit: int
    level_before: float
    level_after: float
    mel_db: tuple[float, ...]
    """Mean of |change| of the 40 log-mel bands, dB."""
    f0_cents: tuple[float, ...]
    """Mean of |change| of F0 over frames voiced before or after, cents; 0 where none is."""
    voicing: tuple[float, ...]
    """Mean of |change| of voicing, 0..1."""


def bit_of(bit: int) -> Bit:
    """Bit 2 (16 t + d) is the high one of dimension d of latent t; the next its low one. Raises ValueError."""
    if not 0 <= bit < fmt.PACKET_BITS:
        raise ValueError(f"bit {bit}: a packet has the bits 0 to {fmt.PACKET_BITS - 1}")
    value, low = divmod(bit, fmt.BITS_PER_DIMENSION)
    latent, dimension = divmod(value, fmt.LATENT_DIMENSIONS)
    return Bit(bit, bit // 8, 128 >> bit % 8, latent, dimension, low == 0)


def flip(packet: bytes, bit: int) -> bytes:
    """The packet with one bit changed. Raises ValueError."""
    place = bit_of(bit)
    changed = bytearray(packet)
    changed[place.byte] ^= place.mask
    return bytes(changed)


def features_of(packets: Sequence[bytes], decoder: FeatureDecoder) -> Array:
    """From the start of a transmission: float32 [32 * packets, 42] in 0..1."""
    decoder.reset()
    tables = [decoder.decode(packet) for packet in packets]
    return np.concatenate(tables) if tables else np.zeros((0, fmt.FEATURES), np.float32)


def pitch_hz(features: Array) -> Array:
    """float32 [frames, 42] -> [frames], 55..550 Hz, unvoiced frames too."""
    ratio = fmt.F0_HIGH_HZ / fmt.F0_LOW_HZ
    return (fmt.F0_LOW_HZ * ratio ** features[:, fmt.F0_INDEX]).astype(np.float32)


def bands_db(features: Array) -> Array:
    """float32 [frames, 42] -> [frames, 40], dB."""
    return fmt.BAND_LOW_DB + (fmt.BAND_HIGH_DB - fmt.BAND_LOW_DB) * features[:, fmt.BANDS_SLICE]


def energy_db(features: Array) -> Array:
    """float32 [frames, 42] -> [frames]: mean power of the bands, dB."""
    return (10 * np.log10(np.mean(10 ** (bands_db(features) / 10), axis=1))).astype(np.float32)


def packet_facts(features: Array) -> list[dict[str, float | int | None]]:
    """One row a packet: its number, start, pitch (median over voiced frames; None without), voiced share, energy."""
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
    """Flip one bit of packet `number` and decode again; `before` is `features_of(packets)`. Raises ValueError."""
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
    """Each of the 256 bits in turn."""
    # From eight packets earlier: four times what the decoder looks back, and a long file takes no longer.
    first = max(0, number - 8)
    near = packets[first : number + 1 + FOLLOWED]
    heard = before if first == 0 else features_of(near, decoder)
    for bit in range(fmt.PACKET_BITS):
        yield effect_of(near, number - first, bit, decoder, heard)


# --- pictures ---------------------------------------------------------------------------------------------------


def picture(features: Array, columns: int, spectrum_rows: int = fmt.BANDS, curve_rows: int = 24) -> Picture:
    """Spectrum (low bands at the bottom), below it pitch where voiced, then energy; a rule between, packets ticked.

    features: float32 [frames, 42]; columns: 1 or more; a column shows the mean of its frames."""
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


def heat(values: NDArray[np.floating]) -> Picture:
    """Any shape in 0..1 -> one more axis of colours."""
    places = np.linspace(0, 1, len(_HEAT))
    return np.stack([np.interp(values, places, _HEAT[:, channel]) for channel in range(3)], axis=-1).astype(np.uint8)


def _rule(columns: int, frames: int) -> Picture:
    """A line of one row with a tick at each packet's start, as far as columns can tell them apart."""
    row = np.full((1, columns, 3), BACKGROUND, np.uint8)
    row[:] = RULE
    starts = np.arange(0, frames, fmt.PACKET_FRAMES) * columns // frames
    if len(starts) * 2 <= columns:
        row[0, starts] = 255
    return row


def _curve(values: NDArray[np.floating], rows: int, colour: tuple[int, int, int], filled: bool) -> Picture:
    """values: [columns] in 0..1, NaN where nothing is drawn."""
    drawn = np.full((rows, len(values), 3), BACKGROUND, np.uint8)
    for column, value in enumerate(values):
        if np.isfinite(value):
            top = round((1 - float(value)) * (rows - 1))
            drawn[top : (rows if filled else top + 1), column] = colour
    return drawn


def half_blocks(pixels: Picture, colour: bool = True) -> list[str]:
    """Two rows of pixels to a line of text: a half block of two 24-bit colours. Without colour: shades of brightness,
    and no escape sequence at all."""
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


def png(pixels: Picture, scale: int = 1) -> bytes:
    """An 8-bit RGB PNG (W3C PNG specification: signature, IHDR, IDAT, IEND), each pixel `scale` wide and high."""
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
