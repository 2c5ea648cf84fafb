"""Export: the three ONNX graphs with their metadata, the fp16 checkpoint, and the checks against PyTorch."""

from __future__ import annotations

import copy
import hashlib
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codec import format
from codec.encoder import Encoder
from codec.models import DECODER, ENCODER, VOCODER, expected_metadata, load_model
from codec.training.errors import TrainingError
from codec.training.export.copy_graphs import CopyDecoderGraph, CopyEncoderGraph
from codec.training.export.graphs import DecoderGraph, EncoderGraph
from codec.training.export.half_constants import factors_of, store_in_half
from codec.training.loop.checkpoint import save_half
from codec.training.teachers import record
from vocoder.training.export.harmonic_graph import VocoderGraph
from vocoder.training.export.hifigan_graph import HifiganGraph
from vocoder.training.export.test_signal import synthetic_speech
from vocoder.training.model.hifigan import HifiganVocoder
from vocoder.training.voice import VoiceNetwork

OPSET = 17
CHECKED_PACKETS = 100
"""Packets of the test signal that the graphs are compared on."""
LOST_OF = 7
"""Number of packets of which the last is lost in the comparison."""
LEAST_EQUAL = 0.98
"""Least part of the packets in which ONNX and PyTorch agree in every bit."""
LARGEST_DIFFERENCE = 1e-3
"""Largest difference between ONNX and PyTorch in a feature (0..1)."""
LARGEST_SOUND_DIFFERENCE = 0.02
"""Largest difference in a sample (-1..1): the two round exp() differently, and over 32 s the phase of the pulse train
drifts apart by some 1e-5 of a cycle, which the highest harmonics multiply by sixty."""


def codec_id_of(voice: VoiceNetwork) -> int:
    """Return the number of the codec, 1..65535, from its weights in fp16: another training is another codec."""
    digest = hashlib.sha256()
    for name, value in sorted(voice.codec.state_dict().items()):
        digest.update(name.encode() + value.half().numpy().tobytes())
    return int.from_bytes(digest.digest()[:2], "big") or 1


GraphForm = tuple[nn.Module, tuple[Tensor, ...], list[str], list[str]]
"""A graph, its example inputs, their names, and the names of its outputs, all without the state.

Graphs of copies have no state, all others have one."""


def vocoder_form(vocoder: nn.Module) -> GraphForm:
    """Return the exported form of a vocoder of either kind."""
    graph = HifiganGraph(vocoder) if isinstance(vocoder, HifiganVocoder) else VocoderGraph(vocoder)
    return graph, (torch.zeros(1, format.PACKET_FRAMES, format.FEATURES),), ["features"], ["samples"]


def graphs_of(voice: VoiceNetwork) -> dict[str, GraphForm]:
    """Return the exported forms of a voice by kind."""
    return {
        ENCODER: (
            EncoderGraph(voice.codec.encoder),
            (torch.zeros(1, format.PACKET_SAMPLES),),
            ["samples"],
            ["packet", "latents"],
        ),
        DECODER: (
            DecoderGraph(voice.codec.decoder),
            (torch.zeros(1, format.PACKET_BYTES, dtype=torch.uint8), torch.zeros(1)),
            ["packet", "lost"],
            ["features"],
        ),
        VOCODER: vocoder_form(voice.vocoder),
    }


