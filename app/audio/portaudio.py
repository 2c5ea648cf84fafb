"""PortAudio: which microphones and loudspeakers there are.

The only module that imports sounddevice, and only when asked to, so that everything but sound works without the
library. The streams themselves are in streams.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import DeviceError, NoDescriptors, os_reason
from app.events import Device
from app.settings.model import Settings

Result = TypeVar("Result")

RATES_HZ = (48000, 44100, 32000, 16000, 8000)
"""Sampling rates tried after the device's own: resampling here is cleaner than in a driver."""

NO_DEVICE_CURE = "plug one in, or start the sound server (PulseAudio or PipeWire)"
"""Advice for a machine without any device."""

NO_SOUND_CURE = "is a sound system installed?"
"""Advice where PortAudio itself fails."""
PLAIN_WORDS = {
    -10000: "the sound system was not started",
    -9999: "the sound system refuses it",
    -9998: "it has no channel of the kind that is wanted",
    -9997: "it takes none of the usual sampling rates",
    -9996: "it is not there any more",
    -9994: "it takes none of the usual kinds of samples",
    -9993: "it cannot be used for this",
    -9992: "there is no memory for it",
    -9987: "it does not answer",
    -9986: "the sound system failed",
    -9985: "another program is using it, or it was unplugged",
}
"""Reasons in plain words, by the numbers of PortAudio's errors (portaudio.h, PaErrorCode)."""
HOST_ERROR = -9999
"""Number of an error that the system below PortAudio explains."""

DESCRIPTORS = 24
"""File descriptors that must be there before PortAudio is asked for anything.

Measured with PulseAudio behind ALSA: 13 at once for a start and both streams. With fewer than two, PortAudio's search
for devices ends the program by an assertion of its own (pa_linux_alsa.c, BuildDeviceList).
"""
HANGS_S = 20.0
"""Longest time that PortAudio may take for anything, in seconds.

It waits for ever for a sound server that has stopped, or that went away while a stream began (pa_unix_util.c,
PaUnixThread_New). To open a device with every rate takes some seconds.
"""
PORTAUDIO = threading.Lock()
"""Lock of whoever opens, restarts or lists: there is one PortAudio in a process, and it bears no two calls at once."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One microphone or loudspeaker as the system names it."""

    number: int
    name: str
    kind: Device
    channels: int
    own_rate_hz: int
    rates_hz: tuple[int, ...]
    """Sampling rates that work; empty where they were not tried."""
    is_default: bool


def plain_words(error: Exception) -> str:
    """Return why PortAudio refuses something, in plain words where its error has a number that is known."""
    number = error.args[1] if len(error.args) > 1 else None
    if number == HOST_ERROR and len(error.args) > 2 and isinstance(error.args[2], tuple) and error.args[2][-1]:
        return f"the sound system says: {error.args[2][-1]}"
    if number in PLAIN_WORDS:
        return PLAIN_WORDS[number]
    text = (str(error).splitlines() or [""])[0].partition(" [PaErrorCode")[0]
    return text.rpartition("Stream: ")[2] or "it gives no reason"


def check_descriptors() -> None:
    """Raise NoDescriptors where the system does not give DESCRIPTORS file descriptors; give them back at once."""
    taken = list[int]()
    try:
        taken.append(os.open(os.devnull, os.O_RDONLY))
        while len(taken) < DESCRIPTORS:
            taken.append(os.dup(taken[0]))
    except OSError as error:
        cause = f"no sound: the sound system needs files, and the system opens none ({os_reason(error)})"
        raise NoDescriptors(cause, "raise the limit (`ulimit -n`), or end what holds them open") from error
    finally:
        for descriptor in taken:
            os.close(descriptor)


def load_portaudio() -> Any:
    """Return the sounddevice module, for a call or two.

    Raises DeviceError where its library is missing or does not start, or lacks the descriptors for what comes next.
    """
    check_descriptors()
    try:
        import sounddevice
    except OSError as error:
        cure = "install it (Debian and Ubuntu: apt-get install libportaudio2)"
        raise DeviceError("no sound: the PortAudio library is missing", cure) from error
    except Exception as error:  # sounddevice.PortAudioError cannot be named before the import
        raise DeviceError(f"no sound: PortAudio does not start ({plain_words(error)})", NO_SOUND_CURE) from error
    return sounddevice


def silence_native_libraries() -> None:
    """Take file descriptor 2 away from ALSA, JACK and PortAudio, which write to it as they like, across a screen.

    Python's own standard error goes on, through a copy. For a program that plays sound, once, early.
    """
    if sys.stderr is None or sys.__stderr__ is None:
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
        copy = os.fdopen(os.dup(sys.__stderr__.fileno()), "w", buffering=1, errors="backslashreplace")
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = sys.__stderr__ = copy  # type: ignore[misc]


def sound_server() -> tuple[int, int] | None:
    """Return what tells PulseAudio, or PipeWire in its place, from one that was started anew; None where none is.

    It is its socket: number and time of the file.
    """
    at = os.environ.get("PULSE_SERVER", "").removeprefix("unix:")
    folder = os.environ.get("PULSE_RUNTIME_PATH") or os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), "pulse")
    try:
        found = os.stat(at if at.startswith("/") else os.path.join(folder, "native"))
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns


