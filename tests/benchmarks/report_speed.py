"""The tables of time and memory, in Markdown."""

from __future__ import annotations

import math

from .results import Results, table


def speed_tables(results: Results) -> str:
    """Return the tables of what each codec costs."""
    base = next((speed for speed in results.speeds if speed.lane.ours), results.speeds[0])

    def ratio(value: float, reference: float) -> str:
        share = value / reference if reference else math.nan
        return f"{share:.2f}" if share < 10 else f"{share:.0f}"

    rows = []
    for s in results.speeds:
        total, reference = s.encode_factor + s.decode_factor, base.encode_factor + base.decode_factor
        rows.append(
            [s.lane.title, f"{s.encode_factor:.5f}", f"{s.decode_factor:.5f}", f"{total:.5f}", ratio(total, reference)]
            + [f"{s.frame_ms:.2f} / {s.frame_p95_ms:.2f}", f"{s.first_sound_s:.2f} / {s.first_sound_cpu_s:.2f}"]
            + [f"{s.resident_mb:.0f}"]
            + [ratio(s.resident_mb, base.resident_mb)]
        )
    header = ["codec", "encode", "decode", "both", f"ratio to {base.lane.title}", "one frame decoded, ms: median / p95"]
    header += ["first sound, s: wall / processor", "resident, MB", f"ratio to {base.lane.title}"]
    text = (
        "Encode and decode: processor seconds per second of speech, on one core. First sound and resident memory: of a "
        "cold Python process that only decodes with this codec.\n\n" + table(header, rows)
    )
    if results.commands:
        rows = [[c.title, f"{c.seconds:.3f}", f"{c.cpu_s:.3f}", f"{c.peak_mb:.0f}"] for c in results.commands]
        header = ["3 s of speech, whole cold process", "wall time, s", "processor, s", "peak resident, MB"]
        text += "\n" + table(header, rows)
    if results.listener is not None:
        text += (
            f"\nA headless `gossamer listen` over UDP, after an over: {results.listener.resident_mb:.0f} MB resident, "
            f"at most {results.listener.peak_mb:.0f} MB.\n"
        )
    if results.reception is not None:
        r = results.reception
        text += (
            "\nFrom a packet's last bit until its sound leaves the receiver's loudspeaker queue, above the play-out "
            f"hold of {r.hold_ms:.0f} ms: {r.after_hold_ms:.0f} ms (worst of several overs {r.worst_ms:.0f} ms), by "
            f"the real engine; the codec's declared delay of {r.codec_delay_ms:.0f} ms comes on top.\n"
        )
    return text
