"""The planner: the figures of the design, airtimes from standards, sums of real frames, what it picks and refuses."""

from __future__ import annotations

import math

import pytest

from transport.address import parse_address
from transport.framing.ax25 import AIR_BYTES
from transport.framing.cobs import COBS_MARK, cobs_encode
from transport.planning.planner import (
    begin_bytes,
    budget,
    choose_k,
    chosen,
    link_model,
    plan,
    planned_share,
    voice_bytes,
    what_would,
)
from transport.protocol.frames import PACKET_BYTES, PACKET_S, Begin, Frame, Repeat, Voice
from transport.protocol.open_frames import CHECK_BYTES, HEADER_BYTES, encode
from transport.protocol.over import OverSender, voice_frames_per_cycle
from transport.radio.airtime import UART_BITS, Bits, Cobs, Keying, Lora, Stage
from transport.radio.radios import RADIOS

VOICE_ALONE_BYTES = HEADER_BYTES + CHECK_BYTES
QUICK = "kiss://localhost?call=N0CALL&radio=afsk1200&txdelay=100&txtail=20&slottime=10&persist=255"


def voice_alone_share(k: int, stage: Stage) -> float:
    """Return how busy VOICE frames alone make a stretch, without BEGIN and keying."""
    return stage.time_s(k * PACKET_BYTES + VOICE_ALONE_BYTES) / (k * PACKET_S)


@pytest.mark.parametrize(
    ("stage", "k", "per_cent"),
    [
        (Bits(1200, AIR_BYTES), 2, 96),
        (Bits(1200, AIR_BYTES), 4, 82),
        (Lora(7), 1, 26),
        (Lora(8), 1, 48),
        (Lora(9), 1, 90),
        (Lora(9), 4, 56),
        (Cobs(2400, UART_BITS), 1, 55),
    ],
)
def test_the_shares_of_the_design(stage, k: int, per_cent: int) -> None:
    """Without BEGIN, TXDELAY and bit stuffing, as they were first reckoned: to a hundredth of the link."""
    assert per_cent == pytest.approx(100 * voice_alone_share(k, stage), abs=1.0)


def test_sf10_is_too_slow() -> None:
    """Voice alone would fit from k = 5 on, and not with its BEGIN and AX.25's addresses."""
    assert [True] * 4 + [False] * 2 == [voice_alone_share(k, Lora(10)) > 1 for k in range(1, 7)]
    assert chosen(plan(parse_address(RADIOS["lora-sf10"].link))) is None


@pytest.mark.parametrize(("k", "rate_bps"), [(1, 1700), (2, 1250), (4, 1025)])
def test_the_rates_of_the_design(k: int, rate_bps: int) -> None:
    """VOICE over UDP and IPv4, without BEGIN; sealed it has 4 bytes more."""
    link = link_model(parse_address("udp://192.0.2.7:7800"))
    frame_s = k * PACKET_S
    assert rate_bps == pytest.approx(8 * link.way.air.octets(voice_bytes(k, link)) / frame_s)
    sealed_bps = 8 * link.way.air.octets(voice_bytes(k, link, sealed=True)) / frame_s
    assert 32 / frame_s == pytest.approx(sealed_bps - rate_bps)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("repeat", Repeat)
def test_the_sum_is_that_of_real_frames(k: int, repeat: Repeat) -> None:
    """A long over through the real framing takes the share and the rate that were planned, to a thousandth."""
    sender = OverSender(
        over=7,
        nonce=bytes(range(1, 9)),
        utc_s=1_700_000_000,
        codec_id=0x1234,
        k=k,
        sender="Ada",
        repeat=repeat,
    )
    cycles = 200
    frames: list[Frame] = [sender.begin()]
    for _ in range(cycles * voice_frames_per_cycle(k)):
        frames += sender.voice([bytes(range(1, 33))] * k, [bytes(range(1, 9))] * k if repeat is Repeat.COPIES else [])
    sizes = [len(COBS_MARK + cobs_encode(encode(frame)) + COBS_MARK) for frame in frames]
    speech_s = cycles * voice_frames_per_cycle(k) * k * PACKET_S
    link = link_model(parse_address("serial:///dev/ttyUSB0?baud=2400"))
    row = budget(link, k, repeat=repeat, name_bytes=3)
    assert row.wire_bps == pytest.approx(8 * sum(sizes) / speech_s, rel=0.005)
    assert row.share == pytest.approx(10 * sum(sizes) / 2400 / speech_s, rel=0.005)
    begin, voice = frames[0], frames[-2]
    assert isinstance(begin, Begin)
    assert len(encode(begin)) == begin_bytes(link, name_bytes=3)
    assert isinstance(voice, Voice) and len(encode(voice)) == voice_bytes(k, link, repeat=repeat)


