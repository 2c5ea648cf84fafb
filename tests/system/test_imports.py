"""Who may import whom: every import of the product and of its tests is read, and held against the rules of the house.

app/docs/architecture.md has the same rules in prose. Rooms are the folders of a package, and the modules beside them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "assets", "codec", "transport", "vocoder")
ARROWS = {
    "app": {"transport", "codec", "vocoder", "assets"},
    "transport": set(),
    "codec": set(),
    "vocoder": {"codec"},
    "assets": set(),
}
"""The other packages that each package may import."""

FLOORS = {
    "transport": (
        ("errors", "texts"),
        ("impairment", "framing"),
        ("protocol",),
        ("protection", "playout", "radio"),
        ("link_options",),
        ("broker",),
        ("link_kinds",),
        ("address",),
        ("planning", "links"),
    ),
    "app": (
        ("beat", "errors", "events", "paths", "console", "runtime_folder", "signals", "texts", "threads", "version"),
        ("file_kinds", "settings", "storage"),
        ("audio", "history"),
        ("codecs", "clips"),
        ("analysis", "station", "simulation"),
        ("lab", "diagnostics", "listening_page", "headless", "relay"),
        ("tui",),
        ("cli",),
        ("__main__",),
    ),
}
"""The rooms of a package, lowest floor first. An import goes to the same floor or down, never up."""

TUI_FLOORS = (("widgets", "host"), ("dialogs",), ("lab",), ("talk",))
"""The rooms of app/tui, lowest floor first: a card does not know the screen that it covers."""

CONFINED = {
    "torch": ("codec/training/", "vocoder/training/"),
    "textual": ("app/tui/",),
    "sounddevice": ("app/audio/portaudio.py",),
    "ctypes": ("app/codecs/", "codec/memory_limit.py"),
    "platformdirs": ("app/paths.py",),
    "paho": ("transport/links/mqtt_client.py",),
    "psutil": ("transport/links/own_addresses.py",),
    "jeepney": ("app/tui/host/desktop.py",),
    "argparse": ("app/cli/", "codec/training/", "vocoder/training/"),
}
"""Libraries that are kept in one place."""

IO_AND_CLOCKS = {
    "asyncio",
    "datetime",
    "os",
    "select",
    "serial",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "trio",
}
"""In transport these belong to links/ alone: everything else there is told what came, and what time it is."""

VOCODER_MAY_USE = {"codec.errors", "codec.format", "codec.features", "codec.models", "codec.isolated_model"}
"""What the vocoder at run time takes from codec. The last two load any graph, the vocoder's too."""

TRAINING_FROM_APP = {"app/cli/train_voice.py"}
"""The one file of the app that reaches into training, when its command is called."""

LONGEST_FILE_LINES = 300
TABLES = {"app/events.py", "app/settings/model.py", "transport/link_kinds.py"}
"""Files that are tables (events, settings, kinds of links), and may be longer."""

NOT_YET: set[tuple[str, str]] = set()
"""Imports that break a rule today, each with the file it stands in. An entry that breaks nothing any more must go."""

TOO_LONG_YET: set[str] = set()
"""Files over the limit today. An entry that is short enough must go."""

CIRCLES_YET: list[list[str]] = []
"""Circles of modules, and of rooms at any depth, of today. One that is cut must go."""

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def imported(path: Path) -> list[str]:
    """Return every module that the file imports, wherever in it, with what is taken out of a package appended."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def floor(package: str, room: str) -> int | None:
    """Return the floor of a room, or None where the rules name none: the package's own `__init__.py`."""
    return next((number for number, rooms in enumerate(FLOORS[package]) if room in rooms), None)


def room_of(path: str) -> str:
    """Return the room of a file, given relative to the root: the folder or module directly in the package."""
    return path.split("/")[1].removesuffix(".py")


def goes_up(path: str, name: str) -> bool:
    """Tell whether an import inside one package goes to a higher floor, or starts or ends in a room without one."""
    package = path.split("/")[0]
    if package not in FLOORS or name.split(".")[0] != package or room_of(path) == "__init__":
        return False
    here, there = floor(package, room_of(path)), floor(package, name.split(".")[1])
    return here is None or there is None or there > here


def goes_up_in_tui(path: str, name: str) -> bool:
    """Tell whether an import between two rooms of app/tui goes to a higher floor."""
    here, there = path.split("/"), name.split(".")
    if here[:2] != ["app", "tui"] or there[:2] != ["app", "tui"] or len(here) < 4:
        return False
    number = {room: floor for floor, rooms in enumerate(TUI_FLOORS) for room in rooms}
    return number.get(there[2], len(TUI_FLOORS)) > number.get(here[2], -1)


def breaks_a_rule(path: str, name: str) -> bool:
    """Tell whether a file at this path, relative to the root, may not import this name."""
    package, top = path.split("/")[0], name.split(".")[0]
    training = "/training/" in path
    if top in PACKAGES and top != package and top not in ARROWS[package]:
        return True
    if package == "vocoder" and top == "codec" and not training:
        # `from codec import format` reads as codec.format, `from codec.format import X` as codec.format.X.
        return ".".join(name.split(".")[:2]) not in VOCODER_MAY_USE
    if top == "tests":
        return True
    if ".training" in name and not training:
        return path not in TRAINING_FROM_APP
    if top in CONFINED:
        return not path.startswith(CONFINED[top])
    if package == "transport" and top in IO_AND_CLOCKS:
        return not path.startswith("transport/links/")
    return goes_up(path, name) or goes_up_in_tui(path, name)


