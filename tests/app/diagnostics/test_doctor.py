"""`gossamer doctor` as a whole: this machine, its words and exit codes, and a check that fails."""

from __future__ import annotations

import json

import pytest

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
    monkeypatch.setattr(doctor, "all_checks", lambda _: {"a": lambda: [Finding("a", "warn", "so so", "do this")]})
    assert 0 == main(["doctor"])
    assert ["warn  a             so so", "                    do this"] == capsys.readouterr().out.splitlines()[1:]
    monkeypatch.setattr(doctor, "all_checks", lambda _: {"b": lambda: [Finding("b", "fail", "bad", "do that")]})
    assert 1 == main(["doctor"])


@pytest.mark.parametrize("before", [True, False])
def test_the_settings_file_that_is_named_is_the_one_that_is_checked(tmp_path, monkeypatch, capsys, before):
    """A mistake in it fails; one in the default file is nobody's business then."""
    monkeypatch.setattr(doctor, "examine", lambda checks: checks["settings"]())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "gossamer").mkdir()
    (tmp_path / "gossamer" / "settings.toml").write_text("volume = 7\n")
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('name = "Ada"\n')
    bad.write_text('link = "pigeon://x"\n')
    for path, code, words in ((good, 0, f"{good}, 1 settings"), (bad, 1, "is no kind of link")):
        given = ["--config", str(path)]
        assert code == main([*given, "doctor"] if before else ["doctor", *given])
        assert words in capsys.readouterr().out


def test_a_look_that_fails_is_a_finding():
    """The others go on."""

    def broken() -> list[Finding]:
        raise RuntimeError("driver fell over\nat length")

    found = examine({"one": broken, "two": lambda: [Finding("two", "ok", "fine")]})
    assert [("one", "fail", "could not be looked at: driver fell over"), ("two", "ok", "fine")] == [
        (finding.what, finding.status, finding.found) for finding in found
    ]
