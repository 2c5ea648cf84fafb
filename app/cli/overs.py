"""`gossamer overs`: past overs and messages listed, heard again, saved, deleted; captures exported and played back."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.audio.packet_files import mark_codec
from app.cli.captures import run_capture, run_reproduce
from app.cli.commands import explained
from app.cli.options import add_force, add_model, add_synth
from app.console import note, print_json, say, tell
from app.errors import FileProblem, GossamerError, os_reason
from app.file_kinds import PACKETS, WAV, check_output
from app.history.folder import Mark, everything_kept, mark_of, marked, missed_files, over_files, past_files
from app.history.overs import RecordedOver, read_over
from app.history.past import PastEntry, RecordedEntry, read_entry
from app.paths import recordings_folder
from app.settings.model import Settings, Synth
from app.storage import packet_output
from codec.models import DECODER, STANDARD, VOCODER, model_path

LISTED = 20
"""Overs and messages that `list` shows without --all."""
SYNTH = "rebuild speech with the network, without one, or with a voice's own (neural)"
NUMBER = "number of the over, as `gossamer overs list` shows it"


def add_overs(parser: argparse.ArgumentParser) -> None:
    """Add the command's actions and their flags."""
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run_list, all=False, missed=False)
    actions = parser.add_subparsers(metavar="ACTION", title="actions", parser_class=type(parser))

    def sound_options(parser: argparse.ArgumentParser, synth_help: str) -> None:
        add_synth(parser, synth_help)
        add_model(parser, "networks in float32 or, small, in 8-bit numbers (standard)")

    def action(
        name: str, what: str, run: Callable[[argparse.Namespace], int], says: str, *examples: str
    ) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = actions.add_parser(name, help=what, **explained(says, *examples))
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object")
        parser.set_defaults(run=run)
        return parser

    listing = action(
        "list",
        f"the newest {LISTED}, 1 is the last",
        run_list,
        "List the overs and messages that are kept.",
        "gossamer overs list --all",
        "gossamer overs list --missed",
    )
    listing.add_argument("--all", action="store_true", help="list everything that is kept")
    listing.add_argument("--missed", action="store_true", help="list what was missed only")
    replay = action(
        "replay", "hear one again", run_replay, "Play an over through the loudspeaker.", "gossamer overs replay 2"
    )
    replay.add_argument("number", metavar="N", type=int, nargs="?", default=1, help=f"{NUMBER} (1)")
    replay.add_argument("--loudspeaker", metavar="DEVICE", help="number or part of the name (`gossamer devices`)")
    sound_options(replay, SYNTH)
    save = action(
        "save",
        "one as sound or as packets",
        run_save,
        "Write an over into a file, as sound or as its packets.",
        "gossamer overs save 1 last.wav",
        "gossamer overs save 1 last.g800",
    )
    save.add_argument("number", metavar="N", type=int, help=NUMBER)
    save.add_argument("output", metavar="OUT.wav|OUT.g800", help="16-bit WAV, or bare packets")
    sound_options(save, f"for a WAV file: {SYNTH}")
    add_force(save)
    delete = action(
        "delete",
        "one, or all with the journals of frames",
        run_delete,
        "Delete an over, or everything that is kept.",
        "gossamer overs delete 3",
        "gossamer overs delete all",
    )
    delete.add_argument("number", metavar="N|all", help=NUMBER)
    capture = action(
        "capture",
        "all frames of a run with their times, to be sent with a report",
        run_capture,
        "Write all frames that a station sent and heard, with their times, into a file that reproduces a fault.",
        "gossamer overs capture fault.capture --minutes 5",
    )
    capture.add_argument("output", metavar="OUT", help="text file to write")
    capture.add_argument(
        "--run", dest="which", type=int, default=1, metavar="N", help="which run of a station: 1 is the last one (1)"
    )
    capture.add_argument("--minutes", type=float, metavar="M", help="only the last M minutes of it")
    add_force(capture)
    again = action(
        "reproduce",
        "play a capture through the receiving half, in virtual time",
        run_reproduce,
        "Let a station hear a capture, and tell what it heard, faster than in real time.",
        "gossamer overs reproduce fault.capture --output heard.wav",
    )
    again.add_argument("capture", metavar="FILE", help="as `gossamer overs capture` wrote it")
    again.add_argument("--output", metavar="OUT.wav", help="write what was heard into this file")
    again.add_argument("--passphrase-file", metavar="FILE", help="file with the passphrase of a sealed channel")
    sound_options(again, SYNTH)
    add_force(again)