def forbidden(path: str, names: Iterable[str]) -> list[str]:
    """Return those names that a file at this path, relative to the root, imports and may not."""
    return [name for name in names if breaks_a_rule(path, name)]


def relative(path: Path) -> str:
    """Return the path as the rules have it: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def module_graph() -> dict[str, set[str]]:
    """Return each module of the product with those it imports."""
    modules = {relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES}
    return {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported(path)
            if name in modules or name.rpartition(".")[0] in modules
        }
        - {module}
        for module, path in modules.items()
    }


def room_graph(modules: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return each room, at any depth, with the rooms beside it that its modules import.

    A room is a folder or a module: an import counts where the two paths part, so that of app.tui.widgets.text by
    app.tui.talk.screen is app.tui.talk -> app.tui.widgets.
    """
    rooms: dict[str, set[str]] = {}
    for module, targets in modules.items():
        for target in targets:
            here, there = module.split("."), target.split(".")
            same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(here, there, strict=False))))
            if same < min(len(here), len(there)):  # else one is the folder of the other
                rooms.setdefault(".".join(here[: same + 1]), set()).add(".".join(there[: same + 1]))
    return rooms


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes from which each reaches every other (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in number:
                visit(target)
            if target in stack:
                lowest[node] = min(lowest[node], lowest[target])
        if lowest[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in number:
            visit(node)
    return sorted(found)  # the order of a set is another one each time


def test_no_import_of_the_product_is_relative():
    """Every import names its module whole: the rules read it as it stands."""
    trees = [(path, ast.parse(path.read_text())) for path in FILES]
    nodes = [(path, node) for path, tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [] == [path for path, node in nodes if node.level]


def test_files_import_only_what_they_may():
    """The arrows between packages, the floors inside them, and the libraries that are kept in one place."""
    wrong = {(relative(path), name) for path in FILES for name in forbidden(relative(path), imported(path))}
    assert sorted(NOT_YET) == sorted(wrong)


def test_no_import_goes_round_in_a_circle():
    """A module, or a folder, that needs itself cannot be understood, or tested, alone."""
    assert sorted(CIRCLES_YET) == circles(module_graph()) + circles(room_graph(module_graph()))


def test_a_file_is_read_in_one_sitting():
    """Three hundred lines at most, tables of events and settings apart."""
    longer = {relative(path) for path in FILES if len(path.read_text().splitlines()) > LONGEST_FILE_LINES}
    assert sorted(TOO_LONG_YET | TABLES & longer) == sorted(longer)


def test_no_test_is_imported_by_another():
    """What tests share stands in tests/support, so that each test file can be read and moved alone."""
    wrong = [
        (relative(path), name)
        for path in TEST_FILES
        for name in imported(path)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split(".")[:-1])
    ]
    assert [] == wrong


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("codec/encoder.py", "transport.protocol.over.OverSender"),
        ("codec/encoder.py", "torch"),
        ("codec/training/stage_a.py", "vocoder.synthesizer.Synthesizer"),
        ("transport/links/udp.py", "app.settings.model.Settings"),
        ("transport/protocol/floor.py", "time"),
        ("transport/protocol/floor.py", "transport.links.udp.UdpLink"),
        ("transport/framing/cobs.py", "transport.protocol.over.OverSender"),
        ("vocoder/synthesizer.py", "codec.decoder.Decoder"),
        ("app/station/engine.py", "textual.app.App"),
        ("app/station/engine.py", "app.tui.talk.state.TalkState"),
        ("app/tui/dialogs/card.py", "app.tui.talk.wording.covered_words"),
        ("app/tui/lab/screen.py", "app.tui.talk.state.TalkState"),
        ("app/tui/no_such_room/card.py", "app.tui.widgets.text.TextBlock"),
        ("app/station/engine.py", "codec.training.prepare"),
        ("app/audio/streams.py", "sounddevice"),
        ("app/audio/streams.py", "app.station.engine.Engine"),
        ("app/history/overs.py", "platformdirs"),
        ("app/no_such_room.py", "app.errors.GossamerError"),
        ("app/cli/files.py", "tests.support.overs"),
        ("app/cli/files.py", "vocoder.training.fine_tune"),
        ("codec/features.py", "codec.training.losses"),
        ("vocoder/synthesizer.py", "vocoder.training.fine_tune"),
        ("transport/protocol/floor.py", "datetime"),
    ],
)
def test_a_wrong_arrow_is_found(path, name):
    """The rules can fail."""
    assert [name] == forbidden(path, [name])


def test_a_circle_is_found():
    """The search for circles can fail."""
    assert [["a", "b", "c"]] == circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()})


def test_a_circle_of_folders_is_found_where_no_module_goes_round():
    """Two folders of training need each other through different modules, and a module beside them is a room as well."""
    modules = {
        "codec.training.model.network": {"codec.training.loop.processes"},
        "codec.training.loop.trainer": {"codec.training.model.precision", "codec.training.losses"},
        "codec.training.losses": {"codec.training.model.network", "codec.training"},
    }
    assert [] == circles(modules)
    assert [["codec.training.loop", "codec.training.losses", "codec.training.model"]] == circles(room_graph(modules))


def test_there_is_something_to_read():
    """An empty list of files would pass everything."""
    assert len(FILES) > 40
    assert len(TEST_FILES) > 40
