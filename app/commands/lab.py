"""`gossamer lab`: one voice through several codecs and one thin link, as tables or JSON, in virtual time."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from app.commands.output import add_json, print_json
from app.commands.progress import Progress
from app.errors import FileProblem, GossamerError
from app.files import read_speech
from app.lab.bench import SNR_DB, START_SNR_DB, own_link
from app.lab.voices import link_voices, signal_voices
from codec.format import SAMPLE_RATE_HZ
from transport.presets import PRESETS, Preset, preset_named

CLIPS = 3
LONGEST_S = 600.0
SCENES = ("link", "signal", "conversations")
SECONDS = 20.0
MOST_SECONDS = 600.0


def add_lab(commands: argparse._SubParsersAction[Any]) -> None:
    """The command and its flags."""
    lab = commands.add_parser(
        "lab", help="what Gossamer, Codec2, Opus and PCM do on one thin link, side by side",
        description="One voice, one throttled link, codecs side by side: what arrives.",
    )
    lab.add_argument("clip", metavar="CLIP", nargs="?", help="a sound file (the bundled clips)")
    lab.add_argument("--link", metavar="PRESET", help=f"{', '.join(PRESETS)} (all of them)")
    lab.add_argument("--rate", metavar="BIT/S", type=float, help="your own link: another rate than the preset's")
    lab.add_argument("--loss", metavar="0..1", type=float, help="your own link: another share of lost frames")
    lab.add_argument("--ber", metavar="0..0.5", type=float, help="your own link: another share of wrong bits")
    lab.add_argument("--scene", metavar="SCENE", choices=SCENES, default="link", help=f"{', '.join(SCENES)} (link)")
    lab.add_argument("--snr", metavar="DB", type=float, default=START_SNR_DB,
                     help=f"of the scene signal: {SNR_DB[0]} to {SNR_DB[1]} dB in 2.5 kHz ({START_SNR_DB})")
    lab.add_argument("--seconds", metavar="S", type=float, default=SECONDS, help=f"of speech ({SECONDS:g})")
    add_json(lab)
    lab.set_defaults(run=run_lab)


def speech_of(path: str | None) -> np.ndarray:
    """float32 [n]: the file, or the bundled clips one after another. Raises FileProblem."""
    from app.station import load_clip

    speech = read_speech(path) if path else np.concatenate([load_clip(number) for number in range(CLIPS)])
    if not len(speech):
        raise FileProblem(f"{path} holds no sound: take another")
    if len(speech) > LONGEST_S * SAMPLE_RATE_HZ:
        raise FileProblem(f"{path} is longer than {LONGEST_S / 60:.0f} minutes: cut out what is to be heard")
    return speech


def chosen_links(arguments: argparse.Namespace) -> list[Preset]:
    """The preset asked for, with its changes; all where none was. Raises UsageError, GossamerError."""
    names = ("rate_bps", "loss", "ber")
    values = (arguments.rate, arguments.loss, arguments.ber)
    changes = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    links = [preset_named(arguments.link)] if arguments.link else list(PRESETS.values())
    return [own_link(links[0], **changes)] if changes else links


def run_lab(arguments: argparse.Namespace) -> int:
    from app.lab.report import table

    if not SNR_DB[0] <= arguments.snr <= SNR_DB[1]:
        raise GossamerError(f"--snr {arguments.snr:g}: it must be {SNR_DB[0]} to {SNR_DB[1]} dB")
    if not 1 <= arguments.seconds <= MOST_SECONDS:
        raise GossamerError(f"--seconds {arguments.seconds:g}: it must be 1 to {MOST_SECONDS:g}")
    links, speech = chosen_links(arguments), speech_of(arguments.clip)
    told = []
    with Progress("talking") as bar:
        scenes = 1 if arguments.scene == "signal" else len(links)
        for number in range(scenes):
            told.append(_facts(arguments, links[number], speech))
            bar.at((number + 1) / scenes)
    if arguments.json:
        print_json({"scenes": told})
    else:
        print("\n\n".join("\n".join(table(facts)) for facts in told), flush=True)
    return 0


def _facts(arguments: argparse.Namespace, preset: Preset, speech: np.ndarray) -> dict[str, Any]:
    from app.lab.report import crowd_facts, link_facts, signal_facts

    if arguments.scene == "signal":
        return signal_facts(signal_voices(), arguments.snr, speech, arguments.seconds)
    if arguments.scene == "conversations":
        return crowd_facts(link_voices(), preset, speech)
    return link_facts(link_voices(), preset, speech, arguments.seconds)
