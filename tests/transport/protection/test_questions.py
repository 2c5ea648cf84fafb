"""Answers count for what was asked since the start, and frames from before it for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.overs import over_frames
from tests.support.protected import ASKERS_NONCE, BEGIN, PROTECTED, TEXT, UTC_S, ProtectedEnd
from transport.errors import BadTag, Replayed, Stale, UnknownOver
from transport.protection.questions import MAX_QUESTIONS, Questions
from transport.protocol.frames import Begin, Frame, Mode, Ping, Pong, Receipt

OF_TEXT, OF_OVER = Receipt(TEXT.over, TEXT.sequence, 0, of_text=True), Receipt(BEGIN.over, 2, 1)
ANSWERS = [(Pong(7, 8, 9), Ping(7, 8, 9)), (OF_TEXT, TEXT), (OF_OVER, BEGIN)]


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize("utc_s", [UTC_S, 0])
@pytest.mark.parametrize(("answer", "question"), ANSWERS, ids=["PONG", "RECEIPT of TEXT", "RECEIPT of an over"])
def test_an_answer_from_before_the_start_is_refused(
    answer: Receipt | Pong, question: Frame, mode: Mode, utc_s: int
) -> None:
    """After a restart, whoever's answers were recorded are refused, this station's own too, with a clock and without:
    nobody has asked since. What was asked before the start by others, and is said again, changes nothing."""
    asker, answerer = ProtectedEnd(mode, utc_s=utc_s, first_nonce=ASKERS_NONCE), ProtectedEnd(mode, utc_s=utc_s)
    asked = asker.say(question)
    answerer.hear(asked)
    recorded = answerer.say(answer)
    assert asker.fate(recorded) is None  # it was genuine
    for age_s in (1, 15, 50):
        later_s = utc_s + age_s if utc_s else 0
        restarted = ProtectedEnd(mode, utc_s=later_s, started_utc_s=later_s)
        assert restarted.fate(recorded) in (UnknownOver, BadTag)
        if utc_s and not isinstance(question, Begin):
            again = ProtectedEnd(mode, utc_s=later_s, first_nonce=ASKERS_NONCE)
            restarted.hear(again.say(question))
            assert Stale is restarted.fate(recorded)
    if utc_s and question == TEXT:
        relay = ProtectedEnd(mode, utc_s=utc_s + 1, started_utc_s=utc_s + 1, first_nonce=ASKERS_NONCE, name="Relay")
        relay.say(question)  # for Ada, who sends it again
        assert Stale is relay.fate(recorded)


@pytest.mark.parametrize(("answer", "question"), ANSWERS, ids=["PONG", "RECEIPT of TEXT", "RECEIPT of an over"])
@pytest.mark.parametrize("behind_s", [0, 1, 40])
def test_an_answer_to_what_was_asked_since_the_start(answer: Receipt | Pong, question: Frame, behind_s: int) -> None:
    """It counts at the asker at once, also from a clock that is behind, and at whoever heard the question, where
    callers meet. No other token, number or over is answered by it."""
    asker = ProtectedEnd(started_utc_s=UTC_S, first_nonce=ASKERS_NONCE)
    answerer = ProtectedEnd(utc_s=UTC_S - behind_s)
    hearer, deaf = ProtectedEnd(started_utc_s=UTC_S), ProtectedEnd(started_utc_s=UTC_S)
    asked = asker.say(question)
    for station in (answerer, hearer):
        station.hear(asked)
    octets = answerer.say(answer)
    heard = asker.hear(octets)
    assert answer == (replace(heard, of_text=answer == OF_TEXT) if isinstance(heard, Receipt) else heard)
    assert (Stale if behind_s else None) is hearer.fate(octets)
    assert deaf.fate(octets) in (UnknownOver, BadTag)
    assert Replayed is answerer.fate(octets)  # an own one, reflected
    for number, other in enumerate(
        (replace(answer, over=answer.over + 1), replace(answer, sequence=answer.sequence + 1))
    ):
        if not isinstance(question, Begin) or other.over != answer.over:
            assert asker.fate(ProtectedEnd(first_nonce=bytes([number] * 8)).say(other)) is UnknownOver
    if isinstance(answer, Pong):
        assert asker.fate(ProtectedEnd(first_nonce=bytes(8)).say(replace(answer, token=10))) is UnknownOver


def test_voice_from_before_the_start_is_refused() -> None:
    """A station that is started again in the middle of an over takes of it what follows the BEGIN that it hears."""
    talker = ProtectedEnd()
    frames = over_frames(24, 1)
    octets = [talker.say(frame) for frame in frames[:8]]
    talker.wait(3)
    restarted = ProtectedEnd(utc_s=UTC_S + 3, started_utc_s=UTC_S + 3)
    joined = next(place for place, frame in enumerate(frames) if isinstance(frame, Begin) and place)
    octets += [talker.say(frame) for frame in frames[8:]]
    assert restarted.fate(octets[joined]) is None
    assert {Replayed, Stale} >= {restarted.fate(one) for one in octets[:joined]}
    assert {None} == {restarted.fate(one) for one in octets[joined + 1 :]}


def test_the_memory_of_questions_is_bounded() -> None:
    """Of more than are kept the oldest are forgotten; who asked stays known though a relay brings the question back."""
    questions = Questions("Ada")
    questions.take(TEXT, sent=True)
    questions.take(TEXT, sent=False)
    assert questions.own(OF_TEXT) is True
    for number in range(MAX_QUESTIONS):
        questions.take(Ping(0, 0, number), sent=False)
        questions.take(BEGIN, sent=True)
    assert questions.own(OF_TEXT) is None and questions.own(Pong(0, 0, 0)) is False
    assert len(questions._own) == MAX_QUESTIONS
