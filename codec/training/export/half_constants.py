"""Storage of a graph's constants in 16 bits, without changing a bit of what the graph computes.

Trained weights are rounded to float16 before they are exported, so float32 constants hold nothing that float16 does
not. Each such constant is stored as float16 with a Cast behind it. The second map of a block is weights times a scale
for each output: both are stored, with a Mul behind them, which gives the same float32 products. onnxruntime computes
all of this once, when it loads the graph. What that takes is made up for by storing constants as initializers, which
onnxruntime makes of Constant nodes anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from codec.training.export.fused_blocks import BlockForm

FEWEST_VALUES = 1024
"""Size of the smallest constant that is stored in 16 bits: the nodes behind smaller ones cost more time at loading than
their bytes are worth."""

Factors = dict[bytes, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""The bytes of a product, and the two float32 arrays whose product it is, [in, out] and [out]."""


def factors_of(graph: nn.Module) -> Factors:
    """Return the products among the constants of a graph, as the exported form of a network."""
    blocks = [module for module in graph.modules() if isinstance(module, BlockForm)]
    return {
        block.narrow.numpy().tobytes(): (block.narrow_weight.numpy(), block.narrow_scale.numpy()) for block in blocks
    }


def half_of(values: NDArray[Any]) -> NDArray[np.float16] | None:
    """Return the values as float16, or None where that would change a bit of them."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if half.astype(np.float32).tobytes() == values.tobytes() else None


def store_in_half(model: Any, factors: Factors) -> None:
    """Store the constants of an ONNX model, which is changed in place, as float16 where that changes no bit of them.

    These are float32 constants of at least `FEWEST_VALUES` values, and products of two constants: `factors` holds what
    `factors_of` found in the network that was exported.
    """
    import onnx

    graph = model.graph
    nodes: list[Any] = []

    def store(values: NDArray[Any], name: str) -> None:
        half = half_of(values) if values.dtype == np.float32 and values.size >= FEWEST_VALUES else None
        if half is None:
            graph.initializer.append(onnx.numpy_helper.from_array(values, name))
            return
        graph.initializer.append(onnx.numpy_helper.from_array(half, f"{name}.half"))
        nodes.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))

    initializers = [*graph.initializer]
    del graph.initializer[:]
    for initializer in initializers:
        store(onnx.numpy_helper.to_array(initializer), initializer.name)
    for node in graph.node:
        if node.op_type != "Constant":
            nodes.append(node)
            continue
        values, name = onnx.numpy_helper.to_array(node.attribute[0].t), node.output[0]
        pair = factors.get(values.tobytes())
        if pair is None or half_of(pair[0]) is None:
            store(values, name)
        else:
            store(pair[0], f"{name}.weight")
            store(pair[1], f"{name}.scale")
            nodes.append(onnx.helper.make_node("Mul", [f"{name}.weight", f"{name}.scale"], [name]))
    del graph.node[:]
    graph.node.extend(nodes)
