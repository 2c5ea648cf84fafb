"""`gossamer send`: a file or the microphone as one over, without a screen."""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import asdict, replace

import numpy as np
import trio
from numpy.typing import NDArray

from app.audio.devices import Loudspeaker, Microphone, NoLoudspeaker, NoMicrophone
from app.audio.portaudio import check_devices, silence_native_libraries
from app.audio.sound_files import read_speech
from app.audio.streams import open_portaudio
from app.cli.confirmation import Confirmation, add_confirm
from app.cli.event_log import add_log_level, begin_log, logged
from app.cli.kept_link import LISTEN_FIRST_S, KeptLink
from app.cli.options import add_json, add_options, refuse_given, settings_from
from app.cli.outgoing_over import OutgoingOver
from app.console import note, say
from app.errors import FileProblem, GossamerError
from app.events import Event, OverSent
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS
from app.signals import EXIT_INTERRUPTED, Ending, run_until_signal
from app.station.control_socket import ControlSocket
from app.station.engine import Engine
from app.station.link_health import LASTING_S
from app.station.messages import WAITS_S
from app.station.parts import real_parts
from app.texts import counted
from app.threads import first_of
from codec.format import PACKET_S
from transport.link_kinds import explained_forms

LONGEST_OVER_S = 3600.0
"""Longest file that is sent, and time-out of an over from the microphone."""
ASK_AGAIN_S = (0.5, 1.5)
"""Shortest and longest pause after somebody else's over, in seconds; drawn, so that two who wait do not collide."""
LONGEST_GOODBYE_S = 5.0
"""Time that the rest of a file's over gets to leave after a signal, in seconds."""
REFUSAL_S = 1.6
"""Time after an over that nobody has confirmed in which others may still say that they cannot open it, in seconds."""


def add_send(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument(
        "--input", metavar="FILE|mic", required=True, help="a sound file, mic, or - for raw 16-bit sound at 8 kHz"
    )
    add_confirm(parser)
    add_options(parser, "send")
    add_log_level(parser)
    add_json(parser)
    parser.set_defaults(run=run_send)


def run_send(arguments: argparse.Namespace) -> int:
    """Send one over, and say what became of it. Raises GossamerError, LinkError."""
    live = arguments.input == "mic"
    if not live:
        refuse_given(arguments, "is for --input mic", "microphone", "pre_roll_s", "station")
    # Nobody hears what others say meanwhile: it is kept as missed, or not confirmed.
    settings = replace(settings_from(arguments), permit_tone=False, time_out_s=LONGEST_OVER_S, muted=True)
    clip: NDArray[np.float32] | None = None
    if live:
        silence_native_libraries()
        check_devices(settings, needed=True)
    else:
        clip = read_speech(arguments.input, LONGEST_OVER_S)
        if not len(clip):
            raise FileProblem(f"{arguments.input} holds no sound", "there is nothing to send; take another")
    begin_log(arguments)
    over, confirmation = OutgoingOver(live=live), Confirmation(settings, arguments.confirm)
    run_until_signal(_send, settings, clip, over, confirmation)
    sent = over.sent
    if sent is None or sent.unsent >= sent.packets:
        if over.interrupted:
            raise KeyboardInterrupt
        raise GossamerError(over.problem or f"nothing was sent over {settings.link}: was there anything to say?")
    duration_s = (sent.packets - sent.unsent) * PACKET_S
    cut = over.interrupted and not live
    say(
        asdict(sent)
        | {
            "link": settings.link,
            "protection": MODE_WORDS[over.mode],
            "receipt": over.receipt,
            "duration_s": round(duration_s, 2),
            "interrupted": cut,
        },
        f"sent {_packets(sent)}, {duration_s:.1f} s of speech: {sent.voice_bps:.0f} bit/s of voice, "
        f"{sent.wire_bps:.0f} bit/s on the wire, {MODE_WORDS[over.mode]}",
        as_json=arguments.json,
    )
    if cut:
        note("a signal ended the over before the file's end")
        return EXIT_INTERRUPTED
    return confirmation.tell() if confirmation.wanted else 0


def _packets(sent: OverSent) -> str:
    """Return how many packets have left, of how many where the link did not take all."""
    all_of_it = counted(sent.packets, "packet")
    return f"{sent.packets - sent.unsent} of {all_of_it}" if sent.unsent else all_of_it


async def _send(
    ending: Ending,
    settings: Settings,
    clip: NDArray[np.float32] | None,
    over: OutgoingOver,
    confirmation: Confirmation,
) -> None:
    """Run a station until the over is sent, or can never be. clip: None is the microphone."""
    kept = KeptLink()

    def open_sound(settings: Settings) -> tuple[Microphone, Loudspeaker]:
        microphone = NoMicrophone() if clip is not None else open_portaudio(settings)[0]
        return microphone, NoLoudspeaker()

    def note_both(event: Event) -> None:
        for one in (over, confirmation, control):
            one.note(event)

    parts = real_parts(confirms=settings.record, open_link=kept.open, open_sound=open_sound)
    engine = Engine(settings, logged(note_both), parts)
    control = ControlSocket(settings.station or settings.name, settings.link, engine.key_down, engine.key_up)
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_when_asked, ending, engine, over, clip is None, scope)
        if clip is None:
            try:
                control.open()
            except GossamerError as problem:  # everything but `gossamer ptt` works without it
                note(f"`gossamer ptt` will not reach this over: {problem}")
            else:
                nursery.start_soon(control.serve)
        try:
            with scope:
                await nursery.start(engine.run)
                await kept.wait_for_caller(settings.link)
                nursery.start_soon(over.hints.probe, engine)
                nursery.start_soon(_doubt, over)
                await _say(ending, engine, clip, over, confirmation)
        finally:
            await engine.closed()  # whatever has ended it takes leave
        nursery.cancel_scope.cancel()


