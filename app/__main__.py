"""`gossamer`: run one command, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import sys

_INTERRUPTED = 130
"""EXIT_INTERRUPTED of app/signals.py, which is not imported yet where this is needed."""
try:
    from app.station.first_press import press_first
except KeyboardInterrupt:  # the first thing that is ours, and nothing is begun
    sys.exit(_INTERRUPTED)

TYPE_CHECKING = False  # as in typing, whose import a pedal would have to wait for
if TYPE_CHECKING:
    from app.signals import Interrupts


def main(words: list[str] | None = None) -> int:
    """Run the command that the words, or the command line, ask for.

    Returns the exit code: the command's own, 2 for a problem that was said in one line, 130 when interrupted.
    """
    try:
        press_first(sys.argv[1:] if words is None else words)
        from app.signals import EXIT_INTERRUPTED, Interrupts  # nothing else: a signal may come meanwhile

        interrupts = Interrupts()
        interrupts.begin()
    except KeyboardInterrupt:
        return _INTERRUPTED
    try:
        code = interrupts.run(lambda: _run(words, interrupts))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BaseException:
        if not interrupts.came:  # a library that was being imported, or called, made another error of it
            raise
        code = EXIT_INTERRUPTED
    finally:
        interrupts.end()
    if (portaudio := sys.modules.get("app.audio.portaudio")) is not None:
        portaudio.end_at_once_if_it_hangs(code)
    return code


def _run(words: list[str] | None, interrupts: Interrupts) -> int:
    from app.cli import EXIT_PROBLEM
    from app.cli.parser import parse
    from app.console import complete_standard_streams, note
    from app.errors import FileProblem, GossamerError, os_reason
    from app.signals import EXIT_INTERRUPTED
    from codec.errors import CodecError
    from transport.errors import TransportError

    if sys.platform == "win32":
        note("Windows is not supported yet: run it on Linux (WSL may do for files, nobody tried the sound)")
        return EXIT_PROBLEM
    complete_standard_streams()
    try:
        arguments = parse(words)
        code: int = arguments.run(arguments)
    except (GossamerError, CodecError, TransportError) as problem:
        if interrupts.came:  # a library that was just being loaded made a problem of the signal
            return EXIT_INTERRUPTED
        note(str(problem))
        return EXIT_PROBLEM
    except BrokenPipeError:
        sys.stdout = None  # or the interpreter complains once more when it flushes
        return EXIT_PROBLEM
    except OSError as problem:  # of a path that nobody has looked at before: its name is too long, for instance
        if problem.filename is None:
            raise
        if interrupts.came:
            return EXIT_INTERRUPTED
        note(str(FileProblem(f"{os_reason(problem)}: {problem.filename}")))  # the path last, since long lines are cut
        return EXIT_PROBLEM
    return code


if __name__ == "__main__":
    sys.exit(main())
