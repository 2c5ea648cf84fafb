"""Errors carry their cause and their cure apart, so that nobody has to take a text to pieces."""

from __future__ import annotations

import copy
import pickle

import pytest

from transport.address import parse_address
from transport.errors import (
    FrameError,
    LineFull,
    LinkError,
    NewerVersion,
    OtherMode,
    Stale,
    TransportError,
    UsageError,
)


def test_the_text_of_an_error_is_its_cause_and_its_cure():
    """One line, joined by a colon; without a cure there is no colon."""
    assert "the port is gone: plug it in again" == str(LinkError("the port is gone", "plug it in again"))
    assert "a name is missing" == str(FrameError("a name is missing"))
    assert "LinkError('no port', 'plug it in')" == repr(LinkError("no port", "plug it in"))


def test_a_colon_in_a_cause_moves_nothing_into_the_cure():
    """Names of devices and addresses contain colons."""
    error = LinkError("udp://[::1]:7800 (a: b) failed", "check the network")
    assert ("udp://[::1]:7800 (a: b) failed", "check the network") == (error.cause, error.cure)
    assert "update this one" == NewerVersion(7).cure


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copied_error_keeps_both(again):
    """Errors of worker processes are pickled on their way."""
    error = again(UsageError("k is 1..6, not 7", "choose another one"))
    assert ("k is 1..6, not 7", "choose another one") == (error.cause, error.cure)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "udp",
        "x://y",
        "udp://host:port",
        "udp://a:7/b",
        "udp://[::1",
        "serial://",
        "serial:///dev/x",
        "kiss://h:1",
        "kiss:///dev/x?call=N0CALL",
        "parrot://host",
        "udp://:7?k=9",
        "udp://:7?x=1",
        "udp://:7?k=1&k=2",
        "udp://:7?loss=2",
        "udp://:7?baud=9600",
        "serial:///dev/x?radio=afsk1200",
    ],
)
def test_whoever_mistypes_a_link_is_told_what_to_write(text):
    """Every problem with an address has a cure of its own."""
    with pytest.raises(TransportError) as caught:
        parse_address(text)
    assert caught.value.cause
    assert caught.value.cure
    assert f"{caught.value.cause}: {caught.value.cure}" == str(caught.value)


@pytest.mark.parametrize(
    ("kind", "arguments", "cause"),
    [
        (Stale, ("Ada", -90), "a frame of Ada is 90 s old"),
        (Stale, ("", 90), "a frame of somebody is 90 s ahead"),
        (Stale, ("Ada", 1), "a frame of Ada is 1 s ahead"),
        (Stale, ("Ada", 0), "a frame of Ada is 0 s old"),
        (OtherMode, (3,), "mode 3 is not the mode of this channel"),
    ],
)
def test_a_refusal_says_whose_frame_it_was_and_why(kind, arguments, cause):
    """It is what the capture and the log show; the user can do nothing about it."""
    error = kind(*arguments)
    assert (cause, "", cause) == (error.cause, error.cure, str(error))


def test_a_full_line_says_what_is_full_and_what_to_do():
    """All of it, unless it is said that only one address has its share: then a passphrase helps."""
    everybody, one = LineFull("udp://192.0.2.7", 16), LineFull("udp://192.0.2.7", 4, of_one_address=True)
    assert "udp://192.0.2.7 has no place free, it serves 16" == everybody.cause
    assert "call again later, or meet on a broker" == everybody.cure
    cause = "udp://192.0.2.7 has no place free for this address, it serves 4 of one address without a passphrase"
    assert (cause, "call again later, agree on a passphrase, or meet on a broker") == (one.cause, one.cure)
