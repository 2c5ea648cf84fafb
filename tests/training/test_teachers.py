"""The record of which recognisers taught a voice. Needs the extra `train`: make test-train."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from safetensors.torch import save_file  # noqa: E402

from codec.models import DECODER, ENCODER, TAUGHT_BY, VOCODER, load_model  # noqa: E402
from codec.training.loop.config import Schedule  # noqa: E402
from codec.training.loop.trainer import Run  # noqa: E402
from codec.training.model.network import Codec, CodecConfig  # noqa: E402
from codec.training.teachers import record, recorded, teachers_of  # noqa: E402
from vocoder.training.export.export import export  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.voice import VoiceNetwork  # noqa: E402

SMALLEST = CodecConfig(
    frame_channels=8,
    latent_channels=8,
    packet_hidden=8,
    encoder_frame_blocks=1,
    encoder_latent_blocks=1,
    decoder_frame_blocks=1,
    decoder_latent_blocks=1,
)


def checkpoint(folder: Path, name: str, taught_by: frozenset[str] | None) -> Path:
    """A checkpoint of one number."""
    path = folder / f"{name}.safetensors"
    save_file({"x": torch.zeros(1)}, path, record(taught_by) or None)
    return path


def test_a_training_learns_from_all_that_taught_what_it_begins_with(tmp_path):
    """Checkpoints from before the record were taught by pocketsphinx, and so is whoever has a reader of phones."""
    before, none = checkpoint(tmp_path, "before", None), checkpoint(tmp_path, "none", frozenset())
    whisper = checkpoint(tmp_path, "whisper", frozenset({"whisper-tiny.en"}))
    assert frozenset() == teachers_of([]) == teachers_of([none])
    assert {"pocketsphinx"} == teachers_of([before]) == teachers_of([none], phones=whisper)
    assert {"pocketsphinx", "whisper-tiny.en"} == teachers_of([none, before, whisper])
    assert recorded([before]) is None
    assert frozenset() == recorded([none])
    assert {"pocketsphinx", "whisper-tiny.en"} == recorded([before, whisper])
    with pytest.raises(FileNotFoundError):
        teachers_of([tmp_path / "nowhere.safetensors"])


def test_a_run_keeps_the_record_and_what_was_recorded_before(tmp_path):
    """Resumed with another teacher it was taught by both."""
    network = Codec(SMALLEST)
    run = Run(tmp_path, network, Schedule(), taught_by=frozenset({"whisper-tiny.en"}))
    run.save()
    assert {"whisper-tiny.en"} == recorded([run.checkpoint])
    again = Run(tmp_path, network, Schedule(), taught_by=frozenset({"pocketsphinx"}))
    assert again.resume()
    again.save()
    assert {"pocketsphinx", "whisper-tiny.en"} == recorded([run.checkpoint])


@pytest.mark.parametrize(
    ("taught_by", "said"),
    [(None, None), (frozenset(), ""), (frozenset({"whisper-tiny.en", "pocketsphinx"}), "pocketsphinx,whisper-tiny.en")],
)
def test_the_export_writes_it_into_all_graphs(tmp_path, taught_by, said):
    """And into the kept checkpoint; where nothing is known nothing is written, as in the graphs from before."""
    torch.manual_seed(1)
    export(VoiceNetwork(SMALLEST, VocoderConfig(channels=8, blocks=1)), tmp_path, taught_by)
    for kind in (ENCODER, DECODER, VOCODER):
        assert said == load_model(kind, tmp_path / f"{kind}.onnx").metadata.get(TAUGHT_BY)
    assert taught_by == recorded([tmp_path / "voice.safetensors"])
