"""Networks are narrowed. Needs the extra `train`: make test-train."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec.training.loop.checkpoint import load_networks  # noqa: E402
from tests.support.training import RECIPE, stage  # noqa: E402
from vocoder.training.export.prune import narrowed  # noqa: E402


def test_hidden_values_that_repeat_others_can_go():
    """Of eight values of which four are sums of the others, four are enough: the outputs stay what they were."""
    random = torch.Generator().manual_seed(2)
    inner = torch.randn(500, 4, generator=random)
    hidden = torch.cat([inner, inner @ torch.randn(4, 4, generator=random)], dim=1) + 1.0
    weight, bias = torch.randn(3, 8, generator=random), torch.randn(3, generator=random)
    kept, fitted, offset = narrowed(hidden, weight, bias, 4)
    expected = hidden @ weight.t() + bias
    assert float((hidden[:, kept] @ fitted.t() + offset - expected).std()) < 0.05 * float(expected.std())


def test_a_narrowed_voice_is_trained_on(prepared, tmp_path):
    """`prune` writes a checkpoint of the narrower widths, which `joint` takes."""
    voice = "[vocoder]\nchannels = 16\nblocks = 1\n"
    (tmp_path / "a.toml").write_text(RECIPE.format(vocoder="", steps=2))
    (tmp_path / "b.toml").write_text(RECIPE.format(vocoder=voice, steps=2))
    data = ("--data", prepared)
    a, b = tmp_path / "a", tmp_path / "b"
    options = ("--run", a, "--config", tmp_path / "a.toml")
    assert 0 == stage("codec.training", "train", *data, *options).returncode
    last = ("--run", b, "--config", tmp_path / "b.toml", "--from", a / "checkpoint.safetensors")
    assert 0 == stage("vocoder.training", "train", *data, *last).returncode
    out = tmp_path / "narrow.safetensors"
    result = stage(
        "vocoder.training",
        "prune",
        *data,
        "--from",
        b / "checkpoint.safetensors",
        "--packet-hidden",
        32,
        "--out",
        out,
    )
    assert 0 == result.returncode, result.stderr
    narrow = load_networks(out)
    assert (32, 192) == tuple(narrow["codec"].weights["encoder.mixer.gather.weight"].shape)
    assert 32 == len(narrow["vocoder"].weights["gains.stack.blocks.0.widen.bias"])
    assert (2, 32) == tuple(narrow["codec"].config[name] for name in ("expansion", "packet_hidden"))
    (tmp_path / "narrow.toml").write_text("train_codec = true\n" + RECIPE.format(vocoder=voice, steps=2))
    result = stage(
        "vocoder.training", "joint", *data, "--run", tmp_path / "c", "--config", tmp_path / "narrow.toml", "--from", out
    )
    assert 0 == result.returncode, result.stderr
