"""An object is whole from its constructor on: no method makes an attribute that did not exist before.

Read from the source, product and tests, without importing it. A class is known by its name and the module it stands in.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "codec", "transport", "vocoder", "tests")
CONSTRUCTORS = {"__init__", "__post_init__", "__new__"}
OF_WIDGETS = {"display", "border_title", "border_subtitle"}
"""Properties that every widget of Textual has."""

Classes = dict[str, list[ast.ClassDef]]


@functools.cache
def trees() -> dict[str, ast.Module]:
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}


@functools.cache
def classes() -> Classes:
    found: Classes = {}
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


@functools.cache
def assigned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """What a method assigns to on its object; a mere annotation assigns nothing."""
    found, bare = set(), set()
    for node in ast.walk(function):
        match node:
            case ast.AnnAssign(target=ast.Attribute() as target, value=None):
                bare.add(target)
            case ast.Attribute(value=ast.Name("self"), ctx=ast.Store()):
                found.add(node)
    return frozenset(attribute.attr for attribute in found - bare)


def is_record(found: ast.ClassDef) -> bool:
    """Whether annotations in its body are fields that its constructor sets, or that whoever keeps a protocol has."""
    named = [ast.unparse(node) for node in (*found.decorator_list, *found.bases)]
    return any(word in name for name in named for word in ("dataclass", "NamedTuple", "Protocol", "TypedDict"))


def made_with(found: ast.ClassDef, seen: frozenset[str] = frozenset()) -> set[str]:
    """The attributes that an object of this class has when its constructor returns."""
    names: set[str] = set()
    for node in found.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(node.name)
                if node.name in CONSTRUCTORS:
                    names |= assigned(node)
            case ast.AnnAssign(target=ast.Name(name), value=value) if value is not None or is_record(found):
                names.add(name)
            case ast.Assign():
                names |= {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    for base in found.bases:
        name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        if name not in seen:
            for above in classes().get(name, []):
                names |= made_with(above, seen | {name})
    return names


def made_late(tree: ast.AST) -> Iterator[str]:
    for found in ast.walk(tree):
        if isinstance(found, ast.ClassDef):
            known = made_with(found) | OF_WIDGETS
            for method in found.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name not in CONSTRUCTORS:
                    yield from (f"{found.name}.{method.name}: self.{name}" for name in assigned(method) - known)


def doubted(tree: ast.AST) -> Iterator[str]:
    """Where an object asks whether it has an attribute of a known name."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("getattr" | "hasattr"), args=[ast.Name("self"), ast.Constant(str(name)), *_]):
                yield f"line {node.lineno}: {name}"


def test_no_attribute_is_made_late() -> None:
    """Whoever has an object need not ask which of its methods ran before."""
    assert [] == [f"{path}: {late}" for path, tree in trees().items() for late in made_late(tree)]
    assert [] == [f"{path} {where}" for path, tree in trees().items() for where in doubted(tree)]


def test_the_rule_can_fail() -> None:
    """A late attribute is found, a declared one without a value too, and a doubt; what a constructor made is not."""
    tree = ast.parse(
        "class Kettle:\n"
        "    kind: str\n"
        "    def __init__(self):\n"
        "        self.full = False\n"
        "        self.water: str\n"
        "    def fill(self):\n"
        "        self.full = True\n"
        "        self.kind = self.water = ''\n"
        "        (self.lid, _) = getattr(self, 'lid', None), 1\n"
    )
    assert {"kind", "water", "lid"} == {late.rpartition(".")[2] for late in made_late(tree)}
    assert ["line 9: lid"] == list(doubted(tree))
