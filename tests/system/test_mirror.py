"""Tests mirror the product: a test file is named after a module in the same place, or listed here as a behaviour."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIRRORED = ("app", "codec", "transport", "vocoder")
BEHAVIOURS = {
    "app/audio/test_device_problems.py",
    "app/audio/test_hostile_sound.py",
    "app/cli/test_bad_paths.py",
    "app/cli/test_model_choice.py",
    "app/cli/test_old_captures.py",
    "app/cli/test_written.py",
    "app/headless/test_two_ways.py",
    "app/history/test_bounds.py",
    "app/history/test_left_out.py",
    "app/history/test_mailed_files.py",
    "app/listening_page/test_page.py",
    "app/relay/test_attacks.py",
    "app/relay/test_copied_frames.py",
    "app/relay/test_forged_frames.py",
    "app/relay/test_forged_numbers.py",
    "app/relay/test_packets_ahead.py",
    "app/relay/test_slow_links.py",
    "app/relay/test_sparse_overs.py",
    "app/relay/test_real_links.py",
    "app/relay/test_ring.py",
    "app/settings/test_hostile_file.py",
    "app/station/test_any_sequence.py",
    "app/station/test_attacks.py",
    "app/station/test_copies.py",
    "app/station/test_keep_alives.py",
    "app/station/test_lost_link.py",
    "app/station/test_mismatches.py",
    "app/station/test_on_a_broker.py",
    "app/station/test_open_attacks.py",
    "app/station/test_packets_ahead.py",
    "app/station/test_restart.py",
    "app/tui/dialogs/test_cards.py",
    "app/tui/talk/test_clicks.py",
    "app/tui/talk/test_layout.py",
    "app/tui/talk/test_missed.py",
    "app/tui/talk/test_on_air.py",
    "app/tui/talk/test_protection.py",
    "app/tui/talk/test_terminal.py",
    "codec/test_hostile_models.py",
    "training/test_recipes.py",
    "training/test_stages.py",
    "transport/links/test_changed_network.py",
    "transport/links/test_forged_errors.py",
    "transport/links/test_protected_peer.py",
    "transport/links/test_serial_lines.py",
    "transport/links/test_vanished_tnc.py",
    "transport/protocol/test_malformed.py",
}
"""Tests of what several modules do together; the first line of each says what it is."""


def places(modules: Iterable[Path]) -> set[str]:
    """Return where tests of these modules may stand, below tests/: training is flat."""
    found = set()
    for module in modules:
        folder = "training" if module.parts[1] == "training" else str(module.parent)
        found.add(f"{folder}/test_{module.stem.strip('_')}.py")
    return found


def test_every_test_file_has_its_place() -> None:
    """It is named after a module, or known as a behaviour; a behaviour without a file must go from the list."""
    modules = [path.relative_to(ROOT) for package in MIRRORED for path in (ROOT / package).rglob("*.py")]
    mirrored = (*MIRRORED, "training")
    files = {
        str(path.relative_to(ROOT / "tests"))
        for folder in mirrored
        for path in (ROOT / "tests" / folder).rglob("test_*.py")
    }
    assert BEHAVIOURS == files - places(modules)


def test_the_rule_can_fail() -> None:
    """A module's test stands in its folder, and in training in the one folder."""
    modules = [Path("app/station/talker.py"), Path("vocoder/training/losses/words.py"), Path("app/__main__.py")]
    assert {"app/station/test_talker.py", "training/test_words.py", "app/test_main.py"} == places(modules)
