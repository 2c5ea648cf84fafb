"""What the doctor finds of models that are missing, or of another codec."""

from __future__ import annotations

from app.diagnostics.model_checks import check_models, check_small_models
from codec import models
from codec.decoder import Decoder

ASSETS = models.asset_path("")


def test_small_models_that_are_missing_or_of_another_codec_are_a_warning(tmp_path, monkeypatch):
    """The standard ones do without them."""
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    (found,) = check_small_models()
    assert ("small models", "warn") == (found.what, found.status) and "no such model" in found.found
    monkeypatch.undo()
    monkeypatch.setattr(models, "model_path", lambda kind, model="standard": models.asset_path(f"{kind}.onnx"))
    (found,) = check_small_models()
    assert "ok" == found.status and f"codec {Decoder().codec_id}, " in found.found
    ids = iter([1, 2])
    monkeypatch.setattr(Decoder, "codec_id", property(lambda decoder: next(ids)))
    (found,) = check_small_models()
    assert ("warn", "of codec 1, the standard ones of codec 2") == (found.status, found.found)


def test_missing_models(tmp_path, monkeypatch):
    """What is missing, and what to do."""
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    [finding] = check_models()
    assert "fail" == finding.status and "reinstall gossamer" in finding.cure


def test_missing_copies_are_a_warning(tmp_path, monkeypatch):
    """All but repeat=coarse goes on without them."""
    monkeypatch.setattr(
        models, "model_path", lambda kind, model="standard": (tmp_path if "copy" in kind else ASSETS) / f"{kind}.onnx"
    )
    found = {finding.what: finding for finding in check_models()}
    assert "ok" == found["models"].status
    copies = found["coarse copies"]
    assert "warn" == copies.status and "copy_encoder.onnx: no such model" in copies.found
    assert "leave out repeat=coarse" in copies.cure
