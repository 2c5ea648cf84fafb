"""Constants stored in 16 bits give the same graphs. Needs the extra `train`: make test-train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

import onnx  # noqa: E402
import onnx.reference  # noqa: E402

from codec import format  # noqa: E402
from codec.models import DECODER, ENCODER, VOCODER, asset_path, load_model  # noqa: E402
from codec.training.export.half_constants import half_of, store_in_half  # noqa: E402

KINDS = (ENCODER, DECODER, VOCODER)
CLIPS = sorted(path for folder in ("clips", "sentences") for path in asset_path(folder).glob("*.flac"))


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its constants in float32: what numpy makes of the nodes that work on constants alone."""
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Cast" and known.get(node.input[0], np.zeros(0)).dtype == np.float16:
            known[node.output[0]] = known[node.input[0]].astype(np.float32)
        elif node.op_type == "Mul" and all(name in known for name in node.input):
            known[node.output[0]] = known[node.input[0]] * known[node.input[1]]
        else:
            nodes.append(node)
    constants = [
        onnx.helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(values))
        for name, values in known.items()
        if values.dtype != np.float16
    ]
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.node[:], wide.graph.initializer[:]
    wide.graph.node.extend([*constants, *nodes])
    return wide


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Callable[[str], Path]:
    """Where the shipped graph of a kind is, with all constants in float32."""
    folder = tmp_path_factory.mktemp("wide")
    for kind in KINDS:
        onnx.save(widened(onnx.load(str(asset_path(f"{kind}.onnx")))), str(folder / f"{kind}.onnx"))
    return lambda kind: folder / f"{kind}.onnx"


def test_the_shipped_files_are_half_as_large(plain):
    """All that was trained is stored in 16 bits: what is left in 32 are transforms, tables, and sums of weights."""
    stored = [asset_path(f"{kind}.onnx").stat().st_size for kind in KINDS]
    assert sum(stored) < 13_000_000
    assert sum(stored) < 0.55 * sum(plain(kind).stat().st_size for kind in KINDS)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_no_bit_of_the_shipped_speech_changes(plain, clip):
    """Packets, latents, features, samples and states of all graphs, with a packet lost now and then."""
    pairs = {kind: (load_model(kind), load_model(kind, plain(kind))) for kind in KINDS}

    def both(kind: str, **inputs: np.ndarray) -> list[np.ndarray]:
        found = []
        for model in pairs[kind]:
            found.append(model.session.run(None, {**inputs, "state": model.state}))
            model.state = found[-1][-1]
        assert [x.tobytes() for x in found[0]] == [x.tobytes() for x in found[1]]
        return found[0]

    sound, rate_hz = soundfile.read(clip, dtype="float32")
    assert rate_hz == format.SAMPLE_RATE_HZ
    blocks = sound[: len(sound) // format.PACKET_SAMPLES * format.PACKET_SAMPLES].reshape(-1, 1, format.PACKET_SAMPLES)
    assert len(blocks) >= 5
    for number, block in enumerate(blocks):
        packet = both(ENCODER, samples=block)[0]
        table = both(DECODER, packet=packet, lost=np.array([number % 5 == 4], np.float32))[0]
        both(VOCODER, features=table)


def test_only_what_fits_is_halved():
    """Signed zeros and the largest float16 stay; what needs another digit, or is too large or small, is refused."""
    fits = np.array([0.0, -0.0, 1.5, -65504.0, 2.0**-24], np.float32)
    half = half_of(fits)
    assert half is not None
    assert fits.tobytes() == half.astype(np.float32).tobytes()
    for other in (1 / 3, 65536.0, 2.0**-26):
        assert half_of(np.array([1.0, other], np.float32)) is None


def test_a_product_is_stored_as_its_factors():
    """Weights times scale is no float16 number, yet both are; an unknown product and a small constant stay as they
    are."""
    random = np.random.default_rng(1)
    weight = random.standard_normal((64, 32)).astype(np.float16).astype(np.float32)
    scale = random.standard_normal(32).astype(np.float16).astype(np.float32)
    values = {"product": weight * scale, "unknown": weight / 3, "small": weight[:2]}
    inputs = [onnx.helper.make_tensor_value_info("x", 1, [1, 32])]
    outputs = [onnx.helper.make_tensor_value_info(f"y_{name}", 1, None) for name in values]
    nodes = []
    for name, array in values.items():
        nodes.append(onnx.helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(array)))
        nodes.append(onnx.helper.make_node("Identity", [name], [f"y_{name}"]))
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "test", inputs, outputs))
    store_in_half(model, {values["product"].tobytes(): (weight, scale)})
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor).dtype for tensor in model.graph.initializer}
    assert {
        "product.weight.half": np.float16,
        "product.scale": np.float32,
        "unknown": np.float32,
        "small": np.float32,
    } == stored
    (found,) = onnx.reference.ReferenceEvaluator(model).run(["y_product"], {"x": np.zeros((1, 32), np.float32)})
    assert values["product"].tobytes() == found.tobytes()
