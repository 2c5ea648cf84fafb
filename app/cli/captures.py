"""The captures of `gossamer overs`: all frames of a run, exported and played back."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.console import Progress, note, say
from app.errors import FileProblem, GossamerError
from app.file_kinds import CAPTURE, WAV, check_output
from app.history.folder import capture_files
from app.paths import recordings_folder
from app.storage import packet_output
from transport.protocol.frames import Mode

if TYPE_CHECKING:  # `gossamer --help` must not wait for them
    from app.audio.devices import Block
    from app.audio.sound_files import SpeechWriter


def run_capture(arguments: argparse.Namespace) -> int:
    """Write the journal of a run as a text file. Raises FileProblem."""
    from app.history.capture import capture_text, newest_part, read_capture

    files = capture_files(recordings_folder())
    if not 1 <= arguments.which <= len(files):
        known = f"1 to {len(files)} are kept" if files else f"none are kept in {recordings_folder()}"
        raise FileProblem(f"there is no run {arguments.which}", known)
    if arguments.minutes is not None and not arguments.minutes > 0:
        raise GossamerError(f"--minutes {arguments.minutes:g}", "it must be above 0")
    check_output(arguments.output, CAPTURE, force=arguments.force)
    capture = newest_part(read_capture(files[arguments.which - 1]), arguments.minutes)
    with packet_output(arguments.output) as stream:
        stream.write(capture_text(capture.header, capture.frames, capture.left_out).encode())
    told = {
        "written": arguments.output,
        "from": str(files[arguments.which - 1]),
        "frames": len(capture.frames),
        "left_out": capture.frames_left_out,
        "duration_s": round(capture.duration_s, 1),
        "channel": capture.mode.word if "channel" in capture.header else None,
    }
    sealed = "; it is sealed: whoever is to hear it needs the passphrase, which is not in it"
    private = sealed if capture.mode is Mode.SEALED else "; it holds the speech: whoever has it can hear it"
    besides = f" ({told['left_out']} more were left out)" if told["left_out"] else ""
    text = f"written {arguments.output}: {told['frames']} frames in {told['duration_s']} s{besides}{private}"
    return say(told, text, as_json=arguments.json)


def run_reproduce(arguments: argparse.Namespace) -> int:
    """Play a capture through the receiving half of a station. Raises GossamerError."""
    from app.audio.sound_files import speech_output
    from app.diagnostics.reproduce import reproduce
    from app.history.capture import read_capture
    from app.settings.model import DEFAULT_CHANNEL, OPTIONS, Settings
    from app.settings.passphrase import with_passphrase
    from app.station.parts import load_codec
    from app.version import program_version

    if arguments.output:
        check_output(arguments.output, WAV, force=arguments.force)
    capture = read_capture(Path(arguments.capture))
    kept = capture.header.get("settings")
    kept = kept if isinstance(kept, dict) else {}
    if capture.mode is not Mode.OPEN and not arguments.passphrase_file:
        raise GossamerError("this capture is of a protected channel", "give --passphrase-file FILE")
    told = {
        "name": kept.get("name", "somebody"),
        "channel": kept.get("channel", DEFAULT_CHANNEL),
    }
    values = {
        name: OPTIONS[name].value_of(value, f"{arguments.capture}: {name} = {value!r:.80}", FileProblem)
        for name, value in told.items()
    }
    version = kept.get("key_version", 1)  # those of the first derivation do not say so
    if not isinstance(version, int):
        raise FileProblem(f"{arguments.capture}: key_version = {version!r:.80}", "it must be a number")
    file = arguments.passphrase_file or ""
    settings = Settings(**values, mode=capture.mode, passphrase_file=file, record=False, permit_tone=False)
    settings = with_passphrase(replace(settings, key_version=version), ask=False, weak=True)
    if capture.header.get("program") != program_version():
        note(f"this capture is of version {capture.header.get('program')}, this is {program_version()}")
    if capture.frames_left_out:
        note(f"{capture.frames_left_out} frames came besides and are not in this capture: it may sound otherwise")
    codec = load_codec(arguments.synth, arguments.model, encoder=False)
    with contextlib.ExitStack() as stack:
        writer: SpeechWriter | None = None

        def hear(samples: Block) -> None:
            nonlocal writer
            if writer is None and arguments.output:
                writer = stack.enter_context(speech_output(arguments.output))  # there is none where nothing is heard
            if writer is not None:
                writer.write(samples)

        bar = stack.enter_context(Progress(arguments.capture))
        result = reproduce(capture, settings, codec, hear, bar.at)
    counts = asdict(result.counts) | {"refused": asdict(result.refused)}
    facts = {
        "frames": len(capture.frames),
        "left_out": capture.frames_left_out,
        "duration_s": round(capture.duration_s, 1),
        "overs": [asdict(over) for over in result.overs],
        "texts": [asdict(text) for text in result.texts],
        "problems": result.problems,
        "counts": counts,
        "written": arguments.output if writer is not None else None,
    }
    lines = [
        f"{over.sender or 'somebody'}: {over.duration_s:.1f} s, {over.lost} of {over.packets} packets lost, "
        + (f"{over.rebuilt} rebuilt, " if over.rebuilt else "")
        + f"{over.damaged} damaged"
        + ("" if over.complete else ", then the signal was lost")
        for over in result.overs
    ]
    lines += [f"{text.sender} writes: {text.text}" for text in result.texts]
    lines += result.problems
    lines.append(
        f"{len(result.overs)} overs, {result.counts.received} packets heard, {result.counts.lost} lost, "
        + (f"{result.counts.rebuilt} rebuilt, " if result.counts.rebuilt else "")
        + f"{result.counts.late} late, {result.counts.rubbish} frames of rubbish"
    )
    if facts["written"]:
        lines.append(f"written {facts['written']}")
    return say(facts, "\n".join(lines), as_json=arguments.json)
