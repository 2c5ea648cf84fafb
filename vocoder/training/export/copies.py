"""Export of the coarse copies: two ONNX graphs, checked against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from codec import format
from codec.copies import CopyEncoder
from codec.decoder import Decoder
from codec.models import COPY_DECODER, COPY_ENCODER, DECODER, expected_metadata
from codec.training.errors import TrainingError
from codec.training.export.copy_graphs import CopyDecoderGraph, CopyEncoderGraph
from codec.training.loop.checkpoint import load_networks, load_weights
from codec.training.loop.config import filled
from codec.training.model.blocks import PacketBlock
from codec.training.model.copies import Copies, CopyConfig
from vocoder.training.export.export import (
    LARGEST_DIFFERENCE,
    LEAST_EQUAL,
    GraphForm,
    codec_id_of,
    reference,
    write_graph,
)
from vocoder.training.voice import VoiceNetwork


def load_copies(path: Path) -> Copies:
    """Return the copies of a run's checkpoint, rounded to fp16. Raises TrainingError where it holds none."""
    stored = load_networks(path).get(Copies.name)
    if stored is None:
        raise TrainingError(f"{path} holds no copies", "name a checkpoint of `codec.training copies`")
    copies = Copies(filled(CopyConfig, stored.config, str(path)))
    load_weights(copies, stored.weights, f"{path}: its copies")
    for block in copies.modules():
        if isinstance(block, PacketBlock):
            _take_scale_in(block)
    copies.load_state_dict({name: value.half().float() for name, value in copies.state_dict().items()})
    copies.eval()
    return copies


@torch.no_grad()
def _take_scale_in(block: PacketBlock) -> None:
    """Multiply the last map of a block by its scale, so that the graph holds one constant, which fp16 can hold."""
    block.narrow.weight.mul_(block.scale[:, None])
    block.narrow.bias.mul_(block.scale)
    block.scale.fill_(1.0)


def export_copies(voice: VoiceNetwork, copies: Copies, folder: Path) -> dict[str, float]:
    """Write the graphs of copies of a voice's packets to a folder that holds its decoder, and compare with PyTorch.

    Return the part of the copies that are equal, and the largest difference of a feature. Raises TrainingError where
    they are too far apart, and ModelError where the folder's decoder is another codec's.
    """
    table, past = (
        torch.zeros(1, format.PACKET_FRAMES, format.FEATURES),
        torch.zeros(1, format.PAST_FRAMES, format.FEATURES),
    )
    copy = torch.zeros(1, format.COPY_BYTES, dtype=torch.uint8)
    encoder, decoder = CopyEncoderGraph(copies.encoder), CopyDecoderGraph(copies.decoder)
    forms: dict[str, GraphForm] = {
        COPY_ENCODER: (encoder, (table,), ["features"], ["copy"]),
        COPY_DECODER: (decoder, (copy, past), ["copy", "past"], ["features"]),
    }
    for kind, form in forms.items():
        metadata = expected_metadata(kind) | {"gossamer.codec_id": str(codec_id_of(voice))}
        write_graph(form, metadata, folder / f"{kind}.onnx")
    paths = {kind: folder / f"{kind}.onnx" for kind in (DECODER, COPY_ENCODER, COPY_DECODER)}
    maker = CopyEncoder(Decoder(paths[DECODER]), paths[COPY_ENCODER])
    own, reader = Decoder(paths[DECODER]), Decoder(paths[DECODER], paths[COPY_DECODER])
    equal, farthest, before = 0.0, 0.0, np.zeros((format.PAST_FRAMES, format.FEATURES), np.float32)
    packets = reference(voice)["packets"]
    for packet in packets:
        features = own.decode(packet.tobytes())
        with torch.no_grad():
            expected = encoder(torch.from_numpy(features)[None])
            again = decoder(expected, torch.from_numpy(before)[None])[0].numpy()
        made = maker.copy(packet.tobytes())
        equal += float(made == expected.numpy().tobytes()) / len(packets)
        farthest = max(farthest, float(np.abs(reader.decode(None, expected.numpy().tobytes()) - again).max()))
        before = again[-format.PAST_FRAMES :]
    result = {"copies_equal": equal, "features": farthest}
    if equal < LEAST_EQUAL or farthest > LARGEST_DIFFERENCE:
        raise TrainingError(f"the exported graphs differ from PyTorch: {result}")
    return result
