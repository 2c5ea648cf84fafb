"""`python -m vocoder.training STAGE`: train the vocoder, fine-tune it together with the codec, export, check.

`train` and `joint` also run in several processes: `torchrun --nproc-per-node 2 -m vocoder.training joint
--run-folder RUN ...`; torchrun takes --run for one of its own flags.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codec.training.errors import TrainingError
from codec.training.loop.distributed import DEVICES, RUN_FLAGS, alone, is_first, joined

RECIPES = Path(__file__).parent / "recipes"
STAGES = {
    "train": ("stage B: train the vocoder on quantised features, from a codec's checkpoint", "vocoder.toml"),
    "joint": ("stage C: train codec and vocoder together, from both checkpoints", "joint.toml"),
    "profile": (
        "a trial: stage C, where the speaker's voice is sent first, in 32 bytes",
        "trials/joint_profile.toml",
    ),
}
"""The stages that train: their help, and their recipe."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all stages."""
    parser = argparse.ArgumentParser(
        prog="python -m vocoder.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = parser.add_subparsers(dest="stage", required=True)
    for stage, (text, recipe) in STAGES.items():
        trained = stages.add_parser(stage, help=text)
        trained.add_argument("--data", type=Path, required=True, help="folder that `codec.training prepare` wrote")
        trained.add_argument(*RUN_FLAGS, type=Path, required=True, help="folder of the run; resumed if it can be")
        trained.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
        trained.add_argument("--config", type=Path, default=RECIPES / recipe, help="recipe")
        phones = "checkpoint of the phone reader (`codec.training phones`): adds its loss"
        trained.add_argument("--phones", type=Path, help=phones)
        trained.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
        if stage != "profile":
            heard = "model.bin of a Whisper as CTranslate2 keeps it (tiny.en): adds the loss on words"
            trained.add_argument("--recogniser", type=Path, help=heard)
            device = "auto: a GPU if there is one"
            trained.add_argument("--device", choices=DEVICES, default="auto", help=device)
    exported = stages.add_parser("export", help="write ONNX graphs and an fp16 checkpoint, checked against PyTorch")
    exported.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
    exported.add_argument("--out", type=Path, default=Path("assets"))
    exported.add_argument("--fixture", type=Path, help="also write the reference outputs that the tests compare with")
    exported.add_argument("--small", action="store_true", help="also OUT/small: in 8-bit numbers, under 12 MB together")
    copied = stages.add_parser("export-copies", help="write the ONNX graphs of coarse copies beside a voice's decoder")
    copied.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints of the voice")
    copied.add_argument("--copies", type=Path, required=True, help="checkpoint of `codec.training copies`")
    copied.add_argument("--out", type=Path, default=Path("assets"))
    pruned = stages.add_parser("prune", help="make a narrower voice out of a trained one, to train further (`joint`)")
    pruned.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
    pruned.add_argument("--data", type=Path, required=True, help="folder that `codec.training prepare` wrote")
    pruned.add_argument("--expansion", type=int, default=2, help="width inside a block, over its channels (default: 2)")
    pruned.add_argument("--packet-hidden", type=int, default=192, help="width inside the mixers (default: 192)")
    pruned.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    return parser


def main() -> int:
    """Run a stage; return the exit code: 2 for a user's mistake."""
    arguments = build_parser().parse_args()
    try:
        if arguments.stage not in ("train", "joint"):
            alone(arguments.stage)
        run = {
            "export": run_export,
            "export-copies": run_copies,
            "prune": run_prune,
            "profile": run_profile,
        }.get(arguments.stage, run_training)
        run(arguments)
    except (TrainingError, FileNotFoundError) as error:
        if is_first():
            print(f"python -m vocoder.training: {error}", file=sys.stderr)
        return 2
    return 0


def run_training(arguments: argparse.Namespace) -> None:
    """Train stage B or C."""
    from vocoder.training.joint import train
    from vocoder.training.voice import read_voice_recipe

    recipe = read_voice_recipe(arguments.config, arguments.start)
    with joined(arguments.device) as processes:
        options = {"start": arguments.start, "threads": arguments.threads, "phones": arguments.phones}
        options["recogniser"] = arguments.recogniser
        train(recipe, arguments.data, arguments.run, processes=processes, **options)


def run_profile(arguments: argparse.Namespace) -> None:
    """Train the trial of a speaker profile."""
    from vocoder.training.trials.speaker_profile import train_profile
    from vocoder.training.voice import read_voice_recipe

    recipe = read_voice_recipe(arguments.config, arguments.start)
    places = arguments.data, arguments.run, arguments.start
    train_profile(recipe, *places, arguments.threads, arguments.phones)


def run_export(arguments: argparse.Namespace) -> None:
    """Export the graphs, check them, and print the differences."""
    from codec.training.teachers import recorded
    from vocoder.training.export.export import check, check_storage, export, reference
    from vocoder.training.voice import open_voice

    voice = open_voice(arguments.start)
    models = export(voice, arguments.out, recorded(arguments.start))
    expected = reference(voice)
    check_storage(models, expected, arguments.out)
    print(check(expected, arguments.out, arguments.fixture))
    if arguments.small:
        from vocoder.training.export.int8 import shrink_and_check

        print(shrink_and_check(voice, models, expected, arguments.out))


def run_copies(arguments: argparse.Namespace) -> None:
    """Export the graphs of copies, check them, and print the differences."""
    from vocoder.training.export.copies import export_copies, load_copies
    from vocoder.training.voice import open_voice

    print(export_copies(open_voice(arguments.start), load_copies(arguments.copies), arguments.out))


def run_prune(arguments: argparse.Namespace) -> None:
    """Write a narrower voice."""
    from codec.training.loop.checkpoint import save_half
    from codec.training.teachers import recorded
    from vocoder.training.export.prune import prune
    from vocoder.training.voice import open_voice

    voice = open_voice(arguments.start)
    smaller = prune(voice, arguments.data, arguments.expansion, arguments.packet_hidden)
    save_half(smaller, arguments.out, recorded(arguments.start))


if __name__ == "__main__":
    sys.exit(main())
