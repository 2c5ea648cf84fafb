"""`gossamer`: reads the command line, runs one command, and turns what went wrong into one line and exit code 2."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130

DESCRIPTION = "Push-to-talk voice at 800 bit/s over links too thin for voice."
EPILOG = """\
Without a command: the terminal UI with a parrot, a station on this machine that repeats what you say as a far end would
have heard it. Without a terminal the same conversation is held with a recorded clip, and its sound written to files.

LINK is one of
  udp://HOST:PORT, udp://:PORT                     IP: call, wait for a call
  udp://239.1.2.3:PORT, udp://255.255.255.255:PORT several stations on one network
  serial:///dev/ttyUSB0?baud=57600                 a transparent radio or a null-modem cable
  kiss://HOST:PORT?call=AB1CDE, kiss:///dev/ttyUSB0?baud=9600&call=AB1CDE   a packet-radio modem
  parrot://                                        the station on this machine that repeats what you say
followed by ?k=1..6 for packets a frame and, to make it worse, rate=BIT/S, loss=0.05, ber=0.001, delay=MS, jitter=MS,
joined by '&'. `gossamer plan LINK` tells what it can carry.
"""


class Parser(argparse.ArgumentParser):
    """What is wrong with the command line is one line too."""

    def error(self, message: str) -> NoReturn:
        print(f"gossamer: {message}: see `{self.prog} --help`", file=sys.stderr)
        sys.exit(EXIT_PROBLEM)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Commands import what they need when they run: decoding must not wait for a screen."""
    from app.cli.compare import add_compare
    from app.cli.doctor import add_doctor
    from app.cli.field_test import add_field_test
    from app.cli.lab import add_lab
    from app.cli.options import add_json, add_options
    from app.cli.overs import add_overs
    from app.cli.plan import add_plan
    from app.cli.ptt import add_ptt
    from app.cli.train_voice import add_train_voice

    parser = Parser(
        prog="gossamer", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=_run_default)
    add_options(parser, "talk")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")

    talk = commands.add_parser("talk", help="the terminal UI with a real peer")
    talk.add_argument(
        "link", metavar="LINK|NAME", nargs="?", help="udp://HOST:PORT calls, udp://:PORT waits; a contact's name"
    )
    add_options(talk, "talk")
    talk.set_defaults(run=_run_talk)

    send = commands.add_parser("send", help="send a file or the microphone as one over, without a screen")
    send.add_argument("link", metavar="LINK|NAME", help="udp://HOST:PORT calls, udp://:PORT waits; a contact")
    send.add_argument("--input", metavar="FILE|mic", required=True, help="a sound file, - (raw s16le, 8 kHz) or mic")
    add_options(send, "send")
    send.set_defaults(run=_run_send)

    listen = commands.add_parser("listen", help="play or record what others say, without a screen")
    listen.add_argument("link", metavar="LINK|NAME", help="udp://:PORT waits, udp://HOST:PORT calls; a contact")
    listen.add_argument("--output", metavar="FILE|speaker", required=True, help="a WAV file, - (raw s16le) or speaker")
    listen.add_argument("--once", action="store_true", help="end after the first over")
    add_options(listen, "listen")
    listen.set_defaults(run=_run_listen)

    demo = commands.add_parser("demo", help="a conversation with the parrot without a screen, written to files")
    demo.add_argument("link", metavar="LINK", nargs="?", help="parrot://?rate=1200&loss=0.1 for example")
    demo.add_argument("--out", metavar="DIR", default="gossamer-demo", help="for the two WAV files (gossamer-demo)")
    add_options(demo, "demo")
    demo.set_defaults(run=_run_demo)

    encode = commands.add_parser("encode", help="sound files to packets, 100 bytes a second")
    encode.add_argument("files", metavar="FILE", nargs="+", help="IN OUT.g800, or several IN with --out; - is a pipe")
    encode.add_argument("--out", metavar="DIR", help="write DIR/NAME.g800 for every IN")
    _model_option(encode)
    encode.set_defaults(run=_run_encode)

    decode = commands.add_parser("decode", help="packets to sound files")
    decode.add_argument("files", metavar="FILE", nargs="+", help="IN.g800 OUT.wav, or several with --out; - is a pipe")
    decode.add_argument("--out", metavar="DIR", help="write DIR/NAME.wav for every IN")
    _synth_option(decode)
    _model_option(decode)
    decode.add_argument("--drop", type=_share, default=0.0, metavar="0..1", help="lose so many packets on purpose")
    decode.add_argument("--seed", type=int, default=0, metavar="N", help="which packets --drop loses")
    decode.set_defaults(run=_run_decode)

    add_ptt(commands)
    add_plan(commands)
    _add_inspect(commands)
    add_compare(commands)
    add_lab(commands)
    add_overs(commands)
    add_field_test(commands)
    add_doctor(commands)
    add_train_voice(commands)

    devices = commands.add_parser("devices", help="microphones and loudspeakers, and the rates that work")
    devices.set_defaults(run=_run_devices)
    for command in (send, listen, demo, encode, decode, devices):
        add_json(command)
    return parser


