"""`gossamer talk`, `send` and `listen`: one engine, with a screen, with a file for a mouth, with a file for an ear."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import trio

from app import events
from app.audio.devices import Block, Loudspeaker, Microphone, NoLoudspeaker, NoMicrophone
from app.audio.portaudio import find_device, load_portaudio, silence_native_libraries
from app.audio.sound_files import SpeechWriter, read_speech, speech_output
from app.audio.streams import open_portaudio
from app.cli.options import configuration_from, settings_from
from app.console import note, print_json, say
from app.errors import GossamerError, first_error
from app.events import Event
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS, refusal_words
from app.station.control_socket import Control
from app.station.engine import Engine
from app.station.parrot import ParrotPorts
from app.station.parts import load_codec, open_station_link, real_parts
from app.storage import STANDARD_STREAM
from codec.format import PACKET_S, SAMPLE_RATE_HZ
from transport.address import Address
from transport.links.base import Link
from transport.protocol.frames import Mode

LONGEST_OVER_S = 3600.0
ASK_AGAIN_S = 0.5
"""While somebody else has the floor."""


def check_devices(settings: Settings) -> None:
    """A device that was named must be there at the start. Raises DeviceError."""
    if settings.microphone is not None:
        find_device(settings.microphone, "microphone")
    if settings.loudspeaker is not None:
        find_device(settings.loudspeaker, "loudspeaker")


# --- talk --------------------------------------------------------------------------------------------------------


def run_talk(arguments: argparse.Namespace) -> int:
    configuration = configuration_from(arguments)
    settings = settings_from(arguments, configuration)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise GossamerError("talk needs a terminal", "use `gossamer send` and `gossamer listen` without one")
    silence_native_libraries()
    check_devices(settings)
    from app.tui import run_talk

    return run_talk(settings, configuration=configuration)


# --- send --------------------------------------------------------------------------------------------------------


class _Sending:
    """One over, from the first try for the floor to its last bit."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self.done = trio.Event()
        self.denied = trio.Event()
        self.microphone_tried = trio.Event()
        self.sent: events.OverSent | None = None
        self.receipt: events.Receipt | None = None
        self.problem: str | None = None
        self.mode = Mode.OPEN

    def note(self, event: Event) -> None:
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
            case events.RecordingProblem():
                note(str(event))
            case events.TalkPermitted() if self._live:
                print("on air: Ctrl-C ends the over", file=sys.stderr, flush=True)
            case events.StationReady():
                self.mode = event.mode
            case events.SlowLink():
                note(f"this link is {event}")
            case events.ChannelProblem():
                note(str(event))
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
    live = arguments.input == "mic"
    settings = replace(settings_from(arguments), permit_tone=False, time_out_s=LONGEST_OVER_S)
    clip: np.ndarray | None = None
    if live:
        silence_native_libraries()
        load_portaudio()
        check_devices(settings)
    else:
        clip = read_speech(arguments.input)
        if len(clip) > LONGEST_OVER_S * SAMPLE_RATE_HZ:
            raise GossamerError(f"{arguments.input} is longer than {LONGEST_OVER_S / 60:.0f} minutes", "cut it")
    return trio.run(_send, arguments, settings, clip)


