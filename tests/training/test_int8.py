"""The small variant, made of a tiny voice. Needs the extra `train`: make test-train."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

import onnx  # noqa: E402

from codec.models import DECODER, ENCODER, SMALL, VOCODER, load_model  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.export.graphs import half_transforms  # noqa: E402
from codec.training.model.network import CodecConfig  # noqa: E402
from tests.support.networks import shaken  # noqa: E402
from vocoder import pulse_source as source  # noqa: E402
from vocoder.training.export import int8 as small  # noqa: E402
from vocoder.training.export.export import export, reference  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.voice import VoiceNetwork  # noqa: E402

KINDS = (ENCODER, DECODER, VOCODER)
CODEC = CodecConfig(
    frame_channels=16,
    latent_channels=24,
    packet_hidden=20,
    encoder_frame_blocks=1,
    encoder_latent_blocks=1,
    decoder_frame_blocks=1,
    decoder_latent_blocks=1,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A voice, and the folder that holds its graphs and their small variant."""
    torch.manual_seed(2)
    voice = shaken(VoiceNetwork(CODEC, VocoderConfig(channels=16, blocks=1)))
    folder = tmp_path_factory.mktemp("graphs")
    models = export(voice, folder)
    found = small.shrink_and_check(voice, models, reference(voice), folder)
    return voice, models, folder, found


def test_it_is_of_the_same_codec_and_takes_the_same_values(exported):
    """The code that loads and runs the one loads and runs the other."""
    _, _, folder, _ = exported
    for kind in KINDS:
        one, two = load_model(kind, folder / f"{kind}.onnx"), load_model(kind, folder / SMALL / f"{kind}.onnx")
        assert one.codec_id == two.codec_id and one.state.shape == two.state.shape
        for get in ("get_inputs", "get_outputs"):
            entries = [getattr(model.session, get)() for model in (one, two)]
            assert 1 == len({tuple((e.name, *e.shape, e.type) for e in side) for side in entries})


def test_it_computes_nearly_the_same(exported):
    """Within the limits of the check, which are there to be met by trained networks."""
    _, _, _, found = exported
    assert 0 < found["flipped"] < small.MOST_FLIPPED
    assert 0 < found["features"] < small.LARGEST_FEATURE_ERROR
    assert 0 < found["sound"] < small.LARGEST_SOUND_ERROR


def test_its_large_maps_are_in_whole_numbers(exported):
    """Blocks, mixers, and the maps between both rates; nothing large is left in float32."""
    _, _, folder, _ = exported
    for kind, products in ((ENCODER, 7), (DECODER, 7), (VOCODER, 2)):
        nodes = onnx.load(folder / SMALL / f"{kind}.onnx").graph.node
        assert products == Counter(node.op_type for node in nodes)["MatMulInteger"]
        for node in nodes:
            if node.op_type == "Constant":
                values = onnx.numpy_helper.to_array(node.attribute[0].t)
                assert values.dtype != np.float32 or values.size <= 512, values.shape


def test_rounding_keeps_to_the_scale():
    """No value is further from its whole number than half a step, unless it was clipped for the others' sake."""
    values = np.random.default_rng(1).standard_normal((200, 3)).astype(np.float32) * [1.0, 10.0, 0.01]
    whole, scale = small.rounded(values.astype(np.float32), 1, 127)
    inside = np.abs(whole) < 127
    assert np.abs(whole).max() == 127 and inside.mean() > 0.95
    assert (np.abs(whole * scale - values) / scale)[inside].max() <= 0.5001


def test_a_transform_is_computed_from_one_period():
    """Scales of rows and columns give the table back; what is no transform is refused."""
    table = half_transforms(320, torch.from_numpy(source.window()))[1].numpy()
    angle = 2 * np.pi * np.outer(np.arange(160), np.arange(161)) / 320
    rows, columns = small.scales_of(table, np.sin(angle))
    assert np.allclose(table, rows * np.sin(angle) * columns, atol=1e-6)
    with pytest.raises(TrainingError, match="no"):
        small.scales_of(np.random.default_rng(1).random(table.shape).astype(np.float32), np.sin(angle))


def test_what_is_too_large_is_refused_before_anything_is_written(exported, tmp_path, monkeypatch):
    """One line with the size and the cure."""
    voice, models, _, _ = exported
    monkeypatch.setattr(small, "LARGEST_BYTES", 10_000)
    with pytest.raises(TrainingError, match=r"would be 0\.\d+ MB, more than 0\.01: train a narrower network"):
        small.shrink_and_check(voice, models, {}, tmp_path)
    assert not (tmp_path / SMALL).exists()
