"""The listening page without a browser: what the link does to a codec's packets, the figures, and the file itself."""

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
from app.analysis.metrics import METRICS, mel_distance, pitch_cents, scores, voicing_error
from app.analysis.pitch import track
from app.audio.sound_files import to_float, to_int16
from app.listening_page.contents import Clip, contents
from app.listening_page.voices import (
    DELAYS_S,
    Gossamer,
    Models,
    Original,
    OtherCodec,
    Voice,
    all_voices,
    clean,
    whole_packets,
)
from app.simulation.journey import heard_sound, strip, travel
from codec import format
from codec.encoder import Encoder, encode_all
from codec.models import asset_path
from tests.benchmarks.alignment import find_delay
from tests.support.signals import vowel
from transport.planning.presets import PRESETS, Preset

PERFECT = PRESETS["wifi"].other(loss=0.0, burst_frames=None, jitter_s=0.0, reorder=0.0)


def sentence(name: str = "harbour") -> np.ndarray:
    """One of the shipped ones, float32 [n]."""
    samples, rate = soundfile.read(asset_path("sentences") / f"{name}.flac", dtype="float32")
    assert format.SAMPLE_RATE_HZ == rate
    return samples


@pytest.fixture(scope="module")
def voices() -> dict[str, Voice]:
    """All of them, by key."""
    return {voice.key: voice for voice in all_voices()}


def other(voices: dict[str, Voice], key: str) -> Voice:
    """A codec of somebody else, if its library is there."""
    if (problem := voices[key].missing()) is not None:
        pytest.skip(problem)
    return voices[key]


def test_ten_sentences_are_shipped() -> None:
    """At 8 kHz, none silent, each with what is said and by whom in its tags."""
    paths = sorted(asset_path("sentences").glob("*.flac"))
    assert 10 == len(paths)
    for path in paths:
        with soundfile.SoundFile(path) as file:
            assert (8000, 1) == (file.samplerate, file.channels)
            assert len(file.title) > 20 and file.artist
            assert np.abs(file.read()).max() > 0.3


# --- pitch and figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f0_hz", [75.0, 120.0, 230.0, 410.0])
def test_the_tracker_finds_a_steady_pitch(f0_hz: float) -> None:
    """Within five cents, voiced throughout, and silence and noise are unvoiced."""
    found = track(vowel(f0_hz, 1.0))[10:-10]
    assert (found > 0).all()
    assert np.abs(1200 * np.log2(found / f0_hz)).max() < 5
    assert not track(np.zeros(8000, np.float32)).any()
    noise = np.random.default_rng(1).normal(0, 0.1, 8000).astype(np.float32)
    assert np.mean(track(noise) > 0) < 0.05


def test_the_tracker_agrees_with_praat() -> None:
    """Where Praat is installed: voicing in 96 of 100 frames, F0 within 50 cents in 98."""
    pytest.importorskip("parselmouth")
    from codec.training.data.corpus import pitch_targets

    mine, praats = (
        np.concatenate(tracks)
        for tracks in zip(
            *(
                (track(samples, format.F0_LEAD_SAMPLES), pitch_targets(to_int16(samples)))
                for samples in map(sentence, ("harbour", "numbers", "puerto", "child"))
            ),
            strict=True,
        )
    )
    both = (mine > 0) & (praats > 0)
    assert np.mean((mine > 0) == (praats > 0)) > 0.96
    assert np.mean(np.abs(1200 * np.log2(mine[both] / praats[both])) < 50) > 0.98


