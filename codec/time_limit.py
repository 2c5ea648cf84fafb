"""A limit on how long a graph may compute: a file may come from anybody, and hold a loop that never ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

MAX_STEP_CPU_S = 10.0
"""Longest computation, in seconds of the processor: a thousand times what a step of ours takes. Time in which the
process is frozen, or others have the processor, does not count."""
CHECKED_EVERY_S = 1.0
"""Time between two looks at what is being computed, in seconds."""


class TimeLimit:
    """Ends computations that take longer than `MAX_STEP_CPU_S`. One thread looks at all of them."""

    def __init__(self) -> None:
        self._computing: dict[int, tuple[onnxruntime.RunOptions, float]] = {}
        """Options of each computation, and the processor seconds of this process when it began."""
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def options(self) -> Iterator[onnxruntime.RunOptions]:
        """Give the options for one call of `InferenceSession.run`. Raises TimeoutError where that takes too long."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        self._watch()
        self._computing[id(options)] = options, time.process_time()
        try:
            yield options
        except Exception as error:  # onnxruntime says it with a general class of its own
            if options.terminate:
                raise TimeoutError(f"more than {MAX_STEP_CPU_S:g} s of computing") from error
            raise
        finally:
            del self._computing[id(options)]

    def _watch(self) -> None:
        """Begin to look, where nobody does: at first, and in a process that was forked."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="time limit of graphs", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while True:
            time.sleep(CHECKED_EVERY_S)
            for options, began in list(self._computing.values()):
                if time.process_time() - began > MAX_STEP_CPU_S:
                    options.terminate = True


TIME_LIMIT = TimeLimit()
"""The one of this process."""
