"""The benchmark's helpers, and that its Codec2 and Opus are the real ones. Needs no metric packages."""

from __future__ import annotations

import math
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing

from app.audio.sound_files import from_int16
from app.codecs.codec2 import MODES
from tests.benchmarks import __main__ as command
from tests.benchmarks import clips, quality, report, report_csv, robustness, speed
from tests.benchmarks.alignment import find_delay, shifted
from tests.benchmarks.bootstrap import Interval, mean_interval
from tests.benchmarks.errors import BenchmarkError
from tests.benchmarks.footprint import pack_frames, resident_mb, unpack_frames
from tests.benchmarks.lanes import Coded, Lane
from tests.benchmarks.lanes.amr import AmrLane
from tests.benchmarks.lanes.codec2 import Codec2Lane
from tests.benchmarks.lanes.opus import OpusLane
from tests.benchmarks.lanes.ours import Arrival, OurLane, int16
from tests.benchmarks.lanes.speex import SpeexLane
from tests.benchmarks.metrics import Metric, words
from tests.benchmarks.metrics.speaker import lstm, partial_starts
from tests.benchmarks.reception import Reception
from tests.benchmarks.results import Results
from tests.benchmarks.study import Study
from tests.support.signals import clips as bundled


def speechlike(seconds: float = 2.0, seed: int = 1) -> np.ndarray:
    """int16 at 8 kHz: a voiced source with a moving pitch and formant, in syllables with pauses between."""
    generator = np.random.default_rng(seed)
    t = np.arange(round(seconds * 8000)) / 8000
    phase = np.cumsum(2 * np.pi * (140 + 25 * np.sin(2 * np.pi * 0.7 * t)) / 8000)
    formant = 900 + 500 * np.sin(2 * np.pi * 1.3 * t)
    harmonics = (np.sin(k * phase) / (1 + ((k * 140 - formant) / 400) ** 2) for k in range(1, 25))
    voice = np.sum(list(harmonics), axis=0)
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t + generator.random()), 0, 1)
    clean = 6000 * syllables * voice / np.abs(voice).max()
    return np.round(clean + 5 * generator.standard_normal(len(t))).astype(np.int16)


def unavailable(problem: str) -> None:
    """Skips, except in CI, where the peers must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(problem)
    pytest.skip(problem)


def usable(lane: Lane) -> None:
    """Goes on only where the peer's library is installed."""
    problem = lane.missing()
    if problem:
        unavailable(problem)


# -- alignment


@pytest.mark.parametrize("delay", [-160, 0, 52, 144, 400])
def test_a_known_shift_is_found(delay: int) -> None:
    """A copy that is delayed, quieter and noisy is found to within half a millisecond."""
    original = speechlike()
    noise = np.random.default_rng(2).normal(0, 30, len(original))
    delayed = 0.5 * shifted(original, -delay, len(original)) + noise
    assert find_delay(original, delayed) == pytest.approx(delay, abs=4)


def test_shifting_back_restores_the_original() -> None:
    """What a delay pushed out of one end is zero, everything else is where it was."""
    original = np.arange(1, 101, dtype=np.int16)
    late = shifted(original, -30, 130)
    assert np.array_equal(np.r_[np.zeros(30), original], late)
    assert np.array_equal(original, shifted(late, 30, 100))
    assert np.array_equal(np.r_[original[30:], np.zeros(30)], shifted(original, 30, 100))
    assert not shifted(original, 500, 100).any()
    assert not shifted(original, -500, 100).any()


# -- bootstrap


def test_the_interval_of_a_normal_mean() -> None:
    """With one clip a speaker it is the textbook's: mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(3).normal(2.0, 1.0, 400)
    interval = mean_interval(values, [str(i) for i in range(400)])
    error = values.std() / math.sqrt(400)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_clips_of_one_speaker_are_no_independent_evidence() -> None:
    """Ten copies of each speaker's value leave the interval as wide as one copy does."""
    values = np.random.default_rng(4).normal(size=30)
    voices = [str(i) for i in range(30)]
    assert mean_interval(values, voices) == pytest.approx(mean_interval(np.tile(values, 10), voices * 10))