def _add_inspect(commands: argparse._SubParsersAction[Parser]) -> None:
    from app.cli.options import add_json

    inspect = commands.add_parser("inspect", help="draw packets: pitch, voicing, energy, spectrum; what each bit does")
    inspect.add_argument("file", metavar="FILE", help="packets (.g800), or a sound file, which is encoded first")
    inspect.add_argument("--png", metavar="OUT.png", help="write the picture")
    inspect.add_argument("--packet", type=int, metavar="N", help="this packet alone, from 0")
    inspect.add_argument("--flip", metavar="BIT[@PACKET]", help="flip one bit, 0 to 255, and show before and after")
    inspect.add_argument("--bits", action="store_true", help="measure what each of a packet's 256 bits does")
    _model_option(inspect)
    add_json(inspect)
    inspect.set_defaults(run=_run_inspect)


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 1")
    return share


def _synth_option(parser: argparse.ArgumentParser) -> None:
    from app.cli.options import SYNTHS, synth

    parser.add_argument(
        "--synth", type=synth, default="neural", metavar=SYNTHS, help="with the network, without, or your own (neural)"
    )


def _model_option(parser: argparse.ArgumentParser) -> None:
    from codec.models import MODELS, STANDARD

    parser.add_argument("--model", choices=MODELS, default=STANDARD, help="in float32 or in 8-bit numbers (standard)")


def _run_default(arguments: argparse.Namespace) -> int:
    if sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty():
        return _run_talk(arguments)
    arguments.out, arguments.json = "gossamer-demo", False
    return _run_demo(arguments)


def _run_talk(arguments: argparse.Namespace) -> int:
    from app.cli.talk import run_talk

    return run_talk(arguments)


def _run_send(arguments: argparse.Namespace) -> int:
    from app.cli.talk import run_send

    return run_send(arguments)


def _run_listen(arguments: argparse.Namespace) -> int:
    from app.cli.talk import run_listen

    return run_listen(arguments)


def _run_demo(arguments: argparse.Namespace) -> int:
    from app.cli.demo import run_demo

    return run_demo(arguments)


def _run_encode(arguments: argparse.Namespace) -> int:
    from app.cli.files import run_encode

    return run_encode(arguments)


def _run_decode(arguments: argparse.Namespace) -> int:
    from app.cli.files import run_decode

    return run_decode(arguments)


def _run_devices(arguments: argparse.Namespace) -> int:
    from app.cli.devices import run_devices

    return run_devices(arguments)


def _run_inspect(arguments: argparse.Namespace) -> int:
    from app.cli.inspect import run_inspect

    return run_inspect(arguments)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends a command like Ctrl-C: half-written files are taken away."""
    raise KeyboardInterrupt


def main(words: list[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 2 for a problem that was said in one line, 130 when interrupted."""
    from app.console import note
    from app.errors import GossamerError
    from codec.errors import CodecError
    from transport.errors import TransportError

    if sys.platform == "win32":
        note("Windows is not supported yet: run it on Linux (WSL may do for files, nobody tried the sound)")
        return EXIT_PROBLEM
    arguments = build_parser().parse_args(words)
    run: Callable[[argparse.Namespace], int] = arguments.run
    signal.signal(signal.SIGTERM, _stop)
    try:
        return run(arguments)
    except (GossamerError, CodecError, TransportError) as problem:
        note(str(problem))
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # type: ignore[assignment]  # or the interpreter complains once more when it flushes
        return EXIT_PROBLEM


if __name__ == "__main__":
    sys.exit(main())
