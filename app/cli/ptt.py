"""`gossamer ptt down|up|toggle|status`: the talk key of a station on this machine, for pedals and shortcuts."""

from __future__ import annotations

import argparse

from app.console import tell
from app.errors import GossamerError
from app.station.control_client import asked, find

WORDS = {
    "idle": "listening",
    "draining": "sending the rest",
    "collided": "on air, and so is somebody else",
}
"""Words for the states of the floor (transport/protocol/floor_states.py) that do not go by their value."""


def add_ptt(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "action",
        choices=("down", "up", "toggle", "status"),
        help="down holds until up, or until the time-out ends the over",
    )
    parser.add_argument("--station", metavar="NAME", help="name of the station, where several run on this machine")
    parser.add_argument(
        "--hold", action="store_true", help="with down: stay, and let go when this command ends, however it ends"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")
    parser.set_defaults(run=run_ptt)


def run_ptt(arguments: argparse.Namespace) -> int:
    """Press or release the key of the running station, or ask how it stands. Raises GossamerError."""
    if arguments.hold and arguments.action != "down":
        raise GossamerError(f"--hold goes with down, not with {arguments.action}")
    path = find(arguments.station)
    with asked(path, "hold" if arguments.hold else arguments.action) as (answer, wait):
        if arguments.json:
            tell(answer.json())
        else:
            tell(f"{answer.station} on {answer.link}: {WORDS.get(answer.state, answer.state)}")
        if answer.problem and arguments.action in ("down", "toggle"):
            raise GossamerError("not on air", answer.problem)
        if arguments.hold:
            wait()
    return 0