def _numbered(number: int) -> tuple[Path, RecordedOver]:
    """Return the n-th newest over, 1 is the last, and its file. Raises FileProblem."""
    files = over_files(recordings_folder())
    if not files:
        raise FileProblem(f"no overs are kept in {recordings_folder()}", "a station without --no-record keeps them")
    if not 1 <= number <= len(files):
        raise FileProblem(f"there is no over {number}", f"`gossamer overs list` shows 1 to {len(files)}")
    return files[number - 1], read_over(files[number - 1])


# --- list, replay, save, delete ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    """One entry of the list."""

    number: int | None
    """Number of an over, 1 is the newest; a message has none."""
    entry: PastEntry

    @property
    def missed(self) -> bool:
        return self.entry.mark is Mark.MISSED

    def facts(self) -> dict[str, Any]:
        """Return the facts for `--json`."""
        facts = self.entry.recorded.facts() | {"missed": self.missed}
        if self.number is not None:
            return {"number": self.number} | facts
        return facts | {"delivered": self.entry.mark is Mark.DELIVERED}

    def line(self) -> str:
        """Return the line of the list."""
        recorded = self.entry.recorded
        if isinstance(recorded, RecordedOver):
            return _line(self.number or 0, recorded, missed=self.missed)
        to = f" to {recorded.addressee}" if recorded.addressee else ""
        ends = {Mark.MISSED: "  unread", Mark.DELIVERED: "  delivered"}.get(self.entry.mark, "")
        what = f"{_when(recorded.at_utc_s)}  {'message':>8}  {_who(recorded):24}"
        return f"{'':4}  {what}  {recorded.link}  “{recorded.text}”{to}{ends}"


def run_list(arguments: argparse.Namespace) -> int:
    """List the past overs and messages, the newest first."""
    folder = recordings_folder()
    overs, missed = over_files(folder), missed_files(folder)
    numbers = {path: number for number, path in enumerate(overs, start=1)}
    files = missed[::-1] if arguments.missed else past_files(folder)
    shown: list[_Listed] = []
    for path in files[: None if arguments.all else LISTED]:
        try:
            shown.append(_Listed(numbers.get(path), PastEntry(path, read_entry(path))))
        except FileProblem as problem:
            note(str(problem))
    if arguments.json:
        told = [listed.facts() for listed in shown if listed.number is not None]
        messages = [listed.facts() for listed in shown if listed.number is None]
        counts = {"kept": len(overs), "missed": len(missed)}
        print_json({"folder": str(folder), **counts, "overs": told, "messages": messages})
        return 0
    for listed in shown:
        tell(listed.line())
    if not files:
        tell("nothing was missed" if arguments.missed else f"none are kept in {folder}")
    elif len(files) > len(shown):
        tell(f"and {len(files) - len(shown)} before: --all")
    return 0


def _when(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s):%Y-%m-%d %H:%M:%S}" if utc_s else f"{'no clock':19}"


def _who(recorded: RecordedEntry) -> str:
    return f"{recorded.sender} (this station)" if recorded.direction == "sent" else recorded.sender or "somebody"


