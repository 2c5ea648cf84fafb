"""The engine in virtual time: overs through real frames, floor, play-out and impairments, with a see-through codec."""

from __future__ import annotations

import numpy as np
import pytest
import trio

from app import events
from app.audio.tones import permit_tone
from app.settings.model import Settings
from codec import format as fmt
from tests.support.station import (
    CODEC_ID,
    FlippedLink,
    LeftOpen,
    StaircaseDecoder,
    StaircaseEncoder,
    Station,
    SteadyMicrophone,
    clip,
    in_virtual_time,
)
from transport.impairment import Impairment
from transport.links.base import Link
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin, End, Voice
from transport.protocol.open_frames import decode, encode

ADA = Settings(name="Ada", permit_tone=False, courtesy_tone=False, call_tone=False)
BOB = Settings(name="Bob", permit_tone=False, courtesy_tone=False, call_tone=False)


def pair(ada: Settings = ADA, bob: Settings = BOB, **parts) -> tuple[Station, Station]:
    """Two stations at the two ends of a perfect link."""
    here, there = memory_pair()
    return Station(ada, link=here, **parts), Station(bob, link=there)


# --- a conversation with the parrot ------------------------------------------------------------------------------


def test_the_parrot_sends_the_very_packets_back(virtual_time):
    """What the decoder gets are the encoder's packets, all of them, in order."""
    station = Station(ADA)

    async def play(station):
        station.engine.play_clip(clip(5.0))
        await station.until(events.OverEnded)

    in_virtual_time(virtual_time, play, station)
    assert len(station.encoder.packets) == 16
    assert station.encoder.packets == station.decoder.packets


def test_a_conversation_is_told_in_order(virtual_time):
    """The facts come in the order in which they happen, and the floor passes through its states."""
    station = Station(ADA)

    async def play(station):
        station.engine.play_clip(clip(2.0))
        await station.until(events.OverEnded)
        await trio.sleep(1)

    in_virtual_time(virtual_time, play, station)
    told = [type(event).__name__ for event in station.happened]
    told = [name for name in told if name not in ("Level", "WireRate", "PacketCounts", "PlayoutState", "TalkDraining")]
    assert [
        "StationReady",
        "FloorChanged",
        "FloorChanged",
        "TalkPermitted",
        "FloorChanged",
        "TalkEnded",
        "FloorChanged",
        "OverSent",
        "OverBegan",
        "FloorChanged",
        "OverEnded",
        "MouthToEar",
        "FloorChanged",
    ] == told
    states = [event.state.value for event in station.only(events.FloorChanged)]
    assert ["asked", "on air", "draining", "idle", "receiving", "idle"] == states
    assert "parrot" == station.only(events.OverBegan)[0].sender
    assert events.EndReason.CLIP_ENDED is station.only(events.TalkEnded)[0].reason


def test_what_was_spoken_and_what_was_heard_are_aligned(virtual_time):
    """The two taps give as many samples as packets hold, and the same sound at the same place."""
    station = Station(ADA)

    async def play(station):
        station.engine.play_clip(clip(3.0))
        await station.until(events.OverEnded)

    in_virtual_time(virtual_time, play, station)
    spoken, heard = np.concatenate(station.spoken), np.concatenate(station.heard)
    assert len(spoken) == len(heard) == 10 * fmt.PACKET_SAMPLES
    assert np.abs(spoken - heard).max() < 0.01


def test_bytes_changed_on_the_link_change_what_is_heard(virtual_time):
    """The sound comes from the bytes that the receiver took off the link: flip some there and it is another sound."""

    def converse(wrap) -> Station:
        station = Station(ADA, wrap=wrap)

        async def play(station):
            station.engine.play_clip(clip(2.0))
            await station.until(events.OverEnded)

        in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, station)
        return station

    clean, flipped = converse(lambda link: link), converse(lambda link: FlippedLink(link, 4, 0x80))
    assert len(clean.heard) == len(flipped.heard)
    assert np.abs(np.concatenate(clean.heard) - np.concatenate(flipped.heard)).max() > 0.9
    ended = flipped.only(events.OverEnded)[0]
    assert (7, 0) == (ended.damaged, ended.lost)


def test_without_a_microphone_the_key_speaks_the_bundled_clips_in_turn(virtual_time):
    """A key press says something even where there is no microphone, another thing the next time."""
    station = Station(ADA)

    async def play(station):
        for count in (1, 2):
            station.engine.key_down()
            await station.until(events.OverEnded, count)
            await trio.sleep(0.5)

    in_virtual_time(virtual_time, play, station)
    spoken = np.concatenate(station.spoken)
    half = len(spoken) // 2
    assert np.array_equal(clip(2.0, seed=0), spoken[:16000])
    assert np.array_equal(clip(2.0, seed=1), spoken[half : half + 16000])


