"""What the doctor says of the broker that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.diagnostics.broker_checks import check_broker
from app.diagnostics.system_checks import check_settings
from app.paths import settings_file
from app.settings.file import write_configuration
from tests.support.broker import Broker
from tests.support.processes import free_port

pytestmark = pytest.mark.mosquitto


def found(**settings: str) -> list[tuple[str, str]]:
    write_configuration(settings_file(), settings)
    return [(finding.status, f"{finding.found}: {finding.cure}") for finding in check_broker()]


def test_the_broker_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers, one that is not to be trusted until its authority is named, and one that is not there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert [] == check_broker()
    assert [] == found(link="udp://:7800") == found(link="mqtt://nonsense")
    (folder := tmp_path / "broker").mkdir()
    own = Broker(folder, tls=True)
    link = f"mqtts://ada@127.0.0.1:{own.port}/harbour"
    [(status, said)] = found(link=link)
    assert "fail" == status and "is not to be trusted" in said and "ca=FILE" in said
    [(status, said)] = found(link=link, ca=str(folder / "ca.crt"))
    assert ("ok", f"127.0.0.1 port {own.port} answers over TLS, with a certificate to trust: ") == (status, said)
    own.kill()
    port = free_port(tcp=True)
    [(status, said)] = found(link=f"mqtt://127.0.0.1:{port}/harbour")
    assert "fail" == status and f"no broker answers at 127.0.0.1 port {port} (connection refused)" in said


def test_passwords_that_others_can_read_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the check of the settings: that of the broker reads the same file."""
    path = tmp_path / "settings.toml"
    path.write_text('[passwords]\n"ada@broker.example" = "swordfish"\n')
    path.chmod(0o644)
    check_settings(str(path))
    assert f"gossamer: others on this machine can read {path}: chmod 600 {path}\n" == capsys.readouterr().err
    check_broker(str(path))
    assert "" == capsys.readouterr().err
