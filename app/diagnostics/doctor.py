"""What a station needs of this machine, looked at piece by piece: each look gives lines that say ok, warn or fail, and
what to do. Nothing is changed, and no look can stop the others."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.audio.portaudio import NO_DEVICE_CURE, list_devices, load_portaudio
from app.errors import DeviceError, GossamerError, os_reason
from app.events import Device
from app.paths import recordings_folder, settings_file
from app.settings.contacts import resolve
from app.settings.file import read_configuration
from codec.format import PACKET_S
from transport.address import parse_address
from transport.errors import TransportError

Status = Literal["ok", "warn", "fail"]

TERMINAL_WAIT_S = 0.5
TIMED_PACKETS = 20
FAST_ENOUGH = 0.5
"""Of real time, for encoding and for decoding: more leaves too little for a slow moment."""
STREAM_S = 0.3
DEBIAN_PACKAGES = ("libportaudio2", "libasound2-plugins")
_KITTY = re.compile(rb"\x1b\[\?\d+u")
_ATTRIBUTES = re.compile(rb"\x1b\[\?[\d;]*c")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    what: str
    status: Status
    found: str
    cure: str = ""


Look = Callable[[], list[Finding]]


def examine(looks: dict[str, Look]) -> list[Finding]:
    """All of them, in order. A look that fails in an unforeseen way is a finding too."""
    findings: list[Finding] = []
    for what, look in looks.items():
        try:
            findings += look()
        except Exception as error:  # whatever a driver or a terminal is able to do
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            findings.append(Finding(what, "fail", f"could not be looked at: {reason}", "send this line with a report"))
    return findings


def all_checks() -> dict[str, Look]:
    return {
        "models": look_at_models,
        "small models": look_at_small,
        "sound": look_at_sound,
        "talk key": look_at_terminal,
        "serial": look_at_serial,
        "settings": look_at_settings,
        "network": look_at_network,
        "recordings": look_at_recordings,
        "packages": look_at_packages,
    }


# --- models ------------------------------------------------------------------------------------------------------


def look_at_models() -> list[Finding]:
    """Loaded with their metadata checked, one for the other, and fast enough here."""
    import numpy as np

    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from codec.errors import CodecError
    from codec.format import PACKET_SAMPLES
    from codec.models import DECODER, ENCODER, VOCODER, asset_path
    from vocoder.synthesizer import open_synthesizer

    try:
        encoder, decoder, synthesizer = Encoder(), Decoder(), open_synthesizer("neural")
    except CodecError as problem:
        return [Finding("models", "fail", problem.cause, problem.cure or "reinstall gossamer")]
    sums = [
        f"{kind} {hashlib.sha256(asset_path(f'{kind}.onnx').read_bytes()).hexdigest()[:12]}"
        for kind in (ENCODER, DECODER, VOCODER)
    ]
    findings = [Finding("models", "ok", f"codec {encoder.codec_id}; sha256 {', '.join(sums)}")]
    if encoder.codec_id != decoder.codec_id:
        found = f"the encoder is codec {encoder.codec_id}, the decoder {decoder.codec_id}"
        findings.append(Finding("models", "fail", found, "reinstall gossamer: the files are of two versions"))
    noise = np.random.default_rng(1).normal(0, 0.05, PACKET_SAMPLES).astype(np.float32)
    packet = encoder.encode(noise)
    synthesizer.synthesize(decoder.decode(packet))  # the first call is slower
    for what, work in (
        ("encoding", lambda: encoder.encode(noise)),
        ("decoding", lambda: synthesizer.synthesize(decoder.decode(packet))),
    ):
        began_s = time.perf_counter()
        for _ in range(TIMED_PACKETS):
            work()
        share = (time.perf_counter() - began_s) / TIMED_PACKETS / PACKET_S
        found = f"{share:.3f} of real time"
        status: Status = "ok" if share < FAST_ENOUGH else "warn" if share < 1 else "fail"
        cure = "" if status == "ok" else "close other programs, or listen with --synth classic"
        findings.append(Finding(what, status, found, cure))
    return findings


def look_at_small() -> list[Finding]:
    """The set of `--model small`: loads, understands the other, and what it brings here."""
    from app.station.parts import load_codec
    from codec.decoder import Decoder
    from codec.errors import CodecError
    from codec.models import DECODER, ENCODER, SMALL, VOCODER, model_path

    use_other = "reinstall gossamer, or go without --model small"
    try:
        codec = load_codec("neural", SMALL)
    except CodecError as problem:
        return [Finding("small models", "warn", problem.cause, use_other)]
    own, other = codec.decoder.codec_id, Decoder().codec_id
    if own != other:
        return [Finding("small models", "warn", f"of codec {own}, the standard ones of codec {other}", use_other)]
    size = sum(model_path(kind, SMALL).stat().st_size for kind in (ENCODER, DECODER, VOCODER))
    return [Finding("small models", "ok", f"codec {own}, {size / 1e6:.1f} MB")]


# --- sound -------------------------------------------------------------------------------------------------------


def look_at_sound() -> list[Finding]:
    """The library, devices of both kinds, and a stream opened on each default."""
    try:
        sounddevice = load_portaudio()
        devices = list_devices()
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
        silent = _stream_problem(sounddevice, device.number, kind, device.rates_hz[0])
        found = f"{device.name}, {device.rates_hz[0]} Hz" + (f": {silent}" if silent else ", a stream runs")
        cure = f"close what else uses it, or choose another with --{kind} (`gossamer devices`)" if silent else ""
        findings.append(Finding(kind, "warn" if silent else "ok", found, cure))
    return findings


def _stream_problem(sounddevice: Any, number: int, kind: Device, rate_hz: int) -> str:
    """Why no sound passes; "" where it does."""
    seen: list[int] = []

    def count(block: Any, frames: int, *_: Any) -> None:
        seen.append(frames)
        if kind == "loudspeaker":
            block.fill(0.0)

    stream_kind = sounddevice.InputStream if kind == "microphone" else sounddevice.OutputStream
    try:
        with stream_kind(device=number, channels=1, samplerate=rate_hz, dtype="float32", latency=0.1, callback=count):
            until_s = time.monotonic() + 10 * STREAM_S
            while not seen and time.monotonic() < until_s:
                time.sleep(STREAM_S / 10)
    except (sounddevice.PortAudioError, ValueError) as error:
        return str(error).splitlines()[0]
    return "" if seen else "it opens, but no sound moves"


# --- terminal, serial ports --------------------------------------------------------------------------------------


def look_at_terminal() -> list[Finding]:
    """Whether this terminal tells when a key is released."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return [Finding("talk key", "warn", "no terminal here, so nothing is known of it", "run this in the terminal")]
    if terminal_tells_release(sys.stdin.fileno(), sys.stdout.fileno()):
        return [Finding("talk key", "ok", "this terminal tells key releases: hold space to talk")]
    cure = "tap to talk, hold where keys repeat, or use a terminal with the kitty protocol (kitty, foot, WezTerm)"
    return [Finding("talk key", "warn", "this terminal does not tell key releases", cure)]


