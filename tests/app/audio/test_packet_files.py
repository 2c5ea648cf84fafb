"""Packet files: whole packets, what is left of a truncated one, and files of another kind."""

from __future__ import annotations

import numpy as np
import pytest

from app.audio.packet_files import PacketReader
from app.audio.sound_files import write_speech
from app.errors import FileProblem


@pytest.mark.parametrize(("size", "packets", "left_over"), [(0, 0, 0), (32, 1, 0), (95, 2, 31), (96, 3, 0)])
def test_packets_are_read_whole(tmp_path, size, packets, left_over):
    """What is left at the end of a truncated file is counted."""
    path = tmp_path / "a.g800"
    path.write_bytes(bytes(range(size)))
    reader = PacketReader(str(path))
    read = list(reader.packets())
    assert packets == len(read)
    assert bytes(range(32 * packets)) == b"".join(read)
    assert left_over == reader.left_over


def test_sound_is_not_taken_for_packets(tmp_path):
    """A WAV file given to decode is a mistake that can be explained."""
    path = tmp_path / "a.wav"
    write_speech(path, np.zeros(8000, np.float32))
    with pytest.raises(FileProblem, match="is a WAV file, not packets"):
        list(PacketReader(str(path)).packets())
