"""`gossamer devices`: microphones and loudspeakers, the rates that work, which is the default."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from app.audio.portaudio import NO_DEVICE_CURE, DeviceInfo, list_devices, silence_native_libraries
from app.cli.options import add_json
from app.console import print_json, tell
from app.events import Device

KINDS: tuple[tuple[Device, str], ...] = (("microphone", "Microphones"), ("loudspeaker", "Loudspeakers"))
"""Kinds of devices, each with its heading."""


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_json(parser)
    parser.set_defaults(run=run_devices)


def run_devices(arguments: argparse.Namespace) -> int:
    """List the machine's devices. Raises DeviceError without PortAudio."""
    silence_native_libraries()
    devices = list_devices()
    if arguments.json:
        print_json({"devices": [asdict(device) for device in devices]})
        return 0
    for kind, heading in KINDS:
        tell(f"{heading}:")
        of_kind = [device for device in devices if device.kind == kind]
        for device in of_kind:
            tell(device_line(device))
        if not of_kind:
            tell(f"    none: {NO_DEVICE_CURE}")
    return 0


def device_line(device: DeviceInfo) -> str:
    """Return a device as a line such as ` *  3  pulse   44.1 48 kHz`; the star marks the default."""
    rates = " ".join(f"{rate / 1000:g}" for rate in device.rates_hz)
    works = f"{rates} kHz" if rates else "no rate works: busy, or not for us"
    return f" {'*' if device.is_default else ' '} {device.number:3}  {device.name:<40}  {works}"
