"""A graph of somebody else's, in a process of its own: whatever it does, and whenever, it is a line."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.__main__ import main
from app.signals import EXIT_INTERRUPTED
from codec import isolated_model, models
from codec.errors import ModelError
from codec.format import FEATURES as FEATURE_COUNT
from codec.format import PACKET_FRAMES, PACKET_SAMPLES
from codec.isolated_model import IsolatedModel
from tests.support.onnx_files import FLOAT, INT64, cast, endless_loop, model, node, tensor, truth, value
from tests.support.processes import ROOT

FEATURES = value("features", [1, PACKET_FRAMES, FEATURE_COUNT])
STATE = value("state", [1, 8])
OUT = [value("samples", [1, "n"]), value("state_after", [1, 8])]
ONES_AFTER = node("Identity", ["ones"], "state_after")
"""A state of ones from the second step on."""
LARGEST = node("ReduceMax", ["state"], "largest")
SILENCE = tensor("sound", [1, PACKET_SAMPLES], FLOAT, bytes(4 * PACKET_SAMPLES))
ONES = tensor("ones", [1, 8], FLOAT, np.ones(8, "<f4").tobytes())
WHOLE = [LARGEST, cast("largest", INT64, "whole"), node("Squeeze", ["whole"], "one")]
BOXES = 250_000
"""Disjoint boxes, each of which is compared with all before it in one step: half a minute."""


def vocoder(nodes: list[bytes], constants: list[bytes]) -> bytes:
    """A file that is a vocoder but for what it computes."""
    inputs = [FEATURES, STATE]
    return model(
        models.expected_metadata(models.VOCODER), inputs, OUT, [*nodes, ONES_AFTER], [ONES, SILENCE, *constants]
    )


def whole(name: str, *numbers: int) -> bytes:
    return tensor(name, [len(numbers)], INT64, np.array(numbers, "<i8").tobytes())


def boxes_compared(boxes: str, before: list[bytes]) -> bytes:
    """A graph with one step that takes half a minute."""
    left = np.arange(BOXES, dtype="<f4")
    corners = np.stack([0 * left, left, 0 * left + 1, left + 0.5], axis=1)
    constants = [
        tensor("corners", [1, BOXES, 4], FLOAT, corners.tobytes()),
        tensor("scores", [1, 1, BOXES], FLOAT, left.tobytes()),
        whole("most", BOXES),
        tensor("overlap", [1], FLOAT, np.array([0.5], "<f4").tobytes()),
        tensor("least", [1], FLOAT, np.array([-1.0], "<f4").tobytes()),
    ]
    compare = node("NonMaxSuppression", [boxes, "scores", "most", "overlap", "least"], "chosen")
    after = [
        cast("chosen", FLOAT, "numbers"),
        node("ReduceMin", ["numbers"], "none"),
        node("Add", ["sound", "none"], "samples"),
    ]
    return vocoder([*before, compare, *after], constants)


LONG = {
    "while it is loaded": boxes_compared("corners", []),
    "in one node": boxes_compared("moved", [LARGEST, node("Add", ["corners", "largest"], "moved")]),
}
LATER = {
    "another shape": (
        [*WHOLE, node("Add", ["one", "once"], "times"), node("Tile", ["sound", "times"], "samples")],
        [whole("once", 1, 1)],
        "what comes out is not as vocoder has it",
    ),
    "two gigabytes": (
        [
            *WHOLE,
            node("Mul", ["one", "most"], "size"),
            node("Add", ["size", "once"], "sizes"),
            node("ConstantOfShape", ["sizes"], "large"),
            node("ReduceMax", ["large"], "zero"),
            node("Add", ["sound", "zero"], "samples"),
        ],
        [whole("most", 2**29), whole("once", 1)],
        "ConstantOfShape",
    ),
    "a loop without an end": (
        [*truth("state", "goes_on"), endless_loop("goes_on", "sound", "samples")],
        [],
        r"more than 0\.5 s of computing",
    ),
}
"""What a graph does in its second step: its nodes, its constants, and what is said."""
SPEECH = np.full((1, PACKET_FRAMES, FEATURE_COUNT), 0.5, np.float32)


@pytest.fixture
def short_limit(monkeypatch):
    """Let a graph compute for half a second of the processor."""
    shorter = "from codec import time_limit; time_limit.MAX_STEP_CPU_S = 0.5; from codec.isolated_model import serve"
    code = isolated_model.CODE.replace("from codec.isolated_model import serve", shorter)
    monkeypatch.setattr(isolated_model, "CODE", code)


def test_the_sound_is_that_of_the_same_graph_in_this_process():
    """Packet for packet, after a reset too."""
    ours, isolated = models.load_model(models.VOCODER), IsolatedModel(models.VOCODER, models.model_path(models.VOCODER))
    random = np.random.default_rng(1)
    for _ in range(2):
        for _ in range(3):
            features = random.random(SPEECH.shape, np.float32)
            assert np.array_equal(ours.step(features=features), isolated.step(features=features))
        ours.reset()
        isolated.reset()


@pytest.mark.parametrize("what", LATER)
def test_what_a_graph_does_later_is_a_line(tmp_path, short_limit, what):
    """It was loaded without a fault; afterwards it is gone."""
    nodes, constants, said = LATER[what]
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(vocoder(nodes, constants))
    loaded = IsolatedModel(models.VOCODER, path)
    assert (1, PACKET_SAMPLES) == loaded.step(features=SPEECH).shape  # the state of zeros, as the first packet had it
    with pytest.raises(ModelError, match=rf"vocoder cannot go on \(.*({said})") as caught:
        loaded.step(features=SPEECH)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="vocoder cannot go on: use the model"):
        loaded.step(features=SPEECH)


@pytest.mark.parametrize("what", LONG)
def test_a_step_that_nothing_interrupts_is_ended(tmp_path, short_limit, what):
    """Constants that onnxruntime computes when it opens a file, and one long node: neither asks whether to go on."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(LONG[what])
    with pytest.raises(ModelError, match=r"vocoder\.onnx: .*more than [\d.]+ s of computing"):
        IsolatedModel(models.VOCODER, path)


