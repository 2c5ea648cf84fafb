"""The link lab in virtual time: real codecs, real frames, the impairment layer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.__main__ import main
from app.clips import speech_of
from app.codecs import codec2
from app.codecs.lanes import Gossamer, Pcm, ReferenceCodec, link_codecs
from app.lab.report import run_bench
from app.simulation.bench import SNR_BANDWIDTH_HZ, LinkBench, SignalBench, bit_error_rate, own_link
from app.simulation.capacity import capacity_trials, conversations_carried
from app.simulation.framing import Sent, framing_for
from transport.errors import FrameError
from transport.planning.presets import PRESETS

CODECS = link_codecs()
SEALED = Gossamer("sealed", "sealed", sealed=True)


def installed(codec: ReferenceCodec) -> ReferenceCodec:
    if reason := codec.missing():
        pytest.skip(reason)
    return codec


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return speech_of(None)


@pytest.mark.codec2
@pytest.mark.parametrize("codec", [*CODECS, SEALED], ids=lambda codec: codec.key)
def test_units_come_out_of_frames_as_they_went_in(codec: ReferenceCodec) -> None:
    """Packed, framed, read: the same bits in the same places, and the wire rate is the one that was said."""
    size = (installed(codec).frame_bits or 8 * 17 + 1) // 8 + bool((codec.frame_bits or 0) % 8)
    mask = 0xFF << (-(codec.frame_bits or 0) % 8) & 0xFF
    draws = np.random.default_rng(3)
    framing = framing_for(codec, 2, 240)
    for sent in framing.begin():
        assert [] == framing.receive(sent.octets, 0.0)
    told, heard, spoken_s = [], [], 0.0
    for _ in range(200):
        unit = draws.bytes(size)
        told.append(unit[:-1] + bytes([unit[-1] & mask]))
        for sent in framing.push(unit):
            spoken_s += sent.speech_s
            heard += framing.receive(sent.octets, 0.0)
    assert told[: len(heard)] == [unit.content for unit in heard]
    assert list(range(len(heard))) == [unit.index for unit in heard]
    assert spoken_s == pytest.approx(len(heard) * codec.frame_samples / 8000)
    assert not any(unit.damaged for unit in heard)


@pytest.mark.parametrize("codec", [Pcm(), Gossamer()], ids=lambda codec: codec.key)
def test_damage_is_told_and_a_bad_header_refused(codec: ReferenceCodec) -> None:
    """A bit in the voice is played, damaged; a bit in the header loses the frame."""
    framing = framing_for(codec, 1, 240)
    for sent in framing.begin():
        framing.receive(sent.octets, 0.0)
    frames: list[Sent] = []
    while not frames:
        frames = framing.push(bytes((codec.frame_bits or 0) // 8))
    octets = frames[0].octets
    with pytest.raises(FrameError):
        framing.receive(bytes([octets[0] ^ 0x10]) + octets[1:], 0.0)
    units = framing.receive(octets[:20] + bytes([octets[20] ^ 1]) + octets[21:], 0.0)
    assert units and all(unit.damaged for unit in units)


@pytest.mark.codec2
def test_on_1200_baud_ours_passes_and_wide_ones_choke(speech: np.ndarray) -> None:
    """After 20 s: all of ours is in time, Opus and PCM wait for the link and lose most."""
    for codec in CODECS:
        installed(codec)
    bench = LinkBench(CODECS, own_link(PRESETS["afsk1200"], loss=0.0))
    run_bench(bench, speech, 20.0)
    ours, _, wide, opus, pcm = (reading for reading in bench.readings() if reading is not None)
    assert (0.0, True) == (ours.lost, ours.sounding)
    assert ours.queue_s < 1.5 and ours.delay_s is not None and ours.delay_s < 3.5
    for choked in (wide, opus, pcm):
        assert choked.queue_s > 5 and choked.lost > 0.5
        assert choked.got_bps < 0.5 * choked.asked_bps
        assert choked.heard_s < 0.5 * ours.heard_s


def test_a_link_is_changed_while_somebody_speaks(speech: np.ndarray) -> None:
    """Everything lost from then on is silence within a second; with it whole again there is sound."""
    preset = own_link(PRESETS["hc-12"], ber=0.0)
    bench = LinkBench([Gossamer()], preset)
    run_bench(bench, speech, 5.0)
    assert bench.readings()[0].sounding  # type: ignore[union-attr]
    bench.change(own_link(preset, loss=1.0), bench.now)
    silent = [bench.step(speech[:160], bench.now + 0.02, 0) for _ in range(150)]
    assert 0.0 == np.abs(np.concatenate(silent[-50:])).max()
    bench.change(preset, bench.now)
    for _ in range(150):
        bench.step(speech[:160], bench.now + 0.02, 0)
    assert bench.readings()[0].sounding  # type: ignore[union-attr]


def test_bit_errors_are_those_of_fsk() -> None:
    """1/2 exp(-Eb/2N0): by hand at Eb/N0 = 10, and worse for who sends more bits with the same power."""
    snr_db = 10 * np.log10(10 * 1000 / SNR_BANDWIDTH_HZ)
    assert 0.5 * np.exp(-5) == pytest.approx(bit_error_rate(snr_db, 1000))
    assert bit_error_rate(snr_db, 2000) > bit_error_rate(snr_db, 1000)
    assert 0.0 == bit_error_rate(36, 1000)


def test_a_fading_radio_takes_pcm_first_and_sealed_before_open(speech: np.ndarray) -> None:
    """At 8 dB: PCM is gone, the sealed channel loses what the open one still plays."""
    bench = SignalBench([Gossamer(), SEALED, Pcm()], 8.0)
    run_bench(bench, speech, 20.0)
    ours, sealed, pcm = (reading for reading in bench.readings() if reading is not None)
    assert pcm.lost > 0.99 and pcm.delay_s is None
    assert ours.lost < 0.5 * sealed.lost
    assert ours.damaged > 0 and 0.0 == sealed.damaged


@pytest.mark.codec2
def test_conversations_are_added_until_one_breaks(speech: np.ndarray) -> None:
    """On HC-12's 5000 bit/s: as many as its rate has room for, and of PCM none."""
    preset = PRESETS["hc-12"]
    outcomes = list(capacity_trials(Gossamer(), speech, preset))
    assert list(range(1, len(outcomes) + 1)) == [outcome.streams for outcome in outcomes]
    assert [False] * (len(outcomes) - 1) + [True] == [outcome.broken > 0 for outcome in outcomes]
    assert 4 == conversations_carried(outcomes[-1], preset) == int(5000 / 1050)
    assert 0 == conversations_carried(list(capacity_trials(Pcm(), speech, preset))[-1], preset)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lane says which package brings it; the others go on."""
    monkeypatch.setattr(codec2, "_library", lambda: None)
    assert 0 == main(["lab", "--link", "afsk1200", "--seconds", "3", "--json"])
    lanes = {lane["codec"]: lane for lane in json.loads(capsys.readouterr().out)["scenes"][0]["lanes"]}
    assert "apt-get install codec2" in lanes["codec2-700c"]["missing"]
    assert lanes["gossamer"]["missing"] is None and lanes["gossamer"]["asked_bps"] > 0


@pytest.mark.parametrize(
    "words", [["--link", "pigeon"], ["--snr", "99"], ["--seconds", "0"], ["--loss", "2"], ["x.wav"]]
)
def test_a_wrong_word_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, and nothing on standard output."""
    assert 2 == main(["lab", *words])
    told = capsys.readouterr()
    assert ("", 1) == (told.out, told.err.count("\n"))
