"""All that `gossamer doctor` checks, in the order of its report. No check can stop the others."""

from __future__ import annotations

from functools import partial

from app.diagnostics.broker_checks import check_broker
from app.diagnostics.findings import Check, Finding
from app.diagnostics.model_checks import check_models, check_small_models
from app.diagnostics.sound_checks import check_sound
from app.diagnostics.system_checks import (
    check_network,
    check_packages,
    check_recordings,
    check_reporting,
    check_serial_ports,
    check_settings,
    check_terminal,
)


def all_checks(config: str | None = None) -> dict[str, Check]:
    """Return the checks by what they check. config: the settings file, None for the default one."""
    return {
        "models": check_models,
        "small models": check_small_models,
        "sound": check_sound,
        "talk key": check_terminal,
        "serial": check_serial_ports,
        "settings": partial(check_settings, config),
        "network": check_network,
        "broker": partial(check_broker, config),
        "privacy": check_reporting,
        "recordings": check_recordings,
        "packages": check_packages,
    }


def examine(checks: dict[str, Check]) -> list[Finding]:
    """Return the findings of all checks, in their order. A check that fails in an unforeseen way is a finding too."""
    findings: list[Finding] = []
    for what, check in checks.items():
        try:
            findings += check()
        except Exception as error:  # whatever a driver or a terminal is able to do
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            findings.append(Finding(what, "fail", f"could not be looked at: {reason}", "send this line with a report"))
    return findings