def test_nan_is_left_out() -> None:
    """A clip on which a metric says nothing does not count; none left is no number."""
    assert mean_interval([1.0, 3.0, 5.0], list("abc")) == mean_interval([1.0, math.nan, 3.0, 5.0], list("axbc"))
    assert math.isnan(mean_interval([math.nan], ["a"]).mean)


def test_a_clip_of_more_words_weighs_more() -> None:
    """The mean of shares, weighted by what they are shares of, is the share of the whole."""
    assert 40.0 == pytest.approx(mean_interval([50.0, 20.0], list("ab"), [8, 4]).mean)
    assert 20.0 == pytest.approx(mean_interval([math.nan, 20.0], list("ab"), [8, 4]).mean)


@pytest.mark.parametrize(
    ("interval", "higher_is_better", "expected"),
    [
        (Interval(0.2, 0.1, 0.3), True, "ahead"),
        (Interval(0.2, -0.1, 0.3), True, "level"),
        (Interval(-0.2, -0.3, -0.1), True, "behind"),
        (Interval(-0.2, -0.3, -0.1), False, "ahead"),
        (Interval(0.2, 0.1, 0.3), False, "behind"),
    ],
)
def test_verdicts(interval: Interval, higher_is_better: bool, expected: str) -> None:
    """Only an interval that leaves zero out is a lead."""
    assert expected == report.verdict(interval, higher_is_better)


# -- clips


def row(source: str, speaker: str, number: int = 0, seconds: float = 3.0, **more: str) -> dict[str, str]:
    """One line of manifest.csv."""
    path = f"{source}/{speaker}/{number}.opus"
    return {"path": path, "source": source, "speaker": speaker, "sex": "f", "age": "", "language": "en"} | {
        "seconds": str(seconds),
        "text": "words",
        **more,
    }


def test_only_long_enough_clips_of_known_validation_speakers() -> None:
    """Training speakers, unlabelled sources and short clips are out; long ones are cut and lose their text."""
    rows = [
        row("a", "held out"),
        row("a", "held out", 1, seconds=1.9),
        row("a", "held out", 2, seconds=14.0),
        row("a", "trained on"),
        row("ms_snsd", "held out"),
        row("picovoice_intent", "held out"),
    ]
    found = clips.eligible_clips(rows, lambda source, speaker: speaker == "held out")
    assert [("a/held out/0.opus", 3.0, "words"), ("a/held out/2.opus", 8.0, "")] == [
        (clip.path, clip.seconds, clip.text) for clip in found
    ]


def test_the_choice_is_balanced_and_repeatable() -> None:
    """Groups come in turn however large they are, speakers within a group too, in any order of the manifest."""
    rows = [row("large", str(speaker), n) for speaker in range(40) for n in range(20)]
    rows += [row("small", str(speaker), n) for speaker in range(2) for n in range(9)]
    found = clips.eligible_clips(rows, lambda source, speaker: True)
    chosen = clips.choose(found, 20)
    assert 10 == sum(clip.source == "large" for clip in chosen)
    assert 10 == len({clip.voice for clip in chosen if clip.source == "large"})
    assert 5 == sum(clip.voice == "small/0" for clip in chosen)
    random.Random(5).shuffle(found)
    assert chosen == clips.choose(found, 20)


