"""The small variant of the exported graphs: the same networks, inputs and outputs in half of the bytes.

The weights of the large maps become 8-bit whole numbers with a scale for each output, and their inputs are rounded to 8
bits as they come: standard operators (DynamicQuantizeLinear, MatMulInteger), which onnxruntime joins into one. Weights
are unsigned, around 128: with signed ones some processors would overflow 16 bits, and sound differently. The first and
last maps of a graph, whose inputs or outputs must be exact, keep float32 arithmetic on 8-bit weights. Transforms are
computed from one period of a cosine, other tables become 16 bits, the noise's spectra 8, all else float16; that is made
float32 again once, when the graph is loaded.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from codec import features, format
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.models import DECODER, ENCODER, SMALL, VOCODER, load_model
from codec.training.errors import TrainingError
from vocoder.training.export.export import graphs_of, is_lost
from vocoder.training.voice import VoiceNetwork

LARGEST_BYTES = 12_000_000
"""Largest size of the three files together."""
COMPUTED = ("widen", "narrow", "gather", "spread", "merge", "split")
"""Ends of the names of the constants that are multiplied in whole numbers."""
EXACT = ("levels_bias", "ramps")
"""Constants that stay float32: their values are too small for float16, or make a phase."""
TRANSFORMS = {"cosines": 0.0, "even": 0.0, "sines": -0.25, "odd": -0.25}
"""Constants that are a cosine of row times column over the size, with a scale for each row and column; and the phase of
the cosine in turns."""
TABLES = ("products", "overlaps", "levels")
"""Constants that become 16 bits."""
NOISE = ("hiss_real", "hiss_imaginary")
"""Constants that become 8 bits."""
FEWEST_VALUES = 64
"""Size of the smallest constant that is changed."""
MOST_FLIPPED, LARGEST_FEATURE_ERROR, LARGEST_SOUND_ERROR = 0.03, 0.01, 0.3
"""Limits against the float32 graphs: part of the encoder's bits that differ, mean error of a feature, and error of the
sound over the sound (both as root mean square) from the same features."""


def rounded(values: NDArray[np.float32], axis: int, largest: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return whole numbers of -largest..largest and, for each index of `axis`, the scale with the least squared error.

    Values beyond the range are clipped.
    """
    others = tuple(n for n in range(values.ndim) if n != axis)
    peak = np.abs(values).max(axis=others, keepdims=True)
    peak[peak == 0.0] = 1.0
    scale, least = peak / largest, np.full(peak.shape, np.inf)
    for part in np.linspace(0.6, 1.0, 21) if largest < 1000 else (1.0,):
        tried = peak * part / largest
        error = (np.clip(np.round(values / tried), -largest, largest) * tried - values) ** 2
        error = error.sum(axis=others, keepdims=True)
        scale, least = np.where(error < least, tried, scale), np.minimum(error, least)
    return np.clip(np.round(values / scale), -largest, largest).astype(np.int64), scale.astype(np.float32)


