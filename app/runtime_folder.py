"""The folder of this login session, in which control sockets lie. A module of its own, for `gossamer ptt` loads it."""

from __future__ import annotations

import os
import stat


def session_folder() -> str:
    """Return the folder that the session manager has made for us alone, mode 0700; "" where there is none.

    That is XDG_RUNTIME_DIR, as platformdirs has it too, whose import would take a pedal longer than all the rest.
    """
    path = os.environ.get("XDG_RUNTIME_DIR", "")
    return path if path.startswith("/") and is_ours(path) and os.stat(path).st_mode & 0o777 == 0o700 else ""


def is_ours(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is there, belongs to this user, and nobody else may change what is in it."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
