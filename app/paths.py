"""The files and folders that Gossamer keeps on disk, each where the platform wants it.

Nothing is created here, and every path is asked for anew: tests, and users, move them with the XDG_* variables.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs

from app.errors import FileProblem
from app.runtime_folder import is_ours, session_folder

PROGRAM = "gossamer"
"""Name of our folder inside each of the platform's folders."""


def settings_file() -> Path:
    """Return the settings file that is read unless --config names another one. Raises FileProblem without a home."""
    return _below_home(platformdirs.user_config_path) / "settings.toml"


def recent_links_file() -> Path:
    """Return the file that lists the links opened last. Raises FileProblem without a home."""
    return _below_home(platformdirs.user_state_path) / "recent.toml"


def nonces_file() -> Path:
    """Return the file of the nonces that outlive a restart. Raises FileProblem without a home."""
    return _below_home(platformdirs.user_state_path) / "nonces"


def recordings_folder() -> Path:
    """Return the folder that keeps past overs and the captures of frames. Raises FileProblem without a home."""
    return _below_home(platformdirs.user_data_path) / "overs"


def control_sockets_folder() -> Path:
    """Return the folder in which running stations put their control sockets. Raises FileProblem without a home.

    It is in the platform's folder for such things where that is ours alone. Otherwise, and where only one in the
    temporary folder could be had, which anybody may make before us, it is in the user's own state folder.
    """
    if session := session_folder():
        return Path(session) / PROGRAM
    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs tells of a folder that others may read
            path = platformdirs.user_runtime_path(PROGRAM)
    except (OSError, RuntimeError):  # somebody else has made it, or there is no home
        path = None
    if path is not None and is_ours(path.parent):
        return path
    return _below_home(platformdirs.user_state_path) / "run"


def failure_file() -> Path:
    """Return the file that takes the traceback of a station that failed by a mistake of ours.

    Raises FileProblem without a home.
    """
    return _below_home(platformdirs.user_log_path) / "failure.txt"


def _below_home(find: Callable[[str], Path]) -> Path:
    """Return our folder among those of the platform. Raises FileProblem where this user has no home.

    It would be one called "~", wherever we happen to be; newer versions of platformdirs raise an error instead.
    """
    try:
        path = find(PROGRAM)
    except RuntimeError:
        path = Path()
    if not path.is_absolute():
        raise FileProblem("this user has no home folder", "set HOME to a folder that may be written to")
    return path