def terminal_tells_release(source: int, target: int) -> bool:
    """Asks for the kitty keyboard protocol, then for what every terminal answers: who is silent on the first has not
    got it. source and target: the terminal's file descriptors."""
    import termios
    import tty

    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source)
        os.write(target, b"\x1b[?u\x1b[c")
        answer, until_s = b"", time.monotonic() + TERMINAL_WAIT_S
        while not _ATTRIBUTES.search(answer) and (left_s := until_s - time.monotonic()) > 0:
            if select.select([source], [], [], left_s)[0]:
                answer += os.read(source, 1024)
        return bool(_KITTY.search(answer))
    finally:
        termios.tcsetattr(source, termios.TCSAFLUSH, before)


def look_at_serial() -> list[Finding]:
    """The serial ports that there are, and whether this user may open them."""
    from serial.tools import list_ports

    ports = [(port.device, port.description) for port in list_ports.comports()]
    if not ports:
        return [Finding("serial", "ok", "no serial ports: no radio is plugged in")]
    return [serial_finding(path, description) for path, description in sorted(ports)]


def serial_finding(path: str, description: str) -> Finding:
    """One port."""
    if os.access(path, os.R_OK | os.W_OK):
        return Finding("serial", "ok", f"{path} ({description})")
    group = "dialout"
    with contextlib.suppress(OSError, KeyError, ImportError):
        import grp

        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    cure = f"sudo usermod -a -G {group} $USER, then log out and in again"
    return Finding("serial", "fail", f"{path} ({description}): this user may not open it", cure)


