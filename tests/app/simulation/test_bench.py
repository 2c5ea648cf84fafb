"""Lanes side by side in virtual time: real codecs, real frames, the impairment layer."""

from __future__ import annotations

import numpy as np
import pytest

from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.registry import link_codecs
from app.lab.report import run_bench
from app.simulation.bench import SNR_BANDWIDTH_HZ, LinkBench, SignalBench, bit_error_rate, own_link
from tests.support.codecs import installed
from transport.planning.presets import PRESETS

CODECS = link_codecs()
SEALED = Gossamer("sealed", "sealed", sealed=True)


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
