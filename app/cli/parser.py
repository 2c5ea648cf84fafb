"""The command line: which commands there are.

Nothing heavy is imported here, and a command's own module only when that command is given: `gossamer --help` must be
quick, and `gossamer ptt` as quick as Python itself allows.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from app.cli import EXIT_PROBLEM
from app.console import note

DESCRIPTION = "Push-to-talk voice at 800 bit/s over links too thin for voice."
EPILOG = """\
Without a command: the terminal UI with a parrot, a station on this machine that repeats what you say as a far end would
have heard it. Without a terminal the same conversation is held with a recorded clip, and its sound written to files.

LINK is one of
{links}
followed by ?k=1..6 for packets a frame and, to make it worse, rate=BIT/S, loss=0.05, ber=0.001, delay=MS, jitter=MS,
joined by '&'. `gossamer plan LINK` tells what it can carry.
"""


class Command(NamedTuple):
    """A command: its word, its line in the help, and the function that adds its flags, as "MODULE:FUNCTION"."""

    word: str
    help: str
    add: str


COMMANDS = (
    Command("talk", "the terminal UI with a real peer", "app.cli.talk:add_talk"),
    Command("send", "send a file or the microphone as one over, without a screen", "app.cli.send:add_send"),
    Command("listen", "play or record what others say, without a screen", "app.cli.listen:add_listen"),
    Command("demo", "a conversation with the parrot without a screen, written to files", "app.cli.demo:add_demo"),
    Command("encode", "sound files to packets, 100 bytes a second", "app.cli.files:add_encode"),
    Command("decode", "packets to sound files", "app.cli.files:add_decode"),
    Command("ptt", "press the talk key of a running station, from a pedal or a shortcut", "app.cli.ptt:add_ptt"),
    Command("plan", "what a link or a radio can carry, and with which k", "app.cli.plan:add_plan"),
    Command(
        "inspect", "draw packets: pitch, voicing, energy, spectrum; what each bit does", "app.cli.inspect:add_inspect"
    ),
    Command("compare", "clips through every codec, as a page to listen to in a browser", "app.cli.compare:add_compare"),
    Command("lab", "what Gossamer, Codec2, Opus and PCM do on one thin link, side by side", "app.cli.lab:add_lab"),
    Command(
        "overs",
        "past overs: list, replay, save, delete; captures that reproduce a fault",
        "app.cli.overs:add_overs",
    ),
    Command(
        "field-test",
        "two stations send known clips both ways; a report of what came",
        "app.cli.field_test:add_field_test",
    ),
    Command(
        "doctor", "check sound, models, talk key, serial ports, settings; say what to do", "app.cli.doctor:add_doctor"
    ),
    Command(
        "train-voice",
        "fit the vocoder to your voice, for those who listen to you",
        "app.cli.train_voice:add_train_voice",
    ),
    Command("passphrase", "draw a passphrase of five words for a sealed channel", "app.cli.passphrase:add_passphrase"),
    Command("devices", "microphones and loudspeakers, and the rates that work", "app.cli.devices:add_devices"),
)
"""All commands, in the order of the help."""


INVALID_CHOICE = r"argument COMMAND: invalid choice: '([^']*)'"
"""A pattern of argparse's words for a command that there is not."""


class ShowVersion(argparse.Action):
    """The flag --version. The version is looked up only then, which takes a moment."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version, and end the program."""
        from app.console import tell
        from app.history.capture import program_version

        tell(f"gossamer {program_version()}")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A parser that reports a wrong command line in one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, with the command that was probably meant, and end the program."""
        import difflib

        wrong = re.search(INVALID_CHOICE, message)
        meant = difflib.get_close_matches(wrong[1], [command.word for command in COMMANDS], n=1) if wrong else []
        if meant:
            message = f"{wrong[0]}: did you mean `gossamer {meant[0]}`?" if wrong else message
        note(f"{message}: see `{self.prog} --help`")
        sys.exit(EXIT_PROBLEM)


class Formatter(argparse.HelpFormatter):
    """A help as wide as the terminal. Argparse's own loads shutil to find that out, also where no help is asked for."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """Return the width of the terminal: what COLUMNS says, or the terminal itself, or 80."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class CommandParser(Parser):
    """A command's parser, which gets its flags when the command is given and not before."""

    def __init__(self, **more: Any) -> None:
        super().__init__(formatter_class=Formatter, **more)

    add = ""
    """The function that adds them, as in `Command`; "" when they are there."""

    def parse_known_args(  # type: ignore[override]  # argparse's overloads tell of namespaces of other classes too
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Add the flags if that was not done yet, then parse as always."""
        if self.add:
            (module, _, function), self.add = self.add.partition(":"), ""
            getattr(import_module(module), function)(self)
        return super().parse_known_args(args, namespace)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the words, or the command line, say: `run` is a function from these arguments to the exit code.

    Where the first word is a command, its parser alone is built.
    """
    words = sys.argv[1:] if words is None else words
    command = next((command for command in COMMANDS if words and words[0] == command.word), None)
    if command is None:
        return build_parser().parse_args(words)
    parser = CommandParser(prog=f"gossamer {command.word}")
    parser.add = command.add
    return parser.parse_args(words[1:])


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    from app.cli.options import add_options
    from transport.link_kinds import help_lines

    parser = Parser(
        prog="gossamer",
        description=DESCRIPTION,
        epilog=EPILOG.format(links="\n".join(f"  {line}" for line in help_lines())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_without_command)
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version, and end")
    add_options(parser, "talk")
    commands: Any = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=CommandParser)
    for command in COMMANDS:
        commands.add_parser(command.word, help=command.help).add = command.add
    return parser


def run_without_command(arguments: argparse.Namespace) -> int:
    """Open the talk screen with the parrot; without a terminal hold the same conversation with a clip."""
    if sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty():
        from app.cli.talk import run_talk

        return run_talk(arguments)
    from app.cli.demo import DEMO_FOLDER, run_demo

    arguments.out, arguments.json = DEMO_FOLDER, False
    return run_demo(arguments)
