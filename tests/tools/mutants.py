"""`python -m tests.tools.mutants`: how many small mistakes in transport/ its own tests would notice.

mutmut makes them, one at a time (a `<` for a `<=`, an argument left out), and runs the tests that reach the place. Here
a few of each module are drawn, the same ones each time, since all of them take hours. What has a verdict is not run
again: an interrupted run goes on where it was. Verdicts are in `mutants/`; delete it after changes of the tests.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path("mutants")
"""Folder that mutmut works in, below the root of the checkout."""
SMALLEST = "transport.texts.*"
"""Mutants of a small module: mutmut makes those of all modules before it runs any."""
SURVIVED, INTERRUPTED = (0, 5, 33), 2
"""Exit codes of the tests of a mutant that nothing noticed, or that no test reaches; and of one that was broken off."""
AT_IMPORT = (
    "transport.link_kinds.x__broker_kind__",
    "transport.link_options.x_within__",
    "transport.planning.presets.x__radio__",
    "transport.protocol.frames.x__shapes_with_copies__",
    "transport.radio.radios.x__lora__",
)
"""Functions that fill a table when their module is imported, which is before a mutant is chosen: it changes nothing."""
SEED = 1
WANTED = 0.85
"""Share of mutants that the tests must catch."""


def verdicts() -> dict[str, dict[str, int | None]]:
    """Return the exit code of each mutant's tests, None for one that was not run, by module and name."""
    found = {}
    for meta in sorted(FOLDER.glob("transport/**/*.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
        known = {
            name: None if code == INTERRUPTED else code
            for name, code in codes.items()
            if not name.startswith(AT_IMPORT)
        }
        if known:
            found[str(meta.relative_to(FOLDER)).removesuffix(".meta")] = known
    return found


def drawn(names: Sequence[str], each: int) -> list[str]:
    """Return the mutants of a module that are run; 0: all of them."""
    if not each or each >= len(names):
        return list(names)
    return random.Random(SEED).sample(sorted(names), each)


def run_mutmut(names: Sequence[str]) -> None:
    """Have the tests of these mutants run, one after another."""
    subprocess.run(["mutmut", "run", "--max-children", "1", *names], check=True)


def changed_lines(name: str) -> str:
    """Return what a mutant changes, as two lines of a diff or more."""
    shown = subprocess.run(["mutmut", "show", name], check=True, capture_output=True, text=True).stdout
    lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join(f"    {line}" for line in lines)


def main() -> int:
    """Run what was drawn and has no verdict yet, and print the figures and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=25, help="mutants of each module (25; 0: all)")
    parser.add_argument("--again", action="store_true", help="run those again that nothing noticed")
    parser.add_argument("--report", action="store_true", help="only print what is known")
    arguments = parser.parse_args()
    if not FOLDER.exists() and not arguments.report:
        run_mutmut([SMALLEST])
    wanted = [
        name for codes in verdicts().values() for name in drawn(list(codes), arguments.each) if codes[name] is None
    ]
    if arguments.again:
        wanted += [name for codes in verdicts().values() for name, code in codes.items() if code in SURVIVED]
    if wanted and not arguments.report:
        run_mutmut(wanted)
    total: Counter[str] = Counter()
    survivors = []
    for module, codes in verdicts().items():
        run = {name: code for name, code in codes.items() if code is not None}
        lived = [name for name, code in run.items() if code in SURVIVED]
        print(f"{module:44} {len(run) - len(lived):4} of {len(run):4} caught ({len(codes)} there are)")
        total.update(run=len(run), caught=len(run) - len(lived))
        survivors += lived
    for name in survivors:
        print(f"{name}\n{changed_lines(name)}")
    share = total["caught"] / max(1, total["run"])
    print(f"{total['caught']} of {total['run']} caught, {100 * share:.1f} %")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
