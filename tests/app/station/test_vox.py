"""Talking by voice: the key's decisions, told the time, and whole stations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from app import events
from app.audio.speech_detector import DETECTOR_PIECE_S, Detector
from app.clips import load_clip
from app.errors import GossamerError
from app.settings.model import Settings
from app.station.vox import (
    ANTI_TRIP_S,
    ONSET_S,
    PRE_ROLL_S,
    HandsFree,
    VoiceKey,
    VoiceTrigger,
)
from codec.format import SAMPLE_RATE_HZ
from tests.support.signals import noise
from tests.support.station import LeftOpen, Station, SteadyMicrophone, clip, running
from transport.links.memory import memory_pair

DOWN, UP = VoiceTrigger.DOWN, VoiceTrigger.UP
HANG_S = 0.8
Step = tuple[float, float, bool, VoiceTrigger | None]
"""Seconds that it lasts, probability of speech, may open, the one thing that the key does meanwhile."""

SCENES: dict[str, list[Step]] = {
    "speech opens, a pause closes": [(1, 0, True, None), (2, 0.9, True, DOWN), (1, 0, True, UP)],
    "a short pause does not close": [
        (1, 0, True, None),
        (2, 0.9, True, DOWN),
        (0.7, 0, False, None),
        (1, 0.9, False, None),
        (1, 0, False, UP),
    ],
    "a click does not open": [(1, 0, True, None), (0.064, 1, True, None), (1, 0, True, None), (0.064, 1, True, None)],
    "hardly speech keeps it open, and does not open it": [
        (2, 0.4, True, None),
        (1, 0.9, True, DOWN),
        (3, 0.4, False, None),
        (1, 0.3, False, UP),
    ],
    "not while the channel is busy": [(1, 0, True, None), (5, 0.9, False, None)],
    "nor just after the loudspeaker fell silent": [
        (2, 0.9, False, None),
        (0.3, 0.9, True, None),
        (1, 0, True, None),
        (1, 0.9, True, DOWN),
    ],
}


def play(key: VoiceKey, scene: list[Step]) -> None:
    now_s = 0.0
    for duration_s, probability, may_open, expected in scene:
        did = []
        for _ in range(round(duration_s / DETECTOR_PIECE_S)):
            now_s += DETECTOR_PIECE_S
            did.append(key.hear(probability, now_s, may_open))
        assert [expected] * (expected is not None) == [voice for voice in did if voice], (now_s, probability)


@pytest.mark.parametrize("name", SCENES)
def test_the_key(name: str) -> None:
    """Told what is heard, and whether it may."""
    play(VoiceKey(HANG_S), SCENES[name])


def test_an_over_that_ended_otherwise_needs_a_pause() -> None:
    """After the time-out or a refusal, who talks on does not open again; after a pause it does."""
    key = VoiceKey(HANG_S)
    play(key, [(1, 0, True, None), (2, 0.9, True, DOWN)])
    key.ended()
    play(key, [(60, 0.9, True, None), (1, 0, True, None), (1, 0.9, True, DOWN)])


def test_the_pre_roll_has_nothing_of_the_loudspeaker() -> None:
    """It reaches back to when the channel became free, and no further than its limit."""
    key = VoiceKey(HANG_S)
    key.hear(0.0, 1.0, False)
    key.hear(0.0, 1.1, True)
    assert pytest.approx(0.2) == key.pre_roll_s(1.3)
    assert PRE_ROLL_S == key.pre_roll_s(9.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from([None, None, None, "ended"])), max_size=300))
def test_any_order(pieces: list[tuple[float, bool, str | None]]) -> None:
    """Down and up alternate, it never opens where it may not, and never without speech."""
    key, talking = VoiceKey(HANG_S), False
    for number, (probability, may_open, ended) in enumerate(pieces):
        if ended:
            key.ended()
            talking = False
        did = key.hear(probability, number * DETECTOR_PIECE_S, may_open)
        if did is DOWN:
            assert may_open and not talking and probability >= 0.5
        if did is UP:
            assert talking
        talking = key.talking
    assert ONSET_S < ANTI_TRIP_S


# --- stations ----------------------------------------------------------------------------------------------------


class Script:
    """A microphone's signal: silence, with sounds at their times. `echo` adds what the loudspeaker plays."""

    def __init__(self, *sounds: tuple[float, np.ndarray]) -> None:
        self.sounds = sounds

    def __call__(self, moments_s: np.ndarray) -> np.ndarray:
        heard = np.zeros(len(moments_s), np.float32)
        for start_s, sound in self.sounds:
            places = np.rint((moments_s - start_s) * SAMPLE_RATE_HZ).astype(int)
            inside = (places >= 0) & (places < len(sound))
            heard[inside] += sound[places[inside]]
        return heard


