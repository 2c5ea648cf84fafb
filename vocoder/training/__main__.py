"""`python -m vocoder.training STAGE`: train the vocoder, fine-tune it together with the codec, export, check.

`train` and `joint` also in several processes at once: `torchrun --nproc-per-node 2 -m vocoder.training
joint --run-folder RUN ...`; torchrun itself would stumble over --run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codec.training.loop.distributed import DEVICES, RUN_FLAGS, alone, is_first, joined
from codec.training.loop.trainer import TrainingError, read_config
from codec.training.teachers import recorded

HERE = Path(__file__).parent / "recipes"


def main() -> int:
    """Returns the exit code: 2 for a user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m vocoder.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = parser.add_subparsers(dest="stage", required=True)
    for stage, text in {
        "train": "stage B: the vocoder on quantised features, from a codec's checkpoint",
        "joint": "stage C: codec and vocoder together, from both checkpoints",
        "profile": "a trial: stage C where the speaker's voice is sent up front in 32 bytes",
    }.items():
        stage_parser = stages.add_parser(stage, help=text)
        stage_parser.add_argument("--data", type=Path, required=True, help="folder that `codec.training prepare` wrote")
        stage_parser.add_argument(*RUN_FLAGS, type=Path, required=True, help="folder of the run; resumed if it can be")
        stage_parser.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
        default = HERE / {"train": "vocoder.toml", "joint": "joint.toml", "profile": "joint_profile.toml"}[stage]
        stage_parser.add_argument("--config", type=Path, default=default)
        phones = "checkpoint of the reader of phones (`codec.training phones`): adds its loss"
        stage_parser.add_argument("--phones", type=Path, help=phones)
        stage_parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all")
        if stage != "profile":
            device = "auto: a GPU if there is one"
            stage_parser.add_argument("--device", choices=DEVICES, default="auto", help=device)
    exported = stages.add_parser("export", help="ONNX graphs and an fp16 checkpoint, checked against PyTorch")
    exported.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
    exported.add_argument("--config", type=Path, default=HERE / "joint.toml", help="for the widths")
    exported.add_argument("--out", type=Path, default=Path("assets"))
    exported.add_argument("--fixture", type=Path, help="also write the reference outputs that the tests compare with")
    exported.add_argument("--small", action="store_true", help="also OUT/small: in 8-bit numbers, under 6 MB together")
    pruned = stages.add_parser("prune", help="a narrower voice out of a trained one, to be trained on (`joint`)")
    pruned.add_argument("--from", dest="start", type=Path, nargs="+", required=True, help="checkpoints")
    pruned.add_argument("--config", type=Path, default=HERE / "joint_packet.toml", help="for the widths before")
    pruned.add_argument("--data", type=Path, required=True, help="folder that `codec.training prepare` wrote")
    pruned.add_argument("--expansion", type=int, default=2, help="widening inside a block (default: 2)")
    pruned.add_argument("--packet-hidden", type=int, default=192, help="width inside the mixers (default: 192)")
    pruned.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    arguments = parser.parse_args()
    try:
        if arguments.stage not in ("train", "joint"):
            alone(arguments.stage)
        from vocoder.training.export.export import check, check_storage, export, reference
        from vocoder.training.joint import Voice, VoiceTraining, load_voice, train

        config = read_config(arguments.config, VoiceTraining)
        if arguments.stage == "export":
            voice = Voice(config.codec, config.vocoder)
            load_voice(voice, arguments.start)
            models = export(voice, arguments.out, recorded(arguments.start))
            expected = reference(voice)
            check_storage(models, expected, arguments.out)
            print(check(expected, arguments.out, arguments.fixture))
            if arguments.small:
                from vocoder.training.export.int8 import shrink_and_check

                print(shrink_and_check(voice, models, expected, arguments.out))
        elif arguments.stage == "profile":
            from vocoder.training.trials.speaker_profile import train_profile

            places = arguments.data, arguments.run, arguments.start
            train_profile(config, *places, arguments.threads, arguments.phones)
        elif arguments.stage == "prune":
            from vocoder.training.export.prune import prune, save

            voice = Voice(config.codec, config.vocoder)
            load_voice(voice, arguments.start)
            smaller = prune(voice, arguments.data, arguments.expansion, arguments.packet_hidden)
            save(smaller, arguments.out, recorded(arguments.start))
        else:
            with joined(arguments.device) as ranks:
                places = arguments.data, arguments.run, arguments.start
                train(config, *places, arguments.threads, arguments.phones, ranks)
    except (TrainingError, FileNotFoundError) as error:
        if is_first():
            print(f"python -m vocoder.training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
