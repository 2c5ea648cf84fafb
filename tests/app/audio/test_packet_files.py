"""Packet files: whole packets, what is left of a truncated one, and files of another kind."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from app.__main__ import main
from app.audio.packet_files import CODEC_ATTRIBUTE, PacketReader, mark_codec
from app.audio.sound_files import write_speech
from app.errors import FileProblem
from app.history.overs import write_over
from app.paths import recordings_folder
from codec.encoder import Encoder
from tests.support.recordings import an_over

CLIP = Path(__file__).parents[3] / "assets" / "clips" / "gossamer.flac"


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


@pytest.fixture
def marked(tmp_path):
    """A packet file that says to be of codec 4711. Skips where no attribute can stand beside a file."""
    path = tmp_path / "a.g800"
    with path.open("wb") as stream:
        stream.write(bytes(64))
        mark_codec(stream, 4711)
    if not hasattr(os, "listxattr") or CODEC_ATTRIBUTE not in os.listxattr(path):
        pytest.skip("this file system keeps no extended attributes")
    return path


def test_a_packet_file_says_which_codec_made_it(marked):
    """The file itself stays bare packets; of another codec there is a warning, of the same one none."""
    reader = PacketReader(str(marked))
    assert 4711 == reader.codec_id
    assert bytes(64) == marked.read_bytes()
    assert None is reader.check_codec(4711)
    assert "was made with codec 4711, this is codec 4712" in str(reader.check_codec(4712))


@pytest.mark.parametrize("digits", [b"", b"x", b"123456", b"-1", b"1\x1b[2J"])
def test_what_is_no_number_says_nothing(marked, digits):
    """Whoever mailed the file wrote the attribute, too."""
    os.setxattr(marked, CODEC_ATTRIBUTE, digits)
    assert None is PacketReader(str(marked)).codec_id


def test_a_file_without_a_mark_says_nothing(tmp_path):
    path = tmp_path / "a.g800"
    path.write_bytes(bytes(64))
    assert None is PacketReader(str(path)).check_codec(1)


def test_commands_mark_and_warn(marked, capsys):
    """`encode` marks what it writes; `decode` and `inspect` warn of a file that was made with another codec."""
    made, heard = marked.with_name("made.g800"), str(marked.with_name("heard.wav"))
    assert 0 == main(["encode", str(CLIP), str(made)])
    assert Encoder().codec_id == PacketReader(str(made)).codec_id
    capsys.readouterr()
    for command in (["decode", str(made), heard], ["inspect", str(made)]):
        assert 0 == main(command)
        assert "was made with codec" not in capsys.readouterr().err
    for command in (["decode", str(marked), heard, "--force"], ["inspect", str(marked)]):
        assert 0 == main(command)
        assert "a.g800 was made with codec 4711" in capsys.readouterr().err


def test_a_kept_over_is_saved_with_its_codec(marked, monkeypatch):
    """`overs save` hands on which codec the talker had, which need not be ours."""
    monkeypatch.setenv("XDG_DATA_HOME", str(marked.parent / "share"))
    write_over(recordings_folder(), an_over(codec_id=815, flags="..", packets=(bytes(32),) * 2))
    target = marked.with_name("saved.g800")
    assert 0 == main(["overs", "save", "1", str(target)])
    assert 815 == PacketReader(str(target)).codec_id
