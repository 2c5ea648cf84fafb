"""The lab without a screen: figures of each lane after some seconds of speech, as JSON and as tables. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.audio.devices import BLOCK_S, BLOCK_SAMPLES
from app.codecs.reference import ReferenceCodec
from app.simulation.bench import Bench, LinkBench, Scene, SignalBench, bit_error_rate, speech_blocks
from app.simulation.capacity import CapacityTrial, capacity_trials, conversations_carried, conversations_carried_words
from transport.planning.presets import Preset

Array = NDArray[np.float32]
COLUMNS = f"{'codec':<16}{'asked':>9}{'got':>9}  {'queue s':>7} {'delay s':>7} {'lost':>5} {'damaged':>7}"


def run_bench(bench: Bench, speech: Array, seconds: float) -> None:
    """Put so many seconds of the speech, round and round, through the lanes, in virtual time. Raises CodecError."""
    block = speech_blocks(speech, BLOCK_SAMPLES)
    for number in range(1, 1 + round(seconds / BLOCK_S)):
        bench.step(block(), number * BLOCK_S)


def link_facts(codecs: Sequence[ReferenceCodec], preset: Preset, speech: Array, seconds: float) -> dict[str, Any]:
    """Return what the link scene shows after so many seconds, for JSON. Raises CodecError."""
    bench = LinkBench(codecs, preset)
    run_bench(bench, speech, seconds)
    bad = preset.impairment
    return {
        "scene": Scene.LINK.value,
        "link": preset.name,
        "title": preset.title,
        "says": preset.says,
        "k": preset.k,
        "rate_bps": bad.rate_bps,
        "loss": bad.loss,
        "ber": bad.ber,
        "jitter_s": bad.jitter_s,
        "delay_s": bad.delay_s,
        "speech_s": seconds,
        "lanes": _lanes(bench),
    }


def signal_facts(codecs: Sequence[ReferenceCodec], snr_db: float, speech: Array, seconds: float) -> dict[str, Any]:
    """Return what the bad-signal scene shows after so many seconds, for JSON. Raises CodecError."""
    bench = SignalBench(codecs, snr_db)
    run_bench(bench, speech, seconds)
    lanes = _lanes(bench)
    for lane in lanes:
        lane["ber"] = bit_error_rate(snr_db, lane["wire_bps"]) if lane["missing"] is None else None
    return {"scene": Scene.SIGNAL.value, "snr_db": snr_db, "speech_s": seconds, "lanes": lanes}


def capacity_facts(codecs: Sequence[ReferenceCodec], preset: Preset, speech: Array) -> dict[str, Any]:
    """Return what the scene of many conversations finds, for JSON. Raises CodecError."""
    lanes = []
    for codec in codecs:
        reason = codec.missing()
        last = None if reason else _last(codec, speech, preset)
        lanes.append(
            {
                "codec": codec.key,
                "title": codec.title,
                "missing": str(reason) if reason else None,
                "conversations": conversations_carried(last, preset) if last else None,
                "words": conversations_carried_words(last, preset) if last else "",
                "worst_wait_s": round(last.worst_wait_s, 3) if last else None,
            }
        )
    return {
        "scene": Scene.CONVERSATIONS.value,
        "link": preset.name,
        "title": preset.title,
        "rate_bps": preset.impairment.rate_bps,
        "lanes": lanes,
    }


def _last(codec: ReferenceCodec, speech: Array, preset: Preset) -> CapacityTrial:
    last, *_ = reversed(list(capacity_trials(codec, speech, preset)))
    return last


def _lanes(bench: Bench) -> list[dict[str, Any]]:
    lanes = []
    for row, reading in zip(bench.rows, bench.readings(), strict=True):
        facts: dict[str, Any] = {
            "codec": row.codec.key,
            "title": row.codec.title,
            "missing": str(row.missing) if row.missing else None,
            "wire_bps": round(row.wire_bps),
        }
        if reading is not None:
            facts |= {
                "asked_bps": round(reading.asked_bps),
                "got_bps": round(reading.got_bps),
                "queue_s": round(reading.queue_s, 2),
                "delay_s": None if reading.delay_s is None else round(reading.delay_s, 2),
                "lost": round(reading.lost, 3),
                "damaged": round(reading.damaged, 3),
                "heard_s": round(reading.heard_s, 2),
            }
        lanes.append(facts)
    return lanes


def table(scene: Scene, facts: dict[str, Any]) -> list[str]:
    """Return what one of the functions above tells of the scene as lines of a table, for people."""
    if scene is Scene.CONVERSATIONS:
        return [f"{facts['title']}: conversations at once", *(_capacity_row(lane) for lane in facts["lanes"])]
    if scene is Scene.SIGNAL:
        title = f"signal-to-noise ratio {facts['snr_db']:g} dB in 2.5 kHz, after {facts['speech_s']:g} s of speech"
        return [title, f"{COLUMNS}  bit errors", *(_row(lane) for lane in facts["lanes"])]
    rate = f"{facts['rate_bps']:g} bit/s" if facts["rate_bps"] else "no limit of rate"
    bad = f"{facts['loss']:.0%} lost, {facts['ber']:.1%} of bits wrong, k={facts['k']}"
    title = f"{facts['title']}: {rate}, {bad}; after {facts['speech_s']:g} s of speech"
    return [title, COLUMNS, *(_row(lane) for lane in facts["lanes"])]


def _row(lane: dict[str, Any]) -> str:
    if lane["missing"]:
        return str(lane["missing"])
    delay = "never" if lane["delay_s"] is None else f"{lane['delay_s']:.1f}"
    errors = f"  {lane['ber']:10.1e}" if "ber" in lane else ""
    return (
        f"{lane['title']:<16}{lane['asked_bps']:>9}{lane['got_bps']:>9}  {lane['queue_s']:>7.1f} {delay:>7}"
        f" {lane['lost']:>5.0%} {lane['damaged']:>7.0%}{errors}"
    )


def _capacity_row(lane: dict[str, Any]) -> str:
    return str(lane["missing"]) if lane["missing"] else f"{lane['title']:<16}{lane['words']:>9}"
