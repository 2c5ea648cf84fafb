"""Checks of sound: PortAudio, its devices, and whether sound moves through them."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from app.audio.portaudio import NO_DEVICE_CURE, in_time, list_devices, load_portaudio, plain_words
from app.diagnostics.findings import Finding
from app.errors import DeviceError
from app.events import Device

STREAM_WAIT_S = 3.0
"""Seconds that a stream gets to move."""
LOOK_EVERY_S = 0.03
"""Seconds between two looks whether it moves."""


def check_sound() -> list[Finding]:
    """Check PortAudio, devices of both kinds, and that sound moves through the default of each."""
    try:
        devices = list_devices()
        sounddevice = load_portaudio()
    except DeviceError as problem:
        return [Finding("sound", "warn", problem.cause, f"{problem.cure or NO_DEVICE_CURE}; files work without")]
    findings = []
    kinds: tuple[Device, Device] = ("microphone", "loudspeaker")
    for kind in kinds:
        usable = [device for device in devices if device.kind == kind and device.rates_hz]
        if not usable:
            findings.append(Finding(kind, "warn", "there is none that works", f"{NO_DEVICE_CURE}; files work without"))
            continue
        device = next((device for device in usable if device.is_default), usable[0])
        how = sounddevice, device.number, kind, device.rates_hz[0]
        try:
            silent = in_time(partial(_stream_problem, *how))
        except DeviceError as problem:
            silent = problem.cause
        found = f"{device.name}, {device.rates_hz[0]} Hz" + (f": {silent}" if silent else ", a stream runs")
        cure = f"close what else uses it, or choose another with --{kind} (`gossamer devices`)" if silent else ""
        findings.append(Finding(kind, "warn" if silent else "ok", found, cure))
    return findings


def _stream_problem(sounddevice: Any, number: int, kind: Device, rate_hz: int) -> str:
    """Return why no sound moves through a device, or "" where it does."""
    seen: list[int] = []

    def count(block: Any, frames: int, *_: Any) -> None:
        seen.append(frames)
        if kind == "loudspeaker":
            block.fill(0.0)

    stream_kind = sounddevice.InputStream if kind == "microphone" else sounddevice.OutputStream
    try:
        with stream_kind(device=number, channels=1, samplerate=rate_hz, dtype="float32", latency=0.1, callback=count):
            until_s = time.monotonic() + STREAM_WAIT_S
            while not seen and time.monotonic() < until_s:
                time.sleep(LOOK_EVERY_S)
    except (sounddevice.PortAudioError, ValueError) as error:
        return plain_words(error)
    return "" if seen else "it opens, but no sound moves"