# --- the key and the microphone ----------------------------------------------------------------------------------


def ramp(moments_s: np.ndarray) -> np.ndarray:
    """A signal that tells the time: 0.01 louder every 100 ms, from -1 on."""
    return -1.0 + 0.1 * moments_s


def test_the_200_ms_before_the_key_are_sent(virtual_time):
    """The first sample of an over was spoken 200 ms before the key, so that no first syllable is cut."""
    station, other = pair(microphone=SteadyMicrophone(ramp))
    pressed_s = []

    async def play(station, other):
        await trio.sleep(3.005)
        pressed_s.append(trio.current_time())
        station.engine.key_down()
        await trio.sleep(1)
        station.engine.key_up()
        await other.until(events.OverEnded)

    in_virtual_time(virtual_time, play, station, other)
    first_s = (station.spoken[0][0] + 1.0) / 0.1
    # The newest block is up to 20 ms + the device's 40 ms old when the key goes down.
    assert pressed_s[0] - 0.27 < first_s <= pressed_s[0] - 0.2
    steps = np.diff(np.concatenate(station.spoken)[:8000])
    assert np.allclose(steps, 0.1 / 8000, atol=1e-6)  # not a sample is missing between before and after


def test_what_is_said_until_the_key_comes_up_is_sent(virtual_time):
    """The over ends with the block that was being heard, not a packet earlier."""
    station, other = pair(microphone=SteadyMicrophone(lambda moments_s: np.full(len(moments_s), 0.5)))

    async def play(station, other):
        await trio.sleep(1)
        station.engine.key_down()
        await trio.sleep(2.0)
        station.engine.key_up()
        await other.until(events.OverEnded)

    in_virtual_time(virtual_time, play, station, other)
    loud = np.concatenate(other.heard) > 0.4
    assert 2.1 <= loud.sum() / fmt.SAMPLE_RATE_HZ <= 2.25


@pytest.mark.parametrize(("gain_db", "clipped"), [(0.0, False), (12.0, True)])
def test_a_clipping_microphone_is_shown(virtual_time, gain_db, clipped):
    """The meter shows the level after the gain, and that samples reached full scale."""
    station, other = pair(microphone=SteadyMicrophone(lambda moments_s: np.full(len(moments_s), 0.5)))

    async def play(station, other):
        station.engine.set_gain(gain_db)
        await trio.sleep(1)

    in_virtual_time(virtual_time, play, station, other)
    level = station.only(events.Level)[-1]
    assert clipped == level.clipped
    assert level.rms_db == pytest.approx(gain_db - 6.02, abs=0.01)


def test_an_over_that_lasts_too_long_is_ended(virtual_time):
    """The time-out timer warns, then lets the floor go."""
    station, other = pair(Settings(name="Ada", time_out_s=20.0, permit_tone=False), microphone=SteadyMicrophone(ramp))

    async def play(station, other):
        await trio.sleep(1)
        station.engine.key_down()
        await station.until(events.OverSent)

    in_virtual_time(virtual_time, play, station, other)
    assert 1 == len(station.only(events.TalkTimeWarning))
    ended = station.only(events.TalkEnded)[0]
    assert events.EndReason.TIME_OUT is ended.reason
    assert ended.duration_s == pytest.approx(20.2, abs=0.35)


# --- the loudspeaker ---------------------------------------------------------------------------------------------


def test_the_permit_tone_is_heard_and_can_be_left_out(virtual_time):
    """The floor is granted with a tone in one's own loudspeaker, unless the settings say no."""
    with_tone, other = pair(Settings(name="Ada"))

    async def play(station, other):
        station.engine.play_clip(clip(1.0))
        await other.until(events.OverEnded)

    in_virtual_time(virtual_time, play, with_tone, other)
    heard = with_tone.loudspeaker.sound()
    assert np.abs(heard).max() == pytest.approx(np.abs(permit_tone()).max())
    without, other = pair()
    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, without, other)
    assert 0.0 == np.abs(without.loudspeaker.sound()).max(initial=0.0)


def test_the_loudspeaker_is_quiet_while_one_talks(virtual_time):
    """Two stations that talk at once: neither hears the other meanwhile, and both are told of the collision."""
    one, other = pair()

    async def play(one, other):
        one.engine.play_clip(clip(3.0))
        other.engine.play_clip(clip(3.0, seed=2))
        await one.until(events.TalkEnded)
        assert one.only(events.OverBegan)
        assert 0.0 == np.abs(one.loudspeaker.sound()).max(initial=0.0)

    in_virtual_time(virtual_time, play, one, other)
    assert one.only(events.Collision) or other.only(events.Collision)


