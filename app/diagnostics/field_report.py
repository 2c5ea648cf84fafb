"""The report of a field test: a folder with report.md, report.json, and the sound of the worst moment.

ESTOI (Jensen and Taal 2016) comes from `pystoi`, where that is installed.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.analysis.metrics import estoi
from app.audio.devices import Block
from app.audio.sound_files import write_speech
from app.console import plain
from app.diagnostics.field_records import FieldTest, HeardClip, KnownClip
from app.history.overs import PacketFlag
from app.settings.protection import MODE_WORDS
from app.storage import make_folder, packet_output
from app.texts import markdown_text
from app.version import program_version
from codec.format import PACKET_BYTES, PACKET_S, PACKET_SAMPLES
from transport.address import parse_address
from transport.planning.planner import plan
from transport.protocol.frames import Mode

WINDOW_PACKETS = 10
"""Packets of the worst moment, 3.2 s; it is written with a little around it."""
BADNESS = {PacketFlag.LOST: 2, PacketFlag.COPY: 1, PacketFlag.DAMAGED: 1}
"""Weights of packets that did not come whole, in the search for the worst moment."""
VOICE_BPS = PACKET_BYTES * 8 / PACKET_S
"""Bit rate of speech whose packets all arrive."""
NO_PYSTOI = "not measured: pystoi is not installed (pip install pystoi)"
"""Words in place of a figure."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the most of a figure that was measured often."""

    least: float
    median: float
    most: float


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of the values; None where there are none."""
    sorted_values = sorted(values)
    if not sorted_values:
        return None
    return Spread(sorted_values[0], statistics.median(sorted_values), sorted_values[-1])


# --- figures -----------------------------------------------------------------------------------------------------


def aligned(over: HeardClip, clip: KnownClip) -> tuple[Block, Block]:
    """Return what was said, and what was heard in its place with silence where nothing was: float32 [n] each."""
    said = np.pad(clip.samples, (0, len(clip.packets) * PACKET_SAMPLES - len(clip.samples)))
    heard = np.zeros(len(said), np.float32)
    start = over.first_index * PACKET_SAMPLES
    count = min(len(said) - start, len(over.samples))
    heard[start : start + count] = over.samples[:count]
    return said.astype(np.float32), heard


def worst_moment(test: FieldTest) -> tuple[int, int] | None:
    """Return the number of an over, and the first of the WINDOW_PACKETS of it that fared worst.

    A lost packet counts twice, a damaged or rebuilt one once. Where nothing went wrong it is the start of the first
    over; None where nothing was heard.
    """
    best: tuple[int, int, int] | None = None
    for number, over in enumerate(test.heard):
        bad = [BADNESS.get(PacketFlag(flag), 0) for flag in over.flags]
        for start in range(max(1, len(bad) - WINDOW_PACKETS + 1)):
            badness = sum(bad[start : start + WINDOW_PACKETS])
            if best is None or badness > best[0]:
                best = (badness, number, start)
    return best[1:] if best is not None else None


def figures(test: FieldTest, known: list[KnownClip], ceilings: dict[str, float | None]) -> dict[str, Any]:
    """Return everything that report.json holds. ceilings: ESTOI of each clip through the codec without a link."""
    clips = {clip.name: clip for clip in known}
    heard = []
    for over in test.heard:
        facts = {name: value for name, value in asdict(over).items() if name != "samples"}
        facts["estoi"] = estoi(*aligned(over, clips[over.clip])) if over.clip else None
        facts["estoi_without_a_link"] = ceilings.get(over.clip)
        heard.append(facts)
    packets, lost = sum(over.packets for over in test.heard), sum(over.lost for over in test.heard)
    damaged = sum(over.damaged for over in test.heard)
    rebuilt = sum(over.rebuilt for over in test.heard)
    speech_s = packets * PACKET_S
    confirmed = [over for over in test.sent if over.confirmed is not None]
    goodput = VOICE_BPS * (packets - lost - rebuilt - damaged) / packets if packets else None
    wire = statistics.mean(over.wire_bps for over in test.sent) if test.sent else None
    row = plan(parse_address(test.settings.link), sealed=test.mode is not Mode.OPEN)[test.k - 1]
    return {
        "program": program_version(),
        "link": test.settings.link,
        "station": test.settings.name,
        "peer": test.peer,
        "role": test.role,
        "protection": MODE_WORDS[test.mode],
        "packets_per_frame": test.k,
        "duration_s": round(test.duration_s, 1),
        "here": {
            "overs": len(test.heard),
            "packets": packets,
            "lost": lost,
            "rebuilt": rebuilt,
            "damaged": damaged,
            "late": sum(over.late for over in test.heard),
            "loss": lost / packets if packets else None,
            "speech_s": round(speech_s, 2),
            "goodput_bps": goodput,
            "planned_bps": VOICE_BPS,
            "estoi": _mean(facts["estoi"] for facts in heard),
            "estoi_without_a_link": _mean(facts["estoi_without_a_link"] for facts in heard),
        },
        "there": {
            "overs": len(test.sent),
            "packets": sum(over.packets for over in test.sent),
            "confirmed_overs": len(confirmed),
            "confirmed_packets": sum(over.confirmed or 0 for over in confirmed),
            "packets_of_confirmed_overs": sum(over.packets for over in confirmed),
            "told": test.there,
            "unanswered": test.unanswered,
        },
        "wire": {
            "measured_bps": wire,
            "planned_bps": row.wire_bps,
            "planned_share": row.share,
            "planned_fits": row.fits,
        },
        "delay": {
            "round_trip_s": spread(test.round_trips_s),
            "pings": test.pings,
            "pongs": len(test.round_trips_s),
            "hold_s": spread(test.holds_s),
            "mouth_to_ear_without_the_link_s": spread(test.mouth_to_ear_s),
            "planned_mouth_to_ear_s": row.mouth_to_ear_s,
        },
        "overs_heard": heard,
        "overs_sent": test.sent,
        "problems": test.problems,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


# --- words -------------------------------------------------------------------------------------------------------


def report_text(told: dict[str, Any], has_pystoi: bool) -> str:
    """Return the text of report.md. told: what `figures` returns."""
    return "\n".join([*_summary(told, has_pystoi), "", *_details(told)]) + "\n"


def summary_text(told: dict[str, Any], has_pystoi: bool) -> str:
    """Return the first part of that text: who talked, and the table of figures."""
    return "\n".join(_summary(told, has_pystoi)) + "\n"


def _summary(told: dict[str, Any], has_pystoi: bool) -> list[str]:
    """Return the lines of the report up to the end of its table."""
    here, there, wire, delay = told["here"], told["there"], told["wire"], told["delay"]
    estoi_words = _figure(here["estoi"], "{:.3f}") if has_pystoi else NO_PYSTOI
    if here["estoi"] is not None:
        estoi_words += f" (the same clips without a link: {_figure(here['estoi_without_a_link'], '{:.3f}')})"
    confirmed = "nothing was confirmed"
    if there["confirmed_overs"]:
        share = there["confirmed_packets"] / there["packets_of_confirmed_overs"]
        confirmed = f"{there['confirmed_overs']} of {there['overs']} overs confirmed, {share:.1%} of their packets"
    if there["told"] is not None:
        confirmed += f"; it says that it heard {markdown_text(there['told'].get('heard'))} of "
        confirmed += markdown_text(there["told"].get("packets"))
    return [
        f"# Field test of {markdown_text(told['link'])}",
        "",
        f"{markdown_text(told['station'])} ({told['role']}) and {markdown_text(told['peer'] or 'nobody')}, "
        f"{told['duration_s']:.0f} s, "
        f"k = {told['packets_per_frame']}, {told['protection']}, Gossamer {told['program']}.",
        "",
        "| figure | measured | planned |",
        "|---|---|---|",
        f"| heard here | {here['packets'] - here['rebuilt'] - here['lost']} of {here['packets']} packets in "
        f"{here['overs']} overs, {here['rebuilt']} rebuilt, {here['damaged']} damaged, {here['late']} late | |",
        f"| loss here | {_figure(here['loss'], '{:.1%}')} | 0 % |",
        f"| heard there | {confirmed} | all |",
        f"| goodput here | {_figure(here['goodput_bps'], '{:.0f} bit/s')} | {here['planned_bps']:.0f} bit/s |",
        f"| on the wire | {_figure(wire['measured_bps'], '{:.0f} bit/s')} | {wire['planned_bps']:.0f} bit/s, "
        f"{wire['planned_share']:.0%} of the link |",
        f"| round trip | {_spread(delay['round_trip_s'])}, {delay['pongs']} of {delay['pings']} pings answered | |",
        f"| play-out hold | {_spread(delay['hold_s'])} | |",
        f"| mouth to ear | {_spread(delay['mouth_to_ear_without_the_link_s'])} and the link | "
        f"{delay['planned_mouth_to_ear_s']:.2f} s |",
        f"| ESTOI | {estoi_words} | |",
    ]


def _details(told: dict[str, Any]) -> list[str]:
    """Return the lines of the report behind its table: every over, the worst moment, and what went wrong."""
    lines = [
        "## Loss over time",
        "",
        "`.` heard, `d` damaged, `c` rebuilt from its coarse copy, `-` lost; a letter is 320 ms.",
        "",
        "| at | clip | lost | ESTOI | packets |",
        "|--:|---|--:|--:|---|",
    ]
    lines += [
        f"| {over['at_s']:.0f} s | {over['clip'] or 'unknown'} | {over['lost']} of {over['packets']} | "
        f"{_figure(over['estoi'], '{:.3f}')} | `{over['flags']}` |"
        for over in told["overs_heard"]
    ]
    if told.get("worst"):
        worst = told["worst"]
        lines += [
            "",
            "## The worst moment",
            "",
            f"Over {worst['over'] + 1}, from {worst['from_s']:.1f} s on: `worst.wav` as it was heard, "
            "`worst-original.wav` as it was said.",
        ]
    if told["problems"]:
        lines += ["", "## What went wrong", "", *(f"- {markdown_text(problem)}" for problem in told["problems"])]
    return lines


def _figure(value: float | None, words: str) -> str:
    return words.format(value) if value is not None else "unknown"


def _spread(value: Spread | None) -> str:
    if value is None:
        return "unknown"
    return f"{1000 * value.median:.0f} ms ({1000 * value.least:.0f} to {1000 * value.most:.0f})"


# --- the folder --------------------------------------------------------------------------------------------------


def write_report(
    folder: Path, test: FieldTest, known: list[KnownClip], ceilings: dict[str, float | None]
) -> dict[str, Any]:
    """Make the folder and the files in it, and return what report.json says. Raises FileProblem."""
    make_folder(folder)
    told = figures(test, known, ceilings) | {"worst": None}
    clips = {clip.name: clip for clip in known}
    worst = worst_moment(test)
    if worst is not None and test.heard[worst[0]].clip:
        over = test.heard[worst[0]]
        said, heard = aligned(over, clips[over.clip])
        window = slice(max(0, worst[1] - 2) * PACKET_SAMPLES, (worst[1] + WINDOW_PACKETS + 2) * PACKET_SAMPLES)
        write_speech(folder / "worst.wav", heard[window])
        write_speech(folder / "worst-original.wav", said[window])
        told["worst"] = {"over": worst[0], "from_s": worst[1] * PACKET_S, "clip": over.clip}
    has_pystoi = any(ceiling is not None for ceiling in ceilings.values())
    for name, text in (
        ("report.md", report_text(told, has_pystoi)),
        ("report.json", json.dumps(plain(told), ensure_ascii=False, indent=1, allow_nan=False) + "\n"),
    ):
        with packet_output(folder / name) as stream:
            stream.write(text.encode())
    return told
