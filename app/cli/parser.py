"""The parser of the command line.

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
from typing import Any, NoReturn

from app.cli import EXIT_PROBLEM
from app.cli.commands import COMMANDS, explained
from app.console import note, tell

DESCRIPTION = "Push-to-talk voice at 800 bit/s over links too thin for voice."
EPILOG = """\
examples:
  gossamer                             talk to the parrot
  gossamer talk udp://:7800            wait for somebody to call
  gossamer talk udp://192.0.2.7:7800   call who waits at that address
  gossamer COMMAND --help              what a command does, with examples

Without a command: the terminal UI with a parrot, a station on this machine that repeats what you say as a far end would
have heard it. Without a terminal the same conversation is held with a recorded clip, and its sound written to files.

What stands in ( ) at the end of a line is taken where nothing is given.

LINK is one of
{links}
followed by ?k=1..6 for packets a frame and, to make it worse, rate=BIT/S, loss=0.05, ber=0.001, delay=MS, jitter=MS,
joined by '&'. `gossamer plan LINK` tells what it can carry.
"""


INVALID_CHOICE = r"argument COMMAND: invalid choice: '([^']*)'"
"""A pattern of argparse's words for a command that there is not."""


class ShowVersion(argparse.Action):
    """The flag --version. The version is looked up only then, which takes a moment."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version, and end the program."""
        from app.version import program_version

        tell(f"gossamer {program_version()}")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A parser that reports a wrong command line in one line, with exit code 2."""

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help as every answer is printed. Argparse's own passes over what cannot be written."""
        if file is not None and file is sys.stdout:
            tell(message.rstrip("\n"))
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, with the command that was probably meant, and end the program."""
        import difflib

        wrong = re.search(INVALID_CHOICE, message)
        meant = difflib.get_close_matches(wrong[1], [command.word for command in COMMANDS], n=1) if wrong else []
        if meant:
            message = f"{wrong[0]}: did you mean `gossamer {meant[0]}`?" if wrong else message
        note(f"{message}: see `{self.prog} --help`")
        sys.exit(EXIT_PROBLEM)


class Formatter(argparse.RawDescriptionHelpFormatter):
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
        """Add the flags if that was not done yet, then parse as always, arguments in a row as well as apart."""
        self.add_flags()
        return self._gathered(*super().parse_known_args(args, namespace))

    def _gathered(self, arguments: argparse.Namespace, rest: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """Return what argparse has made of the words, with those it has left over in their list.

        It takes an argument of any number of words from one place: what stands behind a flag in their midst is left.
        """
        lists = [action for action in self._actions if not action.option_strings and action.nargs in ("+", "*")]
        if len(lists) == 1 and not any(word.startswith("-") and len(word) > 1 for word in rest):
            (action,) = lists
            more = [self._get_value(action, word) for word in rest]
            setattr(arguments, action.dest, [*(getattr(arguments, action.dest) or ()), *more])
            rest = []
        return arguments, rest

    def add_flags(self) -> None:
        """Add the command's flags, if that was not done yet."""
        if self.add:
            (module, _, function), self.add = self.add.partition(":"), ""
            getattr(import_module(module), function)(self)


class ProgramParser(Parser):
    """The parser of the whole command line, where settings may stand before the command."""

    def parse_args(  # type: ignore[override]  # argparse's overloads tell of namespaces of other classes too
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse as always, and refuse a setting that the command would ignore."""
        from app.cli.options import without_effect

        arguments = super().parse_args(args, namespace)
        if flag := without_effect(arguments):
            self.error(f"{flag} means nothing to `gossamer {arguments.command}`: leave it out")
        return arguments


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the words, or the command line, say: `run` is a function from these arguments to the exit code.

    Where the first word is a command, its parser alone is built.
    """
    words = sys.argv[1:] if words is None else words
    command = next((command for command in COMMANDS if words and words[0] == command.word), None)
    if command is None:
        return build_parser().parse_args(words)
    parser = CommandParser(prog=f"gossamer {command.word}", **explained(command.says, *command.examples))
    parser.add = command.add
    return parser.parse_args(words[1:])


def build_parser() -> ProgramParser:
    """Return the parser of the whole command line."""
    from app.cli.options import add_options
    from transport.link_kinds import help_lines

    parser = ProgramParser(
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
        its_parser = commands.add_parser(command.word, help=command.help, **explained(command.says, *command.examples))
        its_parser.set_defaults(command=command.word, takes=frozenset())
        its_parser.add = command.add
    return parser


def build_whole_parser() -> ProgramParser:
    """Return the same parser with the flags of all commands, which takes a moment."""
    parser = build_parser()
    for command in command_parsers(parser).values():
        command.add_flags()
    return parser


def command_parsers(parser: argparse.ArgumentParser) -> dict[str, CommandParser]:
    """Return the parsers of the commands below a parser, by their words."""
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {word: below for choices in found for word, below in choices.items()}


def run_without_command(arguments: argparse.Namespace) -> int:
    """Open the talk screen with the parrot; without a terminal hold the same conversation with a clip."""
    if sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty():
        from app.cli.talk import run_talk

        return run_talk(arguments)
    from app.cli.demo import DEMO_FOLDER, run_demo

    arguments.out, arguments.json = DEMO_FOLDER, False
    return run_demo(arguments)
