"""The documents: the README stays short, and every link and picture in them is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from app.__main__ import main

ROOT = Path(__file__).parents[2]
README_BYTES = 8000
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCUMENTS = sorted(
    path for name in ("app", "assets", "codec", "tests", "transport", "vocoder") for path in (ROOT / name).rglob("*.md")
)


def headings(path: Path) -> set[str]:
    """The anchors of a document, as they are made from its headings."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in lines}


def broken_links(path: Path) -> list[str]:
    """The links of a document that lead to no file, or to no heading."""
    broken = []
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists() or (anchor and anchor not in headings(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("path", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Files and headings that a document names exist."""
    assert [] == broken_links(path)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """The check can fail, on files and on headings."""
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](page.md#one-thing) [b](page.md#another) [c](no.md)")
    assert ["page.md#another", "no.md"] == broken_links(page)


def test_the_readme_is_read_in_one_sitting() -> None:
    """What is longer belongs into the documents it names."""
    assert README_BYTES >= len((ROOT / "README.md").read_bytes())


def radio_links(readme: str) -> list[str]:
    """The links over a radio that the README calls, in its order."""
    section = readme.partition("## Over a radio")[2].partition("\n## ")[0]
    calls = [shlex.split(line, comments=True) for line in section.splitlines() if line.startswith("    gossamer talk")]
    return [call[2] for call in calls]


def test_every_radio_in_the_readme_carries_speech() -> None:
    """A newcomer's first call over a radio is none that the plan refuses."""
    links = radio_links((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"serial", "kiss"} == {link.partition(":")[0] for link in links}
    assert [0] * len(links) == [main(["plan", link]) for link in links]


def test_a_radio_that_carries_none_is_found() -> None:
    """The check can fail."""
    readme = "## Over a radio\n\n    gossamer talk 'kiss://localhost:8001?call=AB1CDE&radio=afsk1200'  # slow keying\n"
    assert [2] == [main(["plan", link]) for link in radio_links(readme)]


def test_every_target_named_in_the_documents_is_in_the_makefile() -> None:
    """A reader can run what a document tells them to."""
    pages = [ROOT / "README.md", *DOCUMENTS]
    named = {
        word for page in pages for word in re.findall(r"`?\bmake ([a-z][a-z-]+)`", page.read_text(encoding="utf-8"))
    }
    listing = subprocess.run(["make", "-qp"], cwd=ROOT, capture_output=True, text=True).stdout
    targets = set(re.findall(r"^([a-z][a-z-]*):", listing, re.MULTILINE))
    assert named
    assert set() == named - targets
