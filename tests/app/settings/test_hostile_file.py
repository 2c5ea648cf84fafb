"""Settings files that are none: devices, endless ones, and TOML made to hurt."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.errors import FileProblem
from app.paths import recent_links_file
from app.settings.contacts import recent_links
from app.settings.file import MAX_FILE_BYTES, read_configuration


@pytest.mark.parametrize(
    "text",
    [
        "[" * 3000, "a = " + "[" * 3000, "a" + ".a" * 3000 + " = 1", "a = " + "9" * 5000, "name = 1979-99-99",
        '"\\u001b[2J" = 1', "name = 'a'\nname = 'b'", "= 1", "\0", "name = '\x1b[2J'", "volume = nan", "volume = inf",
        '[contacts]\n"\\u001b[2J" = "udp://a:1"', '[contacts]\nbob = "udp://\\u009b2J"', "contacts = 3", "[[contacts]]",
        '[contacts]\nbob = ""', "#" * (MAX_FILE_BYTES + 1),
    ],
)  # fmt: skip
def test_toml_that_hurts_is_one_plain_line(tmp_path: Path, text: str) -> None:
    """In time, and without anything that a terminal obeys."""
    path = tmp_path / "settings.toml"
    path.write_text(text)
    began_s = time.monotonic()
    with pytest.raises(FileProblem, match=r"settings\.toml") as caught:
        read_configuration(path)
    assert str(caught.value).isprintable()
    assert time.monotonic() - began_s < 20


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs devices")
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom", "/dev/full", "/tmp", "/proc/self/mem"])
def test_what_is_no_file_is_one_line(path: str) -> None:
    """A device without an end holds nobody up."""
    began_s = time.monotonic()
    with pytest.raises(FileProblem, match=path):
        read_configuration(Path(path))
    assert time.monotonic() - began_s < 20


def test_a_pipe_is_read_as_shells_give_it(tmp_path: Path) -> None:
    """`--config <(command)` is a file of its own kind."""
    reading, writing = os.pipe()
    os.write(writing, b'name = "Ada"\n')
    os.close(writing)
    assert {"name": "Ada"} == read_configuration(Path(f"/dev/fd/{reading}")).values
    os.close(reading)


@pytest.mark.parametrize("text", ["[" * 3000, "links = " + "9" * 5000, 'links = ["\\u001b"]', "\xff", "x" * 100_000])
def test_a_list_of_recent_links_that_is_none_is_empty(text: str) -> None:
    """It is a convenience, and ends nothing."""
    recent_links_file().parent.mkdir(parents=True, exist_ok=True)
    recent_links_file().write_text(text, encoding="latin-1")
    assert [] == recent_links()
