"""Packets looked at: what each bit is, what a flip does, the pictures, and the command."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from app.__main__ import main
from app.analysis.packet_view import (
    bit_of,
    draw_features,
    effect_of,
    energy_db,
    every_effect,
    features_of,
    flip,
    half_blocks,
    packet_facts,
    pitch_hz,
    png,
)
from codec import format as fmt
from codec.decoder import Decoder
from codec.packing import pack, unpack

CLIP = Path(__file__).parents[3] / "assets" / "clips" / "gossamer.flac"


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The bundled clip as packets."""
    path = tmp_path_factory.mktemp("inspect") / "clip.g800"
    assert 0 == main(["encode", str(CLIP), str(path)])
    return path


@pytest.fixture(scope="module")
def packets(path) -> list[bytes]:
    content = path.read_bytes()
    return [content[place : place + 32] for place in range(0, len(content), 32)]


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


def table(**columns: float) -> np.ndarray:
    """Features of one packet: everything quiet but what is given."""
    features = np.zeros((fmt.PACKET_FRAMES, fmt.FEATURES), np.float32)
    features[:, fmt.F0_INDEX] = columns.get("f0", 0.0)
    features[:, fmt.VOICING_INDEX] = columns.get("voicing", 0.0)
    features[:, fmt.BANDS_SLICE] = columns.get("bands", 0.0)
    return features


@pytest.mark.parametrize("bit", range(fmt.PACKET_BITS))
def test_a_bit_is_where_packing_puts_it(bit):
    """Flipping a bit changes that value of that latent alone, its sign or mirror as the Gray code says."""
    levels = np.full((fmt.LATENTS, fmt.LATENT_DIMENSIONS), 0.5, np.float32)
    place = bit_of(bit)
    expected = levels.copy()
    expected[place.latent, place.dimension] = -0.5 if place.is_high else 1.5
    np.testing.assert_array_equal(expected, unpack(flip(pack(levels), bit)))


@pytest.mark.parametrize("bit", [-1, 256])
def test_other_bits_there_are_none(bit):
    """A packet has 256."""
    with pytest.raises(ValueError, match="0 to 255"):
        bit_of(bit)


def test_figures_have_their_units():
    """The ends of the feature range are the Hz and dB that the format says."""
    assert [55.0, 550.0] == pytest.approx([pitch_hz(table(f0=0.0))[0], pitch_hz(table(f0=1.0))[0]])
    assert [-85.0, 15.0] == pytest.approx([energy_db(table())[0], energy_db(table(bands=1.0))[0]], abs=1e-3)
    [row] = packet_facts(table(f0=1.0, voicing=1.0))
    assert (550.0, 1.0) == (row["pitch_hz"], row["voiced_share"])
    assert packet_facts(table())[0]["pitch_hz"] is None


def test_the_effect_of_a_flip_is_measured(packets, decoder):
    """A flip changes its packet by what two decodings differ by, and nothing before it."""
    before = features_of(packets, decoder)
    effect = effect_of(packets, 3, 17, decoder, before)
    after = features_of([*packets[:3], flip(packets[3], 17), *packets[4:]], decoder)
    np.testing.assert_array_equal(before[: 3 * 32], after[: 3 * 32])
    change_db = 100 * np.abs(after[3 * 32 : 4 * 32, 2:] - before[3 * 32 : 4 * 32, 2:]).mean()
    assert change_db == pytest.approx(effect.mel_db[0], rel=1e-4)
    assert change_db > 0 and 3 == len(effect.mel_db)


def test_the_last_packet_has_nothing_after_it(packets, decoder):
    """An effect is as long as the file."""
    assert 1 == len(effect_of(packets, len(packets) - 1, 0, decoder, features_of(packets, decoder)).mel_db)


def test_every_bit_in_turn(packets, decoder):
    """Each of the 256 once, and each does something."""
    effects = list(every_effect(packets[:2], 0, decoder, features_of(packets[:2], decoder)))
    assert list(range(256)) == [effect.bit for effect in effects]
    assert all(effect.mel_db[0] > 0 for effect in effects)


