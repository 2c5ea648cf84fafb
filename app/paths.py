"""The files and folders that Gossamer keeps on disk, each where the platform wants it.

Nothing is created here, and every path is asked for anew: tests, and users, move them with the XDG_* variables.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import platformdirs

PROGRAM = "gossamer"
"""Name of our folder inside each of the platform's folders."""


def settings_file() -> Path:
    """Return the settings file that is read unless --config names another one."""
    return platformdirs.user_config_path(PROGRAM) / "settings.toml"


def recent_links_file() -> Path:
    """Return the file that lists the links opened last."""
    return platformdirs.user_state_path(PROGRAM) / "recent.toml"


def recordings_folder() -> Path:
    """Return the folder that keeps past overs and the captures of frames."""
    return platformdirs.user_data_path(PROGRAM) / "overs"


def control_sockets_folder() -> Path:
    """Return the folder in which running stations put their control sockets.

    Where others may read the runtime folder, platformdirs warns and answers with another one, which is fine.
    """
    with warnings.catch_warnings(action="ignore"):
        return platformdirs.user_runtime_path(PROGRAM)


def failure_file() -> Path:
    """Return the file that takes the traceback of a station that failed by a mistake of ours."""
    return platformdirs.user_log_path(PROGRAM) / "failure.txt"