def test_a_missing_corpus_is_one_line_with_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the folder, and both ways to name another."""
    assert 2 == command.main(["--corpus", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")])
    complaint = capsys.readouterr().err.strip()
    assert not (tmp_path / "out").exists()
    assert 1 == len(complaint.splitlines())
    assert "nowhere" in complaint and "--corpus" in complaint and clips.CORPUS_VARIABLE in complaint


# -- the peers


@pytest.mark.codec2
@pytest.mark.parametrize(
    ("mode", "rate_bps", "wire_bps"), [("700C", 700, 800), ("1300", 1300, 1400), ("2400", 2400, 2400)]
)
def test_codec2_is_the_real_one(mode: str, rate_bps: int, wire_bps: int) -> None:
    """It codes at its rate, and what comes out moves as what went in, one codec delay later."""
    lane = Codec2Lane(mode)
    usable(lane)
    original = speechlike(4.0)
    coded = lane.run(original)
    assert rate_bps == pytest.approx(coded.bits / coded.seconds)
    assert wire_bps == pytest.approx(coded.wire_bits / coded.seconds)
    assert 0.005 < find_delay(original, coded.samples) / 8000 < 0.045
    assert len(coded.samples) >= len(original)
    assert not np.array_equal(original, coded.samples[: len(original)])


@pytest.mark.codec2
def test_codec2_commands_and_library_agree(tmp_path: Path) -> None:
    """c2enc's bytes are those of the library that the benchmark calls."""
    lane = Codec2Lane("2400")
    usable(lane)
    if shutil.which("c2enc") is None:
        unavailable("c2enc is missing: apt-get install codec2")
    speech = speechlike(1.0)
    (tmp_path / "speech.raw").write_bytes(speech.tobytes())
    subprocess.run(["c2enc", "2400", tmp_path / "speech.raw", tmp_path / "speech.c2"], check=True, capture_output=True)
    encode = lane.open_encoder()
    packets = b"".join(map(encode, from_int16(speech).reshape(-1, lane.frame_samples)))
    content = (tmp_path / "speech.c2").read_bytes()
    assert bytes.fromhex("c0dec2") == content[:3]
    assert packets == content[7:], "c2enc puts seven bytes of header before the frames of a .c2 file"


def test_opus_is_the_real_one() -> None:
    """It is near its nominal rate, spends less on silence, and keeps the waveform as a vocoder would not."""
    lane = OpusLane()
    usable(lane)
    original = speechlike(4.0)
    coded = lane.run(original)
    assert lane.rate_bps == pytest.approx(coded.bits / coded.seconds, rel=0.4)
    silent = lane.run(np.zeros_like(original))
    assert silent.bits < coded.bits
    decoded = shifted(coded.samples, find_delay(original, coded.samples), len(original))
    assert np.corrcoef(original, decoded)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("lane", "rate_bps", "wire_bps"),
    [(SpeexLane(0), 2150, 2400), (SpeexLane(1), 3950, 4000), (AmrLane(), 4750, 5200)],
    ids=lambda value: getattr(value, "key", None),
)
def test_speex_and_amr_are_the_real_ones(lane: SpeexLane | AmrLane, rate_bps: int, wire_bps: int) -> None:
    """They code at their rates, and what comes out moves as what went in, within a codec's delay."""
    usable(lane)
    original = speechlike(4.0)
    coded = lane.run(original)
    assert rate_bps == pytest.approx(coded.bits / coded.seconds)
    assert wire_bps == pytest.approx(coded.wire_bits / coded.seconds)
    assert 0 < find_delay(original, coded.samples) / 8000 < 0.045
    assert not np.array_equal(original, coded.samples[: len(original)])


@pytest.mark.parametrize("lane", [SpeexLane(0), SpeexLane(1), AmrLane()], ids=lambda lane: lane.key)
def test_lost_frames_of_speex_and_amr_are_concealed(lane: SpeexLane | AmrLane) -> None:
    """A lost frame sounds like what was before it; a second of losses ends much softer."""
    usable(lane)
    encode, decode = lane.open_encoder(), lane.open_decoder()
    for frame in from_int16(speechlike(2.0)).reshape(-1, lane.frame_samples)[:60]:
        before = decode(encode(frame))
    first, *_, last = (decode(None) for _ in range(50))
    assert np.abs(first).max() > 0.1 * np.abs(before).max() > 0
    assert np.abs(last).max() < 0.5 * np.abs(first).max()


