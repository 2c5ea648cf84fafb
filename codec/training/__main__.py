"""`python -m codec.training STAGE`: prepare the corpus, train a reader of phones, train the codec.

`train` also in several processes at once: `torchrun --nproc-per-node 2 -m codec.training train
--run-folder RUN ...`; torchrun itself would stumble over --run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codec.training.data.corpus import CorpusError, prepare
from codec.training.loop.distributed import DEVICES, RUN_FLAGS, alone, is_first, joined
from codec.training.loop.trainer import TrainingError, read_config

HERE = Path(__file__).parent / "recipes"


def main() -> int:
    """Returns the exit code: 2 for a user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = parser.add_subparsers(dest="stage", required=True)
    prepared = stages.add_parser("prepare", help="corpora to NumPy binaries of audio, features and pitch targets")
    prepared.add_argument("corpus", type=Path, nargs="+", help="the packed corpus, or a LibriTTS or LibriSpeech tree")
    prepared.add_argument("--data", type=Path, required=True, help="folder to write")
    prepared.add_argument("--workers", type=int, default=2)
    aligned = stages.add_parser("align", help="which phone is spoken when, where the text is known (pocketsphinx)")
    aligned.add_argument("--data", type=Path, required=True, help="folder that `prepare` wrote")
    hours_help = "of training speakers, and a tenth of that of validation speakers (default: 4)"
    aligned.add_argument("--hours", type=float, default=4.0, help=hours_help)
    aligned.add_argument("--workers", type=int, default=2)
    read = stages.add_parser("phones", help="the reader of phones, for the loss on words")
    read.add_argument("--data", type=Path, required=True, help="folder in which `align` was run")
    read.add_argument("--run", type=Path, required=True, help="folder of the run; resumed if it can be")
    read.add_argument("--config", type=Path, default=HERE / "phones.toml")
    trained = stages.add_parser("train", help="stage A: the codec on features")
    trained.add_argument("--data", type=Path, required=True, help="folder that `prepare` wrote")
    trained.add_argument(*RUN_FLAGS, type=Path, required=True, help="folder of the run; resumed if it can be")
    trained.add_argument("--from", dest="start", type=Path, help="checkpoint whose weights to start from")
    trained.add_argument("--config", type=Path, default=HERE / "codec.toml")
    trained.add_argument("--phones", type=Path, help="checkpoint of the reader of phones: adds its loss")
    trained.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
    trained.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU if there is one (default)")
    arguments = parser.parse_args()
    try:
        if arguments.stage != "train":
            alone(arguments.stage)
        if arguments.stage == "prepare":
            count = prepare(arguments.corpus, arguments.data, arguments.workers)
            print(f"{count} utterances in {arguments.data}")
        elif arguments.stage == "align":
            from codec.training.data.phone_alignment import label

            for split, hours in (("train", arguments.hours), ("validation", arguments.hours / 10)):
                count, tried = label(arguments.data, split, hours, arguments.workers)
                print(f"{split}: {count} of {tried} utterances aligned")
        elif arguments.stage == "phones":
            from codec.training.model import phone_reader as phones

            phones.train(read_config(arguments.config, phones.PhoneTraining), arguments.data, arguments.run)
        else:
            from codec.training.stage_a import CodecTraining, train

            config = read_config(arguments.config, CodecTraining)
            with joined(arguments.device) as ranks:
                places = arguments.data, arguments.run
                train(config, *places, arguments.threads, arguments.start, arguments.phones, ranks)
    except (CorpusError, TrainingError, FileNotFoundError) as error:
        if is_first():
            print(f"python -m codec.training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
