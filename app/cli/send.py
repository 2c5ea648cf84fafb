"""`gossamer send`: a file or the microphone as one over, without a screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import trio
from numpy.typing import NDArray

from app import events
from app.audio.devices import Loudspeaker, Microphone, NoLoudspeaker, NoMicrophone
from app.audio.portaudio import check_devices, load_portaudio, silence_native_libraries
from app.audio.sound_files import read_speech
from app.audio.streams import open_portaudio
from app.cli.interrupts import interruptible
from app.cli.options import add_json, add_options, settings_from
from app.console import aside, note, say
from app.errors import GossamerError
from app.events import Event
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS
from app.station.control_socket import ControlSocket
from app.station.engine import Engine
from app.station.parrot import ParrotPorts
from app.station.parts import open_station_link, real_parts
from app.threads import first_of
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.address import Address
from transport.link_kinds import explained_forms
from transport.links.base import Link
from transport.protocol.frames import Mode

LONGEST_OVER_S = 3600.0
"""Longest file that is sent, and time-out of an over from the microphone."""
ASK_AGAIN_S = 0.5
"""Seconds between two tries for the floor while somebody else has it."""


def add_send(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument("--input", metavar="FILE|mic", required=True, help="a sound file, - (raw s16le, 8 kHz) or mic")
    add_options(parser, "send")
    add_json(parser)
    parser.set_defaults(run=run_send)


class OutgoingOver:
    """One over on its way out, from the first try for the floor to its last bit."""

    def __init__(self, *, live: bool) -> None:
        """live: from the microphone, not from a file."""
        self._live = live
        self.done = trio.Event()
        """Set when the over is sent, or can never be."""
        self.denied = trio.Event()
        """Set when somebody else has the floor."""
        self.microphone_tried = trio.Event()
        """Set when the microphone works, or does not open."""
        self.sent: events.OverSent | None = None
        self.receipt: events.Receipt | None = None
        self.problem = ""
        """Why nothing was sent, in one line."""
        self.mode = Mode.OPEN

    def note(self, event: Event) -> None:
        """Take an event of the engine, and print what the user should know of it."""
        match event:
            case events.OverSent():
                self.sent = event
                self.done.set()
            case events.TalkDenied(reason):
                self.problem = self.problem or reason
                self.denied.set()
            case events.LinkProblem():
                self.problem = str(event)
                self.done.set()
            case events.Receipt():
                self.receipt = event
            case events.RecordingProblem() | events.ChannelProblem():
                note(str(event))
            case events.TalkPermitted() if self._live:
                aside("on air: Ctrl-C ends the over")
            case events.StationReady():
                self.mode = event.mode
            case events.SlowLink():
                note(f"this link is {event}")
            case events.DeviceReady("microphone"):
                self.microphone_tried.set()
            case events.DeviceProblem("microphone"):
                if self.microphone_tried.is_set():
                    note(str(event))  # lost in mid-over: the rest is silence until it is back
                else:
                    self.problem = str(event)
                    self.microphone_tried.set()
                    self.done.set()


def run_send(arguments: argparse.Namespace) -> int:
    """Send one over, and say what became of it. Raises GossamerError, LinkError."""
    live = arguments.input == "mic"
    settings = replace(settings_from(arguments), permit_tone=False, time_out_s=LONGEST_OVER_S)
    clip: NDArray[np.float32] | None = None
    if live:
        silence_native_libraries()
        load_portaudio()
        check_devices(settings)
    else:
        clip = read_speech(arguments.input)
        if len(clip) > LONGEST_OVER_S * SAMPLE_RATE_HZ:
            raise GossamerError(f"{arguments.input} is longer than {LONGEST_OVER_S / 60:.0f} minutes", "cut it")
    over = OutgoingOver(live=live)
    trio.run(_send, settings, clip, over)
    sent = over.sent
    if sent is None:
        raise GossamerError(over.problem or f"nothing was sent over {settings.link}: was there anything to say?")
    duration_s = sent.packets * PACKET_S
    return say(
        asdict(sent)
        | {
            "link": settings.link,
            "protection": MODE_WORDS[over.mode],
            "receipt": over.receipt,
            "duration_s": round(duration_s, 2),
        },
        f"sent {sent.packets} packets, {duration_s:.1f} s of speech: {sent.voice_bps:.0f} bit/s of voice, "
        f"{sent.wire_bps:.0f} bit/s on the wire, {MODE_WORDS[over.mode]}",
        as_json=arguments.json,
    )


async def _send(settings: Settings, clip: NDArray[np.float32] | None, over: OutgoingOver) -> None:
    """Run a station until the over is sent, asking again while the floor is taken. clip: None is the microphone."""
    links: list[Link] = []

    async def open_and_keep(address: Address[Any], nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
        link, station = await open_station_link(address, nursery, ports)
        links.append(link)
        return link, station

    def open_sound(settings: Settings, may_interrupt: Callable[[], bool]) -> tuple[Microphone, Loudspeaker]:
        microphone = NoMicrophone() if clip is not None else open_portaudio(settings, may_interrupt)[0]
        return microphone, NoLoudspeaker()

    def note_both(event: Event) -> None:
        over.note(event)
        control.note(event)

    engine = Engine(settings, note_both, real_parts(open_link=open_and_keep, open_sound=open_sound))
    control = ControlSocket(settings.station or settings.name, settings.link, engine.key_down, engine.key_up)
    async with interruptible(engine.key_up if clip is None else None) as nursery:
        if clip is None:
            control.open()
            nursery.start_soon(control.serve)
        await nursery.start(engine.run)
        if not links[0].ready:
            note(f"waiting for somebody to call {settings.link}")
            await links[0].wait_ready()
        if clip is None:
            await over.microphone_tried.wait()
        while not over.done.is_set():
            over.denied = trio.Event()
            over.problem = ""
            if clip is not None:
                engine.play_clip(clip)
            else:
                engine.key_down()
            await first_of(over.done, over.denied)
            if not over.done.is_set():
                note(f"not yet: {over.problem}")
                await trio.sleep(ASK_AGAIN_S)
        engine.close()