def read_png(content: bytes) -> np.ndarray:
    """The pixels again, by the chunks of the PNG specification; every checksum is tried."""
    stream = BytesIO(content)
    assert b"\x89PNG\r\n\x1a\n" == stream.read(8)
    chunks = {}
    while head := stream.read(8):
        size, kind = struct.unpack(">I4s", head)
        chunks[kind] = stream.read(size)
        assert zlib.crc32(kind + chunks[kind]) == struct.unpack(">I", stream.read(4))[0]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_png_is_the_picture():
    """What is read back is what was drawn, each pixel as large as asked."""
    drawn = draw_features(table(f0=0.5, voicing=1.0, bands=0.5), 20)
    np.testing.assert_array_equal(drawn, read_png(png(drawn)))
    np.testing.assert_array_equal(drawn, read_png(png(drawn, 3))[1::3, 1::3])


def test_pitch_is_drawn_where_it_is_voiced():
    """An unvoiced packet has no pitch line; a higher pitch lies higher."""

    def pitch_row(features):
        rows = np.nonzero((draw_features(features, 8)[fmt.BANDS + 1 : fmt.BANDS + 25] == (255, 182, 92)).all(axis=2))[0]
        return rows.min() if len(rows) else None

    assert pitch_row(table(f0=0.5)) is None
    assert pitch_row(table(f0=0.9, voicing=1.0)) < pitch_row(table(f0=0.2, voicing=1.0))


def test_half_blocks_fill_the_width():
    """Two rows a line, a character a column; without colour no escape at all."""
    drawn = draw_features(table(bands=0.9), 12, spectrum_rows=4, curve_rows=3)
    assert -(-len(drawn) // 2) == len(half_blocks(drawn))
    assert {12} == {line.count("▀") for line in half_blocks(drawn)}
    plain = "".join(half_blocks(drawn, colour=False))
    assert "\x1b" not in plain and "█" in plain


def test_the_command_as_json(path, packets, tmp_path, capsys):
    """Facts of every packet, the flip, and a PNG of before and after."""
    target = tmp_path / "clip.png"
    assert 0 == main(["inspect", str(path), "--json", "--flip", "5@2", "--png", str(target)])
    facts = json.loads(capsys.readouterr().out)
    assert len(packets) == len(facts["packets"])
    assert (2, 5, 0, 2) == tuple(facts["flip"][name] for name in ("packet", "bit", "latent", "dimension"))
    assert 2 * 32 * len(packets) == read_png(target.read_bytes()).shape[1]


def test_the_command_in_words(path, capsys):
    """A sound file and its packets look the same; nothing but words and blocks where no terminal is."""
    assert 0 == main(["inspect", str(path), "--packet", "1"])
    told = capsys.readouterr().out
    assert "\x1b" not in told and "pitch Hz" in told
    assert 0 == main(["inspect", str(CLIP), "--packet", "1"])
    assert told.splitlines()[1:] == capsys.readouterr().out.splitlines()[1:]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--flip", "256"], "0 to 255"),
        (["--flip", "x"], "0 to 255"),
        (["--flip", "1@900"], "packet 900"),
        (["--packet", "-1"], "packet -1"),
        (["--png", "/nowhere/x.png"], "no folder"),
    ],
)
def test_what_is_wrong_is_one_line(path, words, said, capsys):
    """Exit code 2 and one line."""
    assert 2 == main(["inspect", str(path), *words])
    told = capsys.readouterr().err
    assert said in told and 1 == told.count("\n")


def test_a_file_without_packets(tmp_path, capsys):
    """Empty and missing files are said."""
    empty = tmp_path / "empty.g800"
    empty.touch()
    for name, said in ((empty, "no packet"), (tmp_path / "missing.g800", "cannot read")):
        assert 2 == main(["inspect", str(name)])
        assert said in capsys.readouterr().err
