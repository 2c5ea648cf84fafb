"""Model files: where they are, and how they are loaded, with checks that make a mismatch an error instead of noise."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

GRAPH_VERSION = 1
"""Version of the graphs, raised when the inputs, outputs or meaning of one change."""

ENCODER = "codec_encoder"
DECODER = "codec_decoder"
VOCODER = "vocoder"

STANDARD, SMALL = "standard", "small"
MODELS = (STANDARD, SMALL)
"""The two sets of encoder, decoder and vocoder, of one codec_id: each understands the other.
The small one computes in 8-bit whole numbers: under 6 MB, two thirds of the time, a little rougher."""


TAUGHT_BY = "gossamer.taught_by"
"""Name of the metadata that says which recognisers the training learnt from, separated by commas; they are no
independent judges of the voice. Models from before this record do not have it."""


def expected_metadata(kind: str) -> dict[str, str]:
    """Return what the metadata of a graph of this kind must say, beside its `codec_id`."""
    return {
        "gossamer.kind": kind,
        "gossamer.graph_version": str(GRAPH_VERSION),
        "gossamer.sample_rate_hz": str(format.SAMPLE_RATE_HZ),
        "gossamer.packet_samples": str(format.PACKET_SAMPLES),
        "gossamer.packet_bytes": str(format.PACKET_BYTES),
        "gossamer.hop_samples": str(format.HOP_SAMPLES),
        "gossamer.packet_frames": str(format.PACKET_FRAMES),
        "gossamer.delay_samples": str(format.DELAY_SAMPLES),
        "gossamer.features": ",".join(feature_names()),
    }


def feature_names() -> list[str]:
    """Return the names of the 42 values of a feature frame, in order."""
    return ["log_f0", "voicing", *(f"band_{number}" for number in range(format.BANDS))]


def asset_path(name: str) -> Path:
    """Return the path of a file of the package `assets`, in a checkout or an installation."""
    return Path(str(resources.files("assets") / name))


def model_path(kind: str, model: str = STANDARD) -> Path:
    """Return the path of the graph of this kind in one of `MODELS`. Raises ValueError for another name."""
    if model not in MODELS:
        raise ValueError(f"no model '{model}'; there are: {', '.join(MODELS)}")
    return asset_path(f"{kind}.onnx" if model == STANDARD else f"{model}/{kind}.onnx")


@dataclass
class Model:
    """A loaded graph with its streaming state, one flat tensor that goes in with each call and comes out of it."""

    session: onnxruntime.InferenceSession
    metadata: dict[str, str]
    state: NDArray[np.float32]
    """float32 [1, S], zeros at the start."""

    @property
    def codec_id(self) -> int:
        """Number of the codec, 1..65535, the same in encoders and decoders of one codec; 0 in a vocoder."""
        return int(self.metadata.get("gossamer.codec_id", "0"))

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self.state = np.zeros_like(self.state)

    def step(self, **inputs: NDArray[Any]) -> NDArray[Any]:
        """Compute one packet and return the graph's first output.

        inputs: the graph's inputs by name, without the state. A step takes milliseconds and releases the interpreter's
        lock: call it in a worker thread.
        """
        result, *_, self.state = self.session.run(None, {**inputs, "state": self.state})
        return np.asarray(result)


def load_model(kind: str, path: Path | None = None) -> Model:
    """Load `assets/KIND.onnx`, or another file, to run on one CPU thread. Raises ModelError."""
    import onnxruntime

    file = path or model_path(kind)
    if not file.is_file():
        raise ModelError(
            f"{file}: no such model", "reinstall gossamer, or run `python -m vocoder.training export --small`"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes of its own, none of them public
        cause = str(error).splitlines()[0][:120]
        raise ModelError(f"{file}: not a model that onnxruntime can load ({cause})", "reinstall gossamer") from error
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    for name, value in expected_metadata(kind).items():
        found = metadata.get(name)
        if found != value:
            raise ModelError(
                f"{file}: {name} is {_short(found)}, this version runs {_short(value)}",
                "use the model that came with it",
            )
    size = next(entry.shape[1] for entry in session.get_inputs() if entry.name == "state")
    return Model(session, metadata, np.zeros((1, size), np.float32))


def _short(value: str | None) -> str:
    return "missing" if value is None else repr(value if len(value) < 40 else value[:37] + "...")
