"""`gossamer listen`: what others say, to a file or the loudspeaker, without a screen."""

from __future__ import annotations

import argparse
import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from app import events
from app.audio.devices import Block, Loudspeaker, Microphone, NoLoudspeaker, NoMicrophone
from app.audio.portaudio import check_devices, silence_native_libraries
from app.audio.sound_files import SpeechWriter, recording_output
from app.audio.streams import open_portaudio
from app.cli.event_log import add_log_level, begin_log, logged
from app.cli.interrupts import interruptible
from app.cli.options import add_json, add_options, refuse_given, settings_from
from app.console import aside, note, print_json, tell
from app.errors import FileProblem, GossamerError
from app.events import Event
from app.settings.model import Settings
from app.settings.protection import MODE_WORDS, refusal_words
from app.settings.words import fingerprint_line
from app.signals import EXIT_INTERRUPTED, Ending, run_until_signal
from app.station.engine import Engine
from app.station.parts import load_codec, real_parts
from app.storage import STANDARD_STREAM
from codec.format import SAMPLE_RATE_HZ
from transport.link_kinds import explained_forms

NOTHING = "nothing was heard, so nothing was written"
"""Outcome of a recording without sound, of which there is no file."""
MAX_REPORTED = 4096
"""Overs, and messages, that --json reports; of more, the newest."""


def add_listen(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument(
        "--output",
        metavar="FILE|speaker",
        required=True,
        help="a WAV file, speaker, or - for raw 16-bit sound at 8 kHz",
    )
    parser.add_argument("--once", action="store_true", help="end after the first over")
    add_options(parser, "listen")
    add_log_level(parser)
    add_json(parser)
    parser.set_defaults(run=run_listen)


class ListenLog:
    """A record of what others say, which tells of it as it happens."""

    def __init__(self, *, once: bool, tell: Callable[[str], None]) -> None:
        """Take once: `done` is set after the first over; and tell, which takes a line for every over and every text."""
        self._once = once
        self._tell_user = tell
        self._refused = self._refused_told = ""
        self.done = trio.Event()
        self.gone: Exception | None = None
        """Reason why nothing can be told any more."""
        self.problem = ""
        """Reason why the first over could not be heard, in one line."""
        self.overs: deque[events.OverPlayed] = deque(maxlen=MAX_REPORTED)
        self.texts: deque[events.TextHeard] = deque(maxlen=MAX_REPORTED)
        self.counts = events.PacketCounts(0, 0, 0, 0, 0)
        self.refusals = events.ChannelCounts()

    def facts(self) -> dict[str, Any]:
        """Return everything that was heard, for `--json`."""
        return {"overs": [*self.overs], "texts": [*self.texts], "counts": self.counts, "refused": self.refusals}

    def note(self, event: Event) -> None:
        """Take an event of the engine, and print what the user should know of it."""
        match event:
            case events.StationReady():
                aside(f"listening on {event.link}, {MODE_WORDS[event.mode]}")
                if event.fingerprint:
                    aside(fingerprint_line(event.fingerprint))
                for command in event.invitations:
                    aside(f"to call this station: {command}")
            case events.SlowLink():
                note(f"this link is {event}")
            case events.ChannelCounts():
                self._refused, self.refusals = refusal_words(event), event
            case events.PacketCounts():
                self.counts = event
            case events.OverPlayed():
                self._over_ended(event)
            case events.CodecMismatch(sender, ours, theirs):
                self.problem = f"{sender} speaks codec {theirs}, we speak {ours}: use the same version at both ends"
                if self._once:
                    self.done.set()
                else:
                    note(self.problem)
            case (
                events.DeviceProblem("loudspeaker")
                | events.LinkProblem()
                | events.RecordingProblem()
                | events.ChannelProblem()
            ):
                note(str(event))
            case events.LinkRecovered():
                note("the link works again")
            case events.TextHeard():
                self.texts.append(event)
                self._tell(str(event))

    def _tell(self, line: str) -> None:
        """Tell the user; where nobody reads it any more, the recording is kept and the command ends in order."""
        try:
            self._tell_user(line)
        except (FileProblem, BrokenPipeError) as error:
            self.gone = error
            self.done.set()

    def _over_ended(self, over: events.OverPlayed) -> None:
        self.overs.append(over)
        more = f", {over.rebuilt} rebuilt" if over.rebuilt else ""
        more += f", {over.damaged} damaged" if over.damaged else ""
        if not over.complete:
            more += ", then this command was ended" if over.cut else ", then the signal was lost"
        self._tell(f"{over.sender}: {over.duration_s:.1f} s, {over.lost} of {over.packets} packets lost{more}")
        if self._refused != self._refused_told:
            self._refused_told = self._refused
            self._tell(f"refused since the start: {self._refused}")
        if self._once:
            self.done.set()


def run_listen(arguments: argparse.Namespace) -> int:
    """Listen until interrupted, or until the first over has ended; interrupted with nothing to write is exit code 130.

    Raises GossamerError, LinkError.
    """
    aloud = arguments.output == "speaker"
    if not aloud:
        refuse_given(arguments, "is for --output speaker", "loudspeaker", "volume")
    settings = settings_from(arguments)
    raw = arguments.output == STANDARD_STREAM
    if aloud:
        silence_native_libraries()
        check_devices(settings, needed=True)
    begin_log(arguments)
    if raw and arguments.json:
        raise GossamerError("--json and --output - both want standard output", "name a file")
    log = ListenLog(once=arguments.once, tell=aside if raw or arguments.json else tell)
    with contextlib.ExitStack() as stack:
        writer = None if aloud else stack.enter_context(recording_output(arguments.output))
        run_until_signal(_listen, settings, log, writer)
        if log.problem and arguments.once:
            raise GossamerError(log.problem)
        if arguments.once and not log.done.is_set():
            raise KeyboardInterrupt
        if writer is not None and not raw and not writer.samples:
            if log.done.is_set():
                raise GossamerError(NOTHING)
            note(NOTHING)
            return EXIT_INTERRUPTED
    if log.gone is not None:
        raise log.gone
    if writer is not None and not raw and not arguments.json:
        tell(f"written {arguments.output}: {writer.samples / SAMPLE_RATE_HZ:.1f} s")
    if arguments.json:
        print_json(log.facts() | {"written": arguments.output if writer is not None else None})
    return 0


async def _listen(ending: Ending, settings: Settings, log: ListenLog, writer: SpeechWriter | None) -> None:
    """Run a station that only listens. writer: takes the sound; None plays it."""

    def open_sound(settings: Settings) -> tuple[Microphone, Loudspeaker]:
        loudspeaker = open_portaudio(settings)[1] if writer is None else NoLoudspeaker()
        return NoMicrophone(), loudspeaker

    def write(samples: Block) -> None:
        if writer is not None:
            writer.write(samples)

    parts = real_parts(load_codec=partial(load_codec, encoder=False), open_sound=open_sound, on_heard=write)
    engine = Engine(settings, logged(log.note), parts)
    async with trio.open_nursery() as nursery:

        def end() -> None:
            if engine.ready:
                engine.close()
            else:  # nothing to end in order yet, and a link may take its time to open
                nursery.cancel_scope.cancel()

        async with interruptible(ending, end) as watching:
            watching.start_soon(_end_after, log, engine, writer is None)
            await engine.run()


async def _end_after(log: ListenLog, engine: Engine, aloud: bool) -> None:
    await log.done.wait()
    if aloud:
        await engine.heard_out()
    engine.close()