def _line(number: int, over: RecordedOver, *, missed: bool = False) -> str:
    trouble = ["missed"] if missed else []
    trouble += [f"{over.lost} lost"] if over.lost else []
    trouble += [f"{over.rebuilt} rebuilt"] if over.rebuilt else []
    trouble += [f"{over.damaged} damaged"] if over.damaged else []
    trouble += [] if over.complete else ["no end"]
    what = f"{_when(over.began_utc_s)}  {over.duration_s:6.1f} s  {_who(over):24}"
    return f"{number:4}  {what}  {over.link}  {', '.join(trouble)}".rstrip()


def _samples(over: RecordedOver, synth: Synth, model: str) -> NDArray[np.float32]:
    """Return the sound of an over, float32 [n] at 8 kHz. Raises GossamerError, CodecError."""
    from app.codecs.decoding import decoded
    from codec.decoder import Decoder
    from vocoder.synthesizer import open_synthesizer

    decoder = Decoder(model_path(DECODER, model))
    if decoder.codec_id != over.codec_id:
        raise GossamerError(
            f"this over was made with codec {over.codec_id}, this is {decoder.codec_id}", "use the version that kept it"
        )
    synthesizer = open_synthesizer(synth, model_path(VOCODER, model))
    return np.concatenate(list(decoded(over.received_packets(), decoder, synthesizer)))


def run_replay(arguments: argparse.Namespace) -> int:
    """Play a past over, which is not missed any more. Raises FileProblem, DeviceError, CodecError."""
    from app.audio.playback import play_aloud
    from app.audio.portaudio import check_devices, silence_native_libraries

    path, over = _numbered(arguments.number)
    silence_native_libraries()
    check_devices(Settings(loudspeaker=arguments.loudspeaker), needed=True)
    play_aloud(_samples(over, arguments.synth, arguments.model), arguments.loudspeaker)
    if mark_of(path) is Mark.MISSED:
        with contextlib.suppress(OSError):  # it was heard, whether or not that can be written down
            marked(path, Mark.HEARD)
    return say(over.facts(), _line(arguments.number, over), as_json=arguments.json)


def run_save(arguments: argparse.Namespace) -> int:
    """Write a past over as sound or as packets. Raises FileProblem, CodecError."""
    from app.audio.sound_files import write_speech

    path, over = _numbered(arguments.number)
    output = Path(arguments.output)
    if output.suffix == ".g800":
        for flag, given, usual in (("--synth", arguments.synth, "neural"), ("--model", arguments.model, STANDARD)):
            if given != usual:
                raise GossamerError(f"{flag} is for a WAV file", "leave it out")
        check_output(output, PACKETS, force=arguments.force)
        with packet_output(output) as stream:
            packets = [packet.content for packet in over.received_packets() if packet.content is not None]
            stream.write(b"".join(packets))
            mark_codec(stream, over.codec_id)
        if missing := len(over.packets) - len(packets):
            note(f"a .g800 file has no word for a lost packet: {missing} of {len(over.packets)} are left out")
    elif output.suffix == ".wav":
        check_output(output, WAV, force=arguments.force)
        write_speech(output, _samples(over, arguments.synth, arguments.model))
    else:
        raise FileProblem(str(output), "name it .wav for sound or .g800 for packets")
    return say(over.facts() | {"written": str(output), "from": str(path)}, f"written {output}", as_json=arguments.json)


def run_delete(arguments: argparse.Namespace) -> int:
    """Delete one past over, or all of them and the journals of frames. Raises FileProblem."""
    folder = recordings_folder()
    if arguments.number == "all":
        gone = everything_kept(folder)
    elif arguments.number.isdecimal():
        gone = [_numbered(int(arguments.number))[0]]
    else:
        raise GossamerError(
            f"{arguments.number} is neither a number nor 'all'", "`gossamer overs list` has the numbers"
        )
    for path in gone:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileProblem(f"cannot delete {path}: {os_reason(error)}") from error
    facts = {"deleted": [str(path) for path in gone]}
    return say(facts, f"deleted {len(gone)} files in {folder}", as_json=arguments.json)
