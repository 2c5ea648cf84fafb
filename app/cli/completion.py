"""`gossamer completion SHELL`: a script with which a shell completes commands, flags and what stands behind them.

The script holds all of them, so that completing starts no program; after an update it is made anew. Names of contacts
and numbers of overs are looked up by the shell in their files.
"""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass

from app.console import tell
from app.errors import FileProblem
from app.paths import recordings_folder, settings_file

SHELLS = ("bash", "zsh", "fish", "tcsh")
"""Shells for which there is a script."""
FILES, FOLDERS = re.compile(r"\b(FILE|IN|OUT|CLIP|PAGE)\b"), re.compile(r"\bDIR\b")
"""Words in the place of an argument that say what it names."""
NAMES_OF_CONTACTS = r"""awk -F= '/^[ \t]*\[/ {on = /^[ \t]*\[contacts\]/; next}
  on && /=/ {gsub(/^[ \t"]+|[ \t"]+$/, "", $1); if ($1 !~ /^#/) print $1}' %s 2>/dev/null"""
"""Command of a shell that prints the names of the contacts in a settings file, a line each."""
NUMBERS_OF_OVERS = r"ls %s 2>/dev/null | awk '/\.over$/ && n < 20 {print ++n}'"
"""Command of a shell that prints the numbers of the overs in a folder, a line each."""


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    parser.set_defaults(run=run_completion)


def run_completion(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from app.cli.parser import build_whole_parser

    parser = build_whole_parser()
    _complete_values(parser)
    tell(shtab.complete(parser, arguments.shell))
    return 0


@dataclass(frozen=True)
class _Values:
    """The values that a shell offers in the place of an argument."""

    words: tuple[str, ...] = ()
    looked_up: str = ""
    """Name of more words that the shell looks up itself: "contacts" or "overs"."""
    command: str = ""
    """Command of a shell that prints those, a line each."""
    files: bool = False

    @property
    def name(self) -> str:
        """Name of the function that offers them; bash takes what it prints for files where "_file" is in the name."""
        return "_".join(["_gossamer", *self.words, *filter(None, [self.looked_up]), *(["file"] if self.files else [])])

    def functions(self) -> dict[str, str | dict[str, str]]:
        """Return the functions of all shells, as an action's attribute `complete`. tcsh has no functions: words alone.

        A name may hold blanks: the functions go by lines, and bash, which inserts what it gets, gets it quoted.
        """
        lines = f"printf '%s\\n' {shlex.join(self.words)}" if self.words else ":"
        lines += f"; {self.command}" if self.command else ""
        bash = f"""{self.name}() {{
  local word
  while IFS= read -r word; do [[ $word == "$1"* ]] && printf '%q\\n' "$word"; done < <({lines})
  {"compgen -f -- $1" if self.files else ":"}
}}"""
        zsh = f"""{self.name}() {{
  local -a words
  words=("${{(@f)$({lines})}}")
  compadd -a words
  {"_files" if self.files else ":"}
}}"""
        fish = f"""function {self.name}
  {lines}
  {"__fish_complete_path (commandline -ct)" if self.files else ":"}
end"""
        return {
            "bash": self.name,
            "zsh": self.name,
            "fish": f"({self.name})",
            "tcsh": f"({' '.join(self.words)})" if self.words else "",
            "preamble": {"bash": bash, "zsh": zsh, "fish": fish},
        }


def _complete_values(parser: argparse.ArgumentParser) -> None:
    """Have what stands in the places of arguments completed, in this parser and in those of the commands below it."""
    import shtab

    from app.cli.parser import command_parsers

    for action in parser._actions:
        if action.nargs == 0 or action.choices:
            continue
        values, place = _values_of(action), _place(action)
        if FOLDERS.search(place):
            setattr(action, "complete", shtab.DIRECTORY)  # noqa: B010 - shtab looks for it; argparse knows no such field
        elif values == _Values(values.words):
            action.choices = values.words or None
        elif values == _Values(files=True):
            setattr(action, "complete", shtab.FILE)  # noqa: B010 - as above
        else:
            setattr(action, "complete", values.functions())  # noqa: B010 - as above
    for below in command_parsers(parser).values():
        _complete_values(below)


def _place(action: argparse.Action) -> str:
    """Return what the help shows in the place of an argument."""
    return " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar or ""


def _values_of(action: argparse.Action) -> _Values:
    """Return what may stand in the place of an argument, as far as that is known before."""
    from transport.planning.presets import PRESETS
    from transport.radio.radios import RADIOS

    place = _place(action)
    words = [word for word in place.split("|") if re.fullmatch("[a-z]+", word)]
    words += RADIOS if place == "RADIO" else []
    words += PRESETS if place == "PRESET" else []
    looked_up = command = ""
    try:
        if place == "LINK|NAME":
            looked_up, command = "contacts", NAMES_OF_CONTACTS % shlex.quote(str(settings_file()))
        elif action.dest == "number":
            looked_up, command = "overs", NUMBERS_OF_OVERS % shlex.quote(str(recordings_folder()))
    except FileProblem:
        pass  # without a home there are neither contacts nor overs
    return _Values(tuple(words), looked_up, command, files=bool(FILES.search(place)))