ADA = Settings(name="Ada", vox=True, call_tone=False, courtesy_tone=False)
BOB = Settings(name="Bob", call_tone=False, courtesy_tone=False)


def stations(sounds: Script, ada: Settings = ADA) -> tuple[Station, Station]:
    here, there = memory_pair()
    return Station(ada, SteadyMicrophone(sounds), here, wrap=LeftOpen), Station(BOB, link=there, wrap=LeftOpen)


def speech(seconds: float, number: int = 0) -> np.ndarray:
    return load_clip(number)[: round(seconds * SAMPLE_RATE_HZ)]


@trio_test
async def test_who_speaks_is_on_the_air_and_no_syllable_is_cut(virtual_time) -> None:
    """Two sentences, two overs; what is sent has the onset of each; noise between them is not sent."""
    sentence = speech(3.0)
    one, other = stations(Script((2.0, sentence), (6.0, noise(5, 0.05, 0.5, 3.0)), (10.0, sentence)))

    async with running(one, other):
        await trio.sleep(16.0)
    assert ["released", "released"] == [event.reason.value for event in one.only(events.TalkEnded)]
    loud = np.flatnonzero(np.abs(sentence) > 0.02)[0]
    spoken = np.concatenate(one.spoken)
    heard_loud = np.flatnonzero(np.abs(spoken) > 0.02)[0]
    window = slice(loud, loud + 8000)
    assert np.allclose(sentence[window], spoken[heard_loud : heard_loud + 8000], atol=1e-4)
    assert [] == one.only(events.TalkDenied)
    assert one.loudspeaker.sound().size == 0 or np.abs(one.loudspeaker.sound()).max() == 0.0  # no tone into the speech


@trio_test
async def test_it_does_not_open_while_somebody_talks_nor_on_the_loudspeaker_s_sound(virtual_time) -> None:
    """Speech in the room during and just after somebody's over (it is that over, from the loudspeaker) opens nothing;
    an answer after it does."""
    over = speech(4.0, 1)
    one, other = stations(Script((1.3, speech(4.4, 1)), (9.0, speech(2.0))))

    async with running(one, other):
        await trio.sleep(1.0)
        other.engine.play_clip(over)
        await one.until(events.OverPlayed)
        assert [] == one.only(events.TalkPermitted, events.TalkDenied)
        await one.until(events.TalkEnded)
    assert 1 == len(one.only(events.TalkPermitted))


@trio_test
async def test_the_time_out_ends_an_over_by_voice_too(virtual_time) -> None:
    """A radio play in the background does not hold the channel, nor take it again without a pause."""
    endless = np.tile(speech(8.0), 6)
    one, other = stations(Script((1.0, endless)), replace(ADA, time_out_s=10.0, vox_hang_s=5.0))

    async with running(one, other):
        await trio.sleep(45.0)
    assert ["time-out"] == [event.reason.value for event in one.only(events.TalkEnded)]


@trio_test
async def test_a_key_takes_an_over_by_voice_over(virtual_time) -> None:
    """Pressed meanwhile, the over lasts as long as the key."""
    one, other = stations(Script((2.0, speech(2.0))))

    async with running(one, other):
        await one.until(events.TalkPermitted)
        one.engine.key_down()
        await trio.sleep(6.0)
        assert one.engine.talking
        one.engine.key_up()
        await one.until(events.OverSent)
    assert 1 == len(one.only(events.TalkPermitted))


@trio_test
async def test_it_is_switched_while_the_station_runs(virtual_time) -> None:
    """Off, speech is nothing; on, it talks; off in mid-over, the over ends."""
    one, other = stations(Script((1.0, speech(3.0)), (8.0, speech(6.0))), replace(ADA, vox=False))

    async with running(one, other):
        await trio.sleep(6.0)
        assert [] == one.only(events.TalkPermitted)
        one.engine.set_vox(True)
        await one.until(events.TalkPermitted)
        one.engine.set_vox(False)
        assert not one.engine.talking
        await one.until(events.OverSent)
    assert [True, False] == [event.on for event in one.only(events.VoxChanged)]


def test_without_the_package_it_is_said(virtual_time) -> None:
    """One line; the station works on."""

    def missing() -> Detector:
        raise GossamerError("no voice operation: the package is missing")

    hands_free = HandsFree(HANG_S, missing, lambda before_s: None, lambda: None)
    with pytest.raises(GossamerError):
        hands_free.switch(True)
    assert not hands_free.on
    hands_free.hear(clip(1.0), 0.0, True)
