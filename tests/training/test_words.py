"""The loss on what a recogniser hears. Needs the extra `train`: make test-train."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from torch import Tensor  # noqa: E402

from codec.training.errors import TrainingError  # noqa: E402
from codec.training.model.analysis import Analysis  # noqa: E402
from codec.training.teachers import recorded, teachers_of  # noqa: E402
from tests.support.signals import vowel  # noqa: E402
from tests.support.training import RECIPE, stage  # noqa: E402
from vocoder.training.losses.ctranslate2_file import TYPES, read_variables  # noqa: E402
from vocoder.training.losses.sound import compared  # noqa: E402
from vocoder.training.losses.words import WordLoss, load_recogniser, mel_matrix  # noqa: E402

CHANNELS, LAYERS, HEADS = 8, 2, 2


def variables() -> dict[str, np.ndarray]:
    """A Whisper of 8 channels, as CTranslate2 names its weights."""
    random = np.random.default_rng(2)
    found: dict[str, np.ndarray] = {"encoder/num_heads": np.array(HEADS, np.int16)}

    def linear(name: str, *shape: int) -> None:
        found[f"{name}/weight"] = (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float16)
        found[f"{name}/bias"] = (0.1 * random.standard_normal(shape[0])).astype(np.float32)

    def norm(name: str) -> None:
        found[f"{name}/gamma"], found[f"{name}/beta"] = np.ones(CHANNELS, np.float32), np.zeros(CHANNELS, np.float32)

    linear("encoder/conv1", CHANNELS, 80, 3)
    linear("encoder/conv2", CHANNELS, CHANNELS, 3)
    for number in range(LAYERS):
        name = f"encoder/layer_{number}"
        norm(f"{name}/self_attention/layer_norm")
        linear(f"{name}/self_attention/linear_0", 3 * CHANNELS, CHANNELS)
        linear(f"{name}/self_attention/linear_1", CHANNELS, CHANNELS)
        norm(f"{name}/ffn/layer_norm")
        linear(f"{name}/ffn/linear_0", 16, CHANNELS)
        linear(f"{name}/ffn/linear_1", CHANNELS, 16)
    norm("encoder/layer_norm")
    found["encoder/position_encodings/encodings"] = random.standard_normal((1500, CHANNELS)).astype(np.float16)
    found["decoder/embeddings/weight"] = np.zeros((51864, 1), np.float16)
    return found


def written(path: Path, values: dict[str, np.ndarray], kind: str = "WhisperSpec") -> Path:
    """A model file as CTranslate2 writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", 6) + text(kind) + struct.pack("<II", 3, len(values))
    for name, array in values.items():
        number = [np.dtype(each) for each in TYPES].index(array.dtype)
        content += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        content += struct.pack("<BI", number, array.nbytes) + array.tobytes()
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the small Whisper."""
    return written(tmp_path_factory.mktemp("whisper") / "model.bin", variables())


def test_a_model_file_is_read_as_it_was_written(model):
    """Names, shapes, types and values."""
    expected, found = variables(), read_variables(model, "WhisperSpec")
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert values.dtype == found[name].dtype and np.array_equal(values, found[name]), name
    recogniser = load_recogniser(model)
    assert ("whisper-8.en", LAYERS) == (recogniser.name, len(recogniser.layers))
    assert not list(recogniser.parameters())


def test_another_file_is_refused_in_one_line(model, tmp_path):
    """Missing, of another kind, cut off at any place, no model, quantised, with other bands, or lacking a part."""
    content, bad = model.read_bytes(), tmp_path / "bad.bin"
    with pytest.raises(TrainingError, match=r"No such file or directory: name the model\.bin of a Whisper"):
        load_recogniser(tmp_path / "none.bin")
    for cut in (0, 3, 5, 12, 24, 60, len(content) // 2):
        bad.write_bytes(content[:cut])
        with pytest.raises(TrainingError, match=r"bad\.bin: no model file of CTranslate2|its kind is") as found:
            load_recogniser(bad)
        assert "\n" not in str(found.value)
    bad.write_bytes(b"\xff" * 4000)
    with pytest.raises(TrainingError, match="no model file of CTranslate2"):
        load_recogniser(bad)
    with pytest.raises(TrainingError, match="its kind is 'TransformerSpec' and not WhisperSpec"):
        load_recogniser(written(bad, variables(), "TransformerSpec"))
    bands = np.zeros((CHANNELS, 128, 3), np.float16)
    for change, reason in (
        ({"encoder/conv1/weight": bands}, "it listens to 128 bands and not 80"),
        ({"encoder/conv2/weight": np.zeros((CHANNELS, CHANNELS, 3), np.int8)}, "conv2 holds whole numbers: convert"),
    ):
        with pytest.raises(TrainingError, match=reason):
            load_recogniser(written(bad, variables() | change))
    lacking = {name: values for name, values in variables().items() if name != "encoder/layer_norm/beta"}
    with pytest.raises(TrainingError, match="a Whisper without 'encoder/layer_norm/beta'"):
        load_recogniser(written(bad, lacking))


def test_the_bands_are_whispers():
    """Triangles of unit area, narrow and even below 1 kHz."""
    bands = mel_matrix()
    assert (101, 80) == bands.shape and bands.min() == 0
    assert np.all(np.diff(np.argmax(bands[:, :60], axis=0)) >= 0)
    tone = np.argmax(bands[25])  # 1 kHz: 15 of 45.25 mels
    assert abs(tone - 15 / 45.245 * 81) <= 1.0


def test_the_loss_is_0_for_equal_sounds_and_its_gradient_is_finite(model):
    """Of another sound it is more; the gradient reaches the made sound; places are drawn from the generator."""
    loss = WordLoss(load_recogniser(model), weight=2.0)
    true = torch.from_numpy(np.stack([vowel(hz, 0.64) for hz in (120, 210)]))
    received, energies = torch.ones(2, 64), Analysis().energies_of(torch.nn.functional.pad(true, (240, 0)))

    def compare(made: Tensor, seed: int = 1) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return loss(compared(Analysis(), true, made, energies, received, random))["words"]

    assert float(compare(true)) == pytest.approx(0.0, abs=1e-3)
    made = (0.3 * true + 0.02 * torch.randn(true.shape, generator=torch.Generator().manual_seed(3))).requires_grad_()
    found = compare(made)
    assert float(found) > 0.01
    assert float(found) == float(compare(made)) != float(compare(made, seed=2))
    found.backward()
    assert torch.isfinite(made.grad).all() and float(made.grad.abs().sum()) > 0
    silent = torch.zeros_like(true).requires_grad_()
    compare(silent).backward()
    assert torch.isfinite(silent.grad).all()
    nothing = replace(compared(Analysis(), true, made, energies, received), whole_received=torch.zeros(2, 64))
    assert 0.0 == float(loss(nothing)["words"])


def test_a_recogniser_that_teaches_is_recorded():
    """Beside the phone reader's."""
    assert {"pocketsphinx", "whisper-tiny.en"} == teachers_of([], Path("reader"), "whisper-tiny.en")