def scales_of(values: NDArray[np.float32], waves: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scales of rows [R, 1] and of columns [1, C] that, times `waves`, give `values`, by least squares."""
    rows, columns = np.ones((values.shape[0], 1)), np.ones((1, values.shape[1]))
    for _ in range(30):
        part = waves * columns
        rows = (values * part).sum(1, keepdims=True) / np.maximum((part * part).sum(1, keepdims=True), 1e-9)
        part = waves * rows
        columns = (values * part).sum(0, keepdims=True) / np.maximum((part * part).sum(0, keepdims=True), 1e-9)
    if np.abs(waves * rows * columns - values).max() > 1e-6 * np.abs(values).max():
        raise TrainingError("the small variant cannot compute a transform of the graph", "see TRANSFORMS in int8.py")
    return rows.astype(np.float32), columns.astype(np.float32)


class GraphQuantiser:
    """The rewriting of one graph, node by node."""

    def __init__(self, model: Any, graph: nn.Module) -> None:
        """Take the ONNX model, which is changed in place, and what it was exported from, whose constants have names."""
        self.model = model
        self.names = {buffer.numpy().tobytes(): name for name, buffer in graph.named_buffers()}
        self.nodes: list[Any] = []
        self.computed: dict[str, NDArray[np.float32]] = {}
        self.fresh: Iterator[str] = (f"s{number}" for number in itertools.count())

    def add(self, operator: str, inputs: list[str], outputs: int = 1, into: str = "", **attributes: Any) -> Any:
        """Add a node; return the name of its output, or the names of its outputs."""
        import onnx

        made = [into or next(self.fresh)] + [next(self.fresh) for _ in range(outputs - 1)]
        self.nodes.append(onnx.helper.make_node(operator, inputs, made, **attributes))
        return made if outputs > 1 else made[0]

    def constant(self, values: NDArray[Any], into: str = "") -> str:
        """Add a node that gives these values; return its name."""
        import onnx

        return str(
            self.add("Constant", [], into=into, value=onnx.numpy_helper.from_array(np.ascontiguousarray(values)))
        )

    def half(self, values: NDArray[np.float32], into: str = "") -> str:
        """Add a constant in 16 bits and a node that makes float32 of it; return its name."""
        return str(self.add("Cast", [self.constant(values.astype(np.float16))], into=into, to=1))

    def kept(self, values: NDArray[np.float32], name: str, into: str, axis: int) -> None:
        """Add a constant in fewer bits, and the nodes that make float32 of it."""
        base = name.rpartition(".")[2]
        if values.size < FEWEST_VALUES or base in EXACT:
            self.constant(values, into)
        elif base in TRANSFORMS:
            self.transform(values, TRANSFORMS[base], into)
        elif base in TABLES or base in NOISE or (axis >= 0 and values.ndim == 2):
            whole, scale = rounded(values, 1, 32767 if base in TABLES else 127)
            held = self.constant(whole.astype(np.int16 if base in TABLES else np.int8))
            self.add("Mul", [self.add("Cast", [held], to=1), self.constant(scale)], into=into)
        else:
            self.half(values, into)

    def transform(self, values: NDArray[np.float32], turns: float, into: str) -> None:
        """Add nodes that look a table of cosines [R, C] up in one period."""
        size = features.FFT_SIZE if features.BINS in values.shape else format.WINDOW_SAMPLES
        places = [np.arange(count) for count in values.shape]
        period = np.cos(2 * np.pi * (np.arange(size) / size + turns))
        rows, columns = scales_of(values, period[np.outer(*places) % size])
        place = self.add("Mul", [self.constant(places[0][:, None]), self.constant(places[1][None])])
        place = self.add("Mod", [place, self.constant(np.array(size))])
        waves = self.add("Gather", [self.constant(period.astype(np.float32)), place])
        waves = self.add("Mul", [waves, self.constant(rows)])
        self.add("Mul", [waves, self.constant(columns)], into=into)

    def product(self, node: Any) -> None:
        """Replace a node, x times a constant, by a product of whole numbers: a Gemm, a MatMul, a 1 x 1 convolution."""
        values, x, result = self.computed[node.input[1]], node.input[0], node.output[0]
        is_convolution = node.op_type == "Conv"
        if is_convolution:
            values, x = values[:, :, 0, 0].T, self.add("Reshape", [x, self.constant(np.array([1, -1]))])
        whole, scale = rounded(values, 1, 127)
        weights, middle = self.constant((whole + 128).astype(np.uint8)), self.constant(np.array(128, np.uint8))
        given, step, zero = self.add("DynamicQuantizeLinear", [x], outputs=3)
        total = self.add("Cast", [self.add("MatMulInteger", [given, weights, zero, middle])], to=1)
        step = self.add("Mul", [step, self.half(scale.reshape(-1))])
        if len(node.input) == 2:
            self.add("Mul", [total, step], into=result)
            return
        total = self.add("Mul", [total, step])
        if not is_convolution:
            self.add("Add", [total, node.input[2]], into=result)
            return
        total = self.add("Add", [total, node.input[2]])
        self.add("Reshape", [total, self.constant(np.array([1, -1, 1, 1]))], into=result)

    def run(self) -> None:
        """Rewrite the whole graph."""
        import onnx

        graph = self.model.graph
        first_use = {name: (node, n) for node in reversed(graph.node) for n, name in enumerate(node.input)}
        for node in graph.node:
            if node.op_type != "Constant":
                if any(name in self.computed for name in node.input):
                    self.product(node)
                else:
                    self.nodes.append(node)
                continue
            values = onnx.numpy_helper.to_array(node.attribute[0].t)
            name = self.names.get(values.tobytes(), "")
            user, place = first_use.get(node.output[0], (None, -1))
            if values.dtype != np.float32:
                self.nodes.append(node)
            elif name.endswith(COMPUTED):
                self.computed[node.output[0]] = values
            else:
                is_weight = user is not None and user.op_type in ("Gemm", "MatMul") and place == 1
                self.kept(values, name, node.output[0], 1 if is_weight else -1)
        del graph.node[:]
        graph.node.extend(self.nodes)
        self.shorten()

    def shorten(self) -> None:
        """Give inner values short names: long ones take a tenth of such a file."""
        graph = self.model.graph
        short = {entry.name: entry.name for entry in [*graph.input, *graph.output, *graph.initializer]} | {"": ""}
        for node in graph.node:
            node.ClearField("name")
            for names in (node.input, node.output):
                names[:] = [short.setdefault(name, f"v{len(short)}") for name in names]


def shrink(models: dict[str, Any], folder: Path, graphs: dict[str, nn.Module]) -> int:
    """Write `folder`/small/KIND.onnx from the models that `export` returned; return the size of all in bytes.

    Raises TrainingError, before anything is written, where they are too large together.
    """
    import onnx

    made = {}
    for kind, graph in graphs.items():
        model = copy.deepcopy(models[kind])
        GraphQuantiser(model, graph).run()
        onnx.checker.check_model(model, full_check=True)
        made[kind] = model.SerializeToString()
    size = sum(map(len, made.values()))
    if size > LARGEST_BYTES:
        found, most = f"{size / 1e6:.2f} MB", f"{LARGEST_BYTES / 1e6:g}"
        raise TrainingError(f"the small variant would be {found}, more than {most}", "train a narrower network")
    (folder / SMALL).mkdir(exist_ok=True)
    for kind, content in made.items():
        (folder / SMALL / f"{kind}.onnx").write_bytes(content)
    return size


def shrink_and_check(
    voice: VoiceNetwork, models: dict[str, Any], expected: dict[str, NDArray[Any]], folder: Path
) -> dict[str, float]:
    """Write the small variant of what `export` returned to `folder`, and compare it with `expected` (`reference`).

    Return its size and the differences. Raises TrainingError.
    """
    size = shrink(models, folder, {kind: graph for kind, (graph, *_) in graphs_of(voice).items()})
    return {"bytes": size} | check_small(expected, folder)


def check_small(reference: dict[str, NDArray[Any]], folder: Path) -> dict[str, float]:
    """Compare `folder`/small with what PyTorch made in float32 (`export.reference`).

    Return the part of the encoder's bits that differ, the mean error of a feature of the same packets, and the error of
    the sound over the sound, both as root mean square, from the same features. Raises TrainingError where they are too
    far apart, or where the two are not of one codec.
    """
    files = {kind: folder / SMALL / f"{kind}.onnx" for kind in (ENCODER, DECODER, VOCODER)}
    encoder, decoder, vocoder = Encoder(files[ENCODER]), Decoder(files[DECODER]), load_model(VOCODER, files[VOCODER])
    standard = Encoder(folder / f"{ENCODER}.onnx").codec_id
    if not encoder.codec_id == decoder.codec_id == standard:
        raise TrainingError(
            f"the small variant is codec {encoder.codec_id}, the standard one {standard}", "export both"
        )
    flipped, features, error, power = 0.0, 0.0, 0.0, 0.0
    count = len(reference["packets"])
    for number, expected in enumerate(reference["packets"]):
        block = reference["samples"][number * format.PACKET_SAMPLES :][: format.PACKET_SAMPLES]
        packet = np.frombuffer(encoder.encode(block.astype(np.float32) / 32768.0), np.uint8)
        flipped += float(np.unpackbits(packet ^ expected).mean()) / count
        table = decoder.decode(None if is_lost(number) else expected.tobytes())
        features += float(np.abs(table - reference["features"][number]).mean()) / count
        sound = vocoder.step(features=reference["features"][number][None])[0]
        error += float(((sound - reference["sound"][number]) ** 2).sum())
        power += float((reference["sound"][number] ** 2).sum())
    result = {"flipped": flipped, "features": features, "sound": float(np.sqrt(error / max(power, 1e-9)))}
    limits = MOST_FLIPPED, LARGEST_FEATURE_ERROR, LARGEST_SOUND_ERROR
    if any(found > most for found, most in zip(result.values(), limits, strict=True)):
        raise TrainingError(f"the small variant differs too much from the standard one: {result}, limits {limits}")
    return result
