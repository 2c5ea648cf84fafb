"""`gossamer completion SHELL`: a script with which a shell completes commands and flags.

The script holds all of them, so that completing starts no program; after an update it is made anew.
"""

from __future__ import annotations

import argparse
import re

from app.console import tell

SHELLS = ("bash", "zsh", "fish", "tcsh")
"""Shells for which there is a script."""
FILES, FOLDERS = re.compile(r"\b(FILE|IN|OUT|CLIP)\b"), re.compile(r"\bDIR\b")
"""Words in the place of an argument that say what it names."""


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    parser.set_defaults(run=run_completion)


def run_completion(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from app.cli.parser import build_whole_parser

    parser = build_whole_parser()
    _complete_names(parser)
    tell(shtab.complete(parser, arguments.shell))
    return 0


def _complete_names(parser: argparse.ArgumentParser) -> None:
    """Have names of files and folders completed where an argument is one."""
    import shtab

    from app.cli.parser import command_parsers

    for action in parser._actions:
        place = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar or ""
        for pattern, completed in ((FILES, shtab.FILE), (FOLDERS, shtab.DIRECTORY)):
            if pattern.search(place):
                setattr(action, "complete", completed)  # noqa: B010 - shtab looks for it; argparse knows no such field
    for below in command_parsers(parser).values():
        _complete_names(below)
