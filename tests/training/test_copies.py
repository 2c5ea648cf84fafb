"""Coarse copies, from a trained codec to graphs beside it. Needs the extra `train`."""

from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import format  # noqa: E402
from codec.copies import CopyEncoder  # noqa: E402
from codec.decoder import Decoder  # noqa: E402
from codec.models import COPY_DECODER, COPY_ENCODER, DECODER, asset_path  # noqa: E402
from codec.training.loop.checkpoint import load_networks, save_half  # noqa: E402
from codec.training.model.copies import Copies, CopyConfig  # noqa: E402
from codec.training.stage_copies import as_raw, rebuilt  # noqa: E402
from tests.support.training import stage  # noqa: E402

RECIPE = """
[copies]
frame_channels = 8
latent_channels = 8
packet_hidden = 8

[schedule]
steps = 3
batch_size = 2
packets = 2
validate_every = 3
validation_segments = 2
"""


def test_copies_are_trained_and_exported_beside_their_voice(prepared, tmp_path):
    """The command of each; the graphs equal the networks, and serve the voice's own packets alone."""
    (tmp_path / "copies.toml").write_text(RECIPE)
    voice = asset_path("voice.safetensors")
    files = ["--data", prepared, "--run", tmp_path / "run", "--config", tmp_path / "copies.toml", "--from", voice]
    trained = stage("codec.training", "copies", "--threads", "1", *files)
    assert 0 == trained.returncode, trained.stderr
    assert "envelope_whole" in (tmp_path / "run" / "log.csv").read_text()
    out = tmp_path / "graphs"
    out.mkdir()
    shutil.copy(asset_path(f"{DECODER}.onnx"), out)
    made = stage(
        "vocoder.training",
        "export-copies",
        "--from",
        voice,
        "--copies",
        tmp_path / "run" / "checkpoint.safetensors",
        "--out",
        out,
    )
    assert 0 == made.returncode, made.stderr
    maker = CopyEncoder(Decoder(out / f"{DECODER}.onnx"), out / f"{COPY_ENCODER}.onnx")
    copy = maker.copy(bytes(format.PACKET_BYTES))
    table = Decoder(out / f"{DECODER}.onnx", out / f"{COPY_DECODER}.onnx").decode(None, copy)
    assert (format.PACKET_FRAMES, format.FEATURES) == table.shape
    assert {Copies.name} == set(load_networks(tmp_path / "run" / "checkpoint.safetensors"))


def test_a_checkpoint_without_a_codec_is_refused(prepared, tmp_path):
    """One line, exit code 2."""
    save_half(Copies(CopyConfig()), tmp_path / "copies.safetensors")
    start = tmp_path / "copies.safetensors"
    result = stage("codec.training", "copies", "--data", prepared, "--run", tmp_path / "run", "--from", start)
    assert 2 == result.returncode
    assert "holds no codec" in result.stderr and "Traceback" not in result.stderr


def test_a_copy_sees_its_packet_and_the_frames_before_alone():
    """Other packets of the segment change nothing; the frames before do."""
    torch.manual_seed(1)
    copies, tables = Copies(CopyConfig()).eval(), torch.rand(1, 3, format.PACKET_FRAMES, format.FEATURES)
    _, raw = rebuilt(copies, tables)
    assert (2, format.PAST_FRAMES + format.PACKET_FRAMES, format.FEATURES) == raw.shape
    other = tables.clone()
    other[:, 0, : -format.PAST_FRAMES] = 0.0
    assert torch.equal(raw, rebuilt(copies, other)[1])
    other[:, 0] = 0.0
    changed = rebuilt(copies, other)[1]
    assert torch.equal(raw[1], changed[1]) and not torch.equal(raw[0], changed[0])


def test_voicing_of_known_frames_is_sure():
    """What was decoded counts as yes or no where raw output is expected."""
    table = torch.tensor([[0.3, 0.2, 0.5], [0.3, 0.8, 0.5]])
    assert [0.0, 1.0] == as_raw(table)[:, 1].tolist()
