"""`gossamer send --confirm`: whom it takes for the only other station, and what it says."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from app.cli.confirmation import LOOK_S, MARGIN_S, SPREAD_S, Confirmation
from app.errors import GossamerError
from app.events import OverConfirmed, PresenceChanged, StationPresent
from app.settings.model import Settings
from transport.protocol.floor import RECEIPT_WAIT_S

BOB, EVE = StationPresent("Bob", 0.0), StationPresent("Eve", 0.0)
LISTENED_S = 2.0


def looked(
    clock: MockClock, confirmation: Confirmation, *answers: tuple[float, tuple[StationPresent, ...]]
) -> tuple[str | None, float]:
    """Return whom it finds, and after how many seconds of the link, where presence changes at these times.

    Raises GossamerError where it refuses.
    """

    async def answer(began_s: float) -> None:
        for at_s, stations in answers:
            await trio.sleep_until(began_s + at_s)
            confirmation.note(PresenceChanged(stations))

    async def main() -> tuple[str | None, float] | GossamerError:
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, began_s)
            await trio.sleep(LISTENED_S)
            try:
                found = await confirmation.look(began_s)
            except GossamerError as refusal:
                nursery.cancel_scope.cancel()
                return refusal
            return found, trio.current_time() - began_s

    outcome = trio.run(main, clock=clock)
    if isinstance(outcome, GossamerError):
        raise outcome
    return outcome


@pytest.fixture
def confirmation() -> Confirmation:
    """A confirmation that is wanted, of whom nobody has said."""
    return Confirmation(Settings("udp://192.0.2.7", name="Ada"), wanted=True)


@pytest.mark.parametrize("second_s", [1.5, LISTENED_S + 0.1, SPREAD_S - 0.1])
def test_two_who_do_not_answer_at_once_are_several(
    virtual_time: MockClock, confirmation: Confirmation, second_s: float
) -> None:
    """Answers are spread: the first one is not taken for the only station."""
    with pytest.raises(GossamerError, match="several stations are here: Eve, Bob: say who is to confirm: --to NAME"):
        looked(virtual_time, confirmation, (1.0, (BOB,)), (second_s, (EVE, BOB)))


def test_one_is_the_only_one_when_all_would_have_answered(virtual_time: MockClock, confirmation: Confirmation) -> None:
    """And no later; it is the one that is addressed, and named where it does not confirm."""
    assert ("Bob", SPREAD_S) == looked(virtual_time, confirmation, (1.0, (BOB,)))
    confirmation.note(PresenceChanged((EVE, BOB)))
    assert "not confirmed by Bob" == confirmation.words()


def test_a_receipt_is_told() -> None:
    """With what was heard, by whom; nobody is looked for who was named."""
    named = Confirmation(Settings("udp://192.0.2.7", name="Ada", addressee="Eve"), wanted=True)
    assert "not confirmed by Eve" == named.words()
    named.note(OverConfirmed(1, 8, 9, "Eve"))
    assert "confirmed by Eve: 8 of 9 packets heard" == named.words()


def test_who_is_named_is_not_looked_for(virtual_time: MockClock) -> None:
    """And somebody must be named where nobody says that he is there."""
    named = Confirmation(Settings("udp://192.0.2.7", name="Ada", addressee="Eve"), wanted=True)
    assert (None, LISTENED_S) == looked(virtual_time, named)
    with pytest.raises(GossamerError, match="--confirm with --presence off: say who"):
        Confirmation(Settings(presence="off"), wanted=True)


def test_who_is_there_is_waited_for(virtual_time: MockClock, confirmation: Confirmation) -> None:
    """As long as a receipt may take; who is not there is not, nor a receipt that has come."""

    async def main() -> float:
        began_s = trio.current_time()
        await confirmation.wait()
        return trio.current_time() - began_s

    assert 0.0 == trio.run(main, clock=virtual_time)
    confirmation.note(PresenceChanged((BOB,)))
    assert pytest.approx(RECEIPT_WAIT_S + MARGIN_S) == trio.run(main, clock=MockClock(autojump_threshold=0))
    confirmation.note(OverConfirmed(1, 8, 9, "Bob"))
    assert 0.0 == trio.run(main, clock=MockClock(autojump_threshold=0))


def test_who_comes_after_nobody_had_answered(virtual_time: MockClock, confirmation: Confirmation) -> None:
    """The over is said to all; several who are there by then are not taken for one."""
    assert (None, LISTENED_S + LOOK_S) == looked(virtual_time, confirmation)
    assert "not confirmed: nobody has answered yet" == confirmation.words()
    confirmation.note(PresenceChanged((EVE, BOB)))
    assert (
        "not confirmed: several stations are here: Eve, Bob: say who is to confirm: --to NAME" == confirmation.words()
    )