def test_an_unknown_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the lane says which command brings it."""
    from app.codecs import codec2, opus
    from tests.benchmarks.lanes import amr, speex

    for module in (amr, codec2, opus, speex):
        monkeypatch.setattr(module, "_library", lambda: None)
    assert "apt-get install libspeex1" in str(SpeexLane(0).missing())
    assert "apt-get install libopencore-amrnb0" in str(AmrLane().missing())
    assert "apt-get install codec2" in str(Codec2Lane("2400").missing())
    assert "apt-get install libopus0" in str(OpusLane().missing())
    with pytest.raises(BenchmarkError, match="apt-get install codec2"):
        Codec2Lane("2400").open_encoder()


# -- metrics


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a", "a b c", 2), ("a b", "", 2)],
)
def test_edits_are_words_wrong_missing_or_too_many(said: str, heard: str, expected: int) -> None:
    """The distance of Levenshtein over words."""
    assert expected == words.edits(said.split(), heard.split())


def test_each_place_of_the_grammar_offers_the_right_word_among_others() -> None:
    """As many as are named, no word twice, the same for every codec."""
    known = [f"word{number}" for number in range(100)]
    jsgf = words.grammar(["word3", "word3", "word70"], known)
    assert jsgf == words.grammar(["word3", "word3", "word70"], known)
    assert jsgf != words.grammar(["word3", "word3", "word70"], known, draw=1)
    places = [place.split(" | ") for place in re.findall(r"\(([^)]*)\)", jsgf)]
    assert [words.CHOICES] * 3 == [len(set(place)) for place in places]
    assert all(word in place for word, place in zip(["word3", "word3", "word70"], places, strict=True))


def test_the_lstm_is_that_of_the_textbook() -> None:
    """One cell of one unit, by hand: gates of sigma(0) = 1/2, candidate tanh(1), no memory before."""
    weights = {
        "lstm.weight_ih_l0": np.array([[0], [0], [1], [0]], np.float32),
        "lstm.weight_hh_l0": np.zeros((4, 1), np.float32),
        "lstm.bias_ih_l0": np.zeros(4, np.float32),
        "lstm.bias_hh_l0": np.zeros(4, np.float32),
    }
    pytest.importorskip("scipy")
    cell = 0.5 * math.tanh(1)
    assert 0.5 * math.tanh(cell) == pytest.approx(lstm(weights, np.ones((1, 1, 1), np.float32), 1).item())
    cell = 0.5 * cell + 0.5 * math.tanh(1)
    assert 0.5 * math.tanh(cell) == pytest.approx(lstm(weights, np.ones((1, 2, 1), np.float32), 1).item())


def test_partial_utterances_cover_the_speech() -> None:
    """One of 1.6 s for short speech; the last one is left out where it would be mostly silence."""
    assert [0] == partial_starts(8000)
    assert [0, 77] == partial_starts(16_000 * 2)
    assert all(b - a == 77 for a, b in zip(partial_starts(16_000 * 8), partial_starts(16_000 * 8)[1:], strict=False))


# -- what can go wrong


@pytest.mark.parametrize("key", ["pink", "babble", "hum"])
def test_noise_comes_at_its_level(key: str) -> None:
    """10 dB below the active speech, whatever it is made of."""
    babble = [speechlike(seed=seed) / 32768 for seed in range(20, 28)]
    condition = next(c for c in robustness.conditions(babble) if c.key == key)
    assert condition.spoil is not None
    speech = speechlike() / 32768
    noise = condition.spoil(speech, np.random.default_rng(1)) - speech
    snr_db = 10 * math.log10(robustness.active_power(speech) / np.mean(noise**2))
    assert robustness.NOISE_SNR_DB == pytest.approx(snr_db, abs=0.01)


def test_levels_and_clipping() -> None:
    """The peak stands where it is said; of a clipped clip the named share is at the stop."""
    generator, speech = np.random.default_rng(1), speechlike() / 32768
    by_key = {c.key: c.spoil for c in robustness.conditions([speech])}
    quiet, loud, clipped = by_key["level-35"], by_key["level-3"], by_key["clipping"]
    assert quiet is not None and loud is not None and clipped is not None
    assert 10 ** (-35 / 20) == pytest.approx(np.abs(quiet(speech, generator)).max())
    assert 10 ** (-3 / 20) == pytest.approx(np.abs(loud(speech, generator)).max())
    assert robustness.CLIPPED == pytest.approx(np.mean(np.abs(clipped(speech, generator)) >= 1), abs=0.005)


def test_packets_are_lost_and_bits_flipped_at_their_rates() -> None:
    """One in ten packets is gone; of those that come, one bit in a hundred is the other one."""
    packets = [bytes(32)] * 2000
    by_key = {c.key: c for c in robustness.conditions([])}
    lossy = robustness.channel_of(by_key["loss"], np.random.default_rng(1))(packets)
    assert 0.1 == pytest.approx(lossy.count(None) / 2000, abs=0.02)
    assert {None, bytes(32)} == set(lossy)
    flipped = robustness.channel_of(by_key["flips"], np.random.default_rng(1))(packets)
    bits = np.unpackbits(np.frombuffer(b"".join(packet for packet in flipped if isinstance(packet, bytes)), np.uint8))
    assert (2000 * 256, 0.01) == (len(bits), pytest.approx(bits.mean(), abs=0.001))


def test_with_repeat_a_packet_is_lost_only_where_its_second_copy_is_too() -> None:
    """One in a hundred then; all of those are among the lost ones of the same draw without it, the next one too."""
    packets = [bytes(32)] * 5000
    by_key = {c.key: c for c in robustness.conditions([])}
    once, twice = (
        [packet is None for packet in robustness.channel_of(by_key[key], np.random.default_rng(1))(packets)]
        for key in ("loss", "repeat")
    )
    assert 0.01 == pytest.approx(np.mean(twice), abs=0.004)
    assert [a and b for a, b in zip(once, [*once[1:], True], strict=True)] == twice


def test_with_copies_a_packet_is_copied_where_the_next_one_comes() -> None:
    """The same packets are lost as without them; of nine in ten of those the copy comes, never of the last one."""
    packets = [bytes(32)] * 5000
    by_key = {c.key: c for c in robustness.conditions([])}
    plain, copied = (
        robustness.channel_of(by_key[key], np.random.default_rng(1))(packets) for key in ("loss", "coarse")
    )
    assert [packet is None for packet in plain] == [not isinstance(came, bytes) for came in copied]
    followed = [came is None and after is not None for came, after in zip(plain, [*plain[1:], None], strict=True)]
    assert followed == [came is Arrival.COPY for came in copied]


def test_copies_bring_a_lossy_lane_nearer_to_the_whole(tmp_path: Path) -> None:
    """Its power in time, with the same packets lost; and no lane whose packets the copies do not fit is asked."""
    lane, speech = OurLane("classic"), int16(np.concatenate(bundled()))
    by_key = {c.key: c for c in robustness.conditions([])}
    whole, lossy, copied = (
        lane.run(speech, robustness.channel_of(by_key[key], np.random.default_rng(3))).samples.astype(float)
        for key in ("clean", "loss", "coarse")
    )

    def levels_db(samples: np.ndarray) -> np.ndarray:
        frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
        return 10 * np.log10(np.mean(frames**2, axis=1) + 100.0)

    assert (
        np.abs(levels_db(copied) - levels_db(whole)).mean() < 0.7 * np.abs(levels_db(lossy) - levels_db(whole)).mean()
    )
    assert lane.copies_version() is not None
    (tmp_path / "copy_decoder.onnx").write_bytes(b"none")
    assert OurLane("classic", tmp_path).copies_version() is None


def test_what_is_spoilt_is_spoilt_alike_each_time() -> None:
    """Two runs of a clip give the same samples; another condition other ones."""
    peer, speech = Inverter(), speechlike()
    pink, hum = (c for c in robustness.conditions([]) if c.key in ("pink", "hum"))
    once = robustness.SpoiltLane(peer, pink).run(speech).samples
    assert np.array_equal(once, robustness.SpoiltLane(peer, pink).run(speech).samples)
    assert not np.array_equal(once, robustness.SpoiltLane(peer, hum).run(speech).samples)
    assert robustness.SpoiltLane(peer, pink).version() != robustness.SpoiltLane(peer, hum).version()


def test_models_that_are_not_there_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the folder; parts that do not exist likewise."""
    assert 2 == command.main(["--models", str(tmp_path)])
    assert str(tmp_path) in capsys.readouterr().err
    assert 2 == command.main(["--only", "taste"])
    assert "quality, words, robustness, speed" in capsys.readouterr().err