def test_figures_of_the_clip_itself_are_perfect_and_of_a_changed_one_say_how() -> None:
    """6 dB less is a distance of 6 dB; a pitch a semitone higher is 100 cents off."""
    original = sentence()
    assert [0.0] * 3 == [figure(original, original) for figure in (mel_distance, pitch_cents, voicing_error)]
    assert 6.02 == pytest.approx(mel_distance(original, (original / 2).astype(np.float32)) or 0, abs=0.1)
    assert 100 == pytest.approx(pitch_cents(vowel(150.0, 1.0), vowel(150.0 * 2 ** (1 / 12), 1.0)) or 0, abs=3)
    found = scores(original, np.zeros(100, np.float32))
    assert {metric.key for metric in METRICS if metric.missing() is None} == set(found)
    assert (found["voicing"] or 0) > 20


# --- codecs ---------------------------------------------------------------------------------------------------------


def test_the_packets_are_those_of_gossamer_encode(voices: dict[str, Voice]) -> None:
    """32 bytes each, 800 bit/s, and what is heard lies where the clip lies."""
    original = sentence()
    sound, packets = clean(voices["neural"], original)
    assert encode_all(original, Encoder()) == b"".join(packets)
    assert 800 == voices["neural"].bit_rate_bps(packets)
    assert len(original) == len(sound)
    assert abs(find_delay(to_int16(original), to_int16(sound))) < 0.010 * format.SAMPLE_RATE_HZ


@pytest.mark.codec2
@pytest.mark.parametrize(("key", "rate_bps"), [("codec2-450", 450), ("codec2-700c", 700), ("codec2-3200", 3200)])
def test_codec2_at_its_own_rate(voices: dict[str, Voice], key: str, rate_bps: int) -> None:
    """Packed without the bits that fill up bytes, and unpacked again to the same frames."""
    voice = other(voices, key)
    assert isinstance(voice, OtherCodec)
    packets = voice.encode(whole_packets(sentence()))
    assert rate_bps == voice.bit_rate_bps(packets)
    frames = voice._unpacked(packets[3])
    assert packets[3] == voice._packed([frame for frame in frames if frame is not None])


@pytest.mark.codec2
@pytest.mark.parametrize("key", DELAYS_S)
def test_the_delays_are_those_that_are_found(voices: dict[str, Voice], key: str) -> None:
    """Within 5 ms, over four sentences: how well a vocoder's delay can be told."""
    voice = other(voices, key)
    found = []
    for samples in map(sentence, ("harbour", "mountain", "numbers", "weather")):
        sound, _ = clean(voice, samples)
        found.append(find_delay(to_int16(samples), to_int16(sound)) / format.SAMPLE_RATE_HZ)
    assert abs(float(np.median(found))) < 0.005


def test_a_damaged_length_of_opus_loses_no_more_than_its_packet(voices: dict[str, Voice]) -> None:
    """What makes no frames is lost; 320 ms come out all the same."""
    voice = other(voices, "opus-6k")
    decode = voice.open_decoder()
    packets = voice.encode(whole_packets(sentence()))
    for packet in (packets[0], b"\xff" + packets[1][1:], b"", None):
        assert format.PACKET_SAMPLES == len(decode(packet))


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["original", "neural"])
def test_a_perfect_link_changes_nothing(voices: dict[str, Voice], key: str) -> None:
    """Packet for packet, sample for sample, in the clip's own time."""
    voice, original = voices[key], sentence()
    packets = voice.encode(whole_packets(original))
    journey = travel(packets, PERFECT)
    assert "." * len(packets) == strip(journey)
    assert (0, 0, 0) == (journey.lost, journey.damaged, journey.unheard)
    sound = heard_sound(journey, voice.open_decoder(), voice.delay_samples)
    reference, _ = clean(voice, original)
    count = min(len(sound), len(reference))
    assert count > len(original) - format.DELAY_SAMPLES - 1
    np.testing.assert_allclose(reference[:count], sound[:count], atol=1e-6)


def numbered(count: int, size: int) -> list[bytes]:
    return [bytes([number]) * size for number in range(count)]


