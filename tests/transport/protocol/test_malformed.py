"""Every parser that reads from a link, 20 000 inputs each: a value that can be written again, or FrameError."""

from __future__ import annotations

import os

import pytest

from tests.support.malformed import for_many_inputs
from tests.support.overs import over_frames
from tests.support.protected import KEY, PROTECTED_VECTORS, UTC_S
from tests.support.vectors import OPEN_VECTORS, with_checks
from transport.errors import FrameError
from transport.protection.channel import ProtectedChannel
from transport.protection.cipher import Cipher, Secret
from transport.protocol.frames import VOICE_SHAPES, Begin, End, Frame, Mode, Repeat, Type, Voice
from transport.protocol.open_frames import decode, encode, peek_mode, peek_type
from transport.protocol.over import MAX_PACKETS
from transport.protocol.over_receiver import REMEMBERED_OVERS, OverReceiver
from transport.protocol.payloads import READERS, WRITERS, read_voice

OPEN_FRAMES = [bytes.fromhex(octets) for _, octets in OPEN_VECTORS]
PAYLOADS = [octets[6:-2] for octets in OPEN_FRAMES]


def read(kind: Type, payload: bytes) -> Frame | None:
    """Return what a payload means, None if nothing. Anything but FrameError fails the test."""
    try:
        if kind in VOICE_SHAPES:
            return read_voice(kind, 7, 1, payload, damaged=False)
        return READERS[kind](7, 1, payload)
    except FrameError:
        return None


@for_many_inputs(OPEN_FRAMES)
def test_frames_of_the_open_channel(inputs: list[bytes]) -> None:
    """What is read is written again and read as the same; links agree on its type."""
    for octets in inputs:
        try:
            frame = decode(octets)
        except FrameError:
            continue
        assert peek_type(octets) is WRITERS[type(frame)][0]
        if not (isinstance(frame, Voice) and frame.damaged):
            assert frame == decode(encode(frame))


@for_many_inputs([octets[:4] + octets[6:-2] for octets in OPEN_FRAMES])
def test_frames_with_good_checks(inputs: list[bytes]) -> None:
    """Bytes with any content whose checks are both right: as accidents never, but forgers always make them."""
    for octets in inputs:
        forged = with_checks(octets[:4], octets[4:])
        try:
            frame = decode(forged)
        except FrameError:
            continue
        assert frame == decode(encode(frame))


@pytest.mark.parametrize("kind", list(Type), ids=lambda kind: kind.name)
def test_payloads(kind: Type) -> None:
    """What the reader of a payload reads, its writer writes, and it reads that as the same."""

    @for_many_inputs(PAYLOADS)
    def check(inputs: list[bytes]) -> None:
        for payload in inputs:
            frame = read(kind, payload)
            if frame is not None:
                written, write = WRITERS[type(frame)]
                assert kind is written
                assert frame == read(kind, write(frame))

    check()


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM], ids=lambda mode: mode.name)
def test_protected_frames_without_the_key(mode: Mode) -> None:
    """Whatever is done to sealed and ham frames, nothing but the frames themselves is believed."""
    authentic = [bytes.fromhex(octets) for kept, tag, _, octets in PROTECTED_VECTORS if kept is mode and tag == 4]

    @for_many_inputs(authentic)
    def check(inputs: list[bytes]) -> None:
        channel = ProtectedChannel(Secret(mode, KEY), 4, os.urandom)
        channel.rate_limiter.admits = lambda source, now: True  # type: ignore[method-assign]
        for octets in inputs:
            peek_type(octets)
            try:
                frame = channel.decode(octets, 0.0, UTC_S)
            except FrameError:
                continue
            assert octets in authentic, frame

    check()


@pytest.mark.parametrize("mode", [Mode.SEALED, Mode.HAM], ids=lambda mode: mode.name)
def test_protected_frames_with_the_key(mode: Mode) -> None:
    """Rubbish behind a good tag, from a mistaken station that has the passphrase: FrameError, or a frame that can be
    written."""
    cipher = Cipher(Secret(mode, KEY), 4)

    @for_many_inputs([octets[:1] + octets[:4] + UTC_S.to_bytes(4) + octets[6:-2] for octets in OPEN_FRAMES])
    def check(inputs: list[bytes]) -> None:
        channel = ProtectedChannel(Secret(mode, KEY), 4, os.urandom)
        channel.rate_limiter.admits = lambda source, now: True  # type: ignore[method-assign]
        channel.decode(ProtectedChannel(Secret(mode, KEY), 4, os.urandom).encode(BEGIN, 0.0, UTC_S), 0.0, UTC_S)
        for number, octets in enumerate(inputs):
            if len(octets) < 5:
                continue
            header = bytes([mode << 4 | octets[0] & 0x0F]) + octets[1:4]
            nonce = BEGIN.nonce if number % 2 or octets[0] & 0x0F in VOICE_SHAPES else os.urandom(8)
            forged = cipher.close(header, nonce, octets[5:])
            try:
                frame = channel.decode(forged, 0.0, UTC_S)
            except FrameError:
                continue
            assert mode is peek_mode(forged)
            assert frame == decode(encode(frame))

    check()


BEGIN = Begin(0x5A, 0, bytes(range(8)), 0, 1, 2, "Ada")


@pytest.mark.parametrize("repeat", [Repeat.PACKETS, Repeat.COPIES], ids=lambda repeat: repeat.name)
def test_overs(repeat: Repeat) -> None:
    """Frames that pass their checks and say anything, one after the other: facts, and a bounded memory."""
    frames = over_frames(12, 2, repeat=repeat)
    said = [encode(frame) for frame in frames]

    @for_many_inputs([octets[:4] + octets[6:-2] for octets in said])
    def check(inputs: list[bytes]) -> None:
        receiver = OverReceiver()
        receiver.receive(frames[0], 0.0)
        for octets in inputs:
            try:
                frame = decode(with_checks(octets[:4], octets[4:]))
            except FrameError:
                continue
            if isinstance(frame, Begin | Voice | End):
                for event in receiver.receive(frame, 0.0):
                    assert event is not None
        assert len(receiver._intact) + len(receiver._damaged) <= 2 * MAX_PACKETS
        assert len(receiver._finished) <= REMEMBERED_OVERS

    check()
