"""What all tests share: which are collected, and that in CI none that needs sound or Codec2 is left out in silence."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest
import trio.testing

MUST_RUN_IN_CI = ("audio", "codec2", "field", "browser", "strace", "mosquitto", "dbus")

_NUMBERS = itertools.count()

collect_ignore_glob = [] if find_spec("torch") else ["training/*"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the training pipeline, which run in `make test-train` only."""
    for item in items:
        if Path(item.path).parent.name == "training":
            item.add_marker("training")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI: the packages it needs are there, so the set-up is broken."""
    report = yield
    needed = [name for name in MUST_RUN_IN_CI if item.get_closest_marker(name)]
    if os.environ.get("CI") == "true" and needed and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a test marked {' and '.join(needed)} may not be skipped in CI: {report.longrepr}"
    return report


class FailuresAtOnce:
    """A plug-in that tells of each failure when it happens: a run that is cut off has no summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down what has failed, and how."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.write_line(f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext}")


def pytest_configure(config: pytest.Config) -> None:
    """Tell of failures at once in CI, by the process that writes the report."""
    if os.environ.get("CI") == "true" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresAtOnce(config))


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Hide the settings, contacts and stations of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        patch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)  # no notification on the desktop of whoever tests
        yield


@pytest.fixture(autouse=True)
def no_overs_of_other_tests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a folder of past overs of its own: what is in it is shown at the start."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / f"data-{next(_NUMBERS)}"))


@pytest.fixture
def virtual_time() -> trio.testing.MockClock:
    """Return a clock for `trio.run` that jumps to the next deadline whenever all tasks wait."""
    return trio.testing.MockClock(autojump_threshold=0)
