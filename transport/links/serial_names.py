"""Lasting names of serial ports: those under /dev/serial/by-id/, which stay while numbers such as ttyUSB0 change."""

from __future__ import annotations

from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
"""Folder in which udev keeps one link for each serial adapter, named by its maker and serial number."""


def lasting_name(path: str) -> str | None:
    """Return the name under `BY_ID` of the port at `path`, or None where it has none.

    A path that stands there already is returned as it is, also while nothing is plugged in.
    """
    if Path(path).parent == BY_ID:
        return path
    port = Path(path).resolve()
    return next((str(name) for name in lasting_names() if name.resolve() == port), None)


def lasting_names() -> list[Path]:
    """Return all names under `BY_ID` in order; none where the system has no such folder."""
    try:
        return sorted(BY_ID.iterdir())
    except OSError:
        return []
