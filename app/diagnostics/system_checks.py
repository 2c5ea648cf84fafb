"""Checks of the machine: terminal, serial ports, settings, network, clock, disk and Debian packages."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from app.diagnostics.findings import Finding
from app.errors import FileProblem, GossamerError, os_reason
from app.paths import recordings_folder, settings_file
from app.settings.contacts import resolve
from app.settings.file import read_configuration
from transport.address import parse_address
from transport.errors import TransportError
from transport.links.serial_names import lasting_name

TERMINAL_WAIT_S = 0.5
"""Seconds that a terminal gets to answer."""
REPORTING_SINCE = (1, 32)
"""First version of onnxruntime that looks up its vendor's host and keeps a device number, unless told not to."""
DEBIAN_PACKAGES = ("libportaudio2", "libasound2-plugins")
"""Debian packages that sound needs."""
_REACHABLE = (
    "UDP ports can be opened; one of two stations must be reachable, or both call a broker (mqtt://HOST/CHANNEL)"
)
_KITTY = re.compile(rb"\x1b\[\?\d+u")
_ATTRIBUTES = re.compile(rb"\x1b\[\?[\d;]*c")


def python_finding(version: tuple[int, int] = sys.version_info[:2], platform: str = sys.platform) -> Finding:
    """Return the finding of Python and the platform, which everything else stands on."""
    found = f"Python {version[0]}.{version[1]} on {platform}"
    if platform == "darwin":
        return Finding("system", "warn", found, "macOS is kept possible and untested: say how it goes")
    return Finding("system", "ok", f"{found}, {Path(sys.executable).parent}")


def check_terminal() -> list[Finding]:
    """Check whether this terminal tells when a key is released."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return [Finding("talk key", "warn", "no terminal here, so nothing is known of it", "run this in the terminal")]
    if terminal_tells_release(sys.stdin.fileno(), sys.stdout.fileno()):
        return [Finding("talk key", "ok", "this terminal tells key releases: hold space to talk")]
    cure = "tap to talk, hold where keys repeat, or use a terminal with the kitty protocol (kitty, foot, WezTerm)"
    return [Finding("talk key", "warn", "this terminal does not tell key releases", cure)]


def terminal_tells_release(source: int, target: int) -> bool:
    """Tell whether a terminal has the kitty keyboard protocol, which reports key releases.

    It is asked for that protocol, then for what every terminal answers: who is silent on the first has not got it.
    source and target: the terminal's file descriptors.
    """
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


def check_serial_ports() -> list[Finding]:
    """Check whether this user may open the serial ports that there are."""
    from serial.tools import list_ports

    ports = [(port.device, port.description) for port in list_ports.comports()]
    if not ports:
        return [Finding("serial", "ok", "no serial ports: no radio is plugged in")]
    return [serial_finding(path, description, lasting_name(path)) for path, description in sorted(ports)]


def serial_finding(path: str, description: str, lasting: str | None = None) -> Finding:
    """Return the finding of one port; `lasting` is its name under /dev/serial/by-id/, which a link should use."""
    if os.access(path, os.R_OK | os.W_OK):
        stays = f", whose name that stays is {lasting}" if lasting else ""
        return Finding("serial", "ok", f"{path} ({description}){stays}")
    group = "dialout"
    with contextlib.suppress(OSError, KeyError, ImportError):
        import grp

        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    cure = f"sudo usermod -a -G {group} $USER, then log out and in again"
    return Finding("serial", "fail", f"{path} ({description}): this user may not open it", cure)


def check_settings(config: str | None = None) -> list[Finding]:
    """Check the settings file, None for the default one, and the link that it names."""
    try:
        path = settings_file() if config is None else Path(config)
    except FileProblem as problem:
        return [Finding("settings", "warn", problem.cause, problem.cure)]
    try:
        configuration = read_configuration(None if config is None else path)
        link = configuration.values.get("link")
        if link is not None:
            parse_address(resolve(link, configuration.contacts, path))
    except (GossamerError, TransportError) as problem:
        return [Finding("settings", "fail", problem.cause, problem.cure or f"correct {path}")]
    found = f"{path}, {len(configuration.values)} settings, {len(configuration.contacts)} contacts"
    return [Finding("settings", "ok", found if configuration.exists else f"none in {path}: the defaults hold")]


def check_network() -> list[Finding]:
    """Check that a UDP port can be had, and that the clock is set, which sealed channels need."""
    findings = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", 0))
        findings.append(Finding("network", "ok", _REACHABLE))
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


def reporting_finding(installed: str, switched_off: bool) -> Finding:
    """Return the finding of libraries that report their use. installed: onnxruntime's version, such as "1.32.0"."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", installed)[:2])
    if numbers < REPORTING_SINCE:
        return Finding("privacy", "ok", f"onnxruntime {installed} reports nothing to anybody")
    if switched_off:
        return Finding("privacy", "ok", f"onnxruntime {installed} would report its use to its vendor: switched off")
    cure = "set ORT_DISABLE_TELEMETRY=1 before it is started"
    return Finding("privacy", "fail", f"onnxruntime {installed} reports its use to its vendor", cure)


def check_reporting() -> list[Finding]:
    """Check that no library that is installed tells others of its use."""
    import codec  # which switches it off

    del codec
    return [reporting_finding(version("onnxruntime"), os.environ.get("ORT_DISABLE_TELEMETRY") == "1")]


def check_recordings() -> list[Finding]:
    """Check that past overs can be kept."""
    from app.history.folder import folder_bytes

    try:
        folder = recordings_folder()
    except FileProblem as problem:
        return [Finding("recordings", "warn", f"{problem.cause}: overs are not kept", problem.cure)]
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        cure = f"make it writable, or set record = false in {settings_file()}"
        return [Finding("recordings", "warn", f"{existing} cannot be written to: overs are not kept", cure)]
    taken = folder_bytes(folder) / 1e6
    return [Finding("recordings", "ok", f"{folder}, {taken:.1f} MB taken")]


def check_packages(dpkg: str = "dpkg-query") -> list[Finding]:
    """Check the Debian packages that sound needs, where this is a Debian. dpkg: the program to ask."""
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
