"""The tiny corpus and the untrained codec that tests of training start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.training import write_packed_corpus


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the tiny corpus as NumPy files."""
    from codec.training.data import corpus

    packed, folder = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("prepared")
    write_packed_corpus(packed)
    assert 6 == corpus.prepare([packed], folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a codec that has learned nothing."""
    import torch

    from codec.training.loop.checkpoint import save_half
    from codec.training.model.network import Codec
    from tests.support.networks import CODEC

    torch.manual_seed(6)
    path = tmp_path_factory.mktemp("start") / "codec.safetensors"
    save_half(Codec(CODEC), path)
    return path
