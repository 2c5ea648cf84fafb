"""The files and folders that Gossamer keeps on disk, each where the platform wants it.

Nothing is created here, and every path is asked for anew: tests, and users, move them with the XDG_* variables.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from app.errors import FileProblem

PROGRAM = "gossamer"
"""Name of our folder inside each of the platform's folders."""


def settings_file() -> Path:
    """Return the settings file that is read unless --config names another one. Raises FileProblem without a home."""
    return _below_home("user_config_path") / "settings.toml"


def recent_links_file() -> Path:
    """Return the file that lists the links opened last. Raises FileProblem without a home."""
    return _below_home("user_state_path") / "recent.toml"


def recordings_folder() -> Path:
    """Return the folder that keeps past overs and the captures of frames. Raises FileProblem without a home."""
    return _below_home("user_data_path") / "overs"


def control_sockets_folder() -> Path:
    """Return the folder in which running stations put their control sockets. Raises FileProblem without a home.

    It is in the platform's folder for such things where that is ours alone. Otherwise, and where only one in the
    temporary folder could be had, which anybody may make before us, it is in the user's own state folder.
    """
    session = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if session.is_absolute() and is_ours(session) and session.stat().st_mode & 0o777 == 0o700:
        return session / PROGRAM  # as platformdirs has it, whose import would take a pedal longer than all the rest
    import warnings

    import platformdirs

    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs tells of a folder that others may read
            path = platformdirs.user_runtime_path(PROGRAM)
    except (OSError, RuntimeError):  # somebody else has made it, or there is no home
        path = None
    if path is not None and is_ours(path.parent):
        return path
    return _below_home("user_state_path") / "run"


def failure_file() -> Path:
    """Return the file that takes the traceback of a station that failed by a mistake of ours.

    Raises FileProblem without a home.
    """
    return _below_home("user_log_path") / "failure.txt"


def is_ours(folder: Path) -> bool:
    """Tell whether a folder is there, belongs to this user, and nobody else may change what is in it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _below_home(finder: str) -> Path:
    """Return our folder among those of the platform. Raises FileProblem where this user has no home.

    It would be one called "~", wherever we happen to be; newer versions of platformdirs raise an error instead.
    finder: name of the function of platformdirs.
    """
    import platformdirs

    find: Callable[[str], Path] = getattr(platformdirs, finder)
    try:
        path = find(PROGRAM)
    except RuntimeError:
        path = Path()
    if not path.is_absolute():
        raise FileProblem("this user has no home folder", "set HOME to a folder that may be written to")
    return path