def portaudio_hangs() -> DeviceError:
    """Return the error for a call that does not come back, and for others until it does."""
    return DeviceError("no sound: the sound system hangs", "start the sound server anew, then Gossamer")


@contextlib.contextmanager
def portaudio_alone() -> Iterator[None]:
    """Keep all others from PortAudio inside the context. Blocking. Raises DeviceError where a call does not end."""
    if not PORTAUDIO.acquire(timeout=HANGS_S):
        raise portaudio_hangs()
    try:
        yield
    finally:
        PORTAUDIO.release()


def in_time(blocking: Callable[[], Result]) -> Result:
    """Return what a function returns that calls PortAudio, alone. Blocking, but no longer than HANGS_S.

    It runs in a thread, so that a signal is heard meanwhile. Raises what it raises, and DeviceError where it does not
    come back.
    """
    found: Future[Result] = Future()

    def run() -> None:
        try:
            with portaudio_alone():
                found.set_result(blocking())
        except BaseException as problem:
            found.set_exception(problem)

    threading.Thread(target=run, name="PortAudio", daemon=True).start()
    try:
        return found.result(HANGS_S)
    except TimeoutError:
        raise portaudio_hangs() from None


def end_at_once_if_it_hangs(code: int) -> None:
    """End the process with this exit code where a call has not come back: PortAudio ends in no other way then.

    Its threads go on, and would call what is no more while the interpreter takes itself apart.
    """
    if PORTAUDIO.locked():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.flush()
        os._exit(code)


def list_devices(*, try_rates: bool = True) -> list[DeviceInfo]:
    """Return every device that can be opened for something. Blocking. Raises DeviceError.

    try_rates: find out which rates work, which opens every device for a moment: slow, and not while streams run.
    """

    def listed() -> list[DeviceInfo]:
        sounddevice = load_portaudio()
        try:
            return _list(sounddevice, RATES_HZ if try_rates else None)
        except sounddevice.PortAudioError as error:
            raise DeviceError(f"no sound: PortAudio lists nothing ({plain_words(error)})", NO_SOUND_CURE) from error

    return in_time(listed)


def _list(sounddevice: Any, rates_hz: tuple[int, ...] | None) -> list[DeviceInfo]:
    defaults = {"microphone": sounddevice.default.device[0], "loudspeaker": sounddevice.default.device[1]}
    found = []
    for number, entry in enumerate(sounddevice.query_devices()):
        kinds: tuple[Device, ...] = ("microphone", "loudspeaker")
        for kind in kinds:
            channels = int(entry[_channels_key(kind)])
            if channels < 1:
                continue
            own_rate_hz = round(entry["default_samplerate"])
            rates = sorted({*rates_hz, own_rate_hz}) if rates_hz else []
            working = tuple(rate for rate in rates if _works(sounddevice, number, kind, min(2, channels), rate))
            found.append(
                DeviceInfo(number, entry["name"], kind, channels, own_rate_hz, working, number == defaults[kind])
            )
    return found


def _channels_key(kind: Device) -> str:
    """Return where PortAudio's entry of a device says how many channels it has for this use."""
    return "max_input_channels" if kind == "microphone" else "max_output_channels"


def _works(sounddevice: Any, number: int, kind: Device, channels: int, rate_hz: int) -> bool:
    check = sounddevice.check_input_settings if kind == "microphone" else sounddevice.check_output_settings
    try:
        check(device=number, channels=channels, dtype="float32", samplerate=rate_hz)
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def find_device(name: str | None, kind: Device) -> int:
    """Return PortAudio's number of the device with this number, name or part of a name; None is the default.

    Raises DeviceError for one that is not there.
    """
    sounddevice = load_portaudio()
    candidates = [
        (number, entry["name"])
        for number, entry in enumerate(sounddevice.query_devices())
        if entry[_channels_key(kind)] > 0
    ]
    if not candidates:
        raise DeviceError(f"no {kind} found", NO_DEVICE_CURE)
    numbers = [number for number, _ in candidates]
    if name is None:
        default: int = sounddevice.default.device[0 if kind == "microphone" else 1]
        return default if default in numbers else numbers[0]
    if name.isdecimal() and int(name) in numbers:
        return int(name)
    matches = [number for number, text in candidates if text == name]
    matches += [number for number, text in candidates if name.casefold() in text.casefold()]
    if not matches:
        raise DeviceError(f"there is no {kind} called {name!r}", "`gossamer devices` lists what there is")
    return matches[0]


def check_devices(settings: Settings, *, needed: bool = False) -> None:
    """Raise DeviceError where the settings name a device that is not there now, or there is no sound that is needed."""

    def check() -> None:
        if needed:
            load_portaudio()
        if settings.microphone is not None:
            find_device(settings.microphone, "microphone")
        if settings.loudspeaker is not None:
            find_device(settings.loudspeaker, "loudspeaker")

    if needed or settings.microphone is not None or settings.loudspeaker is not None:
        in_time(check)
