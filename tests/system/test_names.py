"""One meaning a word: no two modules of the product give the same name to different things.

app/docs/architecture.md says of the pairs that are meant why they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "codec", "transport", "vocoder")
MEANT = {
    "Encoder": {"codec/encoder.py", "codec/training/model/network.py"},
    "Decoder": {"codec/decoder.py", "codec/training/model/network.py"},
    "Vocoder": {"vocoder/synthesizer.py", "vocoder/training/model/harmonic.py"},
}
"""Names of two things: a network while it is trained, and the same network as an ONNX graph that is run."""


def named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Public classes and aliases of types, each with what it is: an alias for the same twice is one thing."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield name, ""
            case ast.Assign(targets=[ast.Name(name)], value=value) if name[0].isupper() and not name.isupper():
                if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar"):
                    yield name, ast.unparse(value)


def twice(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Names that stand for several things, each with its modules."""
    found: dict[str, dict[str, str]] = {}
    for path, tree in modules.items():
        for name, meaning in named(tree):
            found.setdefault(name, {})[path] = meaning
    return {
        name: set(places)
        for name, places in found.items()
        if len(places) > 1 and (len(set(places.values())) > 1 or "" in places.values())
    }


def test_a_name_stands_for_one_thing() -> None:
    """Whoever reads a name knows what it is, but for the pairs that are meant."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert twice({str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}) == MEANT


def test_the_rule_can_fail() -> None:
    """A class and an alias of one name are found; two equal aliases, and what is private, are not."""
    one = ast.parse("class Kettle: ...\nclass _Lid: ...\nArray = list[float]\nT = TypeVar('T')")
    other = ast.parse("Kettle = int\nclass _Lid: ...\nArray = list[float]\nT = TypeVar('T')")
    assert {"Kettle": {"one", "other"}} == twice({"one": one, "other": other})