def test_volume_and_mute_act_on_what_is_playing(virtual_time):
    """The volume scales what is heard from the next moment on; mute silences it; both can be undone."""
    one, other = pair()

    async def play(one, other):
        one.engine.play_clip(np.full(80000, 0.5, np.float32))
        await other.until(events.OverBegan)
        await trio.sleep(1.5)
        other.engine.set_volume(0.5)
        await trio.sleep(1.5)
        other.engine.set_mute(True)
        await trio.sleep(1.5)
        other.engine.set_mute(False)
        await trio.sleep(1.5)
        other.engine.set_volume(1.0)
        await other.until(events.OverEnded)

    in_virtual_time(virtual_time, play, one, other)
    heard = other.loudspeaker.sound()
    levels = np.round(heard[::80], 2).tolist()
    steps = [level for level, before in zip(levels, [None, *levels], strict=False) if level != before]
    assert [0.0, 0.5, 0.25, 0.0, 0.25, 0.5] == steps[:6]


# --- the floor ---------------------------------------------------------------------------------------------------


def test_who_presses_while_somebody_talks_is_refused_with_a_reason(virtual_time):
    """The floor is taken: the key does nothing but say why, and works again after the over."""
    one, other = pair()

    async def play(one, other):
        one.engine.play_clip(clip(2.0))
        await other.until(events.OverBegan)
        other.engine.play_clip(clip(1.0))
        assert not other.engine.talking
        other.engine.key_up()
        await other.until(events.OverEnded)
        other.engine.play_clip(clip(1.0))
        await one.until(events.OverEnded)

    in_virtual_time(virtual_time, play, one, other)
    assert ["somebody is talking: release the key and wait for the end of the over"] == [
        event.reason for event in other.only(events.TalkDenied)
    ]
    assert 1 == len(other.only(events.TalkPermitted))


