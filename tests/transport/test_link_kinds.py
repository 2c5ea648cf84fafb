"""The rows of link_kinds.py: each is complete, and a new one is all that a new kind of link needs."""

from __future__ import annotations

import inspect
import math
import re
import subprocess
import sys

import pytest
import trio

from app.diagnostics.link_account import carrier_bytes
from transport.address import parse_address
from transport.errors import LinkError, UsageError
from transport.link_kinds import (
    LINK_KINDS,
    Form,
    Help,
    LayerBytes,
    LinkKind,
    explained_forms,
    help_lines,
    kind_of,
    layer_named,
    written_forms,
)
from transport.link_options import (
    AddressParts,
    LinkOption,
    read_packets,
)
from transport.links.memory import MemoryLink, memory_pair
from transport.links.registry import open_link, opener_of
from transport.planning.planner import plan
from transport.radio.airtime import (
    Bits,
    KissUart,
    Lora,
    Way,
)

EXAMPLES = {
    "udp": "udp://192.0.2.7:7800",
    "mqtt": "mqtt://192.0.2.7/harbour",
    "mqtts": "mqtts://ada@192.0.2.7/harbour",
    "serial": "serial:///dev/ttyUSB0?baud=57600",
    "kiss": "kiss://localhost?call=N0CALL",
    "parrot": "parrot://",
}
EVERY_KIND = pytest.mark.parametrize("kind", LINK_KINDS.values(), ids=list(LINK_KINDS))


def test_every_kind_has_an_example_here():
    """A new row is tested like the others."""
    assert list(EXAMPLES) == list(LINK_KINDS)


@EVERY_KIND
def test_the_opener_of_a_row_is_there(kind: LinkKind):
    """The name of a function in links/ is written in the row; the parrot's link is made by the station itself."""
    opener = opener_of(kind)
    assert (kind.scheme == "parrot") is (opener is None)
    if opener is not None:
        assert inspect.iscoroutinefunction(opener)
        assert ["address", "nursery", "keep_alive"] == list(inspect.signature(opener).parameters)