def test_a_voice_grows_and_learns_with_everything_together(prepared, tmp_path, model):
    """Stage C's command: a grown codec and vocoder, discriminators that look at spectra, products in bfloat16, what
    the encoder hears, and the recogniser, which the checkpoint names; a bad file is a line."""
    voice = "[vocoder]\nchannels = 16\nblocks = 1\n"
    (tmp_path / "b.toml").write_text(RECIPE.format(vocoder=voice, steps=1))
    (tmp_path / "a.toml").write_text(RECIPE.format(vocoder="", steps=1))
    grown = (
        "encoder_more_blocks = 1\nencoder_remainder_hidden = 8\nencoder_hears = true\nencoder_expansion = 4\n"
        + voice
        + "expansion = 4\n[adversary]\nweight = 1.0\nfeature_weight = 1.0\nsamples = 2000\nchannels = 2\n"
        + "periods = []\nscales = 0\nwindows = [96, 256]\n"
    )
    text = RECIPE.format(vocoder=grown, steps=2).replace("batch_size", 'precision = "medium"\nbatch_size')
    (tmp_path / "c.toml").write_text("train_codec = true\n" + text)
    places = [tmp_path / name for name in "abc"]
    a, b, c = (["--data", prepared, "--run", each, "--config", each.with_suffix(".toml")] for each in places)
    first = stage("codec.training", "train", *a)
    assert 0 == first.returncode, first.stderr
    second = stage("vocoder.training", "train", *b, "--from", places[0] / "checkpoint.safetensors")
    assert 0 == second.returncode, second.stderr
    start = ["--from", places[1] / "checkpoint.safetensors"]
    third = stage("vocoder.training", "joint", *c, *start, "--recogniser", model)
    assert 0 == third.returncode, third.stderr
    header, *rows = (places[2] / "log.csv").read_text().splitlines()
    last = dict(zip(header.split(","), map(float, rows[-1].split(",")), strict=True))
    assert {"train_words", "train_fooled", "train_heard_f0", "f0_off_pct"} <= last.keys()
    assert all(np.isfinite(value) for value in last.values())
    assert "whisper-8.en" in (recorded([places[2] / "checkpoint.safetensors"]) or ())
    wrong = stage("vocoder.training", "joint", *c, *start, "--recogniser", tmp_path / "c.toml")
    assert 2 == wrong.returncode and 1 == wrong.stderr.count("\n") and "--recogniser" in wrong.stderr