def test_a_talker_who_disappears_frees_the_floor(virtual_time):
    """No END ever comes: the over ends as incomplete within seconds, and the channel can be used again."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async def play(station):
        await here.send(encode(Begin(9, 0, bytes(8), 0, CODEC_ID, 1, "Eve")))
        for sequence in range(1, 5):
            await trio.sleep(fmt.PACKET_S)
            await here.send(encode(Voice(9, sequence, (bytes(32),))))
        ended = await station.until(events.OverEnded, within_s=10)
        assert not ended.complete
        await trio.sleep(0.1)
        station.engine.play_clip(clip(1.0))
        await station.until(events.OverSent)

    in_virtual_time(virtual_time, play, station)
    assert [0] == sorted({event.signal_lost for event in station.only(events.PlayoutState)[:4]})
    assert station.only(events.PlayoutState)[-1].signal_lost


def test_an_over_that_begins_while_the_last_is_played_has_its_turn_after_it(virtual_time):
    """Both are played whole, each is told when it is heard, and the floor stays taken until the second one was."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async def say(over: int, sender: str, packets: int) -> None:
        await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, CODEC_ID, 6, sender)))
        for sequence in range(packets // 6):
            await here.send(encode(Voice(over, 1 + sequence, tuple(bytes([over] * 32) for _ in range(6)))))
        await here.send(encode(End(over, 1 + packets // 6, packets)))

    async def play(station):
        await say(9, "Eve", 12)
        await trio.sleep(1)
        await say(11, "Zoe", 6)
        await station.until(events.OverEnded, 2)
        await trio.sleep(1)

    in_virtual_time(virtual_time, play, station)
    assert [bytes([9] * 32)] * 12 + [bytes([11] * 32)] * 6 == station.decoder.packets
    assert [("Eve", 12, 0), ("Zoe", 6, 0)] == [
        (ended.sender, ended.packets, ended.lost) for ended in station.only(events.OverEnded)
    ]
    told = [type(event).__name__ for event in station.only(events.OverBegan, events.OverEnded)]
    assert ["OverBegan", "OverEnded", "OverBegan", "OverEnded"] == told
    assert ["receiving", "idle"] == [event.state.value for event in station.only(events.FloorChanged)]


def test_an_over_in_another_codec_behind_one_that_is_played_frees_the_floor(virtual_time):
    """It is never played, so its END is the end of it, even while the over before it is still heard."""
    here, there = memory_pair()
    station = Station(ADA, link=there)

    async def play(station):
        for over, codec_id in ((9, CODEC_ID), (11, 5)):
            await here.send(encode(Begin(over, 0, bytes([over] * 8), 0, codec_id, 6, "Eve")))
            await here.send(encode(Voice(over, 1, (bytes([over] * 32),) * 6)))
            await here.send(encode(End(over, 2, 6)))
        await station.until(events.OverEnded)
        await trio.sleep(1)

    in_virtual_time(virtual_time, play, station)
    assert State.IDLE is station.only(events.FloorChanged)[-1].state
    assert [bytes([9] * 32)] * 6 == station.decoder.packets


def test_a_ping_is_answered(virtual_time):
    """With its own token."""
    one, other = pair()

    async def play(one, other):
        one.engine.ping(0xDEADBEEF)
        await one.until(events.PongHeard)

    in_virtual_time(virtual_time, play, one, other)
    assert [events.PongHeard(0xDEADBEEF)] == one.only(events.PongHeard)


def test_closing_while_talking_ends_the_over(virtual_time):
    """The other side gets an END, not a silence."""
    one, other = pair(microphone=SteadyMicrophone(ramp), wrap=LeftOpen)

    async def play(one, other):
        one.engine.key_down()
        await trio.sleep(2)
        one.engine.close()
        ended = await other.until(events.OverEnded)
        assert ended.complete

    in_virtual_time(virtual_time, play, one, other)


# --- links that are not perfect ----------------------------------------------------------------------------------


def test_another_codec_is_said_and_not_played(virtual_time):
    """A mismatch of codec_id is an event, not noise."""
    one, other = pair(encoder=StaircaseEncoder(codec_id=5), decoder=StaircaseDecoder(codec_id=5))

    async def play(one, other):
        one.engine.play_clip(clip(3.0))
        await one.until(events.OverSent)
        await trio.sleep(3)

    in_virtual_time(virtual_time, play, one, other)
    assert [events.CodecMismatch("Ada", CODEC_ID, 5)] == other.only(events.CodecMismatch)
    assert [] == other.decoder.packets
    assert ["receiving", "idle"] == [event.state.value for event in other.only(events.FloorChanged)]


@pytest.mark.parametrize(
    "impairment",
    [
        Impairment(loss=0.2, seed=3),
        Impairment(loss=0.2, burst_frames=3, seed=4),
        Impairment(jitter_s=0.15, delay_s=0.1, seed=5),
        Impairment(reorder=0.2, seed=6),
        Impairment(duplicate=0.5, seed=7),
        Impairment(ber=0.001, seed=8),
    ],
    ids=["loss", "bursts", "jitter", "reordering", "duplicates", "bit errors"],
)
def test_an_impaired_over_keeps_its_length_and_its_place(impairment):
    """Whatever the link does, packet i is played as packet i, and what is missing is one None in its place."""

    one, other = pair()
    one.wrap = lambda link: impair(link, impairment, one_nursery[0])
    one_nursery: list[trio.Nursery] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one_nursery.append(nursery)
            await nursery.start(one.engine.run)
            await nursery.start(other.engine.run)
            one.engine.play_clip(clip(20.0))
            await one.until(events.OverSent)
            await trio.sleep(8)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    sent, played = one.encoder.packets, other.decoder.packets
    missed_at_the_start = len(sent) - len(played)
    assert 0 <= missed_at_the_start <= 8 if impairment.loss else missed_at_the_start == 0
    differing = sum(a != b for a, b in zip(sent[missed_at_the_start:], played, strict=True) if b is not None)
    assert differing == 0 or impairment.ber
    lost = other.only(events.OverEnded)[0].lost
    assert lost == played.count(None)
    assert lost == 0 or impairment.loss or impairment.ber or impairment.reorder or impairment.jitter_s


def test_on_a_link_slower_than_speech_overs_are_buffered_and_then_played(virtual_time):
    """800 bit/s of voice over 600 bit/s: what drains is shown, and no packet is lost."""
    station = Station(Settings(link="parrot://?rate=600&k=2", name="Ada", permit_tone=False))

    async def play(station):
        for count in (1, 2):
            station.engine.play_clip(clip(6.0, seed=count))
            await station.until(events.OverEnded, count, within_s=120)
            await trio.sleep(1)

    in_virtual_time(virtual_time, play, station)
    draining = [event.left_s for event in station.only(events.TalkDraining)]
    assert max(draining) > 2.0
    assert 0.0 == draining[-1]
    [slow] = station.only(events.SlowLink)
    began_s, *_ = station.when(events.TalkPermitted)
    sent_s, *_ = station.when(events.OverSent)
    assert (2, pytest.approx(6.0 * slow.share, rel=0.1)) == (slow.packets_per_frame, sent_s - began_s)
    assert [0, 0] == [over.lost for over in station.only(events.OverEnded)]
    assert station.encoder.packets == station.decoder.packets


def test_rubbish_is_counted_and_survived(virtual_time):
    """Frames that are none do not stop an over."""
    here, there = memory_pair()
    one, other = Station(ADA, link=here), Station(BOB, link=there)

    async def play(one, other):
        for octets in (b"", b"\0" * 40, bytes(range(72)), b"\x12" * 400):
            await here.send(octets)
        one.engine.play_clip(clip(1.0))
        await other.until(events.OverEnded)

    in_virtual_time(virtual_time, play, one, other)
    assert 4 == other.only(events.PacketCounts)[-1].rubbish
    assert one.encoder.packets == other.decoder.packets


def test_short_messages_arrive(virtual_time):
    """A text is heard as written, with its sender; one that is too long is cut at a whole character."""
    one, other = pair()

    async def play(one, other):
        one.engine.send_text("on our way")
        one.engine.send_text("ä" * 100)
        await other.until(events.TextHeard, 2)

    in_virtual_time(virtual_time, play, one, other)
    assert [events.TextHeard("Ada", "on our way"), events.TextHeard("Ada", "ä" * 70)] == other.only(events.TextHeard)


# --- figures -----------------------------------------------------------------------------------------------------


def knock(moments_s: np.ndarray) -> np.ndarray:
    """Silence, and from 4 s on full sound."""
    return np.where(moments_s >= 4.0, 0.8, 0.0)


@pytest.mark.parametrize("k", [1, 2])
def test_mouth_to_ear_is_what_a_stopwatch_says(k):
    """The figure that the parrot's conversation measures is the time from microphone to loudspeaker between two
    stations on such a link."""
    impairment = Impairment(rate_bps=1200)
    here, there = memory_pair()
    settings = Settings(name="Ada", permit_tone=False, packets_per_frame=k)
    one, other = Station(settings, SteadyMicrophone(knock), here), Station(BOB, link=there)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            one.link = impair(here, impairment, nursery)
            await nursery.start(one.engine.run)
            await nursery.start(other.engine.run)
            await trio.sleep(3)
            one.engine.key_down()
            await trio.sleep(6)
            one.engine.key_up()
            await other.until(events.OverEnded)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    stopwatch_s = other.loudspeaker.first_above(0.5) - 4.0

    alone = Station(settings, SteadyMicrophone(knock))

    async def play(station):
        await trio.sleep(3)
        station.engine.key_down()
        await trio.sleep(6)
        station.engine.key_up()
        await station.until(events.MouthToEar)

    in_virtual_time(trio.testing.MockClock(autojump_threshold=0), play, alone)
    told = alone.only(events.MouthToEar)[0]
    assert told.measured
    # Where the hold is anchored depends on how BEGIN and the first frame fall together: half a tenth either way.
    assert told.total_s == pytest.approx(stopwatch_s, abs=0.06)
    assert told.total_s == pytest.approx(told.packet_s + told.link_s + told.playout_s + told.devices_s)


def test_what_an_over_costs_on_the_wire_is_counted_frame_by_frame(virtual_time):
    """800 bit/s of voice; with header, BEGIN and END the wire carries what the link counted."""
    station = Station(ADA)
    links: list[Link] = []

    def keep(link: Link) -> Link:
        links.append(link)
        return link

    station.wrap = keep

    async def play(station):
        station.engine.play_clip(clip(6.4))
        await station.until(events.OverSent)

    in_virtual_time(virtual_time, play, station)
    sent = station.only(events.OverSent)[0]
    assert 800.0 == sent.voice_bps
    assert sent.wire_bps == pytest.approx(8 * links[0].sent.total / 6.4)
    assert 1000 < sent.wire_bps < 1200
    rates = station.only(events.WireRate)
    assert max(rate.layers[0].sent_bps for rate in rates) == pytest.approx(800, rel=0.15)
    assert {"voice", "frame header", "begin, end, ..."} <= {layer.layer for layer in rates[-1].layers}


def test_frames_of_this_engine_are_frames_of_the_format(virtual_time):
    """What goes on the link is BEGIN, then VOICE in order, BEGIN again every cycle, then END twice."""
    here, there = memory_pair()
    station = Station(ADA, link=here)
    kinds = []

    async def play(station):
        station.engine.play_clip(clip(3.2))
        await station.until(events.OverSent)
        with trio.move_on_after(0.1):
            while True:
                kinds.append(type(decode(await there.receive())).__name__)

    in_virtual_time(virtual_time, play, station)
    assert ["Begin", *["Voice"] * 8, "Begin", "Voice", "Voice", "End", "End"] == kinds
