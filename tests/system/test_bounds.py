"""No queue and no memory in the program grows without limit, whatever the far end sends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "transport", "codec", "vocoder")
QUEUES = {"deque": "maxlen", "Queue": "maxsize", "SimpleQueue": "maxsize", "LifoQueue": "maxsize"}
CONSTANT = re.compile(r"\b_?[A-Z][A-Z0-9_]+\b")
OWN = "this program's own lanes and reports: no far end sends anything here"
WINDOWS = {
    "app/simulation/rates.py": "a window of time over this program's own lanes, cut at every reading",
    "app/simulation/timeline.py": "sound of this program's own lanes, read as fast as it is placed",
    **dict.fromkeys((f"app/simulation/{name}.py" for name in ("bench", "framing", "lane", "one_way")), OWN),
    "app/lab/session.py": OWN,
    "app/station/pre_roll.py": "a window of sound from this machine's own microphone, cut at every piece",
}
"""Files whose queues are bounded in another way."""
BOUNDED = {
    "_overs": "one for each number of an over, 256 at the most",
    "_callers": "as many as there are places, MAX_CALLERS at the most",
    "_picked": "one for each kind of device",
    "_rows": "one for each line of the log, which keeps LINES_KEPT",
    "_devices": "one for each device",
    "_device_problems": "one for each kind of device",
    "shown": "one for each widget",
    "_styles": "one for each colour",
    "_streams": "one for each device",
    "_scopes": "one for each task",
    "_watchers": "one for each part that watches",
    "_latest": "one for each kind of event",
    "_computing": "one for each thread that computes a packet",
    "_packets": "one for each packet that the over receiver tells of once",
    "_refused": "one for each kind of refusal",
    "_told": "one for each kind of refusal",
    "_answers": "one of each kind of answer",
    "_pings": "one for each ping of this station's own",
    "_blocks": "one over of this program's own test",
    "_held": "one for each key of a keyboard",
    "_accepted": "a time for each of the 256 numbers of overs",
    "_seen": "one of three kinds for each of the 256 numbers of overs",
    "_intact": "MAX_PACKETS is checked before a packet gets here",
    "_damaged": "MAX_PACKETS is checked before a packet gets here",
    "_current": "one for each link of a relay, MOST_LINKS at the most",
    "_said": "one for each link of a relay, MOST_LINKS at the most",
    "_elsewhere": "one for each link of a relay, MOST_LINKS at the most",
    "_waiting": "places within MAX_AHEAD of the next frame",
    "_concealed": "a packet each 320 ms, for no longer than an over is followed",
    "_came_late": "a run of late frames, RUN_OF_LATE_FRAMES long",
}
"""Attributes that begin empty and grow, and what bounds them where no constant does."""


def sources() -> Iterator[Path]:
    """Every module that is shipped."""
    for package in PACKAGES:
        yield from (path for path in sorted((ROOT / package).rglob("*.py")) if "training" not in path.parts)


def calls(path: Path) -> Iterator[ast.Call]:
    """Every call in a module."""
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    """The last part of what is called."""
    function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def bound_of(call: ast.Call) -> ast.expr | None:
    """What limits a queue that this call makes."""
    if name_of(call) == "open_memory_channel":
        return call.args[0] if call.args else None
    wanted = QUEUES[name_of(call)]
    return next((keyword.value for keyword in call.keywords if keyword.arg == wanted), None)


def unbounded(path: Path) -> list[str]:
    """The queues of a module that no named constant bounds, and the memories that grow without being measured."""
    text, found = path.read_text(), []
    for call in calls(path):
        if name_of(call) in {*QUEUES, "open_memory_channel"}:
            bound = bound_of(call)
            if bound is None or not CONSTANT.search(ast.unparse(bound)):
                found.append(f"{path.name}:{call.lineno} {ast.unparse(call)}")
    for name in re.findall(r"self\.(\w+)(?:: [^=\n]+)? = (?:\[\]|\{\}|set\(\)|OrderedDict\(\))$", text, re.M):
        measured = re.search(rf"len\(self\.{name}\) (?:<|>|<=|>=) (?:self\.)?_?(?:max_|[A-Z])", text)
        if not measured and name not in BOUNDED:
            found.append(f"{path.name} self.{name}")
    return found


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_queue_is_bounded_by_a_named_constant(path: Path) -> None:
    """Every deque and memory channel says its bound by name, and every memory is measured against one."""
    if str(path.relative_to(ROOT)) not in WINDOWS:
        assert [] == unbounded(path)


def test_the_walk_sees_a_queue_without_bound(tmp_path: Path) -> None:
    """What the test above is there for is found, in each of the ways in which it could be written."""
    module = tmp_path / "module.py"
    module.write_text(
        "class A:\n    def __init__(self) -> None:\n        self.a: deque[int] = deque()\n"
        "        self.b = deque(maxlen=64)\n"
        "        self.c = trio.open_memory_channel[int](math.inf)\n        self.d: list[int] = []\n"
        "        self.e: deque[int] = deque(maxlen=MAX)\n        self.f: list[int] = []\n        len(self.f) < MAX_F\n"
    )
    assert ["deque()", "deque(maxlen=64)", "trio.open_memory_channel[int](math.inf)", "self.d"] == [
        line.split(" ", 1)[1] for line in unbounded(module)
    ]