@pytest.mark.parametrize(
    ("link", "k"),
    [
        ("udp://192.0.2.7:7800", 1),
        ("udp://192.0.2.7:7800?rate=1500", 3),
        ("udp://192.0.2.7:7800?rate=2000", 1),
        ("udp://[::1]:7800?rate=2000", 2),
        ("parrot://", 1),
        ("parrot://?rate=1200", 1),
        ("parrot://?rate=1000", 5),
        ("udp://192.0.2.7:7800?rate=1500&k=5", 5),
        ("serial:///dev/ttyUSB0?baud=1200", 6),
        ("serial:///dev/ttyUSB0?baud=300", 6),
        (QUICK, 6),
        ("kiss://localhost?call=N0CALL", 6),
        ("kiss://localhost?call=N0CALL&radio=fsk9600", 4),
        (RADIOS["lora-sf9"].link, 2),
        (RADIOS["sik"].link, 1),
        ("kiss:///dev/ttyUSB0?call=N0CALL&radio=lora-sf9&repeat=1", 3),
        ("kiss:///dev/ttyUSB0?call=N0CALL&radio=lora-sf9&repeat=coarse", 3),
    ],
)
def test_the_k_that_is_taken(link: str, k: int) -> None:
    """As few packets a frame as fit; the most where none fit; what the address says where it says it."""
    assert k == choose_k(parse_address(link))


def test_the_parts_of_the_delay() -> None:
    """From mouth to ear: the frame fills, passes every stage, is held against jitter, decoded and played."""
    quick = plan(parse_address("parrot://?rate=2400&delay=100"))[0]
    assert 0.32 + 0.1 + 40 * 8 / 2400 + 0.08 + 0.03 + 0.06 + 0.2 == pytest.approx(quick.mouth_to_ear_s)
    # The frame behind a BEGIN waits for it; a hold of the same length covers that.
    slow = plan(parse_address("parrot://?rate=1200"))[0]
    assert 0.32 + 40 * 8 / 1200 + ((40 + 33) * 8 / 1200 - 0.32) + 0.29 == pytest.approx(slow.mouth_to_ear_s)
    radio = plan(parse_address(RADIOS["hc-12-far"].link))[0]
    uart_s, air_s = 43 * 10 / 2400, 43 * 8 / 5000
    assert 0.32 + 2 * uart_s + air_s + 0.08 + 0.08 + 0.29 == pytest.approx(radio.mouth_to_ear_s)
    # A transmitter is keyed for each frame: the one behind a BEGIN waits for both.
    address = parse_address(QUICK)
    voice_s, begin_s = (link_model(address).way.air.time_s(octets) for octets in (5 * PACKET_BYTES + 8, 33))
    behind_s = voice_s + begin_s + 0.1 + 0.02 + 0.01 - 1.6
    assert behind_s > 0.08 > behind_s - 0.13
    assert 1.6 + 0.01 + 0.1 + voice_s + behind_s + 0.29 == pytest.approx(plan(address)[4].mouth_to_ear_s)


def test_keying() -> None:
    """Once for every VOICE frame; what the address does not set is the TNC's own."""
    link = link_model(parse_address("kiss://localhost?call=N0CALL&txdelay=200"))
    assert Keying(0.2, 0.1, 0.1, 63) == link.way.keying
    assert 0.4 == link.way.keying.access_s
    frames, begin_s = 2, link.way.air.time_s(begin_bytes(link))
    busy_s = frames * (link.way.air.time_s(voice_bytes(6, link)) + 0.2 + 0.1 + 0.4) + begin_s
    assert busy_s / (frames * 6 * PACKET_S) == pytest.approx(budget(link, 6).share)


