"""Ceilings of the parts of the voice: each lane has something of the original where a part of the codec would be.

true features      bands, F0 and voicing of the clip itself                    what the vocoder alone loses
true bands         bands of the clip itself, decoded F0 and voicing            what the pitch alone loses, nearly
true pitch         decoded bands, F0 and voicing of the clip itself            what the bands alone lose, nearly
unrounded          the encoder's values as they are, without the four levels   what the networks lose without it
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from codec import features, format

from . import Coded
from .ours import (
    DECODER,
    ENCODER,
    VOCODER,
    ModelLane,
    digest_of,
    float32,
    fresh,
    key_of,
    missing_of,
    model_path,
    packets_of,
    synthesized,
)


def true_features(samples: np.ndarray) -> np.ndarray:
    """Return float32 [packets, 32, 42]: band energies of the clip itself, Praat's F0 and voicing."""
    from codec.training.data.corpus import pitch_targets

    packets = format.packet_count(len(samples))
    padded = np.pad(samples, (0, packets * format.PACKET_SAMPLES - len(samples)))
    energies = features.band_energies(features.power_spectrum(features.frames_of(float32(padded))))
    table = features.assemble(pitch_targets(padded), energies)
    return table.reshape(packets, format.PACKET_FRAMES, format.FEATURES)


def decoded_features(samples: np.ndarray, folder: Path | None) -> np.ndarray:
    """Return float32 [packets, 32, 42]: what the decoder makes of the packets."""
    decoder = fresh(DECODER, folder)
    return np.stack([decoder.decode(packet) for packet in packets_of(samples, folder)])


class CeilingLane(ModelLane):
    """The lane of an upper limit of quality. folder: of other models than the shipped ones; label: theirs."""

    ours = False
    kind = ""
    says = ""
    graphs: Sequence[str] = (ENCODER, DECODER, VOCODER)
    package = ("praat-parselmouth", "parselmouth")
    """Package that it needs, and its module."""

    def __init__(self, folder: Path | None = None, label: str = "") -> None:
        self.folder = folder
        self.key = f"{key_of(label)}-{self.kind}"
        self.title = f"{label}: {self.says}" if label else f"{self.says}, neural vocoder"
        self.whole = f"{key_of(label)}-neural"
        """Key of the lane that this is a ceiling of."""

    def missing(self) -> str | None:
        name, module = self.package
        if importlib.util.find_spec(module) is None:
            return f"{self.title}: the package {name} is not installed: pip install '.[bench]'"
        return missing_of(self.title, self.graphs, self.folder)

    def version(self) -> str:
        return f"{self.kind}, models {digest_of(self.graphs, self.folder)}, {digest_of(['codec.features'])}"

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Return float32 [packets, 32, 42], what the vocoder gets for int16 [n] at 8 kHz."""
        raise NotImplementedError

    def run(self, samples: np.ndarray) -> Coded:
        blocks = self.features(samples)
        return Coded(synthesized("neural", self.folder, blocks), 0, 0, len(blocks) * format.PACKET_S)


class TrueFeaturesLane(CeilingLane):
    """Ceiling of the vocoder: nothing of the codec is in it."""

    kind, says, graphs = "true-features", "true bands and F0", (VOCODER,)

    def features(self, samples: np.ndarray) -> np.ndarray:
        return true_features(samples)


class TruePitchLane(CeilingLane):
    """Ceiling of the codec's pitch: decoded band energies with the clip's own F0 and voicing."""

    kind, says = "true-pitch", "quantised bands, true F0"

    def features(self, samples: np.ndarray) -> np.ndarray:
        blocks = decoded_features(samples, self.folder)
        blocks[:, :, : format.BANDS_SLICE.start] = true_features(samples)[:, :, : format.BANDS_SLICE.start]
        return blocks


class TrueBandsLane(CeilingLane):
    """Ceiling of the codec's bands: the clip's own, with decoded F0 and voicing."""

    kind, says = "true-bands", "true bands, quantised F0"

    def features(self, samples: np.ndarray) -> np.ndarray:
        blocks = decoded_features(samples, self.folder)
        blocks[:, :, format.BANDS_SLICE] = true_features(samples)[:, :, format.BANDS_SLICE]
        return blocks


class UnroundedLane(CeilingLane):
    """Ceiling of the bits: the decoder gets the encoder's values before they are rounded to four levels."""

    kind, says, package = "unrounded", "latents not rounded", ("onnx", "onnx")

    def missing(self) -> str | None:
        problem = super().missing()
        if problem is None and find_table(self.folder) is None:
            problem = f"{self.title}: {DECODER} looks its levels up in another way than this lane knows"
        return problem

    def features(self, samples: np.ndarray) -> np.ndarray:
        from codec.models import ENCODER as KIND
        from codec.models import load_model

        encoder, decoder = load_model(KIND, model_path(ENCODER, self.folder)), decoder_of_levels(self.folder)
        decoder.reset()
        packets = format.packet_count(len(samples))
        padded = np.pad(samples, (0, packets * format.PACKET_SAMPLES - len(samples)))
        blocks = []
        for block in float32(padded).reshape(packets, 1, format.PACKET_SAMPLES):
            _, latents, encoder.state = encoder.session.run(None, {"samples": block, "state": encoder.state})
            shape = decoder.session.get_inputs()[0].shape
            blocks.append(decoder.step(levels=latents.reshape(shape), lost=np.zeros(1, np.float32))[0])
        return np.stack(blocks)


CEILINGS: tuple[type[CeilingLane], ...] = (UnroundedLane, TruePitchLane, TrueBandsLane, TrueFeaturesLane)


def find_table(folder: Path | None) -> tuple[Any, Any, Any] | None:
    """Return the decoder as an ONNX model, with two of its nodes: the one that makes whole numbers of the packet's
    bytes, and the one that looks these up in a table of four levels a byte. None where it is built otherwise."""
    import onnx

    model = onnx.load(str(model_path(DECODER, folder)))
    for cast in model.graph.node:
        for node in model.graph.node:
            if "packet" in cast.input and node.op_type == "Gather" and cast.output[0] in node.input:
                return model, cast, node
    return None


@lru_cache(maxsize=4)
def decoder_of_levels(folder: Path | None) -> Any:
    """Return the decoder with its table of levels taken out: it gets float32 levels instead of a packet's bytes."""
    import onnx
    import onnxruntime

    from codec.models import DECODER as KIND
    from codec.models import Model, load_model

    found = find_table(folder)
    assert found is not None  # `missing` says so
    model, cast, table = found
    graph = model.graph
    shape = [1, format.PACKET_BYTES, format.LATENTS * format.LATENT_DIMENSIONS // format.PACKET_BYTES]
    levels = onnx.helper.make_tensor_value_info("levels", onnx.TensorProto.FLOAT, shape)
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == table.output[0]:
                node.input[place] = levels.name
    inputs = [levels, *(entry for entry in graph.input if entry.name != "packet")]
    graph.node.remove(cast)
    graph.node.remove(table)
    del graph.input[:]
    graph.input.extend(inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    whole = load_model(KIND, model_path(DECODER, folder))
    return Model(session, whole.metadata, np.zeros_like(whole.state))
