"""What a command says: words for a person, or with `--json` one object and nothing else on standard output."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from typing import Any


def add_json(parser: argparse.ArgumentParser) -> None:
    """The flag."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")


def print_json(facts: dict[str, Any]) -> None:
    """One object on one line. Dataclasses become objects; what JSON has no number for becomes null."""
    print(json.dumps(plain(facts), ensure_ascii=False, allow_nan=False), flush=True)


def say(arguments: argparse.Namespace, facts: dict[str, Any], text: str) -> int:
    """The facts or the words, whichever was asked for. Returns exit code 0."""
    if getattr(arguments, "json", False):
        print_json(facts)
    else:
        print(text, flush=True)
    return 0


def plain(value: Any) -> Any:
    """The value in what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