# --- settings, network, recordings, packages ---------------------------------------------------------------------


def look_at_settings() -> list[Finding]:
    """The file and the link that it names."""
    path = settings_file()
    try:
        configuration = read_configuration()
        link = configuration.values.get("link")
        if link is not None:
            parse_address(resolve(link, configuration.contacts, path))
    except (GossamerError, TransportError) as problem:
        return [Finding("settings", "fail", problem.cause, problem.cure or f"correct {path}")]
    found = f"{path}, {len(configuration.values)} settings, {len(configuration.contacts)} contacts"
    return [Finding("settings", "ok", found if configuration.exists else f"none in {path}: the defaults hold")]


def look_at_network() -> list[Finding]:
    """A UDP port can be had, and the clock is set, which sealed channels need."""
    findings = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", 0))
        findings.append(Finding("network", "ok", "UDP ports can be opened; one of two stations must be reachable"))
    except OSError as error:
        cure = "allow this program to use the network"
        findings.append(Finding("network", "fail", f"no UDP port: {os_reason(error)}", cure))
    from app.station.channel_end import wall_clock_s

    if wall_clock_s():
        findings.append(
            Finding(
                "clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC, within a minute of the others'?", time.gmtime())
            )
        )
    else:
        cure = "set it: without it a sealed channel has no protection against old overs"
        findings.append(Finding("clock", "warn", "was never set", cure))
    return findings


def look_at_recordings() -> list[Finding]:
    """Past overs can be kept."""
    from app.history.overs import folder_bytes

    folder = recordings_folder()
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        cure = f"make it writable, or set record = false in {settings_file()}"
        return [Finding("recordings", "warn", f"{existing} cannot be written to: overs are not kept", cure)]
    taken = folder_bytes(folder) / 1e6
    return [Finding("recordings", "ok", f"{folder}, {taken:.1f} MB taken")]


def look_at_packages(dpkg: str = "dpkg-query") -> list[Finding]:
    """Debian's, where this is a Debian."""
    missing = []
    for package in DEBIAN_PACKAGES:
        try:
            words = [dpkg, "-W", "-f", "${db:Status-Status}", package]
            said = subprocess.run(words, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return [Finding("packages", "ok", "no Debian here: nothing to look for")]
        missing += [package] if said.stdout.strip() != "installed" else []
    if missing:
        cure = f"sudo apt-get install {' '.join(missing)}"
        return [Finding("packages", "warn", f"missing: {', '.join(missing)}", cure)]
    return [Finding("packages", "ok", f"{', '.join(DEBIAN_PACKAGES)} are installed")]


def python_finding(version: tuple[int, int] = sys.version_info[:2], platform: str = sys.platform) -> Finding:
    """The ground under everything."""
    found = f"Python {version[0]}.{version[1]} on {platform}"
    if platform == "darwin":
        return Finding("system", "warn", found, "macOS is kept possible and untested: say how it goes")
    return Finding("system", "ok", f"{found}, {Path(sys.executable).parent}")
