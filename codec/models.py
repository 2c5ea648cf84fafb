"""Model files: where they are, and how they are loaded, with checks that make a mismatch an error instead of noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codec import format
from codec.errors import ModelError
from codec.memory_limit import give_back_memory, memory_limit
from codec.time_limit import TIME_LIMIT

if TYPE_CHECKING:
    import onnxruntime

GRAPH_VERSION = 1
"""Version of the graphs, raised when the inputs, outputs or meaning of one change."""

ENCODER = "codec_encoder"
DECODER = "codec_decoder"
VOCODER = "vocoder"
COPY_ENCODER = "copy_encoder"
COPY_DECODER = "copy_decoder"
STATELESS = (COPY_ENCODER, COPY_DECODER)
"""The kinds of graphs that remember nothing from one packet to the next."""

STANDARD, SMALL = "standard", "small"
MODELS = (STANDARD, SMALL)
"""The two sets of encoder, decoder and vocoder, of one codec_id: each understands the other, and both make copies of
packets with the same graphs.
The small one computes in 8-bit whole numbers: under 12 MB, three fifths of the time, a little rougher."""


MAX_MODEL_BYTES = 64 * 2**20
"""Longest model file that is read: more than ten times the largest of ours."""
MAX_INPUT_VALUES = 2**20
"""Most values in one input of a graph: a state of ours has 4649."""
MAX_LOADING_BYTES = 512 * 2**20
"""Most memory that loading a graph and its first step may take: ours take less than a twentieth."""
MAX_CODEC_ID = 0xFFFF
"""Largest number of a codec: what a BEGIN can carry."""
VALUES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
"""The kinds of values that go into a graph, by onnxruntime's names."""
_FEATURES = (1, format.PACKET_FRAMES, format.FEATURES)
_SAMPLES = (1, format.PACKET_SAMPLES)
SHAPES: dict[str, tuple[dict[str, tuple[int, ...]], tuple[int, ...]]] = {
    ENCODER: ({"samples": _SAMPLES}, (1, format.PACKET_BYTES)),
    DECODER: ({"packet": (1, format.PACKET_BYTES), "lost": (1,)}, _FEATURES),
    VOCODER: ({"features": _FEATURES}, _SAMPLES),
    COPY_ENCODER: ({"features": _FEATURES}, (1, format.COPY_BYTES)),
    COPY_DECODER: (
        {"copy": (1, format.COPY_BYTES), "past": (1, format.PAST_FRAMES, format.FEATURES)},
        _FEATURES,
    ),
}
"""The shapes of what goes into a graph beside its state, and of what comes out first, by its kind."""
OCTETS = (ENCODER, COPY_ENCODER)
"""The kinds of graphs whose first output is uint8; that of the others is float32."""

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
    return asset_path(f"{kind}.onnx" if model == STANDARD or kind in STATELESS else f"{model}/{kind}.onnx")


@dataclass
class Model:
    """A loaded graph with its streaming state, one flat tensor that goes in with each call and comes out of it.

    Those of `STATELESS` have none.
    """

    session: onnxruntime.InferenceSession
    metadata: dict[str, str]
    state: NDArray[np.float32]
    """float32 [1, S], zeros at the start; S is 0 in a graph without one."""

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
        lock: call it in a worker thread. Raises ModelError for a graph that cannot compute it, or not within
        `codec.time_limit`, or gives what none of its kind gives.
        """
        kind = self.metadata["gossamer.kind"]
        try:
            if self.state.size:
                inputs["state"] = self.state
            result, *rest = computed(self.session, inputs)
            state = rest[-1] if self.state.size else self.state
            _check_outputs(kind, result, state, self.state)
        except Exception as error:  # onnxruntime's own classes, as below
            raise ModelError(
                f"the model's {kind} cannot go on ({_cause(error)})", "use the model that came with it"
            ) from error
        self.state = state
        return result


def computed(session: onnxruntime.InferenceSession, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Return all outputs of a graph. Raises TimeoutError where it takes too long, else errors of onnxruntime's own."""
    with TIME_LIMIT.options() as options:
        return list(session.run(None, inputs, options))


def _check_outputs(kind: str, result: NDArray[Any], state: NDArray[Any], before: NDArray[Any]) -> None:
    """Raise ValueError where the first output of a graph, or its state, is none of its kind, or holds no numbers."""
    wanted = np.dtype(np.uint8 if kind in OCTETS else np.float32)
    if (result.shape, result.dtype, state.shape, state.dtype) != (SHAPES[kind][1], wanted, before.shape, before.dtype):
        raise ValueError(f"what comes out is not as {kind} has it")
    if not (np.isfinite(result).all() and np.isfinite(state).all()):
        raise ValueError("what comes out is no number")


