"""What the messages on a topic are taken for, and how many are taken."""

from __future__ import annotations

from transport.broker import HELLO, leave_mark, leaving_message
from transport.links import message_filter
from transport.links.message_filter import Came, Echo, Left, MessageFilter, Payload, TooMany
from transport.protocol.open_frames import MAX_FRAME_BYTES


def test_what_a_message_is() -> None:
    """A frame, rubbish, an echo, or news of who came and left."""
    messages = MessageFilter()
    messages.sent(b"\x12 mine")
    meanings = {
        b"\x12 theirs": Payload(b"\x12 theirs"),
        b"\x12 mine": Echo(),
        HELLO: Came(),
        leaving_message(b"12345678"): Left(leave_mark(b"12345678")),
        leaving_message(b"1234567"): Payload(b"\x001234567"),
        b"": Payload(b""),
        bytes(MAX_FRAME_BYTES): Payload(bytes(MAX_FRAME_BYTES)),
        bytes(MAX_FRAME_BYTES + 1): Payload(b""),
    }
    for payload, meaning in meanings.items():
        assert meaning == messages.received(payload, 0.0)
    assert Payload(b"") == messages.received(None, 0.0)


def test_own_frames_are_forgotten_in_order() -> None:
    """The oldest makes room; one that was sent again is young."""
    messages = MessageFilter()
    for number in range(message_filter.OWN_FRAMES):
        messages.sent(b"%d" % number)
    messages.sent(b"0")
    messages.sent(b"one more")
    assert (Echo(), Payload(b"1"), Echo()) == tuple(messages.received(one, 0.0) for one in (b"0", b"1", b"2"))


def test_no_more_are_taken_than_so_many_a_second() -> None:
    """What may come at once, then what a second brings; whatever it is, and whoever sent it."""
    messages = MessageFilter()
    taken = [messages.received(HELLO, 0.0) for _ in range(6000)]
    assert message_filter.MESSAGES_AT_ONCE == taken.count(Came()) == 6000 - taken.count(TooMany())
    later = [messages.received(b"x", 0.5) for _ in range(6000)]
    assert message_filter.MESSAGES_PER_S / 2 == later.count(Payload(b"x"))


def test_a_user_of_the_broker_who_sends_a_thousand_a_second_drops_nobody() -> None:
    """Junk is told from speech by its tag, later: this filter lets through what can be checked."""
    messages = MessageFilter()
    taken = [messages.received(b"junk", number / 1000) for number in range(10_000)]
    assert TooMany() not in taken
