"""`gossamer doctor` as a whole: this machine, its words and exit codes, and a check that fails."""

from __future__ import annotations

import json

from app.__main__ import main
from app.diagnostics import doctor
from app.diagnostics.doctor import examine
from app.diagnostics.findings import Finding


def test_this_machine(capsys):
    """Every part is looked at, the models are there and their speed is a figure; nothing else on standard output."""
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (0 if told["ok"] else 1)
    found = {finding["what"]: finding for finding in told["findings"]}
    assert {"system", "models", "encoding", "decoding", "talk key", "settings", "network", "recordings"} <= set(found)
    assert "ok" == found["models"]["status"] and "sha256 codec_encoder " in found["models"]["found"]
    assert found["encoding"]["found"].endswith(" of real time")
    assert "warn" == found["talk key"]["status"]  # there is no terminal here
    assert all(finding["cure"] for finding in told["findings"] if finding["status"] != "ok")


def test_words_and_exit_code(monkeypatch, capsys):
    """A line each, the cure below; 1 when something fails, 0 when it only warns."""
    monkeypatch.setattr(doctor, "all_checks", lambda: {"a": lambda: [Finding("a", "warn", "so so", "do this")]})
    assert 0 == main(["doctor"])
    assert ["warn  a             so so", "                    do this"] == capsys.readouterr().out.splitlines()[1:]
    monkeypatch.setattr(doctor, "all_checks", lambda: {"b": lambda: [Finding("b", "fail", "bad", "do that")]})
    assert 1 == main(["doctor"])


def test_a_look_that_fails_is_a_finding():
    """The others go on."""

    def broken() -> list[Finding]:
        raise RuntimeError("driver fell over\nat length")

    found = examine({"one": broken, "two": lambda: [Finding("two", "ok", "fine")]})
    assert [("one", "fail", "could not be looked at: driver fell over"), ("two", "ok", "fine")] == [
        (finding.what, finding.status, finding.found) for finding in found
    ]
