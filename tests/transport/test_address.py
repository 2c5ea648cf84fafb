"""The text that names a link."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from tests.support.malformed import inputs
from tests.support.vectors import DOCUMENTS
from transport.address import Address, parse_address
from transport.broker import Access, BrokerSettings
from transport.errors import LinkError
from transport.framing.ax25 import Callsign
from transport.impairment import Impairment
from transport.link_kinds import LINK_KINDS
from transport.link_options import (
    KissSettings,
    ParrotSettings,
    SerialLines,
    SerialSettings,
    TncSettings,
    UdpSettings,
)
from transport.protocol.frames import Repeat
from transport.radio.radios import RADIOS

GOOD = {
    "udp://192.0.2.7:7800": ("udp", UdpSettings("192.0.2.7", 7800)),
    "udp://:7800": ("udp", UdpSettings("", 7800)),
    "udp://:": ("udp", UdpSettings("", 7800)),
    "udp://:/?k=2": ("udp", UdpSettings("", 7800), 2),
    "udp://192.0.2.7": ("udp", UdpSettings("192.0.2.7", 7800)),
    "udp://[2001:db8::7]": ("udp", UdpSettings("2001:db8::7", 7800)),
    "udp://239.1.2.3": ("udp", UdpSettings("239.1.2.3", 7800)),
    "udp://[::1]:7800?k=3": ("udp", UdpSettings("::1", 7800), 3),
    " udp://radio.local:1/?k=6&repeat=1 ": ("udp", UdpSettings("radio.local", 1), 6, Repeat.PACKETS),
    "udp://:1?repeat=coarse": ("udp", UdpSettings("", 1), None, Repeat.COPIES),
    "udp://:1?repeat=0": ("udp", UdpSettings("", 1)),
    "UDP://Radio.Local:1": ("udp", UdpSettings("radio.local", 1)),
    "parrot://": ("parrot", ParrotSettings()),
    "parrot://?rate=1200&k=2": ("parrot", ParrotSettings(), 2, Repeat.NONE, None, Impairment(rate_bps=1200)),
    "udp://:1?seed=3": ("udp", UdpSettings("", 1)),
    "udp://:1?loss=5%&burst=3&ber=0.001&delay=150&jitter=0.2s&reorder=0.1&duplicate=0.2&seed=-7": (
        "udp",
        UdpSettings("", 1),
        None,
        Repeat.NONE,
        None,
        Impairment(None, 0.15, 0.2, 0.05, 3.0, 0.001, 0.1, 0.2, -7),
    ),
    "udp://:1?delay=120ms&rate=9600": (
        "udp",
        UdpSettings("", 1),
        None,
        Repeat.NONE,
        None,
        Impairment(rate_bps=9600, delay_s=0.12),
    ),
}

BROKERS = {
    "mqtt://broker.example/harbour": BrokerSettings("broker.example", 1883, False, "g", "harbour", "g/harbour"),
    "mqtts://ada@[::1]:8884/club/boats/harbour?ca=/etc/my%20ca.pem": BrokerSettings(
        "::1", 8884, True, "club/boats", "harbour", "club/boats/harbour", user="ada", ca="/etc/my ca.pem"
    ),
    "mqtt://broker.example/X/boxX/": BrokerSettings("broker.example", 1883, False, "X", "boxX", "X/boxX"),
    "mqtts://a%40b@broker.example/K%C3%BCste/": BrokerSettings(
        "broker.example", 8883, True, "g", "K\u00fcste", "g/K\u00fcste", user="a@b"
    ),
    "mqtts://broker.example:8883/harbour?ca=/home/a:b@c": BrokerSettings(
        "broker.example", 8883, True, "g", "harbour", "g/harbour", ca="/home/a:b@c"
    ),
}
PASSWORDS = [
    "mqtts://ada:hush@broker.example/harbour",
    "mqtts://ada:hu/sh@broker.example/harbour",
    "mqtts://ada:hu?sh@broker.example/harbour",
    "mqtts://ada:hu#sh@broker.example/harbour",
    "mqtts://ada:hush@broker.example:port/harbour",
    "mqtt://ada:1234@broker.example",
    "udp://ada:hush@192.0.2.7:7800",
    "mqqts://ada:hush@broker.example/harbour",
    "mqtts://ada:hush@broker.example/harbour?ca=file://own.pem",
]

BAD = {
    "mqtt://broker.example": "names no channel: write mqtt://HOST/CHANNEL, such as mqtt://HOST/harbour",
    "mqtts://broker.example/": "names no channel: write mqtts://USER@HOST/CHANNEL",
    "mqtt:///harbour": "names no broker",
    "mqtt://broker.example:0/harbour": "names no broker",
    "mqtt://broker.example/a+b": "no channel can be called so: take 1 to 64 letters",
    "mqtt://broker.example/a//b": "no channel can be called so",
    "mqtt://broker.example/%00": "no channel can be called so",
    "mqtt://broker.example/$SYS/a": "no channel can be called so",
    f"mqtt://broker.example/{'a' * 65}": "no channel can be called so",
    "mqtt://broker.example/#": "names no channel",
    "mqtts://a%00b@broker.example/harbour": "no user of a broker can be called as in this address: take a name",
    f"mqtts://{'a' * 65_536}@broker.example/harbour": "no user of a broker can be called as in this address",
    "mqtt://broker.example/a#b": "behind or before",
    "mqtts://@broker.example/harbour": "behind or before",
    "mqtt://broker.example/harbour?ca=x": "'ca' means nothing for mqtt://",
    "mqtts://broker.example/harbour?ca=": "ca must be the name of a file with certificates",
    "kiss://me@localhost?call=AB1CDE": "before HOST:PORT",
    "": "write udp://",
    "hello": "write udp://",
    "udp:/x": "write udp://",
    "http://x:1": "no kind of link",
    "serial:///dev/ttyUSB0": "how fast the port is: add baud=57600 (SiK) or baud=9600 (HC-12, E22)",
    "serial:///dev/ttyUSB0?baud=0": "baud must be",
    "serial:///dev/ttyUSB0?baud=fast": "baud must be",
    "serial://": "names no serial port",
    "serial:///": "names no serial port",
    "serial://ttyUSB0?baud=9600": "names no serial port",
    "serial://COM3?baud=9600": "names no serial port",
    "serial:///dev/tty%00?baud=9600": "no name of a serial port",
    "serial:///dev/ttyUSB0?baud=9600&call=AB1CDE": "'call' means nothing for serial://",
    "serial:///dev/ttyUSB0?radio=afsk1200": "no radio for serial://: write kiss://",
    "serial:///dev/ttyUSB0?radio=walkman": "a radio that `gossamer plan` lists",
    "udp://host:1?baud=9600": "'baud' means nothing for udp://",
    "parrot://?radio=hc-12": "'radio' means nothing for parrot://",
    "kiss://localhost:8001": "names no callsign",
    "kiss://localhost:8001?call=HELLO": "call must be one to six letters and digits",
    "kiss://localhost:8001?call=AB1CDE-16": "call must be",
    "kiss://localhost:8001?call=AB1CDE&dest=TOO-LONG": "dest must be",
    "kiss://localhost:8001?call=AB1CDE&baud=9600": "leave baud out",
    "kiss://localhost:0?call=AB1CDE": "names no TNC",
    "kiss://?call=AB1CDE": "names no TNC: write kiss://HOST:PORT or kiss:///dev/ttyUSB0, with ?call=N0CALL-1",
    "kiss://localhost/dev/ttyUSB0?call=AB1CDE": "names no TNC",
    "kiss:///dev/ttyUSB0?call=AB1CDE": "how fast the port is",
    "kiss://localhost?call=AB1CDE&txdelay=3s": "txdelay must be",
    "kiss://localhost?call=AB1CDE&persist=256": "persist must be",
    "kiss://localhost?call=AB1CDE&kissport=16": "kissport must be a number from 0 to 15",
    "kiss://localhost?call=AB1CDE&kissport=-1": "kissport must be",
    "kiss://localhost?call=AB1CDE&dtr=0": "leave dtr, rts, settle out",
    "serial:///dev/ttyUSB0?baud=9600&dtr=on": "dtr must be 0 or 1",
    "serial:///dev/ttyUSB0?baud=9600&settle=31s": "settle must be a time in milliseconds",
    "serial:///dev/ttyUSB0?baud=9600&settle=-1": "settle must be",
    "udp://host:1?rts=1": "'rts' means nothing for udp://",
    "udp://": "names no host: write udp://HOST to call somebody, or udp://: to wait",
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
    "udp://:1?repeat=yes": "repeat must be 0, 1 or coarse",
    "udp://:1?rate=fast": "rate must be",
    "udp://:1?rate=0": "rate must be a number of bits per second, 1 to",
    "udp://:1?rate=1e300": "rate must be",
    "udp://:1?rate=1e-300": "rate must be",
    "udp://:1?delay=1e300": "delay must be",
    "udp://:1?jitter=3601s": "jitter must be",
    "udp://:1?burst=1e300": "burst must be",
    "udp://:1?rate=nan": "rate must be",
    "udp://:1?rate=inf": "rate must be",
    "udp://:1?loss=nan": "loss must be a share of frames",
    "udp://:1?ber=inf%": "ber must be a share of bits",
    "udp://:1?loss=2": "share between 0 and 1",
    "udp://:1?loss=-0.1": "share between 0 and 1",
    "udp://:1?ber=0.9": "between 0 and 0.5",
    "udp://:1?delay=-1": "delay must be a time in milliseconds",
    "udp://:1?delay=1m": "delay must be",
    "udp://:1?burst=0": "burst is at least 1",
    "udp://:1?loss=0.9&burst=2": "burst is at least 9",
    "udp://:1?seed=x": "seed must be",
}


@pytest.mark.parametrize(("text", "meaning"), GOOD.items())
def test_good_addresses(text: str, meaning: tuple) -> None:
    """An address means what the grammar says, and keeps its text as its name."""
    scheme, *fields = meaning
    assert Address(text.strip(), LINK_KINDS[scheme], *fields) == parse_address(text)


@pytest.mark.parametrize(("text", "meaning"), BROKERS.items())
def test_channels_on_brokers(text: str, meaning: BrokerSettings) -> None:
    """The last level of the path is the channel, those before it are the topic's, and a user may stand before the
    host."""
    address = parse_address(text)
    assert (meaning, meaning.channel) == (address.settings, address.channel)
    assert "" == parse_address("udp://:1").channel


@pytest.mark.parametrize("text", PASSWORDS)
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    """Command lines, logs and screens are read by others; so is the line that says this."""
    with pytest.raises(LinkError) as caught:
        parse_address(text)
    said = str(caught.value)
    assert "an address may hold no password" in said and "GOSSAMER_BROKER_PASSWORD" in said
    assert not any(part in said for part in ("hush", "hu", "1234", "ada"))


def test_what_a_station_brings_along() -> None:
    """Password and certificates go into the settings and into no text; a key makes the topic say nothing."""
    address = parse_address("mqtts://ada@broker.example/club/harbour")
    there = address.with_access(Access(key=bytes(32), password="hush", ca="own.pem"))
    assert (b"hush", "own.pem", "harbour") == (there.settings.password, there.settings.ca, there.channel)
    assert "hush" not in repr(there) and address.text == there.text
    assert re.fullmatch("club/[A-Za-z0-9_-]{6}", there.settings.topic)
    assert there.settings.topic != address.with_access(Access(key=bytes([1]) * 32)).settings.topic
    assert "club/harbour" == address.with_access(Access()).settings.topic
    elsewhere = parse_address("udp://:1")
    assert elsewhere == elsewhere.with_access(Access(key=bytes(32), password="hush"))


@pytest.mark.parametrize(
    ("password", "octets"), [("k\u00fcste", b"k\xc3\xbcste"), ("\udcff!", b"\xff!"), ("a" * 65_535, b"a" * 65_535)]
)
def test_a_password_is_any_bytes(password: str, octets: bytes) -> None:
    """Text as UTF-8, what was no text in the environment as it stood there, as long as MQTT carries it."""
    address = parse_address("mqtts://ada@broker.example/harbour")
    assert octets == address.with_access(Access(password=password)).settings.password


@pytest.mark.parametrize("password", ["a" * 65_536, "\u00fc" * 32_768, "hush\ud800"])
def test_a_password_that_no_broker_can_be_given(password: str) -> None:
    """It is refused in one line, which does not repeat it."""
    with pytest.raises(LinkError, match=r"^the password of the broker's user .*: correct it: the ") as caught:
        parse_address("mqtts://ada@broker.example/harbour").with_access(Access(password=password))
    assert "\n" not in str(caught.value) and password[:4] not in str(caught.value)


NOCALL = Callsign("N0CALL")
RADIO = {
    "serial:///dev/ttyUSB0?baud=57600": {"settings": SerialSettings("/dev/ttyUSB0", 57600)},
    "serial:///dev/serial/by-id/usb%20x?baud=9600&k=2": {
        "settings": SerialSettings("/dev/serial/by-id/usb x", 9600),
        "k": 2,
    },
    "serial:///dev/ttyUSB0?baud=9600&dtr=1&rts=0&settle=2s": {
        "settings": SerialSettings("/dev/ttyUSB0", 9600, SerialLines(dtr=True, rts=False, settle_s=2.0)),
    },
    "serial:///dev/ttyUSB0?radio=hc-12-far&rate=900": {
        "settings": SerialSettings("/dev/ttyUSB0", 2400),
        "radio": RADIOS["hc-12-far"],
        "impairment": Impairment(rate_bps=900),
    },
    "serial:///dev/ttyUSB0?radio=hc-12-far&baud=9600": {
        "settings": SerialSettings("/dev/ttyUSB0", 9600),
        "radio": RADIOS["hc-12-far"],
    },
    "kiss://localhost?call=ab1cde-7": {
        "settings": KissSettings("localhost", 8001, "", 0, Callsign("AB1CDE", 7), Callsign("GOSMR")),
    },
    "kiss://[::1]:9000?call=N0CALL&dest=net&radio=afsk1200&txdelay=100&txtail=0.02s&slottime=10&persist=255": {
        "settings": KissSettings("::1", 9000, "", 0, NOCALL, Callsign("NET"), TncSettings(0.1, 0.02, 0.01, 255)),
        "radio": RADIOS["afsk1200"],
    },
    "kiss:///dev/ttyACM0?call=N0CALL&radio=lora-sf8": {
        "settings": KissSettings("", 0, "/dev/ttyACM0", 115200, NOCALL, Callsign("GOSMR")),
        "radio": RADIOS["lora-sf8"],
    },
}


@pytest.mark.parametrize(("text", "meaning"), RADIO.items())
def test_addresses_of_radios(text: str, meaning: dict) -> None:
    """A path is a serial port, everything that a TNC needs stands behind the question mark."""
    assert Address(text, LINK_KINDS[text.split(":")[0]], **meaning) == parse_address(text)


@settings(max_examples=100, deadline=None)
@given(inputs([text.encode() for text in [*GOOD, *RADIO, *BROKERS, *PASSWORDS]]))
def test_any_text(texts: list[bytes]) -> None:
    """Whatever is written is an address or LinkError of one line."""
    for octets in texts:
        problem = ""
        try:
            parse_address(octets.decode("latin-1"))
        except LinkError as error:
            problem = str(error)
        assert "\n" not in problem


@pytest.mark.parametrize(("text", "said"), BAD.items())
def test_bad_addresses(text: str, said: str) -> None:
    """What is no address is refused in one line that names the cause."""
    with pytest.raises(LinkError) as caught:
        parse_address(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_documents_name_every_setting() -> None:
    """docs/links.md explains each setting that an address takes, and no other."""
    text = (DOCUMENTS / "links.md").read_text(encoding="utf-8")
    table = text.split("| setting |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)=", table))
    with pytest.raises(LinkError) as caught:
        parse_address("udp://:1?unknown=1")
    assert set(str(caught.value).split("there are ")[1].split(", ")) == named