# -- running and reporting


class Inverter:
    """A codec of 800 bit/s that turns the signal over, 40 samples late, and counts how often it is called."""

    key, title = "inverter", "Inverter"

    def __init__(self, ours: bool = False, delay: int = 40) -> None:
        self.ours, self.delay, self.calls = ours, delay, 0

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"1 {self.delay}"

    def run(self, samples: np.ndarray) -> Coded:
        self.calls += 1
        late = np.concatenate([np.zeros(self.delay, np.int16), -samples])
        return Coded(late, len(samples) // 10, len(samples) // 5, len(samples) / 8000)


def _same(original: np.ndarray, decoded: np.ndarray, clip: clips.Clip) -> float:
    return float(np.mean(original == -decoded))


SAME = Metric("same", "Same", {"numpy": "numpy"}, _same)


@pytest.fixture
def originals() -> dict[clips.Clip, np.ndarray]:
    """Three clips of two speakers."""
    first = clips.Clip("s/1/a.opus", "s", "1", "f", "child", "en", 2.0, "")
    more = [replace(first, path="s/1/b.opus"), replace(first, path="s/2/c.opus", speaker="2", sex="m", age="")]
    return {clip: speechlike(seed=seed) for seed, clip in enumerate([first, *more])}


def test_lanes_are_aligned_scored_and_kept(tmp_path: Path, originals: dict[clips.Clip, np.ndarray]) -> None:
    """The delay is taken out before scoring; the second run does nothing; another version decodes anew."""
    lane = Inverter()
    result = quality.run_lane(lane, originals, [SAME], tmp_path)
    assert 40 == result.delay
    assert [1.0] * 3 == list(result.scores["same"].values())
    assert (800, 1600) == (result.rate_bps, result.wire_rate_bps)
    scored_again = replace(SAME, score=lambda *given: pytest.fail("scored what was scored before"))
    again = quality.run_lane(lane, originals, [scored_again], tmp_path)
    assert 3 == lane.calls
    assert result.scores == again.scores
    assert result.rate_bps == again.rate_bps
    assert 48 == quality.run_lane(Inverter(delay=48), originals, [SAME], tmp_path).delay


def test_the_report_says_who_is_ahead(tmp_path: Path, originals: dict[clips.Clip, np.ndarray]) -> None:
    """Markdown and CSV hold the rate, the means, the paired difference and the groups."""
    ours = quality.run_lane(Inverter(ours=True), originals, [SAME], tmp_path)
    peer_lane = Inverter()
    peer_lane.key, peer_lane.title = "peer", "Peer"
    peer = quality.run_lane(peer_lane, originals, [SAME], tmp_path)
    peer.scores["same"].update(dict.fromkeys(originals, 0.25))
    study = Study(list(originals), [SAME], [ours, peer], ["a remark"])
    results = Results([("date", "today")], ["a note"], [study])
    text = command.write(results, tmp_path)
    assert "| Inverter | 800 | 1600 | 1.000 (1.000 to 1.000) | 5.0 |" in text
    assert "| Peer | +0.750 (+0.750 to +0.750) ahead |" in text
    assert "| en, f | 2 / 1 | 1.000 | 0.250 |" in text
    assert "- a note" in text
    assert "a remark" in text
    lines = (tmp_path / "benchmark.csv").read_text().splitlines()
    assert ",".join(report_csv.CSV_FIELDS) == lines[0]
    assert "difference,inverter,peer,all,same,3,0.75,0.75,0.75" in lines
    assert 1 + 2 * 3 == len((tmp_path / "clips.csv").read_text().splitlines())


def test_speeds_stand_beside_each_other_as_ratios() -> None:
    """The first lane of ours is what the others are compared with; commands and the listener follow."""
    ours, peer = Inverter(ours=True), Inverter()
    peer.title = "Peer"
    results = Results([], [])
    results.speeds = [
        speed.LaneSpeed(peer, 0.001, 0.002, 0.1, 0.2, 0.2, 0.1, 30.0),
        speed.LaneSpeed(ours, 0.004, 0.008, 5.0, 6.0, 0.5, 0.4, 90.0),
    ]
    results.commands = [speed.Command("gossamer decode", 0.7, 0.6, 88.0)]
    results.listener = speed.Listener(103.2, 104.0)
    results.reception = Reception(46.0, 50.0, 80.0)
    text = report.markdown(results)
    assert "| Inverter | 0.00400 | 0.00800 | 0.01200 | 1.00 | 5.00 / 6.00 | 0.50 / 0.40 | 90 | 1.00 |" in text
    assert "| Peer | 0.00100 | 0.00200 | 0.00300 | 0.25 | 0.10 / 0.20 | 0.20 / 0.10 | 30 | 0.33 |" in text
    assert "| gossamer decode | 0.700 | 0.600 | 88 |" in text
    assert "after an over: 103 MB resident, at most 104 MB" in text
    assert "hold of 80 ms: 46 ms (worst of several overs 50 ms)" in text


class Instant:
    """A decoder and a synthesiser that take no time."""

    codec_id = 7

    def decode(self, packet: bytes | None, copy: bytes | None = None) -> np.ndarray:
        return np.zeros((32, 42), np.float32)

    def synthesize(self, features: np.ndarray) -> np.ndarray:
        return np.full(2560, 0.1, np.float32)

    def flush(self) -> np.ndarray:
        return np.zeros(240, np.float32)

    def reset(self) -> None:
        pass


def test_the_way_from_packet_to_sound_is_what_the_engine_adds() -> None:
    """With models that take no time, in virtual time: the player's cushion, in every over alike."""
    from app.audio.player import CUSHION_S
    from app.station.parts import StationCodec
    from tests.benchmarks.reception import PACKETS, receive

    async def at_once(function: Callable[..., object], *arguments: object) -> object:
        await trio.lowlevel.checkpoint()
        return function(*arguments)

    async def measured() -> Reception:
        codec = StationCodec(None, Instant(), Instant())
        return await receive([bytes(32)] * PACKETS, load_codec=lambda synth, model: codec, in_thread=lambda: at_once)

    found = trio.run(measured, clock=trio.testing.MockClock(autojump_threshold=0))
    assert 1000 * CUSHION_S == pytest.approx(found.after_hold_ms, abs=0.1)
    assert 1000 * CUSHION_S == pytest.approx(found.worst_ms, abs=0.1)
    assert 80 == pytest.approx(found.hold_ms)


def test_frames_go_to_the_footprint_process_and_back() -> None:
    """Frames of any length, empty ones too."""
    frames = [b"", b"a", bytes(1275)]
    assert frames == unpack_frames(pack_frames(frames))


def test_resident_memory_grows_with_what_is_touched() -> None:
    """50 MB written to are 50 MB more."""
    before = resident_mb()
    block = np.ones(50_000_000, np.uint8)
    assert 40 < resident_mb() - before < 80
    assert 50_000_000 == block.sum()
    with pytest.raises(ValueError, match="no VmNonsense"):
        resident_mb(field="VmNonsense")


def test_every_mode_of_codec2_that_is_named_exists() -> None:
    """The library opens each of them."""
    usable(Codec2Lane("2400"))
    for mode in MODES:
        assert Codec2Lane(mode).frame_samples in (160, 320)
