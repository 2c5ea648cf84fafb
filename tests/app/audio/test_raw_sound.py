"""What can be raw sound, and what would be noise."""

from __future__ import annotations

import io
import random
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from app.audio.raw_sound import can_be_sound, prediction_gain_db
from app.audio.sound_files import read_speech, to_int16
from app.errors import FileProblem
from codec.encoder import Encoder, PacketAssembler
from codec.format import PACKET_BYTES
from tests.support.processes import ROOT

CLIPS = sorted((ROOT / "assets/clips").glob("*.flac"))
PIECE_BYTES = 2048


def pieces(octets: bytes) -> list[bytes]:
    """Return whole pieces, as many bytes as are looked at."""
    return [octets[at : at + PIECE_BYTES] for at in range(0, len(octets) - PIECE_BYTES + 1, PIECE_BYTES)]


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_speech_can_be_sound_at_any_level(clip: Path) -> None:
    """From every place of a clip, as quiet as it is and clipped hard at ten times its level."""
    speech = read_speech(clip)
    for gain in (0.01, 1.0, 10.0):
        assert all(map(can_be_sound, pieces(to_int16(gain * speech).tobytes())))


@pytest.mark.parametrize("hertz", [50, 440, 1000, 2000, 3400, 3999])
def test_a_tone_at_full_level_can_be_sound(hertz: int) -> None:
    """Also one whose samples next to each other have nothing in common."""
    assert can_be_sound(to_int16(np.sin(2 * np.pi * hertz * np.arange(1024) / 8000 + 0.3).astype(np.float32)).tobytes())


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("packets", [2, 4, 20, 64])
def test_packets_cannot(clip: Path, packets: int) -> None:
    """A few are enough to tell."""
    assembler = PacketAssembler(Encoder())
    made = b"".join([*assembler.push(read_speech(clip)), *assembler.flush()])
    assert not can_be_sound(made[: packets * PACKET_BYTES])


def test_archives_and_ciphers_cannot() -> None:
    """Bytes that look like chance."""
    packed = zlib.compress((ROOT / "README.md").read_bytes(), 9)[2:]
    assert [False, False] == [can_be_sound(packed[:PIECE_BYTES]), can_be_sound(random.Random(1).randbytes(PIECE_BYTES))]


def test_nothing_is_said_of_a_moment() -> None:
    """Of fewer samples than a packet has bytes for, and of silence."""
    assert can_be_sound(random.Random(1).randbytes(30)) and can_be_sound(bytes(4000)) and can_be_sound(b"")


def test_prediction_gain_of_what_is_known() -> None:
    """A first-order process with coefficient a has 1/(1 - a^2); chance has none."""
    noise = np.random.default_rng(1).standard_normal(100_000)
    process = np.zeros_like(noise)
    for place in range(1, len(noise)):
        process[place] = 0.9 * process[place - 1] + noise[place]
    assert 10 * np.log10(1 / (1 - 0.81)) == pytest.approx(prediction_gain_db(process, 8), abs=0.2)
    assert prediction_gain_db(noise, 8) < 0.01


def test_packets_in_a_pipe_are_refused_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gossamer send --input -`, `encode -` and the others say what they are and what helps."""
    assembler = PacketAssembler(Encoder())
    made = b"".join(assembler.push(read_speech(CLIPS[0])))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made)))
    with pytest.raises(FileProblem, match=r"neither a sound file nor raw sound.*gossamer decode"):
        read_speech("-")