def export(voice: VoiceNetwork, folder: Path, taught_by: frozenset[str] | None = None) -> dict[str, Any]:
    """Write codec_encoder.onnx, codec_decoder.onnx, vocoder.onnx and voice.safetensors (fp16) to `folder`.

    The weights are rounded to fp16 first, so that the kept checkpoint gives exactly these graphs again. taught_by: what
    the checkpoints say of the recognisers that they learned from, None where they say nothing. Return the ONNX models
    by kind, as they are before their constants are stored in 16 bits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    voice.load_state_dict({name: value.half().float() for name, value in voice.state_dict().items()})
    voice.eval()
    identity = {"gossamer.codec_id": str(codec_id_of(voice))}
    made = {}
    for kind, form in graphs_of(voice).items():
        metadata = expected_metadata(kind) | ({} if kind == VOCODER else identity) | record(taught_by)
        made[kind] = write_graph(form, metadata, folder / f"{kind}.onnx")
    save_half(voice, folder / "voice.safetensors", taught_by)
    return made


def write_graph(form: GraphForm, metadata: dict[str, str], path: Path) -> Any:
    """Write one of `graphs_of` with its metadata, whole or not at all, its constants in 16 bits where they fit in.

    Return the ONNX model as it is without that. Raises TrainingError for a graph whose outputs could not be compared.
    """
    import onnx

    model = onnx_model(form, metadata)
    stored = copy.deepcopy(model)
    store_in_half(stored, factors_of(form[0]))
    onnx.checker.check_model(stored, full_check=True)
    part = path.with_suffix(".part")
    try:
        onnx.save(stored, str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return model


def onnx_model(form: GraphForm, metadata: dict[str, str]) -> Any:
    """Return one of `graphs_of` as an ONNX model with its metadata.

    Raises TrainingError for a graph whose outputs could not be compared, since they are random.
    """
    import onnx

    graph, inputs, names, outputs = form
    graph.eval()
    if not isinstance(graph, (CopyEncoderGraph, CopyDecoderGraph)):
        inputs, names, outputs = (
            (*inputs, torch.zeros(1, graph.state_size())),
            [*names, "state"],
            [*outputs, "state_after"],
        )
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter warns of its age and of constant branches
        torch.onnx.export(
            graph,
            inputs,
            content,
            input_names=names,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(content.getvalue())
    onnx.helper.set_model_props(model, metadata)
    model.producer_name, model.producer_version = "gossamer", "1"
    random_nodes = [node.op_type for node in model.graph.node if node.op_type.startswith("Random")]
    if random_nodes:
        kind = metadata.get("gossamer.kind", "")
        raise TrainingError(f"{kind}: the graph contains {random_nodes[0]}; its outputs could not be compared")
    return model


@torch.no_grad()
def reference(voice: VoiceNetwork, packets: int = CHECKED_PACKETS, seed: int = 5) -> dict[str, NDArray[Any]]:
    """Return what PyTorch makes of the test signal, packet by packet; every seventh packet of the decoder is lost.

    These are "samples" int16 [2560 n], "packets" uint8 [n, 32], "features" float32 [n, 32, 42] and "sound" float32
    [n, 2560].
    """
    samples = synthetic_speech(packets * format.PACKET_SAMPLES, seed)
    graphs = {kind: graph.eval() for kind, (graph, *_) in graphs_of(voice).items()}
    states = {kind: torch.zeros(1, graph.state_size()) for kind, graph in graphs.items()}
    made: dict[str, list[NDArray[Any]]] = {"packets": [], "features": [], "sound": []}
    for number in range(packets):
        block = samples[number * format.PACKET_SAMPLES :][: format.PACKET_SAMPLES].astype(np.float32) / 32768.0
        packet, _, states[ENCODER] = graphs[ENCODER](torch.from_numpy(block)[None], states[ENCODER])
        lost = torch.tensor([float(is_lost(number))])
        table, states[DECODER] = graphs[DECODER](packet, lost, states[DECODER])
        sound, states[VOCODER] = graphs[VOCODER](table, states[VOCODER])
        for name, value in zip(made, (packet, table, sound), strict=True):
            made[name].append(value[0].numpy())
    return {"samples": samples} | {name: np.stack(values) for name, values in made.items()}


def is_lost(number: int) -> bool:
    """Tell whether the packet of this number is lost in the comparison."""
    return number % LOST_OF == LOST_OF - 1


def check_storage(models: dict[str, Any], found: dict[str, NDArray[Any]], folder: Path) -> None:
    """Raise TrainingError unless the graphs in `folder` compute the same bits as the models they were written from.

    models: what `export` returned; found: what `reference` returned, each graph's input.
    """
    import onnx

    for kind, model in models.items():
        with tempfile.TemporaryDirectory() as place:
            plain = Path(place) / f"{kind}.onnx"
            onnx.save(model, str(plain))
            one, two = load_model(kind, plain), load_model(kind, folder / f"{kind}.onnx")
        for number, packet in enumerate(found["packets"]):
            block = found["samples"][number * format.PACKET_SAMPLES :][: format.PACKET_SAMPLES].astype(np.float32)
            inputs = {
                ENCODER: {"samples": block[None] / np.float32(32768.0)},
                DECODER: {"packet": packet[None], "lost": np.array([is_lost(number)], np.float32)},
                VOCODER: {"features": found["features"][number][None]},
            }[kind]
            outputs = [each.session.run(None, {**inputs, "state": each.state}) for each in (one, two)]
            if any(a.tobytes() != b.tobytes() for a, b in zip(*outputs, strict=True)):
                raise TrainingError(f"{kind}.onnx computes other bits than it did before its constants became 16 bits")
            one.state, two.state = outputs[0][-1], outputs[1][-1]


def check(found: dict[str, NDArray[Any]], folder: Path, fixture: Path | None = None) -> dict[str, float]:
    """Compare the exported graphs with what PyTorch made (`reference`), each fed with the reference's own input.

    Write the reference to `fixture` where one is named (the tests compare with it). Return the part of the packets that
    are equal, and the largest differences. Raises TrainingError where they are too far apart.
    """
    encoder = Encoder(folder / f"{ENCODER}.onnx")
    decoder, vocoder = load_model(DECODER, folder / f"{DECODER}.onnx"), load_model(VOCODER, folder / f"{VOCODER}.onnx")
    equal, features, sound = 0.0, 0.0, 0.0
    for number, expected in enumerate(found["packets"]):
        block = found["samples"][number * format.PACKET_SAMPLES :][: format.PACKET_SAMPLES].astype(np.float32) / 32768.0
        packet = np.frombuffer(encoder.encode(block), np.uint8)
        equal += float(np.unpackbits(packet ^ expected).sum() == 0) / len(found["packets"])
        lost = np.array([is_lost(number)], np.float32)
        table = decoder.step(packet=expected[None], lost=lost)[0]
        features = max(features, float(np.abs(table - found["features"][number]).max()))
        made = vocoder.step(features=found["features"][number][None])[0]
        sound = max(sound, float(np.abs(made - found["sound"][number]).max()))
    if fixture is not None:
        thin: dict[str, Any] = {"samples": found["samples"], "packets": found["packets"]}
        thin |= {"features": found["features"][::5].astype(np.float16), "sound": found["sound"][::5].astype(np.float16)}
        np.savez_compressed(fixture, **thin)
    result = {"packets_equal": equal, "features": features, "sound": sound}
    if equal < LEAST_EQUAL or features > LARGEST_DIFFERENCE or sound > LARGEST_SOUND_DIFFERENCE:
        raise TrainingError(f"the exported graphs differ from PyTorch: {result}")
    return result
