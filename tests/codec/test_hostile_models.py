"""Model files that somebody made to take the memory: one line, in little memory and time, whatever they claim."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from app.__main__ import main
from codec import models, time_limit
from codec.errors import ModelError
from codec.format import FEATURES as FEATURE_COUNT
from codec.format import PACKET_FRAMES, PACKET_SAMPLES
from codec.memory_limit import memory_limit
from tests.support.onnx_files import BOOL, FLOAT, INT64, cast, endless_loop, model, node, tensor, truth, value

OURS = models.expected_metadata(models.VOCODER)
FEATURES = value("features", [1, 32, 42])
STATE = value("state", [1, 8])
OUT = [value("samples", [1, PACKET_SAMPLES]), value("state_after", [1, 8])]
KEEP_STATE = node("Identity", ["state"], "state_after")
SMALL = tensor("sound", [1, PACKET_SAMPLES], FLOAT, bytes(4 * PACKET_SAMPLES))
ONES = tensor("ones", [1, 8], FLOAT, b"\0\0\x80\x3f" * 8)
LOOP = endless_loop("goes_on", "sound", "samples")
ALWAYS = tensor("goes_on", [], BOOL, b"\1")
ENDLESS = model(OURS, [FEATURES, STATE], OUT, [LOOP, KEEP_STATE], [SMALL, ALWAYS])
ENDLESS_LATER = model(
    OURS,
    [FEATURES, STATE],
    OUT,
    [*truth("state", "goes_on"), LOOP, node("Identity", ["ones"], "state_after")],
    [SMALL, ONES],
)
"""Does its first step, which makes ones of the state's zeros, and never ends the second."""
LARGEST = node("ReduceMax", ["state"], "largest")
SPOILT_LATER = {
    "what comes out is no number": (
        [LARGEST, node("Neg", ["largest"], "minus"), node("Sqrt", ["minus"], "root")],
        node("Add", ["sound", "root"], "samples"),
    ),
    "what comes out is not as vocoder has it": (
        [
            LARGEST,
            cast("largest", INT64, "whole"),
            node("Squeeze", ["whole"], "one"),
            node("Add", ["one", "once"], "two"),
        ],
        node("Tile", ["sound", "two"], "samples"),
    ),
}
"""What is said of graphs that are as they should be in the first step, and not in the second: their nodes."""
LARGE = 2**33
"""32 GiB of float32."""


def sizes(*dims: int) -> bytes:
    return tensor("sizes", [len(dims)], INT64, b"".join(dim.to_bytes(8, "little") for dim in dims))


