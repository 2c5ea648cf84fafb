"""The version of this program, as it is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return the version of this program."""
    try:
        return version("gossamer")
    except PackageNotFoundError:
        return "not installed"
