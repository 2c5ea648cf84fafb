"""What the doctor finds of terminals, serial ports, settings and packages."""

from __future__ import annotations

import os
import pty
import threading

import pytest

from app.diagnostics.system_checks import (
    check_packages,
    check_reporting,
    check_settings,
    reporting_finding,
    serial_finding,
    terminal_tells_release,
)


@pytest.mark.parametrize(
    ("answer", "tells"),
    [(b"\x1b[?1u\x1b[?62;4c", True), (b"\x1b[?62;4c", False), (b"", False), (b"\x1b[?0u\x1b[?1;2c", True)],
)
def test_a_terminal_is_asked(answer, tells):
    """One with the kitty protocol says so; others, and silent ones, are known as such, and left as they were."""
    import termios

    ours, theirs = pty.openpty()
    asked = []

    def terminal() -> None:
        asked.append(os.read(ours, 100))
        if answer:
            os.write(ours, answer)

    beside = threading.Thread(target=terminal, daemon=True)
    before = termios.tcgetattr(theirs)
    beside.start()
    assert tells == terminal_tells_release(theirs, theirs)
    beside.join(5)
    assert [b"\x1b[?u\x1b[c"] == asked
    assert before == termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_serial_port_that_may_not_be_opened(tmp_path, monkeypatch):
    """The group that would help is named."""
    port = tmp_path / "ttyUSB0"
    port.write_text("")
    assert "ok" == serial_finding(str(port), "CP2102").status
    name = "/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0"
    assert name in serial_finding(str(port), "CP2102", name).found
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused = serial_finding(str(port), "CP2102")
    assert "fail" == refused.status and "usermod -a -G" in refused.cure
    assert "dialout" in serial_finding(str(tmp_path / "gone"), "CP2102").cure


def test_settings_that_are_wrong(tmp_path, monkeypatch):
    """The file, the key and what to do."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert "ok" == check_settings()[0].status
    (tmp_path / "gossamer").mkdir()
    (tmp_path / "gossamer" / "settings.toml").write_text("volume = 7\n")
    [finding] = check_settings()
    assert "fail" == finding.status and "settings.toml" in finding.found + finding.cure
    (tmp_path / "gossamer" / "settings.toml").write_text('link = "udp://nowhere:none"\n')
    assert "fail" == check_settings()[0].status


def test_missing_packages(tmp_path):
    """The command that brings them."""
    assert "no Debian" in check_packages(str(tmp_path / "no-dpkg"))[0].found
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    assert "sudo apt-get install libportaudio2 libasound2-plugins" == check_packages(str(fake))[0].cure


def test_libraries_that_report_their_use_are_known():
    """An old version is silent, a new one is switched off by us; where it is not, that is a failure with its cure."""
    assert ["ok", "ok", "fail"] == [
        reporting_finding(version, off).status for version, off in (("1.31.9", False), ("1.32.0", True), ("2.0", False))
    ]
    assert "ORT_DISABLE_TELEMETRY=1" in reporting_finding("1.32.0", False).cure
    assert ["ok"] == [finding.status for finding in check_reporting()]