HONEST = model(OURS, [FEATURES, STATE], OUT, [node("Identity", ["sound"], "samples"), KEEP_STATE], [SMALL])
HOSTILE = {
    "a state of a terabyte": model(
        OURS, [FEATURES, value("state", [1, 2**38])], OUT, [node("Identity", ["sound"], "samples"), KEEP_STATE], [SMALL]
    ),
    "a free dimension": model(
        OURS, [FEATURES, value("state", [1, "S"])], OUT, [node("Identity", ["sound"], "samples"), KEEP_STATE], [SMALL]
    ),
    "a constant that claims a terabyte": model(
        OURS,
        [FEATURES, STATE],
        OUT,
        [node("Identity", ["sound"], "samples"), KEEP_STATE],
        [tensor("sound", [1, 2**38], FLOAT, b"")],
    ),
    "a constant that is computed at the start": model(
        OURS,
        [FEATURES, STATE],
        [value("samples", [LARGE]), OUT[1]],
        [node("ConstantOfShape", ["sizes"], "samples"), KEEP_STATE],
        [sizes(LARGE)],
    ),
    "a tensor that is computed from the input": model(
        OURS,
        [FEATURES, STATE],
        [value("samples", [LARGE // 1344, 32, 42]), OUT[1]],
        [node("Expand", ["features", "sizes"], "samples"), KEEP_STATE],
        [sizes(LARGE // 1344, 32, 42)],
    ),
    "no state": model(OURS, [FEATURES], OUT[:1], [node("Identity", ["sound"], "samples")], [SMALL]),
    "a state that grows": model(
        OURS,
        [FEATURES, STATE],
        [OUT[0], value("state_after", [1, 16])],
        [node("Identity", ["sound"], "samples"), node("Expand", ["state_", "sizes"], "state_after")],
        [SMALL, sizes(1, 16), tensor("state_", [1, 1], FLOAT, bytes(4))],
    ),
    "other features": model(
        OURS, [value("features", [1, 8]), STATE], OUT, [node("Identity", ["sound"], "samples"), KEEP_STATE], [SMALL]
    ),
    "a number that is none": model(
        OURS | {"gossamer.codec_id": "²"},
        [FEATURES, STATE],
        OUT,
        [node("Identity", ["sound"], "samples"), KEEP_STATE],
        [SMALL],
    ),
}
LOAD = """
import resource, sys
from pathlib import Path
from codec import models, time_limit
import onnxruntime
from codec.errors import ModelError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    models.load_model(models.VOCODER, Path(sys.argv[1]))
except ModelError as problem:
    print(problem)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, resource.getrlimit(resource.RLIMIT_DATA))
"""


def test_an_honest_model_made_this_way_is_loaded(tmp_path):
    """What is refused below is refused for what it claims, not for how the file was made."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(HONEST)
    loaded = models.load_model(models.VOCODER, path)
    assert (1, 8) == loaded.state.shape


@pytest.mark.parametrize("what", HOSTILE)
def test_a_model_that_claims_too_much_is_a_line(tmp_path, what):
    """It is refused, and says so in a line that names the file."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(ModelError, match=r"vocoder\.onnx: ") as caught:
        models.load_model(models.VOCODER, path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to a limit of memory")
@pytest.mark.parametrize("what", [name for name in HOSTILE if "computed" in name or "terabyte" in name])
def test_a_model_that_claims_too_much_takes_little_memory(tmp_path, what):
    """No more than the limit is touched, nothing is printed besides, and afterwards the limit is gone."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(HOSTILE[what])
    run = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, timeout=120)
    line, figures = run.stdout.splitlines()
    assert (0, "") == (run.returncode, run.stderr)
    assert line.startswith(f"{path}: ")
    taken_kb, limits = figures.split(" ", 1)
    assert int(taken_kb) * 1024 <= models.MAX_LOADING_BYTES
    assert "(-1, -1)" == limits


def test_a_file_of_a_hundred_gigabytes_is_not_read(tmp_path):
    """It is longer than any model of ours, which is all that is looked at."""
    path = tmp_path / "vocoder.onnx"
    with path.open("wb") as stream:
        stream.truncate(100 * 2**30)
    with pytest.raises(ModelError, match="so no model of ours"):
        models.load_model(models.VOCODER, path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_line(tmp_path):
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(HONEST)
    path.chmod(0)
    with pytest.raises(ModelError, match="Permission denied: make it readable"):
        models.load_model(models.VOCODER, path)


def test_a_command_ends_with_two(tmp_path, monkeypatch, capfd):
    """Whoever put such a file in place of ours gets a line from the command that loads it."""
    for kind in (models.ENCODER, models.DECODER):
        (tmp_path / f"{kind}.onnx").write_bytes(models.model_path(kind).read_bytes())
    (tmp_path / "vocoder.onnx").write_bytes(HOSTILE["a constant that is computed at the start"])
    monkeypatch.setattr(models, "asset_path", lambda name: tmp_path / name)
    (tmp_path / "said.g800").write_bytes(bytes(64))
    assert 2 == main(["decode", str(tmp_path / "said.g800"), str(tmp_path / "heard.wav")])
    [line] = capfd.readouterr().err.splitlines()
    assert "vocoder.onnx: " in line


@pytest.fixture
def short_limit(monkeypatch):
    """Let a graph compute for half a second of the processor."""
    monkeypatch.setattr(time_limit, "MAX_STEP_CPU_S", 0.5)


def test_a_model_that_never_ends_is_a_line(tmp_path, short_limit):
    """An endless loop in the first step, which is made when the file is loaded."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(ENDLESS)
    with pytest.raises(ModelError, match=r"vocoder\.onnx: .*more than 0\.5 s of computing"):
        models.load_model(models.VOCODER, path)


def test_a_model_that_does_not_end_later_is_a_line(tmp_path, short_limit):
    """What is loaded without a fault may still loop in a later step."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(ENDLESS_LATER)
    loaded = models.load_model(models.VOCODER, path)
    features = np.zeros((1, PACKET_FRAMES, FEATURE_COUNT), np.float32)
    assert (1, PACKET_SAMPLES) == loaded.step(features=features).shape
    with pytest.raises(ModelError, match=r"vocoder cannot go on \(more than 0\.5 s of computing\)"):
        loaded.step(features=features)


@pytest.mark.parametrize("said", SPOILT_LATER)
def test_what_comes_out_is_looked_at_in_every_step(tmp_path, said):
    """Shape and numbers: 320 bytes became a WAV of 51 MB, and what is no number a warning of numpy on the terminal."""
    before, last = SPOILT_LATER[said]
    nodes = [*before, last, node("Identity", ["ones"], "state_after")]
    once = tensor("once", [2], INT64, 2 * (1).to_bytes(8, "little"))
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(model(OURS, [FEATURES, STATE], [value("samples", [1, "n"]), OUT[1]], nodes, [SMALL, ONES, once]))
    loaded = models.load_model(models.VOCODER, path)
    features = np.zeros((1, PACKET_FRAMES, FEATURE_COUNT), np.float32)
    assert (1, PACKET_SAMPLES) == loaded.step(features=features).shape
    with pytest.raises(ModelError, match=said):
        loaded.step(features=features)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to a limit of memory")
def test_the_limit_holds_and_ends():
    """Within the block a large piece of memory cannot be had, behind it it can."""
    with memory_limit(2**26), pytest.raises(MemoryError):
        bytearray(2**28)
    assert 2**28 == len(bytearray(2**28))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to a limit of memory")
def test_the_limit_ends_with_the_last_of_several_pieces_of_work():
    """Two models that are loaded at the same time leave nothing behind, whichever is done first."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    one, two = memory_limit(2**30), memory_limit(2**29)
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert before != resource.getrlimit(resource.RLIMIT_DATA)
    two.__exit__(None, None, None)
    assert before == resource.getrlimit(resource.RLIMIT_DATA)