def test_a_link_that_has_room_loses_what_it_is_told_to_lose() -> None:
    """The share of packets that are lost is that of the frames, and each is marked in the strip."""
    journey = travel(numbered(200, 32), PERFECT.other(loss=0.25))
    assert 0.18 < journey.lost / journey.sent < 0.32
    assert journey.lost == strip(journey).count("x")
    assert [item.index for _, item in journey.played] == list(range(journey.played[0][1].index, 200))


def test_bit_errors_damage_more_the_more_bits_there_are() -> None:
    """Damaged packets are played; a codec of more bits is hit more often, and its packets are really changed."""
    thin, thick = (travel(numbered(200, size), PRESETS["hc-12"]) for size in (32, 128))
    assert 0 < thin.damaged < thick.damaged
    changed = [item for _, item in thin.played if item.packet is not None and item.packet != bytes([item.index]) * 32]
    assert 0 < len(changed) <= thin.damaged  # what hit the check alone flags the packet and leaves it


def test_a_link_that_is_too_slow_stalls_the_voice() -> None:
    """At 1200 baud 800 bit/s flow, 3200 stop and come late, and PCM does not arrive within anybody's patience."""
    link = PRESETS["afsk1200"].other(loss=0.0)
    flowing, stalling, hopeless = (travel(numbered(12, size), link) for size in (32, 128, 5120))
    assert "............" == strip(flowing)
    assert flowing.needed_bps < 1200 < stalling.needed_bps
    assert "w" in strip(stalling) or "x" in strip(stalling)
    assert len(strip(stalling)) > len(strip(flowing))
    assert hopeless.unheard == 12
    assert 0 == len(heard_sound(hopeless, Original().open_decoder(), 0))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_gossamer_is_heard_over_every_preset(preset: Preset) -> None:
    """Most of its packets, in every mood of the link."""
    for seed in range(5):
        journey = travel(numbered(40, 32), preset.other(seed=seed))
        assert journey.lost + journey.unheard <= 16
        assert journey.sent == 40


# --- the page -------------------------------------------------------------------------------------------------------


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


def test_the_page_holds_the_right_sound_and_fetches_nothing(tmp_path: Path, voices: dict[str, Voice]) -> None:
    """One file: sound as data URIs, no address outside it, a policy that forbids any."""
    page, clip = tmp_path / "page.html", asset_path("sentences") / "child.flac"
    assert 0 == main(["compare", str(clip), "--out", str(page), "--link", "hc-12"])
    told, text = told_on(page), page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert not re.findall(r"https?://", text)
    assert "default-src 'none'" in text
    [shown] = told["clips"]
    assert ("child", "espeak-ng en+f4") == (shown["name"], shown["voice"])
    original = sentence("child")
    np.testing.assert_array_equal(original, sound_of(shown["lanes"]["original"]["audio"]))
    coded, packets = clean(voices["classic"], original)
    np.testing.assert_array_equal(to_float(to_int16(coded).tobytes()), sound_of(shown["lanes"]["classic"]["audio"]))
    assert {voice["key"] for voice in told["voices"]} == set(shown["lanes"])
    after = shown["lanes"]["neural"]["links"]["hc-12"]
    assert len(packets) == len(after["strip"]) == after["sent"]
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


def test_what_is_missing_is_named_with_the_cure() -> None:
    """A codec or a figure that cannot run is said on the page, and the rest is there."""

    class Absent(Original):
        key = "absent"

        def missing(self) -> str | None:
            return "Absent: apt-get install absent"

    told = contents([Clip("a", sentence("child"))], [Original(), Absent()], [], lambda share: None)
    assert ["original"] == [voice["key"] for voice in told["voices"]]
    assert "Absent: apt-get install absent" in told["missing"]


def test_progress_reaches_its_end() -> None:
    """Shares that grow to 1."""
    shares: list[float] = []
    contents([Clip("a", sentence("child"))], [Original(), Gossamer(Models(), "classic")], [PERFECT], shares.append)
    assert sorted(shares) == shares and 1.0 == shares[-1]


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
