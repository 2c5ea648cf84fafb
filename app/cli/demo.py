"""`gossamer demo`: the conversation with the parrot for where nobody watches.

The same engine as behind the screen, with a bundled clip for a microphone; the sound of both ends goes to two files.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import trio

from app import events
from app.audio.devices import Block, absent_devices
from app.audio.sound_files import write_speech
from app.cli.interrupts import interruptible
from app.cli.options import add_json, add_options, settings_from
from app.console import note, say
from app.diagnostics.link_account import account
from app.diagnostics.link_account import summary as account_summary
from app.errors import GossamerError
from app.events import Event
from app.settings.model import PARROT_LINK, Settings
from app.signals import EXIT_INTERRUPTED, Ending, run_until_signal
from app.station.engine import Engine
from app.station.parts import Parts, real_parts
from app.storage import make_folder
from app.texts import counted
from app.threads import first_of
from codec.format import SAMPLE_RATE_HZ
from transport.address import parse_address

PATIENCE_S = 20.0
"""Seconds to wait for the answer, on top of three times the length of what was said."""
DEMO_FOLDER = "gossamer-demo"
"""Folder of the two sound files unless --out says otherwise."""

Kind = TypeVar("Kind")


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "link", metavar="LINK", nargs="?", help="a parrot behind a simulated link, such as parrot://?rate=1200&loss=0.1"
    )
    parser.add_argument(
        "--out", metavar="DIR", default=DEMO_FOLDER, help=f"folder for the two WAV files ({DEMO_FOLDER})"
    )
    add_options(parser, "demo")
    add_json(parser)
    parser.set_defaults(run=run_demo)


@dataclass
class DemoLog:
    """A record of the conversation: what was said, what came back, and what happened in between."""

    spoken: list[Block] = field(default_factory=list)
    heard: list[Block] = field(default_factory=list)
    happened: list[Event] = field(default_factory=list)
    answered: trio.Event = field(default_factory=trio.Event)
    """Event that is set when the answer was heard out, or none will come."""

    def note(self, event: Event) -> None:
        """Take an event of the engine. An answer that was cut off, as by a signal, is none."""
        if isinstance(event, events.OverPlayed) and event.cut:
            return
        self.happened.append(event)
        if isinstance(event, events.SlowLink):
            note(f"this link is {event}")
        if isinstance(event, events.LinkProblem):  # it may work again in a moment, and the wait has its limit anyway
            note(str(event))
        if isinstance(event, events.OverPlayed | events.CodecMismatch):
            self.answered.set()

    def only(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of this kind."""
        return [event for event in self.happened if isinstance(event, kind)]

    def lost(self) -> int:
        """Return the number of packets of the first over that were lost on the way there and back."""
        sent, heard = self.only(events.OverSent)[0], self.only(events.OverPlayed)[0]
        return sent.packets - heard.packets + heard.lost

    def speech_s(self) -> float:
        """Return how long the station spoke, in seconds."""
        return sum(map(len, self.spoken)) / SAMPLE_RATE_HZ


async def converse(ending: Ending, settings: Settings, parts: Parts, log: DemoLog, clip: Block) -> None:
    """Speak the clip, float32 [n], and hear the answer out, or end both in order when asked to.

    Raises GossamerError where none comes, and what `Engine.run` raises.
    """
    engine = Engine(settings, log.note, parts)
    with trio.move_on_after(PATIENCE_S + 3 * len(clip) / SAMPLE_RATE_HZ) as patience:
        async with interruptible(ending, log.answered.set) as nursery:
            station_ended = trio.Event()
            nursery.start_soon(_run_station, engine, clip, station_ended)
            await first_of(log.answered, station_ended)
            if engine.ready:
                engine.close()
                await station_ended.wait()
    if ending.asked.is_set():
        return
    if patience.cancelled_caught or not log.only(events.OverPlayed):
        raise GossamerError(f"nothing came back over {settings.link}", "try it without impairments, `gossamer demo`")


async def _run_station(engine: Engine, clip: Block, ended: trio.Event) -> None:
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            engine.play_clip(clip)
    finally:
        ended.set()


