from __future__ import annotations

import os

import numpy as np
import pytest

from codec import format, models
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.errors import ModelError
from tests.support.signals import clip, encode_all
from vocoder.synthesizer import Vocoder

KINDS = [models.ENCODER, models.DECODER, models.VOCODER]
EVERY_KIND = [*KINDS, models.COPY_ENCODER, models.COPY_DECODER]


def test_encoder_and_decoder_are_one_codec():
    """The shipped graphs belong together."""
    assert Encoder().codec_id == Decoder().codec_id != 0


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_metadata_names_rate_hop_and_features(kind):
    """A host can check what it loads."""
    metadata = models.load_model(kind).metadata
    assert metadata["gossamer.sample_rate_hz"] == "8000"
    assert metadata["gossamer.hop_samples"] == "80"
    assert len(metadata["gossamer.features"].split(",")) == format.FEATURES


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_shape_is_static(kind):
    """Phones and boards get graphs without free dimensions."""
    session = models.load_model(kind).session
    for entry in [*session.get_inputs(), *session.get_outputs()]:
        assert all(isinstance(size, int) and size > 0 for size in entry.shape), entry.name


def test_a_graph_of_another_kind_is_refused():
    """Metadata that does not fit is an error that names file, name and both values."""
    with pytest.raises(ModelError, match=r"vocoder\.onnx: gossamer\.kind is 'vocoder', this version runs 'codec_dec"):
        Decoder(models.asset_path("vocoder.onnx"))


def test_another_hop_is_refused(monkeypatch):
    """A model made for another format is not run."""
    monkeypatch.setattr(format, "HOP_SAMPLES", 160)
    with pytest.raises(ModelError, match=r"gossamer\.hop_samples is '80', this version runs '160'"):
        Encoder()


def test_both_sets_that_are_shipped_understand_each_other():
    """One codec_id; the small one is under 12 MB, and most of its bits are the other's."""
    small = [models.model_path(kind, "small") for kind in KINDS]
    if not small[0].parent.is_dir():
        pytest.skip("no small models in assets/: python -m vocoder.training export --small")
    assert sum(path.stat().st_size for path in small) < 12_000_000
    encoders = [Encoder(models.model_path(models.ENCODER, name)) for name in models.MODELS]
    assert 1 == len({encoder.codec_id for encoder in encoders} | {Decoder(small[1]).codec_id})
    one, two = (np.frombuffer(encode_all(clip(), encoder), np.uint8) for encoder in encoders)
    assert np.unpackbits(one ^ two).mean() < 0.03


def test_a_missing_model_is_named(tmp_path):
    """The message says which file, and what to do."""
    with pytest.raises(ModelError, match=r"nowhere\.onnx: no such model: reinstall"):
        Vocoder(tmp_path / "nowhere.onnx")


def test_a_damaged_model_is_named(tmp_path):
    """Rubbish in a file is one line, not a traceback."""
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(os.urandom(2000))
    with pytest.raises(ModelError, match="not a model that onnxruntime can load") as caught:
        Encoder(damaged)
    assert "\n" not in str(caught.value)


def test_reset_brings_back_the_start():
    """After a reset a model answers as a fresh one."""
    encoder = Encoder()
    sound = np.random.default_rng(1).standard_normal((3, format.PACKET_SAMPLES)).astype(np.float32) * 0.1
    first = [encoder.encode(block) for block in sound]
    encoder.reset()
    assert first == [encoder.encode(block) for block in sound]
    assert first != [encoder.encode(block) for block in sound]