def test_a_command_ends_with_two(tmp_path, capfd):
    """And leaves no file."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(vocoder(*LATER["another shape"][:2]))
    (tmp_path / "said.g800").write_bytes(bytes(320))
    assert 2 == main(["decode", str(tmp_path / "said.g800"), str(tmp_path / "heard.wav"), "--synth", str(path)])
    [line] = capfd.readouterr().err.splitlines()
    assert "vocoder cannot go on (what comes out is not as vocoder has it)" in line
    assert not (tmp_path / "heard.wav").exists()


def computing(parent: int) -> int | None:
    """The process that computes for another one, once it has had a second of the processor."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        if int(fields[11]) + int(fields[12]) > os.sysconf("SC_CLK_TCK"):
            return int(child)
    return None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_ctrl_c_ends_a_command_whose_graph_computes(tmp_path):
    """At once, though onnxruntime would hear of nothing, and with it the process that computes."""
    path = tmp_path / "vocoder.onnx"
    path.write_bytes(LONG["while it is loaded"])
    (tmp_path / "said.g800").write_bytes(bytes(320))
    words = [sys.executable, "-m", "app", "decode", str(tmp_path / "said.g800"), str(tmp_path / "heard.wav"), "--synth"]
    command = subprocess.Popen([*words, str(path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while (child := computing(command.pid)) is None:
        assert command.poll() is None
        time.sleep(0.1)
    began_s = time.monotonic()
    command.send_signal(signal.SIGINT)
    said = command.communicate(timeout=20)[1]
    assert (EXIT_INTERRUPTED, "") == (command.returncode, said)
    assert time.monotonic() - began_s < 3.0
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_the_process_goes_with_its_model(tmp_path):
    loaded = IsolatedModel(models.VOCODER, models.model_path(models.VOCODER))
    process = loaded._process
    del loaded
    gc.collect()
    assert -signal.SIGKILL == process.returncode
