"""One meaning a word: no two modules of the product give the same name to different things; docstrings stand alone.

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

HALF = {"Of", "What", "Where", "Whom", "Why", "Who", "Told", "Tells", "Is"}
"""First words of docstrings that need the line above to make sense."""


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


def half_sentences(tree: ast.AST) -> Iterator[str]:
    """Docstrings that say nothing without the name above them, each with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(str(text))) if (text.split() or [""])[0].rstrip(",:;") in HALF:
                yield f"{node.lineno}: {text.splitlines()[0]}"


def test_a_docstring_stands_alone() -> None:
    """A class or constant has a noun phrase, a function a verb: no half sentence that goes on from its name."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    found = [
        f"{path.relative_to(ROOT)}:{half}" for path in files for half in half_sentences(ast.parse(path.read_text()))
    ]
    assert [] == found


def test_the_rule_for_docstrings_can_fail() -> None:
    """Of a module, a class, a constant and a function."""
    tree = ast.parse(
        '"""What is here."""\nX = 1\n"""Told of it."""\nclass K:\n    """Kettle."""\ndef f():\n    """Of it."""\n'
    )
    assert ["1: What is here.", "3: Told of it.", "7: Of it."] == sorted(half_sentences(tree))


def test_a_name_stands_for_one_thing() -> None:
    """Whoever reads a name knows what it is, but for the pairs that are meant."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert twice({str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}) == MEANT


def test_the_rule_can_fail() -> None:
    """A class and an alias of one name are found; two equal aliases, and what is private, are not."""
    one = ast.parse("class Kettle: ...\nclass _Lid: ...\nArray = list[float]\nT = TypeVar('T')")
    other = ast.parse("Kettle = int\nclass _Lid: ...\nArray = list[float]\nT = TypeVar('T')")
    assert {"Kettle": {"one", "other"}} == twice({"one": one, "other": other})
