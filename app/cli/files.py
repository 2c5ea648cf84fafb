"""`gossamer encode` and `gossamer decode`: sound files to packets and back, importing no more than that needs."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from app.audio.packet_files import MADE_BY, PacketReader, mark_codec
from app.audio.sound_files import SpeechReader, speech_output
from app.cli import EXIT_PROBLEM
from app.cli.options import MODEL_HELP, add_force, add_json, add_model, add_synth
from app.codecs.decoding import decoded
from app.console import Progress, note, print_json, tell
from app.errors import FileProblem, GossamerError
from app.file_kinds import PACKETS, WAV, check_output
from app.storage import STANDARD_STREAM, make_folder, packet_output
from app.texts import counted
from codec.errors import CodecError
from codec.format import PACKET_S
from transport.playout.items import ReceivedPacket


def add_encode(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `encode`."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="IN OUT.g800, or any number of IN with --out; - is a pipe"
    )
    parser.add_argument("--out", metavar="DIR", help="write DIR/NAME.g800 for every IN")
    add_model(parser, MODEL_HELP)
    add_force(parser)
    add_json(parser)
    parser.set_defaults(run=run_encode)


def add_decode(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `decode`."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="IN.g800 OUT.wav, or any number of IN.g800 with --out; - is a pipe"
    )
    parser.add_argument("--out", metavar="DIR", help="write DIR/NAME.wav for every IN")
    add_synth(parser, "rebuild speech with the network, without one, or with a voice's own (neural)")
    add_model(parser, MODEL_HELP)
    parser.add_argument("--drop", type=_share, metavar="0..1", help="share of the packets to lose on purpose (0)")
    parser.add_argument("--seed", type=int, metavar="N", help="number that decides which packets --drop loses (0)")
    add_force(parser)
    add_json(parser)
    parser.set_defaults(run=run_decode)


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 1")
    return share


def plan_files(files: list[str], out: str | None, suffix: str) -> list[tuple[str, str]]:
    """Return what to read and what to write, from `IN OUT` or from `IN ... --out DIR`. Raises GossamerError."""
    if out is None:
        if len(files) != 2:
            raise GossamerError(
                counted(len(files), "file name"),
                f"give IN and OUT{suffix}, or several inputs and --out DIR for what comes out",
            )
        source, target = files
        if Path(source).exists() and Path(target).exists() and Path(source).samefile(target):
            raise FileProblem(f"{source} is both input and output", "name another output")
        return [(source, target)]
    folder = Path(out)
    plan = [(name, str(folder / (Path(name).stem + suffix))) for name in files if name != STANDARD_STREAM]
    if len(plan) < len(files):
        raise GossamerError("standard input has no name to use in --out DIR", "write `gossamer encode - OUT` instead")
    writers: dict[str, str] = {}
    for source, target in plan:
        if target in writers:
            raise FileProblem(f"{writers[target]} and {source} would both become {target}", "rename one")
        writers[target] = source
    make_folder(folder)
    return plan


def _each(
    plan: list[tuple[str, str]], convert: Callable[[str, str], dict[str, int]], arguments: argparse.Namespace
) -> int:
    """Convert every file; one that fails is reported and does not stop the others. Returns the exit code.

    convert: returns the facts of a file, "packets" among them, and "left_over" or "cut_off" where the file was cut off.
    """
    if arguments.json and any(target == STANDARD_STREAM for _, target in plan):
        raise GossamerError("--json and - as output both want standard output", "name a file")
    worst, told = 0, []
    for source, target in plan:
        try:
            facts = convert(source, target)
            seconds = round(facts["packets"] * PACKET_S, 2)
            told.append({"input": source, "output": target} | facts | {"seconds": seconds})
            if target != STANDARD_STREAM and not arguments.json:
                tell(f"written {target}: {counted(facts['packets'], 'packet')}, {seconds:.1f} s")
            worst = max(worst, EXIT_PROBLEM if facts.get("left_over") or facts.get("cut_off") else 0)
        except FileProblem as problem:
            if len(plan) == 1:
                raise
            note(str(problem))
            worst = EXIT_PROBLEM
    if arguments.json:
        print_json({"files": told})
    return worst


# --- encode ------------------------------------------------------------------------------------------------------


def run_encode(arguments: argparse.Namespace) -> int:
    """Encode sound files. Raises GossamerError, CodecError."""
    plan = plan_files(arguments.files, arguments.out, ".g800")
    for _, target in plan:
        check_output(target, PACKETS, force=arguments.force)
    from codec.encoder import Encoder, PacketAssembler
    from codec.models import ENCODER, model_path

    encoder = Encoder(model_path(ENCODER, arguments.model))
    assembler = PacketAssembler(encoder)

    def convert(source: str, target: str) -> dict[str, int]:
        assembler.reset()
        reader = SpeechReader(source)
        count = 0
        with packet_output(target) as stream, Progress(source) as bar:
            for block in reader.blocks():
                for packet in assembler.push(block):
                    stream.write(packet)
                    count += 1
                if target == STANDARD_STREAM:
                    stream.flush()
                bar.at(reader.fraction)
            for packet in assembler.flush():
                stream.write(packet)
                count += 1
            if not count:
                raise FileProblem(f"{source} holds no sound", "name a recording")
            mark_codec(stream, encoder.codec_id)
        if reader.cut_off:
            note(f"{source} is truncated: what is there was encoded")
        return {"packets": count, "cut_off": int(reader.cut_off)}

    return _each(plan, convert, arguments)


# --- decode ------------------------------------------------------------------------------------------------------


def run_decode(arguments: argparse.Namespace) -> int:
    """Decode packet files. Returns 0, or 2 where a file was cut off. Raises GossamerError, CodecError."""
    if arguments.seed is not None and arguments.drop is None:
        raise GossamerError("--seed is for --drop", "say what share of the packets is lost, --drop 0.1")
    plan = plan_files(arguments.files, arguments.out, ".wav")
    for _, target in plan:
        check_output(target, WAV, force=arguments.force)
    from codec.decoder import Decoder
    from codec.models import DECODER, VOCODER, model_path
    from vocoder.synthesizer import open_synthesizer

    model = arguments.model
    decoder = Decoder(model_path(DECODER, model))
    synthesizer = open_synthesizer(arguments.synth, model_path(VOCODER, model))

    def convert(source: str, target: str) -> dict[str, int]:
        reader = PacketReader(source)
        if warning := reader.check_codec(decoder.codec_id):
            note(warning)
        losses = random.Random(arguments.seed or 0)
        count = {"packets": 0, "dropped": 0}

        def received_packets() -> Iterator[ReceivedPacket]:
            for packet in reader.packets():
                dropped = losses.random() < (arguments.drop or 0.0)
                count["packets"] += 1
                count["dropped"] += dropped
                yield ReceivedPacket(None if dropped else packet)

        try:
            with speech_output(target) as writer, Progress(source) as bar:
                for samples in decoded(received_packets(), decoder, synthesizer):
                    writer.write(samples)
                    bar.at(reader.fraction)
                if not count["packets"]:
                    raise FileProblem(f"{source} holds no packet", MADE_BY)
        except CodecError as error:
            raise GossamerError(f"{source}: {error.cause}", error.cure) from error
        if reader.left_over:
            note(f"{source} is truncated: its whole packets were decoded, {reader.left_over} bytes at its end were not")
        return count | {"left_over": reader.left_over}

    return _each(plan, convert, arguments)
