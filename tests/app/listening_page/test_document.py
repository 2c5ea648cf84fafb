"""The listening page as a file, without a browser."""

from __future__ import annotations

import base64
import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from app.__main__ import main
from app.audio.sound_files import to_float, to_int16
from app.codecs.gossamer import Gossamer
from app.listening_page.lanes import coded_without_link
from codec import format
from codec.models import asset_path
from tests.support.sentences import sentence


def told_on(page: Path) -> dict[str, Any]:
    """The page's data."""
    match = re.search(r'<script type="application/json" id="told">(.*?)</script>', page.read_text(), re.DOTALL)
    assert match is not None
    return dict(json.loads(match[1]))


def sound_of(uri: str) -> np.ndarray:
    """A data URI -> float32 [n]."""
    kind, _, content = uri.partition(",")
    assert "data:audio/flac;base64" == kind
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")
    assert format.SAMPLE_RATE_HZ == rate
    return np.asarray(samples)


def test_the_page_holds_the_right_sound_and_fetches_nothing(tmp_path: Path) -> None:
    """One file: sound as data URIs, no address outside it, a policy that forbids any."""
    page, clip = tmp_path / "page.html", asset_path("sentences") / "child.flac"
    assert 0 == main(["compare", str(clip), "--out", str(page), "--link", "hc-12"])
    told, text = told_on(page), page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert not re.findall(r"https?://", text)
    assert "default-src 'none'" in text
    [shown] = told["clips"]
    assert ("child", "espeak-ng en+f4") == (shown["name"], shown["speaker"])
    original = sentence("child")
    np.testing.assert_array_equal(original, sound_of(shown["lanes"]["original"]["audio"]))
    sound, coded = coded_without_link(Gossamer(synth="classic"), original)
    np.testing.assert_array_equal(to_float(to_int16(sound).tobytes()), sound_of(shown["lanes"]["classic"]["audio"]))
    assert {codec["key"] for codec in told["codecs"]} == set(shown["lanes"])
    after = shown["lanes"]["neural"]["links"]["hc-12"]
    assert len(coded.frames) == len(after["strip"])
    assert after["damaged"] > 0
    assert not np.array_equal(sound_of(after["audio"]), sound_of(shown["lanes"]["neural"]["audio"]))
    assert {} == shown["lanes"]["unquantised"]["links"]
    assert told["runtime"] is None


def test_a_name_cannot_end_the_script(tmp_path: Path) -> None:
    """Whatever a file is called, or says in its tags, stays data."""
    odd = tmp_path / "a<b.flac"
    with soundfile.SoundFile(odd, "w", 8000, 1, "PCM_16") as file:
        file.title = "</script><script>alert(1)</script>"
        file.write(sentence("child")[:8000])
    assert 0 == main(["compare", str(odd), "--out", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in text
    assert "</script><script>alert(1)</script>" == told_on(tmp_path / "page.html")["clips"][0]["text"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{clip}", "--link", "pigeon", "--out", "{out}"], "afsk1200"),
        (["{folder}/none.wav", "--out", "{out}"], "none.wav"),
        (["{clip}", "{clip}", "--out", "{out}"], "rename"),
        (["{short}", "--out", "{out}"], "nothing to compare"),
        (["{long}", "--out", "{out}"], "cut out"),
        (["{clip}", "--browser", "{folder}", "--out", "{out}"], "npm install onnxruntime-web"),
        (["{clip}", "--out", "{folder}/none/page.html"], "make it first"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, cause and cure, no page."""
    names = {
        "clip": str(asset_path("sentences") / "child.flac"),
        "out": str(tmp_path / "page.html"),
        "folder": str(tmp_path),
        "short": str(tmp_path / "short.wav"),
        "long": str(tmp_path / "long.wav"),
    }
    soundfile.write(names["short"], np.zeros(80), 8000)
    soundfile.write(names["long"], np.zeros(8000 * 61), 8000)
    assert 2 == main(["compare", *(word.format(**names) for word in words)])
    [line] = capsys.readouterr().err.strip().splitlines()
    assert complaint in line
    assert {"short.wav", "long.wav"} == {path.name for path in tmp_path.iterdir()}


def test_stopped_half_way_nothing_is_left(tmp_path: Path) -> None:
    """SIGINT while it codes: exit code 130, and the folder is empty."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.__main__", "compare", "--out", str(tmp_path / "page.html")], stderr=subprocess.PIPE
    )
    until = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()), "it has not begun to write"
    process.send_signal(signal.SIGINT)
    assert 130 == process.wait(timeout=60)
    assert [] == list(tmp_path.iterdir())
