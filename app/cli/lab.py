"""`gossamer lab`: one voice through several codecs and one thin link, side by side.

On a screen in real time, or as tables and JSON in virtual time.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cli.options import add_json, add_options, refuse_given, settings_from
from app.codecs.registry import link_codecs, signal_codecs
from app.console import Progress, print_json, tell
from app.errors import GossamerError
from app.settings.model import LAB, Settings
from app.simulation.bench import SCENES, SNR_DB, START_SNR_DB, Scene, own_link
from transport.planning.presets import PRESETS, Preset, preset_named

MICROPHONE = "mic"
"""Clip that stands for the microphone."""
SECONDS = 20.0
"""Speech behind the tables unless --seconds says otherwise."""
MOST_SECONDS = 600.0
"""Most that --seconds takes: a table of more takes minutes, and says the same."""

LINK_FLAGS = ("link", "rate", "loss", "ber", "delay")
"""Flags that say what the link is like."""
SOUND_SETTINGS = ("microphone", "loudspeaker", "volume", "muted", "gain_db")
"""Settings of sound devices, which the tables do without."""


def add_lab(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("clip", metavar="CLIP|mic", nargs="?", help="a sound file, or mic; default: the bundled clips")
    parser.add_argument(
        "--link",
        metavar="PRESET",
        help=f"link to begin with: {', '.join(PRESETS)} (tables: all)",
    )
    parser.add_argument("--rate", metavar="BIT/S", type=float, help="bit rate of the link, in place of its own")
    parser.add_argument("--loss", metavar="0..1", type=float, help="share of lost frames, in place of its own")
    parser.add_argument("--ber", metavar="0..0.5", type=float, help="share of wrong bits, in place of its own")
    parser.add_argument("--delay", metavar="MS", type=float, help="delay of the link, in place of its own")
    scenes = [scene.value for scene in SCENES]
    default = Scene.LINK.value
    help_text = f"{', '.join(scenes)} ({default})"
    parser.add_argument("--scene", metavar="SCENE", choices=scenes, default=default, help=help_text)
    parser.add_argument(
        "--snr",
        metavar="DB",
        type=float,
        help=f"signal above noise in the scene signal: {SNR_DB[0]} to {SNR_DB[1]} dB in 2.5 kHz ({START_SNR_DB})",
    )
    parser.add_argument("--seconds", metavar="S", type=float, help=f"seconds of speech behind a table ({SECONDS:g})")
    parser.add_argument("--tables", action="store_true", help="no screen, as where standard output is no terminal")
    add_options(parser, LAB)
    add_json(parser)
    parser.set_defaults(run=run_lab)


def chosen_links(arguments: argparse.Namespace) -> list[Preset]:
    """Return the link asked for with its changes, or all links where none was. Raises UsageError, GossamerError."""
    names = ("rate_bps", "loss", "ber", "delay_s")
    values = (arguments.rate, arguments.loss, arguments.ber, None if arguments.delay is None else arguments.delay / 1e3)
    changes = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    links = [preset_named(arguments.link)] if arguments.link else list(PRESETS.values())
    return [own_link(links[0], **changes)] if changes else links


def run_lab(arguments: argparse.Namespace) -> int:
    """Open the lab's screen, or print its tables. Raises GossamerError, UsageError, CodecError."""
    on_screen = not arguments.json and not arguments.tables and sys.stdin.isatty() and sys.stdout.isatty()
    _refuse_unused(arguments, Scene(arguments.scene), on_screen)
    arguments.snr = START_SNR_DB if arguments.snr is None else arguments.snr
    arguments.seconds = SECONDS if arguments.seconds is None else arguments.seconds
    if not SNR_DB[0] <= arguments.snr <= SNR_DB[1]:
        raise GossamerError(f"--snr {arguments.snr:g}", f"it must be {SNR_DB[0]} to {SNR_DB[1]} dB")
    if not 1 <= arguments.seconds <= MOST_SECONDS:
        raise GossamerError(f"--seconds {arguments.seconds:g}", f"it must be 1 to {MOST_SECONDS:g}")
    links = chosen_links(arguments)
    del arguments.link  # not a station's
    settings = settings_from(arguments)
    if on_screen:
        return _open_screen(arguments, settings, links[0])
    if arguments.clip == MICROPHONE:
        raise GossamerError("lab mic needs the screen", "leave --json and --tables out, and run it in a terminal")
    return _print_tables(arguments, links)


def _refuse_unused(arguments: argparse.Namespace, scene: Scene, on_screen: bool) -> None:
    """Refuse flags that were given and have no effect there. Raises GossamerError."""
    unused = {
        "is for the tables of the scenes link and signal": ("seconds",) * (on_screen or scene is Scene.CONVERSATIONS),
        "is for --scene signal": ("snr",) * (not on_screen and scene is not Scene.SIGNAL),
        "is for the scenes link and conversations": LINK_FLAGS * (not on_screen and scene is Scene.SIGNAL),
    }
    for why, names in unused.items():
        if name := next((name for name in names if getattr(arguments, name) is not None), ""):
            raise GossamerError(f"--{name} {why}", "leave it out")
    if not on_screen:
        refuse_given(arguments, "is for the lab's screen", *SOUND_SETTINGS)


def _open_screen(arguments: argparse.Namespace, settings: Settings, preset: Preset) -> int:
    from app import tui
    from app.audio.portaudio import check_devices, silence_native_libraries
    from app.audio.streams import open_portaudio
    from app.clips import speech_of
    from app.lab.state import LabStart

    live = arguments.clip == MICROPHONE
    start = LabStart(
        speech_of(None if live else arguments.clip),
        preset,
        Scene(arguments.scene),
        arguments.snr,
        live,
        settings.volume,
        settings.muted,
        settings.gain_db,
    )
    silence_native_libraries()
    check_devices(settings)
    return tui.run_lab(start, partial(open_portaudio, settings))


def _print_tables(arguments: argparse.Namespace, links: list[Preset]) -> int:
    from app.clips import speech_of
    from app.lab.report import table

    speech, scene = speech_of(arguments.clip), Scene(arguments.scene)
    told = []
    with Progress("talking") as bar:
        count = 1 if scene is Scene.SIGNAL else len(links)
        for number in range(count):
            told.append(_facts(scene, arguments, links[number], speech))
            bar.at((number + 1) / count)
    if arguments.json:
        print_json({"scenes": told})
    else:
        tell("\n\n".join("\n".join(table(scene, facts)) for facts in told))
    return 0


def _facts(scene: Scene, arguments: argparse.Namespace, preset: Preset, speech: NDArray[np.float32]) -> dict[str, Any]:
    from app.lab.report import capacity_facts, link_facts, signal_facts

    if scene is Scene.SIGNAL:
        return signal_facts(signal_codecs(), arguments.snr, speech, arguments.seconds)
    if scene is Scene.CONVERSATIONS:
        return capacity_facts(link_codecs(), preset, speech)
    return link_facts(link_codecs(), preset, speech, arguments.seconds)
