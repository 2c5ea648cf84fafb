"""`gossamer doctor`: what a station needs of this machine, and what to do where it is missing."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from app.cli.options import CONFIG, add_config, add_json
from app.console import say

EXIT_SICK = 1
"""Exit code where something fails; a warning alone is no failure."""


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace) -> int:
    """Check this machine, and print what was found. Returns 0, or 1 where something fails."""
    from app.audio.portaudio import silence_native_libraries
    from app.diagnostics.doctor import all_checks, examine
    from app.diagnostics.system_checks import python_finding

    silence_native_libraries()
    findings = [python_finding(), *examine(all_checks(getattr(arguments, CONFIG, None)))]
    sick = any(finding.status == "fail" for finding in findings)
    facts = {"ok": not sick, "findings": [asdict(finding) for finding in findings]}
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:4}  {finding.what:12}  {finding.found}")
        if finding.cure:
            lines.append(f"{'':20}{finding.cure}")
    say(facts, "\n".join(lines), as_json=arguments.json)
    return EXIT_SICK if sick else 0
