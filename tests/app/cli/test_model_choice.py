"""The program's choice between the standard and the small set of models."""

from __future__ import annotations

import numpy as np
import pytest

from app.__main__ import main
from app.station.parts import load_codec
from codec import format, models
from codec.errors import ModelError

CLIPS = models.asset_path("clips")
KINDS = [models.ENCODER, models.DECODER, models.VOCODER]


@pytest.fixture
def only_small(tmp_path, monkeypatch):
    """Assets in which the small set is there and the standard one is not: copies of what is shipped."""
    (tmp_path / "small").mkdir()
    for kind in KINDS:
        source = models.model_path(kind, "small")
        source = source if source.is_file() else models.model_path(kind)
        (tmp_path / "small" / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    return tmp_path


def test_the_small_set_is_loaded_by_the_same_code(only_small):
    """From its own folder, all three of it; it codes and decodes."""
    codec = load_codec("neural", "small")
    assert codec.encoder is not None and codec.encoder.codec_id == codec.decoder.codec_id
    packet = codec.encoder.encode(np.full(format.PACKET_SAMPLES, 0.1, np.float32))
    assert (format.PACKET_SAMPLES,) == codec.synthesizer.synthesize(codec.decoder.decode(packet)).shape
    with pytest.raises(ModelError, match=r"no such model: reinstall gossamer, or run .* export --small"):
        load_codec("neural", "standard")
    with pytest.raises(ValueError, match="no model 'tiny'; there are: standard, small"):
        models.model_path(models.ENCODER, "tiny")


def test_the_command_line_chooses_the_set(only_small, tmp_path, capsys):
    """--model small takes the small files alone; without it what is missing is named, and nothing is written."""
    sound = str(next(CLIPS.glob("*.flac")))
    packets, heard = tmp_path / "said.g800", tmp_path / "heard.wav"
    assert 0 == main(["encode", sound, str(packets), "--model", "small"])
    assert 0 == main(["decode", str(packets), str(heard), "--model", "small"])
    assert heard.stat().st_size == 44 + packets.stat().st_size // format.PACKET_BYTES * 2 * format.PACKET_SAMPLES
    capsys.readouterr()
    assert 2 == main(["encode", sound, str(tmp_path / "not.g800")])
    assert "codec_encoder.onnx: no such model" in capsys.readouterr().err
    assert not (tmp_path / "not.g800").exists()