def facts(settings: Settings, log: DemoLog, processor_share: float) -> dict[str, Any]:
    """Return the figures of the conversation, for `--json`. processor_share: seconds of processor time a second."""
    sent, heard = log.only(events.OverSent)[0], log.only(events.OverPlayed)[0]
    delays = log.only(events.MouthToEar)
    return {
        "link": settings.link,
        "speech_s": round(log.speech_s(), 2),
        "packets": sent.packets,
        "lost": log.lost(),
        "damaged": heard.damaged,
        "voice_bps": sent.voice_bps,
        "wire_bps": sent.wire_bps,
        "mouth_to_ear": delays[0] if delays else None,
        "processor_share": round(processor_share, 4),
    }


def summary(settings: Settings, log: DemoLog, processor_share: float) -> str:
    """Return the figures of the conversation, a line each. processor_share: seconds of processor time a second."""
    sent, heard = log.only(events.OverSent)[0], log.only(events.OverPlayed)[0]
    impairment = parse_address(settings.link).impairment
    rate = f"{impairment.rate_bps:g} bit/s" if impairment and impairment.rate_bps else "unlimited"
    damaged = f", {heard.damaged} damaged" if heard.damaged else ""
    lines = [
        ("link", f"{settings.link} (simulated, {rate}), a parrot at its end"),
        ("speech", f"{log.speech_s():.1f} s in {counted(sent.packets, 'packet')}"),
        ("voice", f"{sent.voice_bps:.0f} bit/s"),
        ("on the wire", f"{sent.wire_bps:.0f} bit/s"),
        ("packets lost", f"{log.lost()} of {sent.packets} there and back{damaged}"),
    ]
    lines += [
        (
            "mouth to ear",
            f"{delay.total_s:.2f} s measured: packet {delay.packet_s:.2f}, link {delay.link_s:.2f}, "
            f"play-out {delay.playout_s:.2f}, devices {delay.devices_s:.2f} (none in use)",
        )
        for delay in log.only(events.MouthToEar)[:1]
    ]
    lines.append(("processor", f"{100 * processor_share:.1f} % of one core"))
    text = "\n".join(f"{name:<13} {value}" for name, value in lines)
    rates = log.only(events.WireRate)
    return f"{text}\n{account_summary(account(rates[-1]))}" if rates else text


def _write_sounds(folder: Path, log: DemoLog) -> list[str]:
    """Write what was spoken and what was heard, as far as there is any, and return the files. Raises FileProblem."""
    written = []
    for name, blocks in (("original.wav", log.spoken), ("heard.wav", log.heard)):
        if blocks:
            make_folder(folder)
            write_speech(folder / name, np.concatenate(blocks))
            written.append(str(folder / name))
    return written


def run_demo(arguments: argparse.Namespace) -> int:
    """Hold the conversation, write its sound, and print its figures. Raises GossamerError, LinkError, CodecError."""
    arguments.link = getattr(arguments, "link", None) or PARROT_LINK  # never the settings file's link
    settings = settings_from(arguments)
    if not parse_address(settings.link).kind.within_program:
        raise GossamerError(f"{settings.link} has no parrot", "use `gossamer send` and `gossamer listen`, or parrot://")
    folder = Path(arguments.out)
    log = DemoLog()
    parts = real_parts(
        recordings=None, open_sound=absent_devices, on_spoken=log.spoken.append, on_heard=log.heard.append
    )
    clip = parts.load_clip(0)
    processor_s, began_s = time.process_time(), time.monotonic()
    run_until_signal(converse, settings, parts, log, clip)
    share = (time.process_time() - processor_s) / (time.monotonic() - began_s)
    written = _write_sounds(folder, log)
    kinds = {type(event) for event in log.happened}
    if not {events.OverSent, events.OverPlayed} <= kinds:  # a signal ended it before there were figures
        note(f"ended before the answer was heard; written {' and '.join(written) or 'nothing'}")
        return EXIT_INTERRUPTED
    text = f"{summary(settings, log, share)}\n{'written':<13} {written[0]} and {written[1]}"
    return say(facts(settings, log, share) | {"written": written}, text, as_json=arguments.json)