async def _send(arguments: argparse.Namespace, settings: Settings, clip: np.ndarray | None) -> int:
    sending = _Sending(live=clip is None)
    links: list[Link] = []

    async def open_and_keep(address: Address, nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
        link, station = await open_station_link(address, nursery, ports)
        links.append(link)
        return link, station

    def open_sound(settings: Settings, may_interrupt: Callable[[], bool]) -> tuple[Microphone, Loudspeaker]:
        microphone = NoMicrophone() if clip is not None else open_portaudio(settings, may_interrupt)[0]
        return microphone, NoLoudspeaker()

    def note_both(event: Event) -> None:
        sending.note(event)
        control.note(event)

    engine = Engine(settings, note_both, real_parts(open_link=open_and_keep, open_sound=open_sound))
    control = Control(settings.station or settings.name, settings.link, engine.key_down, engine.key_up)
    async with _interruptible(engine.key_up if clip is None else None) as nursery:
        if clip is None:
            control.open()
            nursery.start_soon(control.serve)
        await nursery.start(engine.run)
        if not links[0].ready:
            note(f"waiting for somebody to call {settings.link}")
            await links[0].wait_ready()
        if clip is None:
            await sending.microphone_tried.wait()
        while not sending.done.is_set():
            sending.denied = trio.Event()
            sending.problem = None
            if clip is not None:
                engine.play_clip(clip)
            else:
                engine.key_down()
            await _either(sending.done, sending.denied)
            if sending.denied.is_set() and not sending.done.is_set():
                note(f"not yet: {sending.problem}")
                await trio.sleep(ASK_AGAIN_S)
        engine.close()
    if sending.sent is None:
        raise GossamerError(sending.problem or f"nothing was sent over {settings.link}: was there anything to say?")
    sent = sending.sent
    facts = asdict(sent) | {"link": settings.link, "protection": MODE_WORDS[sending.mode], "receipt": sending.receipt}
    return say(
        facts | {"duration_s": round(sent.packets * PACKET_S, 2)},
        f"sent {sent.packets} packets, {sent.packets * 0.32:.1f} s of speech: {sent.voice_bps:.0f} bit/s of voice, "
        f"{sent.wire_bps:.0f} bit/s on the wire, {MODE_WORDS[sending.mode]}",
        as_json=arguments.json,
    )


async def _either(first: trio.Event, second: trio.Event) -> None:
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(wait, first)
        nursery.start_soon(wait, second)


# --- listen ------------------------------------------------------------------------------------------------------


class _Listening:
    """What happens while others talk, said as it happens."""

    def __init__(self, once: bool, say: Callable[[str], None]) -> None:
        self._once = once
        self._say = say
        self._refused = self._refused_told = ""
        self.done = trio.Event()
        self.problem: str | None = None
        self.overs: list[events.OverEnded] = []
        self.texts: list[events.TextHeard] = []
        self.counts = events.PacketCounts(0, 0, 0, 0, 0)
        self.refusals = events.ChannelCounts()

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return {"overs": self.overs, "texts": self.texts, "counts": self.counts, "refused": self.refusals}

    def note(self, event: Event) -> None:
        match event:
            case events.StationReady():
                print(f"listening on {event.link}, {MODE_WORDS[event.mode]}", file=sys.stderr, flush=True)
            case events.SlowLink():
                note(f"this link is {event}")
            case events.ChannelProblem():
                note(str(event))
            case events.ChannelCounts():
                self._refused, self.refusals = refusal_words(event), event
            case events.PacketCounts():
                self.counts = event
            case events.OverEnded():
                self.overs.append(event)
                more = f", {event.damaged} damaged" if event.damaged else ""
                more += "" if event.complete else ", then the signal was lost"
                lost = f"{event.lost} of {event.packets} packets lost{more}"
                self._say(f"{event.sender}: {event.duration_s:.1f} s, {lost}")
                if self._refused != self._refused_told:
                    self._refused_told = self._refused
                    self._say(f"refused since the start: {self._refused}")
                if self._once:
                    self.done.set()
            case events.CodecMismatch(sender, ours, theirs):
                self.problem = f"{sender} speaks codec {theirs}, we speak {ours}: use the same version at both ends"
                if self._once:
                    self.done.set()
                else:
                    note(self.problem)
            case events.DeviceProblem("loudspeaker") | events.LinkProblem() | events.RecordingProblem():
                note(str(event))
            case events.LinkRecovered():
                note("the link works again")
            case events.TextHeard(sender, text):
                self.texts.append(event)
                self._say(f"{sender} writes: {text}")


def run_listen(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    aloud = arguments.output == "speaker"
    raw = arguments.output == STANDARD_STREAM
    if aloud:
        silence_native_libraries()
        load_portaudio()
        check_devices(settings)
    if raw and arguments.json:
        raise GossamerError("--json and --output - both want standard output", "name a file")
    aside = sys.stderr if raw or arguments.json else sys.stdout
    listening = _Listening(arguments.once, partial(print, file=aside, flush=True))
    with contextlib.ExitStack() as stack:
        writer = None if aloud else stack.enter_context(speech_output(arguments.output))
        trio.run(_listen, settings, listening, writer)
        if listening.problem is not None and arguments.once:
            raise GossamerError(listening.problem)
        if arguments.once and not listening.done.is_set():
            raise KeyboardInterrupt
        if writer is not None and not raw and not writer.samples:
            raise GossamerError("nothing was heard, so nothing was written")
    if arguments.json:
        print_json(listening.facts() | {"written": arguments.output if writer is not None else None})
    return 0


async def _listen(settings: Settings, listening: _Listening, writer: SpeechWriter | None) -> None:
    def open_sound(settings: Settings, may_interrupt: Callable[[], bool]) -> tuple[Microphone, Loudspeaker]:
        loudspeaker = open_portaudio(settings, may_interrupt)[1] if writer is None else NoLoudspeaker()
        return NoMicrophone(), loudspeaker

    def write(samples: Block) -> None:
        if writer is not None:
            writer.write(samples)

    parts = real_parts(load_codec=partial(load_codec, encoder=False), open_sound=open_sound, on_heard=write)
    engine = Engine(settings, listening.note, parts)
    async with _interruptible(engine.close) as nursery:
        nursery.start_soon(_end_after, listening, engine, writer is None)
        await engine.run()
        nursery.cancel_scope.cancel()


async def _end_after(listening: _Listening, engine: Engine, aloud: bool) -> None:
    await listening.done.wait()
    if aloud:
        await engine.heard_out()
    engine.close()


# --- both --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _interruptible(on_interrupt: Callable[[], None] | None) -> AsyncIterator[trio.Nursery]:
    """A nursery in which the first Ctrl-C (or SIGTERM) ends things properly; None: it interrupts as always.

    Errors come out alone, not in the group that a nursery makes of them.
    """
    try:
        async with trio.open_nursery() as nursery:
            if on_interrupt is not None:
                nursery.start_soon(_watch_signals, on_interrupt)
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def _watch_signals(on_interrupt: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            on_interrupt()
