"""`gossamer`: run one command, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from app.cli import EXIT_INTERRUPTED, EXIT_PROBLEM
from app.cli.parser import build_parser
from app.console import complete_standard_streams, note
from app.errors import GossamerError
from codec.errors import CodecError
from transport.errors import TransportError


def main(words: list[str] | None = None) -> int:
    """Run the command that the words, or the command line, ask for.

    Returns the exit code: the command's own, 2 for a problem that was said in one line, 130 when interrupted.
    """
    if sys.platform == "win32":
        note("Windows is not supported yet: run it on Linux (WSL may do for files, nobody tried the sound)")
        return EXIT_PROBLEM
    complete_standard_streams()
    arguments = build_parser().parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = arguments.run(arguments)
    except (GossamerError, CodecError, TransportError) as problem:
        note(str(problem))
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # or the interpreter complains once more when it flushes
        return EXIT_PROBLEM
    return code


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the command as Ctrl-C does, so that half-written files are taken away."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
