"""The conversation with the parrot for where nobody watches: the same engine, a bundled clip for a microphone, and the
sound of both ends in two files."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trio

from app import events
from app.audio.devices import Block, absent_devices
from app.audio.sound_files import write_speech
from app.cli.options import settings_from
from app.console import note, say
from app.diagnostics import link_account as bandwidth
from app.errors import GossamerError, first_error
from app.events import Event
from app.settings.model import PARROT_LINK, Settings
from app.station.engine import Engine
from app.station.parts import Parts, real_parts
from app.storage import make_folder
from codec.format import SAMPLE_RATE_HZ
from transport.address import parse_address

PATIENCE_S = 20.0
"""For the answer, on top of three times the length of what was said."""


@dataclass
class Conversation:
    """What was said, what came back, and what happened in between."""

    spoken: list[Block] = field(default_factory=list)
    heard: list[Block] = field(default_factory=list)
    happened: list[Event] = field(default_factory=list)
    answered: trio.Event = field(default_factory=trio.Event)

    def note(self, event: Event) -> None:
        self.happened.append(event)
        if isinstance(event, events.SlowLink):
            note(f"this link is {event}")
        if isinstance(event, events.OverEnded | events.CodecMismatch | events.LinkProblem):
            self.answered.set()

    def only(self, kind: type) -> list:
        return [event for event in self.happened if isinstance(event, kind)]


async def converse(settings: Settings, parts: Parts, conversation: Conversation, clip: np.ndarray) -> None:
    """Speaks the clip, float32 [n], and hears the answer out. Raises GossamerError where none comes, and what
    `Engine.run` raises."""
    engine = Engine(settings, conversation.note, parts)
    with trio.move_on_after(PATIENCE_S + 3 * len(clip) / SAMPLE_RATE_HZ) as patience:
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(engine.run)
                engine.play_clip(clip)
                await conversation.answered.wait()
                engine.close()
        except BaseExceptionGroup as group:
            raise first_error(group) from group
    if patience.cancelled_caught or not conversation.only(events.OverEnded):
        raise GossamerError(f"nothing came back over {settings.link}", "try it without impairments, `gossamer demo`")


def facts(settings: Settings, conversation: Conversation, processor_share: float) -> dict[str, Any]:
    """The same for `--json`."""
    [sent], [heard] = conversation.only(events.OverSent)[:1], conversation.only(events.OverEnded)[:1]
    delays = conversation.only(events.MouthToEar)
    return {
        "link": settings.link,
        "speech_s": round(sum(map(len, conversation.spoken)) / SAMPLE_RATE_HZ, 2),
        "packets": sent.packets,
        "lost": sent.packets - heard.packets + heard.lost,
        "damaged": heard.damaged,
        "voice_bps": sent.voice_bps,
        "wire_bps": sent.wire_bps,
        "mouth_to_ear": delays[0] if delays else None,
        "processor_share": round(processor_share, 4),
    }


def summary(settings: Settings, conversation: Conversation, processor_share: float) -> str:
    """The figures, a line each."""
    [sent], [heard] = conversation.only(events.OverSent)[:1], conversation.only(events.OverEnded)[:1]
    delays = conversation.only(events.MouthToEar)
    seconds = sum(map(len, conversation.spoken)) / SAMPLE_RATE_HZ
    impairment = parse_address(settings.link).impairment
    rate = f"{impairment.rate_bps:g} bit/s" if impairment and impairment.rate_bps else "unlimited"
    lost = sent.packets - heard.packets + heard.lost
    damaged = f", {heard.damaged} damaged" if heard.damaged else ""
    lines = [
        ("link", f"{settings.link} (simulated, {rate}), a parrot at its end"),
        ("speech", f"{seconds:.1f} s in {sent.packets} packets"),
        ("voice", f"{sent.voice_bps:.0f} bit/s"),
        ("on the wire", f"{sent.wire_bps:.0f} bit/s"),
        ("packets lost", f"{lost} of {sent.packets} there and back{damaged}"),
    ]
    for delay in delays[:1]:
        lines.append(
            (
                "mouth to ear",
                f"{delay.total_s:.2f} s measured: packet {delay.packet_s:.2f}, link {delay.link_s:.2f}, "
                f"play-out {delay.playout_s:.2f}, devices {delay.devices_s:.2f} (none in use)",
            )
        )
    lines.append(("processor", f"{100 * processor_share:.1f} % of one core"))
    told = "\n".join(f"{name:<13} {value}" for name, value in lines)
    rates = conversation.only(events.WireRate)
    return f"{told}\n{bandwidth.summary(bandwidth.account(rates[-1]))}" if rates else told


def run_demo(arguments: argparse.Namespace) -> int:
    arguments.link = getattr(arguments, "link", None) or PARROT_LINK  # never the settings file's link
    settings = settings_from(arguments)
    if parse_address(settings.link).scheme != "parrot":
        raise GossamerError(f"{settings.link} has no parrot", "use `gossamer send` and `gossamer listen`, or parrot://")
    folder = Path(arguments.out)
    conversation = Conversation()
    parts = real_parts(
        recordings=None,
        open_sound=absent_devices,
        on_spoken=conversation.spoken.append,
        on_heard=conversation.heard.append,
    )
    clip = parts.load_clip(0)
    processor_s, began_s = time.process_time(), time.monotonic()
    trio.run(converse, settings, parts, conversation, clip)
    share = (time.process_time() - processor_s) / (time.monotonic() - began_s)
    make_folder(folder)
    for name, blocks in (("original.wav", conversation.spoken), ("heard.wav", conversation.heard)):
        write_speech(folder / name, np.concatenate(blocks))
    written = [str(folder / "original.wav"), str(folder / "heard.wav")]
    text = f"{summary(settings, conversation, share)}\n{'written':<13} {written[0]} and {written[1]}"
    return say(facts(settings, conversation, share) | {"written": written}, text, as_json=arguments.json)
