"""`gossamer compare`: clips through every codec, into one HTML file to listen to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.audio.sound_files import SpeechReader
from app.cli.options import add_force, add_json
from app.console import Progress, note, say, tell
from app.errors import FileProblem, GossamerError
from app.file_kinds import HTML, check_output
from app.storage import STANDARD_STREAM, whole_file
from app.texts import counted
from codec.format import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from app.listening_page.contents import Clip

LONGEST_S = 60.0
"""Longest clip: all of it is on the page a dozen times, and nobody compares longer ones."""
SHORTEST_S = 0.1
"""Shortest clip that the measures can say anything about."""


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("clips", metavar="CLIP", nargs="*", help="sound files; without any, the ten shipped sentences")
    parser.add_argument("--out", metavar="PAGE.html", required=True, help="the page: one file that fetches nothing")
    parser.add_argument(
        "--link",
        metavar="PRESET",
        action="append",
        default=[],
        help="what each sounds like after this link, too (several times, if need be); `--link list` names them",
    )
    parser.add_argument(
        "--browser",
        metavar="DIR",
        help="run the codec on the page: DIR is the npm package onnxruntime-web, such as node_modules/onnxruntime-web",
    )
    add_force(parser)
    add_json(parser)
    parser.set_defaults(run=run_compare)


def run_compare(arguments: argparse.Namespace) -> int:
    """Write the page. Raises GossamerError, UsageError for an unknown link."""
    from transport.planning.presets import PRESETS, preset_named

    if "list" in arguments.link:
        tell("\n".join(f"{preset.name:<12}{preset.title}: {preset.says}" for preset in PRESETS.values()))
        return 0
    check_output(arguments.out, HTML, force=arguments.force)
    links = [preset_named(name) for name in dict.fromkeys(arguments.link)]
    clips = [read_clip(path) for path in arguments.clips] or shipped_clips()
    _check_names(clips)
    from app.analysis.metrics import load_packages
    from app.codecs.gossamer import LoadedModels
    from app.listening_page.contents import contents
    from app.listening_page.document import document
    from app.listening_page.lanes import page_lanes
    from app.listening_page.runtime import runtime_parts

    runtime = runtime_parts(Path(arguments.browser)) if arguments.browser else None
    models = LoadedModels()
    load_packages()
    with whole_file(arguments.out) as stream:
        with Progress("coding and measuring") as bar:
            told = contents(clips, page_lanes(models), links, bar.at)
        size = sum(stream.write(piece.encode("utf-8")) for piece in document(told, runtime, models.encoder.codec_id))
    for problem in told["missing"]:
        note(f"left out: {problem}")
    facts = {
        "written": arguments.out,
        "bytes": size,
        "clips": len(clips),
        "codecs": [codec["key"] for codec in told["codecs"]],
        "links": [preset.name for preset in links],
        "left_out": told["missing"],
        "runtime": runtime[0] if runtime else None,
    }
    text = (
        f"written {arguments.out}: {counted(len(clips), 'clip')}, {counted(len(told['codecs']), 'codec')}, "
        f"{size / 1e6:.1f} MB; open it in a browser"
    )
    return say(facts, text, as_json=arguments.json)


def read_clip(path: str) -> Clip:
    """Read a clip, with the text and the speaker that its tags name. Raises FileProblem."""
    from app.listening_page.contents import Clip

    reader = SpeechReader(path, LONGEST_S)
    samples = reader.read_all()
    seconds = len(samples) / SAMPLE_RATE_HZ
    if seconds < SHORTEST_S:
        raise FileProblem(f"{path} holds {seconds:.2f} s of sound", "there is nothing to compare")
    name = "standard input" if path == STANDARD_STREAM else Path(path).stem
    return Clip(name, samples, reader.title, reader.artist)


def shipped_clips() -> list[Clip]:
    """Return the ten sentences that come with the program. Raises FileProblem."""
    from codec.models import asset_path

    paths = sorted(asset_path("sentences").glob("*.flac"))
    if not paths:
        raise FileProblem("the ten sentences are missing from assets/sentences", "reinstall gossamer, or name clips")
    return [read_clip(str(path)) for path in paths]


def _check_names(clips: list[Clip]) -> None:
    names = [clip.name for clip in clips]
    for name in names:
        if names.count(name) > 1:
            raise GossamerError(
                f"two clips are called {name}", "rename one, so that they can be told apart on the page"
            )