def test_speech_an_hour_and_margin() -> None:
    """Minutes under a duty cycle are its share of the airtime; dB are of wire rates, framing counted on both sides."""
    row = plan(parse_address("udp://192.0.2.7:7800?rate=4000"), duty=0.1)[0]
    assert 6 / (row.wire_bps / 4000) == pytest.approx(row.speech_min_an_hour)
    begin_bps = 8 * (33 + 28) / 2.56
    other_bps, our_bps = 8 * (240 + 8 + 28) / 0.32 + begin_bps, 1700 + begin_bps
    assert 10 * math.log10(other_bps / our_bps) == pytest.approx(row.margin_db)
    assert plan(parse_address("udp://192.0.2.7:7800"))[0].speech_min_an_hour is None
    assert 60.0 == plan(parse_address("udp://192.0.2.7:7800"), duty=0.1)[0].speech_min_an_hour


def test_coarse_copies_cost_200_bits_a_second_and_a_frame_of_delay() -> None:
    """Whatever k is; packets that are repeated whole cost four times as much, and wait as long."""
    words = ("0", "1", "coarse")
    plans = [plan(parse_address(f"udp://192.0.2.7?rate=1000000&repeat={word}")) for word in words]
    for plain, whole, coarse in zip(*plans, strict=True):
        assert (800, 200) == pytest.approx((whole.wire_bps - plain.wire_bps, coarse.wire_bps - plain.wire_bps))
        assert plain.k * PACKET_S == pytest.approx(coarse.mouth_to_ear_s - plain.mouth_to_ear_s, abs=0.01)
        assert whole.mouth_to_ear_s == pytest.approx(coarse.mouth_to_ear_s, abs=0.01)
    thin = parse_address("udp://192.0.2.7?rate=1000&repeat=coarse")
    assert "leaving out repeat=coarse, which adds a quarter to the voice" in what_would(thin, plan(thin))
    for rate_bps, would in ((1600, True), (1000, False)):
        doubled = parse_address(f"udp://192.0.2.7?rate={rate_bps}&repeat=1")
        assert chosen(plan(doubled)) is None
        ways = what_would(doubled, plan(doubled))
        assert would == any(way.startswith("repeat=coarse in place of repeat=1") for way in ways)


def test_what_would_carry_it() -> None:
    """A refusal says what is missing, and it is enough: keying, another setting of the radio, a faster link."""
    slow = parse_address("kiss://localhost?call=N0CALL&radio=afsk1200")
    assert "txdelay=100&txtail=20&slottime=10&persist=255" in what_would(slow, plan(slow))[0]
    assert not any(way.startswith("radio=") for way in what_would(slow, plan(slow)))  # it has no faster setting
    assert chosen(plan(parse_address(QUICK))) is not None
    lora = parse_address(RADIOS["lora-sf10"].link)
    assert "radio=lora-sf9" == what_would(lora, plan(lora))[0]
    thin = parse_address("udp://192.0.2.7:7800?rate=700")
    [faster] = [way for way in what_would(thin, plan(thin)) if way.startswith("a link ")]
    times = float(faster.split()[2])
    assert chosen(plan(parse_address(f"udp://192.0.2.7:7800?rate={700 * times * 1.02}"))) is not None
    assert chosen(plan(parse_address(f"udp://192.0.2.7:7800?rate={700 * times * 0.95}"))) is None


def test_the_share_that_was_planned() -> None:
    """In 3.2 s two frames of five packets and a BEGIN, at 1000 bit/s; nothing where no rate is known."""
    address = parse_address("parrot://?rate=1000")
    assert 8 * (2 * (160 + 8) + 33) / 1000 / 3.2 == pytest.approx(planned_share(address, 5))
    assert 8 * (2 * (160 + 12) + 37) / 1000 / 3.2 == pytest.approx(planned_share(address, 5, sealed=True))
    assert 8 * (2 * (160 + 8) + 33 + 16) / 1000 / 3.2 == pytest.approx(planned_share(address, 5, name_bytes=24))
    assert 0.0 == planned_share(parse_address("parrot://"), 1)
