"""`python -m codec.training STAGE`: prepare a corpus, train a phone reader, train the codec.

`train` also runs in several processes: `torchrun --nproc-per-node 2 -m codec.training train --run-folder RUN ...`;
torchrun takes --run for one of its own flags.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import read_configs
from codec.training.loop.config import read_recipe
from codec.training.loop.distributed import DEVICES, RUN_FLAGS, alone, is_first, joined

RECIPES = Path(__file__).parent / "recipes"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all stages."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = parser.add_subparsers(dest="stage", required=True)
    prepared = stages.add_parser("prepare", help="turn corpora into NumPy files of audio, features and pitch targets")
    prepared.add_argument("corpus", type=Path, nargs="+", help="the packed corpus, or a LibriTTS or LibriSpeech tree")
    prepared.add_argument("--data", type=Path, required=True, help="folder to write")
    prepared.add_argument("--workers", type=int, default=2)
    aligned = stages.add_parser("align", help="find which phone is spoken when, where the text is known (pocketsphinx)")
    aligned.add_argument("--data", type=Path, required=True, help="folder that `prepare` wrote")
    hours_help = "hours of training speakers, and a tenth of that of validation speakers (default: 4)"
    aligned.add_argument("--hours", type=float, default=4.0, help=hours_help)
    aligned.add_argument("--workers", type=int, default=2)
    read = stages.add_parser("phones", help="train the phone reader, for the loss on words")
    read.add_argument("--data", type=Path, required=True, help="folder in which `align` was run")
    read.add_argument("--run", type=Path, required=True, help="folder of the run; resumed if it can be")
    read.add_argument("--config", type=Path, default=RECIPES / "phones.toml", help="recipe")
    trained = stages.add_parser("train", help="stage A: train the codec on features")
    trained.add_argument("--data", type=Path, required=True, help="folder that `prepare` wrote")
    trained.add_argument(*RUN_FLAGS, type=Path, required=True, help="folder of the run; resumed if it can be")
    trained.add_argument("--from", dest="start", type=Path, help="checkpoint whose weights to start from")
    trained.add_argument("--config", type=Path, default=RECIPES / "codec.toml", help="recipe")
    trained.add_argument("--phones", type=Path, help="checkpoint of the phone reader: adds its loss")
    trained.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
    trained.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU if there is one (default)")
    copied = stages.add_parser("copies", help="train the coarse copies of packets, for when these are lost")
    copied.add_argument("--data", type=Path, required=True, help="folder that `prepare` wrote")
    copied.add_argument("--run", type=Path, required=True, help="folder of the run; resumed if it can be")
    copied.add_argument("--from", dest="start", type=Path, required=True, help="checkpoint with the codec")
    copied.add_argument("--config", type=Path, default=RECIPES / "copies.toml", help="recipe")
    copied.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
    return parser


def main() -> int:
    """Run a stage; return the exit code: 2 for a user's mistake."""
    arguments = build_parser().parse_args()
    try:
        if arguments.stage != "train":
            alone(arguments.stage)
        run = {
            "prepare": run_prepare,
            "align": run_align,
            "phones": run_phones,
            "train": run_training,
            "copies": run_copies,
        }
        run[arguments.stage](arguments)
    except (TrainingError, FileNotFoundError) as error:
        if is_first():
            print(f"python -m codec.training: {error}", file=sys.stderr)
        return 2
    return 0


def run_prepare(arguments: argparse.Namespace) -> None:
    """Write the prepared files of corpora."""
    from codec.training.data.corpus import prepare

    count = prepare(arguments.corpus, arguments.data, arguments.workers)
    print(f"{count} utterances in {arguments.data}")


def run_align(arguments: argparse.Namespace) -> None:
    """Write the phones of both splits."""
    from codec.training.data.phone_alignment import label

    for split, hours in (("train", arguments.hours), ("validation", arguments.hours / 10)):
        count, tried = label(arguments.data, split, hours, arguments.workers)
        print(f"{split}: {count} of {tried} utterances aligned")


def run_phones(arguments: argparse.Namespace) -> None:
    """Train the phone reader."""
    from codec.training import stage_phones

    stage_phones.train(read_recipe(arguments.config, stage_phones.PhoneTraining), arguments.data, arguments.run)


def run_training(arguments: argparse.Namespace) -> None:
    """Train stage A."""
    from codec.training.stage_a import CodecTraining, train

    stored = read_configs(arguments.start) if arguments.start else {}
    stored = {name: config for name, config in stored.items() if name == "codec"}
    recipe = read_recipe(arguments.config, CodecTraining, stored)
    with joined(arguments.device) as processes:
        options = {"start": arguments.start, "threads": arguments.threads, "phones": arguments.phones}
        train(recipe, arguments.data, arguments.run, processes=processes, **options)


def run_copies(arguments: argparse.Namespace) -> None:
    """Train the coarse copies."""
    from codec.training.stage_copies import CopyTraining, train

    recipe = read_recipe(arguments.config, CopyTraining, {})
    train(recipe, arguments.data, arguments.run, arguments.start, arguments.threads)


if __name__ == "__main__":
    sys.exit(main())