def _cause(error: Exception) -> str:
    """Return the first words of an error of onnxruntime, which has no message where memory is short."""
    return (str(error) or "more memory than a model of ours takes").splitlines()[0][:120]


def load_model(kind: str, path: Path | None = None) -> Model:
    """Load `assets/KIND.onnx`, or another file, to run on one CPU thread. Raises ModelError.

    The file may come from anybody: it is checked, and computes a first packet, within bounds of memory and time.
    """
    file = path or model_path(kind)
    content = _content(file)
    try:
        with memory_limit(MAX_LOADING_BYTES):
            session = _open_session(content)
            metadata = dict(session.get_modelmeta().custom_metadata_map)
            _check_metadata(file, kind, metadata)
            zeros = _zeros(file, session, stateless=kind in STATELESS)
            results = computed(session, zeros)
            state = zeros.pop("state", np.zeros((1, 0), np.float32))
            _check_outputs(kind, results[0], results[-1] if state.size else state, state)
    except ModelError:
        raise
    except Exception as error:  # onnxruntime raises a dozen classes of its own, none of them public
        problem = f"{file}: not a model that onnxruntime can load ({_cause(error)})"
        raise ModelError(problem, "reinstall gossamer") from error
    if {name: values.shape for name, values in zeros.items()} != SHAPES[kind][0]:
        raise ModelError(f"{file}: what goes in is not as {kind} has it", "use the model that came with it")
    return Model(session, metadata, state)


def load_copies(kind: str, codec_id: int, path: Path | None = None) -> Model:
    """Load one of `STATELESS`, for the packets of the codec of this number. Raises ModelError, also for another's."""
    model = load_model(kind, path)
    if model.codec_id != codec_id:
        problem = f"the coarse copies are those of codec {model.codec_id}, and this is codec {codec_id}"
        raise ModelError(problem, "use the models that came with it, or do without repeat=coarse")
    return model


def _content(file: Path) -> bytes:
    """Return the bytes of a model file. Raises ModelError."""
    if not file.is_file():
        raise ModelError(
            f"{file}: no such model", "reinstall gossamer, or run `python -m vocoder.training export --small`"
        )
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}", "make it readable, or reinstall gossamer") from error
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(f"{file}: longer than {MAX_MODEL_BYTES} bytes, so no model of ours", "reinstall gossamer")
    return content


def _open_session(content: bytes) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    give_back_memory()
    return session


def _check_metadata(file: Path, kind: str, metadata: dict[str, str]) -> None:
    """Raise ModelError where the metadata is not that of a graph of this kind."""
    for name, value in expected_metadata(kind).items():
        found = metadata.get(name)
        if found != value:
            raise ModelError(
                f"{file}: {name} is {_short(found)}, this version runs {_short(value)}",
                "use the model that came with it",
            )
    number = metadata.get("gossamer.codec_id", "0")
    if not (number.isascii() and number.isdecimal() and len(number) <= 5 and int(number) <= MAX_CODEC_ID):
        raise ModelError(
            f"{file}: gossamer.codec_id is {_short(number)}, no number of a codec", "use the model that came with it"
        )


def _zeros(file: Path, session: onnxruntime.InferenceSession, *, stateless: bool) -> dict[str, NDArray[Any]]:
    """Return zeros for each input of a graph, by its name. Raises ModelError where no graph of ours has such inputs."""
    zeros = {}
    for entry in session.get_inputs():
        sizes = [size if isinstance(size, int) and size > 0 else MAX_INPUT_VALUES + 1 for size in entry.shape]
        if math.prod(sizes) > MAX_INPUT_VALUES or entry.type not in VALUES:
            raise ModelError(
                f"{file}: its input {_short(entry.name)} is {entry.type} of the shape {_short(str(entry.shape))}",
                "use the model that came with it",
            )
        zeros[entry.name] = np.zeros(entry.shape, VALUES[entry.type])
    if stateless and "state" not in zeros:
        return zeros
    state = zeros.get("state")
    if stateless or state is None or state.ndim != 2 or len(state) != 1 or state.dtype != np.float32:
        expected = "a state, which none of its kind has" if stateless else "no state of the shape [1, S]"
        raise ModelError(f"{file}: it has {expected}", "use the model that came with it")
    return zeros


def _short(value: str | None) -> str:
    return "missing" if value is None else repr(value if len(value) < 40 else value[:37] + "...")
