"""The text that names a link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from transport.address import Address, parse_address
from transport.errors import LinkError
from transport.impairment import Impairment

GOOD = {
    "udp://192.0.2.7:7800": ("udp", "192.0.2.7", 7800, None, False, None),
    "udp://:7800": ("udp", "", 7800, None, False, None),
    "udp://[::1]:7800?k=3": ("udp", "::1", 7800, 3, False, None),
    " udp://radio.local:1/?k=6&repeat=1 ": ("udp", "radio.local", 1, 6, True, None),
    "parrot://": ("parrot", "", 0, None, False, None),
    "parrot://?rate=1200&k=2": ("parrot", "", 0, 2, False, Impairment(rate_bps=1200)),
    "udp://:1?seed=3": ("udp", "", 1, None, False, None),
    "udp://:1?loss=5%&burst=3&ber=0.001&delay=150&jitter=0.2s&reorder=0.1&duplicate=0.2&seed=-7": (
        "udp", "", 1, None, False,
        Impairment(None, 0.15, 0.2, 0.05, 3.0, 0.001, 0.1, 0.2, -7),
    ),
    "udp://:1?delay=80ms&rate=9600": ("udp", "", 1, None, False, Impairment(rate_bps=9600, delay_s=0.08)),
}  # fmt: skip

BAD = {
    "": "write udp://",
    "hello": "write udp://",
    "udp:/x": "write udp://",
    "http://x:1": "no kind of link",
    "serial:///dev/ttyUSB0?baud=57600": "not there yet",
    "kiss://localhost:8001?call=AB1CDE": "not there yet",
    "udp://": "names no port",
    "udp://host": "names no port",
    "udp://host:0": "names no port",
    "udp://host:99999": "is not a link",
    "udp://host:port": "is not a link",
    "udp://[::1": "is not a link",
    "udp://me@host:1": "before HOST:PORT",
    "udp://host:1/path": "behind or before",
    "udp://host:1#x": "behind or before",
    "parrot://host": "without host and port",
    "udp://:1?k=0": "k must be a whole number of packets a frame, 1 to 6",
    "udp://:1?k=7": "k must be",
    "udp://:1?k=": "k must be",
    "udp://:1?k=2&k=3": "given twice",
    "udp://:1?colour=red": "no setting of a link",
    "udp://:1?repeat=yes": "repeat must be 0 or 1",
    "udp://:1?rate=fast": "rate must be",
    "udp://:1?rate=0": "rate must be above 0",
    "udp://:1?rate=nan": "rate must be",
    "udp://:1?rate=inf": "rate must be",
    "udp://:1?loss=2": "share between 0 and 1",
    "udp://:1?loss=-0.1": "share between 0 and 1",
    "udp://:1?ber=0.9": "between 0 and 0.5",
    "udp://:1?delay=-1": "cannot be negative",
    "udp://:1?delay=1m": "delay must be",
    "udp://:1?burst=0": "burst is at least 1",
    "udp://:1?loss=0.9&burst=2": "burst is at least 9",
    "udp://:1?seed=x": "seed must be",
}


@pytest.mark.parametrize(("text", "meaning"), GOOD.items())
def test_good_addresses(text: str, meaning: tuple) -> None:
    """An address means what the grammar says, and keeps its text as its name."""
    assert Address(text.strip(), *meaning) == parse_address(text)


@pytest.mark.parametrize(("text", "said"), BAD.items())
def test_bad_addresses(text: str, said: str) -> None:
    """What is no address is refused in one line that names the cause."""
    with pytest.raises(LinkError) as caught:
        parse_address(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_readme_names_every_setting() -> None:
    """transport/README.md explains each setting that an address takes, and no other."""
    text = (Path(__file__).parent.parent / "transport" / "README.md").read_text(encoding="utf-8")
    table = text.split("| setting |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)=", table))
    with pytest.raises(LinkError) as caught:
        parse_address("udp://:1?unknown=1")
    assert set(str(caught.value).split("there are ")[1].split(", ")) == named
