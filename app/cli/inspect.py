"""`gossamer inspect`: packets looked at, in the terminal, as a PNG, as JSON, and what each of their bits does."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.analysis.packet_view import (
    bit_of,
    draw_features,
    effect_of,
    every_effect,
    features_of,
    flip,
    half_blocks,
    packet_facts,
    png,
)
from app.audio.packet_files import PacketReader
from app.audio.sound_files import SpeechReader
from app.cli.options import MODEL_HELP, add_force, add_json, add_model
from app.console import Progress, note, print_json, show_picture, tell
from app.errors import FileProblem, GossamerError
from app.file_kinds import PNG, SOUND, check_output, kind_of_file
from app.storage import whole_file
from codec import format as fmt
from codec.models import DECODER, ENCODER, model_path
from transport.texts import plain_text

MAX_COLUMNS = 160
"""Widest picture in a terminal."""
PNG_SCALE = 2
"""Pixels of the PNG a side for each pixel of the picture."""
PNG_ROWS, PNG_CURVE_ROWS = 120, 50
"""Rows of the spectrum, and of each curve, in the PNG."""
LONGEST_S = 600.0
"""Longest file that is shown: a picture of more shows nothing."""


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("file", metavar="FILE", help="packets (.g800), or a sound file, which is encoded first")
    parser.add_argument("--png", metavar="OUT.png", help="write the picture into this file, too")
    parser.add_argument("--packet", type=int, metavar="N", help="show this packet alone, counted from 0")
    parser.add_argument("--flip", metavar="BIT[@PACKET]", help="flip one bit, 0 to 255, and show before and after")
    parser.add_argument("--bits", action="store_true", help="measure what each of a packet's 256 bits does")
    add_model(parser, MODEL_HELP)
    add_force(parser)
    add_json(parser)
    parser.set_defaults(run=run_inspect)


def parse_flip(text: str) -> tuple[int, int | None]:
    """Return bit and packet of `BIT@PACKET`, and None for the packet of `BIT`. Raises GossamerError."""
    bit, _, packet = text.partition("@")
    try:
        place = bit_of(int(bit))
        return place.bit, int(packet) if "@" in text else None
    except ValueError:
        raise GossamerError(
            f"--flip {text}", f"write a bit from 0 to {fmt.PACKET_BITS - 1} and, after @, a packet: --flip 17@3"
        ) from None


def read_packets(path: str, model: str, codec_id: int) -> list[bytes]:
    """Return the packets of a packet file, or those that a sound file is encoded into. Raises FileProblem.

    model: which of `MODELS` encodes. codec_id: number of the codec that will read them; others are warned of.
    """
    longest = round(LONGEST_S / fmt.PACKET_S)
    if kind_of_file(path) in SOUND or any(Path(path).suffix.lower() in kind.suffixes for kind in SOUND):
        from codec.encoder import Encoder, PacketAssembler

        assembler, reader = PacketAssembler(Encoder(model_path(ENCODER, model))), SpeechReader(path, LONGEST_S)
        packets: list[bytes] = []
        with Progress(path) as bar:
            for block in reader.blocks():
                packets += assembler.push(block)
                bar.at(reader.fraction)
        packets += assembler.flush()
    else:
        packed = PacketReader(path)
        if warning := packed.check_codec(codec_id):
            note(warning)
        packets = []
        for packet in packed.packets():
            packets.append(packet)
            if len(packets) > longest:
                break
        if packed.left_over:
            note(f"{path} is truncated: {packed.left_over} bytes at its end make no packet")
    if not packets:
        raise FileProblem(f"{path} holds no packet", "`gossamer encode` makes them from sound")
    if len(packets) > longest:
        raise FileProblem(f"{path} is longer than {LONGEST_S / 60:.0f} minutes", "cut out what is to be seen")
    return packets


def run_inspect(arguments: argparse.Namespace) -> int:
    """Show packets, and what a bit of them does. Raises GossamerError, CodecError."""
    flipped = parse_flip(arguments.flip) if arguments.flip else None
    if flipped and None not in (flipped[1], arguments.packet) and flipped[1] != arguments.packet:
        raise GossamerError(f"--packet {arguments.packet} and --flip {arguments.flip} name two packets", "name one")
    from codec.decoder import Decoder

    decoder = Decoder(model_path(DECODER, arguments.model))
    packets = read_packets(arguments.file, arguments.model, decoder.codec_id)
    if arguments.png:
        check_output(arguments.png, PNG, force=arguments.force)
    number = arguments.packet
    if flipped and flipped[1] is not None:
        number = flipped[1]
    if number is not None and not 0 <= number < len(packets):
        raise GossamerError(f"packet {number}", f"{arguments.file} has the packets 0 to {len(packets) - 1}")
    features = features_of(packets, decoder)
    rows = packet_facts(features)
    chosen = number if number is not None else max(range(len(rows)), key=lambda place: rows[place]["energy_db"] or 0.0)
    alone = arguments.packet is not None
    shown = features[chosen * fmt.PACKET_FRAMES : (chosen + 1) * fmt.PACKET_FRAMES] if alone else features
    facts: dict[str, Any] = {
        "file": arguments.file,
        "duration_s": round(len(packets) * fmt.PACKET_S, 2),
        "codec_id": decoder.codec_id,
        "packets": [rows[chosen]] if alone else rows,
    }
    changed = None
    if flipped:
        effect = effect_of(packets, chosen, flipped[0], decoder, features)
        damaged = [*packets[:chosen], flip(packets[chosen], flipped[0]), *packets[chosen + 1 :]]
        changed = features_of(damaged, decoder)
        changed = changed[chosen * fmt.PACKET_FRAMES : (chosen + 1) * fmt.PACKET_FRAMES] if alone else changed
        facts["flip"] = asdict(bit_of(flipped[0])) | {"packet": chosen} | asdict(effect)
    if arguments.bits:
        facts["bits"] = []
        with Progress("flipping") as bar:
            for effect in every_effect(packets, chosen, decoder, features):
                facts["bits"].append(asdict(bit_of(effect.bit)) | {"packet": chosen} | asdict(effect))
                bar.at((effect.bit + 1) / fmt.PACKET_BITS)
    if arguments.png:
        import numpy as np

        tables = [shown] if changed is None else [shown, changed]
        drawn = np.concatenate([draw_features(table, len(table), PNG_ROWS, PNG_CURVE_ROWS) for table in tables])
        with whole_file(arguments.png) as stream:
            stream.write(png(drawn, PNG_SCALE))
        facts["written"] = arguments.png
    if arguments.json:
        print_json(facts)
    else:
        _show(arguments, facts, shown, changed)
        if arguments.png:
            tell(f"written {arguments.png}")
    return 0


def _show(arguments: argparse.Namespace, facts: dict[str, Any], shown: Any, changed: Any) -> None:
    columns = min(MAX_COLUMNS, max(20, shutil.get_terminal_size().columns - 1), max(20, len(shown)))
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    lines = [
        f"{plain_text(facts['file'])}: {facts['duration_s']:.2f} s, codec {facts['codec_id']}",
        "spectrum 60-3800 Hz; pitch 55-550 Hz where voiced; energy -85 to +15 dB; a tick a packet",
    ]
    for features in (shown, changed):
        if features is not None:
            lines += ["after the flip" if features is changed else "as it is"] if changed is not None else []
            lines += half_blocks(draw_features(features, columns, spectrum_rows=20, curve_rows=10), colour=colour)
    lines += ["packet  start s  pitch Hz  voiced  energy dB"]
    for row in facts["packets"]:
        pitch = "-" if row["pitch_hz"] is None else f"{row['pitch_hz']:.0f}"
        lines.append(
            f"{row['packet']:6} {row['start_s']:8.2f} {pitch:>9} {row['voiced_share']:7.0%} {row['energy_db']:10.1f}"
        )
    if "flip" in facts:
        lines += ["", f"packet {facts['flip']['packet']}:", *_effect_words([facts["flip"]])]
    if "bits" in facts:
        lines += ["", f"packet {facts['bits'][0]['packet']}, each bit flipped:", *_effect_words(facts["bits"])]
    if "written" in facts:
        lines.append(f"written {plain_text(facts['written'])}")
    show_picture(lines)


def _effect_words(effects: list[dict[str, Any]]) -> list[str]:
    """Return a line for each bit: what it is, and the mean change in its packet and those after."""
    lines = ["bit  byte.mask  latent        dim  Gray  level          mel dB (next ...)     F0 cents (next ...)"]
    for effect in effects:
        start_ms = 40 * effect["latent"]
        lines.append(
            f"{effect['bit']:3}  {effect['byte']:4}.{effect['mask']:02X}    {effect['latent']} ({start_ms:3}+ ms)"
            f"   {effect['dimension']:2}  {'high' if effect['is_high'] else 'low ':4}"
            f"  {effect['level_before']:+.1f} to {effect['level_after']:+.1f}"
            f"   {'  '.join(f'{value:5.2f}' for value in effect['mel_db']):20}"
            f"  {'  '.join(f'{value:5.1f}' for value in effect['f0_cents'])}"
        )
    return lines