async def _say(
    ending: Ending,
    engine: Engine,
    clip: NDArray[np.float32] | None,
    over: OutgoingOver,
    confirmation: Confirmation,
) -> None:
    """Say the over once nobody talks, asking again while the floor is taken, and wait for what others say of it."""
    since_s = trio.current_time()
    if clip is None:
        await over.microphone_tried.wait()
    with trio.move_on_after(LISTEN_FIRST_S):
        await over.busy.wait()
    if (only := await confirmation.look(since_s)) is not None:
        engine.set_addressee(only)
    told, patient_until_s = "", trio.current_time() + WAITS_S
    while not over.done.is_set():
        await first_of(over.hints.works, over.done)
        if not over.busy.is_set():
            patient_until_s = trio.current_time() + WAITS_S
        await _wait_for_floor(over, patient_until_s)
        if over.done.is_set():
            break
        over.denied = trio.Event()
        over.problem = ""
        if clip is not None:
            engine.play_clip(clip)
        else:
            engine.key_down()
        await first_of(over.done, over.denied)
        if not over.done.is_set():
            if told != over.problem:
                told = over.problem
                note(f"not yet: {told}")
            engine.key_up()  # a key that is refused counts again only when it has come up
            await trio.sleep(random.uniform(*ASK_AGAIN_S))
    if over.sent is not None:
        await confirmation.wait()
    if over.sent is not None and over.receipt is None and not ending.asked.is_set():
        with trio.move_on_after(REFUSAL_S):
            await first_of(over.not_understood, ending.asked)


async def _doubt(over: OutgoingOver) -> None:
    """Give the link time to work again after an over during which it told of errors; then that was no success."""
    await over.left.wait()
    with trio.move_on_after(LASTING_S):
        await over.hints.works.wait()
    if not over.hints.works.is_set():
        over.doubt()


async def _wait_for_floor(over: OutgoingOver, until_s: float) -> None:
    """Return when nobody is heard, or the over can never be sent; from `until_s` on after a pause, whoever talks."""
    if not over.busy.is_set():
        return
    if trio.current_time() < until_s:
        note("somebody is talking: waiting for the end of that over")
    while over.busy.is_set() and not over.done.is_set():
        with trio.move_on_at(until_s):
            await first_of(over.free, over.done)
        await trio.sleep(random.uniform(*ASK_AGAIN_S))
        if trio.current_time() >= until_s:
            return


async def _end_when_asked(
    ending: Ending, engine: Engine, over: OutgoingOver, live: bool, scope: trio.CancelScope
) -> None:
    """End the over when a signal asks for that, or the command if there is none yet."""
    await ending.asked.wait()
    over.interrupted = True
    if engine.sending:
        await engine.end_over(math.inf if live else LONGEST_GOODBYE_S)
    if over.sent is None:
        scope.cancel()
    over.done.set()
