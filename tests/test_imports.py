"""Who may import whom: every import is read, and any arrow that the design does not have is a failure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "assets", "codec", "transport", "vocoder")
ARROWS = {
    "app": {"transport", "codec", "vocoder", "assets"},
    "transport": set(),
    "codec": set(),
    "vocoder": {"codec"},
    "assets": set(),
}
VOCODER_MAY_USE = {"codec.format", "codec.features", "codec.models"}
"""Beside vocoder/training, which may use all of codec. codec.models loads any graph, the vocoder's too."""
CONFINED = {"torch": "training", "textual": "app/tui", "sounddevice": "app/audio.py"}

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> list[str]:
    """Every module that the file imports, wherever in it, with what is taken out of a package appended."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def forbidden(path: str, names: list[str]) -> list[str]:
    """What a file at this path, relative to the root, imports and may not."""
    package = path.split("/")[0]
    wrong = []
    for name in names:
        top = name.split(".")[0]
        if top in PACKAGES and top != package and top not in ARROWS[package]:
            wrong.append(name)
        elif package == "vocoder" and top == "codec" and not path.startswith("vocoder/training/"):
            # `from codec import format` reads as codec.format, `from codec.format import X` as codec.format.X.
            if ".".join(name.split(".")[:2]) not in VOCODER_MAY_USE:
                wrong.append(name)
        elif package == "app" and ".training" in name and not path.startswith("app/commands/"):
            wrong.append(name)
        if top in CONFINED and CONFINED[top] not in path:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_package_may(path):
    """The arrows between the packages, and the libraries that are kept in one place."""
    assert [] == forbidden(str(path.relative_to(ROOT)), imported(path))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("codec/encoder.py", "transport.frame.Frame"),
        ("codec/encoder.py", "torch"),
        ("transport/udp.py", "app.settings.Settings"),
        ("vocoder/stream.py", "codec.decoder.Decoder"),
        ("app/engine.py", "textual.app.App"),
        ("app/streams.py", "sounddevice"),
        ("app/engine.py", "codec.training.prepare"),
    ],
)
def test_a_wrong_arrow_is_found(path, name):
    """The rule above can fail."""
    assert [name] == forbidden(path, [name])


def test_there_is_something_to_read():
    """An empty list of files would pass everything."""
    assert len(FILES) > 40