def test_only_who_opens_a_broker_pays_for_mqtt():
    """Paho and TLS take some 0.2 s to load; another link, or an address of a broker, loads neither."""
    code = (
        "import sys, trio\n"
        "from transport.links.registry import open_link, opener_of\n"
        "from transport.address import parse_address\n"
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        link = await open_link('udp://127.0.0.1:7800', nursery)\n"
        "        await link.aclose()\n"
        "        nursery.cancel_scope.cancel()\n"
        "trio.run(main)\n"
        "address = parse_address('mqtts://ada@broker.example/harbour')\n"
        "print('paho' in sys.modules)\n"
        "opener_of(address.kind)\n"
        "print('paho' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (["False", "True"], "") == (run.stdout.split(), run.stderr)


@EVERY_KIND
def test_the_way_of_a_row_counts_its_layers(kind: LinkKind):
    """With a rate, the last stretch adds to a frame what the layers add, or less where they are not all on it."""
    address = parse_address(EXAMPLES[kind.scheme])
    limited = kind.way(address.settings, None, 1200.0)
    assert isinstance(limited, Way)
    assert limited.air in kind.way(address.settings, None, None).stages or math.inf != limited.stages[-1].time_s(1)
    assert 40 + sum(layer.octets for layer in kind.layers) == limited.stages[-1].octets(40)
    assert 8 * limited.stages[-1].octets(40) / 1200 == limited.stages[-1].time_s(40)


@pytest.mark.parametrize(("where", "stages"), [("localhost", [Lora]), ("/dev/ttyUSB0", [KissUart, Lora, KissUart])])
def test_a_frame_passes_the_cable_of_a_modem_on_a_serial_port(where: str, stages: list[type]):
    """At this end and at the other one; over TCP it is at the modem in no time."""
    address = parse_address(f"kiss://{where}?call=N0CALL&radio=lora-sf8")
    assert stages == [type(stage) for stage in address.kind.way(address.settings, address.radio, None).stages]


@EVERY_KIND
def test_every_form_of_a_row_is_an_address_of_its_kind(kind: LinkKind):
    """The examples of the help can be typed as they are, once HOST and PORT are filled in."""
    lines = [text for line in kind.help for text in line.forms.split(", ")]
    for text in [form.text for form in kind.forms] + lines:
        written = text.replace("HOST", "192.0.2.7").replace("PORT", "7800")
        assert kind is parse_address(written).kind
        assert kind is kind_of(text)


def test_a_kind_is_known_by_its_scheme():
    """However it is written; what is no address has no kind."""
    assert LINK_KINDS["kiss"] is kind_of(" KISS://localhost ")
    assert [None, None, None] == [kind_of(text) for text in ("", "kiss", "pigeon://loft")]


def test_an_unknown_layer_is_an_error():
    """A layer that nobody has counted must not pass for one of no bytes."""
    assert (28 + 20, True) == carrier_bytes(("UDP/IP", "AX.25"))
    assert (13 + 22 + 52, True) == carrier_bytes(("MQTTS", "TCP/IP"))
    assert (3, False) == carrier_bytes(("framing",))
    with pytest.raises(UsageError, match="no kind of link has a layer 'pigeon'"):
        carrier_bytes(("UDP/IP", "pigeon"))


OPENED: list[tuple[MemoryLink, int]] = []
"""The far ends of the pigeon links that were opened, and their birds."""


async def open_pigeon(address, nursery, keep_alive) -> MemoryLink:
    """Open a link, as one of links/ would be opened."""
    near, far = memory_pair(address.text, layers=address.kind.layers)
    near.tag_bytes = address.kind.tag_bytes
    OPENED.append((far, address.settings))
    return near


def check_pigeon(parts: AddressParts) -> int:
    """Return the number of birds."""
    if not parts.host:
        raise LinkError(f"'{parts.text}' names no loft", "write pigeon://LOFT")
    return parts.options.get("birds", 1)


PIGEON = LinkKind(
    "pigeon",
    forms=(Form("pigeon://LOFT", "flies"),),
    help=(Help("pigeon://LOFT", "a bird"),),
    options=(LinkOption("birds", "birds", read_packets, "a number of birds, 1 to 6"),),
    check=check_pigeon,
    layers=(LayerBytes("leg ring/IP", 5),),
    tag_bytes=4,
    way=lambda birds, radio, rate_bps: Way((Bits(1000 * birds, 5),), Bits(1000 * birds, 5)),
    opener="tests.transport.test_link_kinds:open_pigeon",
    piece_bytes=100,
)


def test_a_row_is_all_that_a_new_kind_needs(monkeypatch):
    """Address, options, errors, help, plan, account and opener read the row."""
    monkeypatch.setitem(LINK_KINDS, "pigeon", PIGEON)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            link = await open_link("pigeon://loft?birds=3", nursery)
            far, birds = OPENED.pop()
            assert ("pigeon://loft?birds=3", 4, 3) == (link.name, link.tag_bytes, birds)
            await link.send(b"coo")
            assert b"coo" == await far.receive()
            assert 5 == link.sent.carrier

    trio.run(main)
    address = parse_address("pigeon://loft?birds=2&k=2&rate=900")
    assert (PIGEON, 2, 2) == (address.kind, address.settings, address.k)
    assert plan(address)[0].share == pytest.approx(2 * plan(parse_address("pigeon://loft?birds=4"))[0].share)
    assert (5, False) == carrier_bytes(("leg ring/IP",))
    assert LayerBytes("leg ring/IP", 5) == layer_named("leg ring/IP")
    assert "pigeon://LOFT flies" in explained_forms()
    assert written_forms().endswith("or pigeon://LOFT")
    assert any(line.startswith("pigeon://LOFT ") for line in help_lines())
    for wrong, said in {
        "pigeon://": "names no loft",
        "pigeon://loft?birds=9": "birds must be a number of birds",
        "pigeon://loft?baud=9600": "'baud' means nothing for pigeon://",
        "udp://:1?birds=1": "'birds' means nothing for udp://",
    }.items():
        with pytest.raises(LinkError, match=said):
            parse_address(wrong)


def test_the_first_colon_and_slashes_name_the_scheme():
    """Another address may stand in the options of one."""
    assert kind_of("udp://192.0.2.7:7800?note=serial://x") is LINK_KINDS["udp"]


def test_forms_are_named_as_a_list_is_read():
    """With commas, and an "or" before the last one."""
    assert re.fullmatch(r"[^ ,]+(, [^ ,]+)* or [^ ,]+", written_forms())
