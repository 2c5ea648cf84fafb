"""What is fuzzed: functions that take any bytes and raise nothing. Those with a memory are classes; theirs is bounded.

Nothing here knows the fuzzer, so that `make test` can run all of it on known inputs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.fuzz.broker import BROKER_SAYS, BrokerMessages
from tests.fuzz.relay import RelayedOvers, repack
from tests.support.overs import over_frames
from tests.support.protected import KEY, PROTECTED_VECTORS, UTC_S
from tests.support.vectors import OPEN_VECTORS, with_checks
from transport.address import parse_address
from transport.errors import FrameError, LinkError, UsageError
from transport.framing import ax25
from transport.framing.cobs import CobsReader, cobs_decode, cobs_encode
from transport.framing.kiss import KissReader, kiss_decode, kiss_encode
from transport.links.callers import MARK, MAX_REFUSED, TOKEN_BYTES, Callers
from transport.planning.callers import MAX_CALLERS
from transport.playout.playout import MAX_OVERS, Playout
from transport.protection.channel import ProtectedChannel
from transport.protection.cipher import Cipher, Secret
from transport.protection.mismatch import MismatchDetector
from transport.protection.rate_limit import MAX_PROVEN
from transport.protection.replay import MAX_REMEMBERED
from transport.protocol.floor import Floor
from transport.protocol.floor_states import State
from transport.protocol.frames import NONCE_BYTES, VOICE_SHAPES, Begin, End, Mode, Repeat, Type, Voice, VoiceWithCopies
from transport.protocol.open_frames import MAX_FRAME_BYTES, decode, encode, peek_type
from transport.protocol.over import MAX_PACKETS, CopyHeard, OverBegun, OverEnded, PacketHeard
from transport.protocol.over_receiver import REMEMBERED_OVERS, OverReceiver
from transport.protocol.payloads import READERS, read_voice
from transport.protocol.presence import MAX_STATIONS, Presence

Target = Callable[[bytes], None]


def read_frame(octets: bytes) -> None:
    """Read a frame of the open channel as it comes, and with both checks put right."""
    peek_type(octets)
    for one in (octets, with_checks(octets[:4], octets[4:])):
        try:
            frame = decode(one)
        except FrameError:
            continue
        assert isinstance(frame, Voice) or frame == decode(encode(frame))


def read_payload(octets: bytes) -> None:
    """Read the payload of a frame; the first byte chooses the type."""
    kind = Type(1 + octets[0] % len(Type)) if octets else Type.BEGIN
    try:
        if kind in VOICE_SHAPES:
            read_voice(kind, 1, 2, octets[1:], damaged=False)
        else:
            READERS[kind](1, 2, octets[1:])
    except FrameError:
        pass


def read_address(octets: bytes) -> None:
    """Read the text that names a link: people type it, or copy the wrong text."""
    try:
        parse_address(octets.decode("utf-8", "replace"))
    except LinkError:
        pass


def read_cobs(octets: bytes) -> None:
    """Read a COBS frame, and check that what it decodes to is encoded and decoded as the same."""
    assert octets == cobs_decode(cobs_encode(octets))
    try:
        frame = cobs_decode(octets)
    except FrameError:
        return
    assert frame == cobs_decode(cobs_encode(frame))


def read_kiss(octets: bytes) -> None:
    """Read a KISS frame, and the AX.25 frame in it."""
    assert octets == kiss_decode(kiss_encode(octets)[1:-1])
    try:
        octets = kiss_decode(octets)
    except FrameError:
        pass
    read_ax25(octets)


def read_ax25(octets: bytes) -> None:
    """Read an AX.25 frame, and a callsign in the same bytes."""
    try:
        frame = ax25.decode_ui(octets)
    except FrameError:
        pass
    else:
        assert frame == ax25.decode_ui(ax25.encode_ui(frame))
    try:
        ax25.parse_callsign(octets.decode("latin-1"))
    except UsageError:
        pass


class Streams:
    """Both readers of a serial line, which go on from input to input."""

    def __init__(self) -> None:
        self._readers = [CobsReader(MAX_FRAME_BYTES), KissReader(MAX_FRAME_BYTES)]

    def __call__(self, octets: bytes) -> None:
        for reader in self._readers:
            for frame in reader.receive(octets):
                assert len(frame) <= reader.longest(MAX_FRAME_BYTES)
            assert len(reader._pending) <= reader._max_bytes


class WaitingLine:
    """The callers of a waiting UDP end: whatever they say, nothing is raised, and nothing grows."""

    def __init__(self) -> None:
        self._callers = Callers(MAX_CALLERS, bytes(32))
        self._now = 0.0

    def __call__(self, octets: bytes) -> None:
        self._now += 0.05
        source = (f"::ffff:192.0.2.{octets[0] if octets else 0}", 1 + len(octets) % 3, 0, 0)
        said = [MARK + octets[:TOKEN_BYTES], MARK + octets[:TOKEN_BYTES] + MARK]
        if octets[-1:] > b"\x80":
            said[:0] = [self._callers.challenge(source, self._now)]
        for one in said:
            self._callers.returned(source, one, self._now)
            self._callers.left(source, one)
        self._callers.bears(source, self._now)
        assert source not in self._callers.to_pass_on(source, self._now)
        assert len(self._callers.present(self._now)) <= MAX_CALLERS
        assert len(self._callers._refused) <= MAX_REFUSED


class Names:
    """Presence, which hears any name."""

    def __init__(self) -> None:
        self._presence = Presence(0.0, 180.0, 3.0, 420.0, random.Random(1).random, speaks=True, name="Ada")
        self._now = 0.0

    def __call__(self, octets: bytes) -> None:
        self._now += 0.05
        name = octets[:24].decode("utf-8", "replace")
        self._presence.heard(name, self._now, octets[:8] if len(octets) > 30 else b"")
        if len(octets) % 5 == 0:
            self._presence.left(name)
            self._presence.mark_left(octets[:8])
        if self._presence.due_s() <= self._now:
            self._presence.said(self._now)
        assert len(self._presence._stations) <= MAX_STATIONS


class Protected:
    """A sealed or ham channel: bytes as they come, then the same behind a good tag. Time goes on, sources change."""

    def __init__(self, mode: Mode) -> None:
        self._secret = Secret(mode, KEY)
        self._channel = ProtectedChannel(self._secret, 4, random.Random(1).randbytes)
        self._cipher = Cipher(self._secret, 4)
        self._mismatches = MismatchDetector(mode)
        self._now = 0.0
        self._begun = b""

    def __call__(self, octets: bytes) -> None:
        self._now += 0.1
        self._decode(octets)
        if len(octets) < 6:
            return
        header = bytes([self._secret.mode << 4 | octets[0] & 0x0F]) + octets[1:4]
        rest = octets[5:]
        nonce = octets[5 : 5 + NONCE_BYTES].ljust(NONCE_BYTES, b"\0")
        if octets[4] & 1:  # a moment ago, as anything that is read beyond its time must say
            rest = (UTC_S + int(self._now)).to_bytes(4) + rest[8:]
        self._decode(self._cipher.close(header, nonce, rest))

    def _decode(self, octets: bytes) -> None:
        source = None if len(octets) % 3 else octets[:2]
        try:
            frame = self._channel.decode(octets, self._now, UTC_S + int(self._now), source)
        except FrameError as problem:
            self._mismatches.refused(octets, problem, self._now)
        else:
            self._mismatches.accepted(frame.over)
            assert isinstance(frame, Voice) or frame == decode(encode(frame))
        assert len(self._channel._nonces) <= MAX_REMEMBERED
        assert self._channel.rate_limiter.sources <= MAX_PROVEN


class Conversation:
    """What frames say of overs, however they contradict one another: over receiver, play-out and floor. The input is a
    list of orders, a few bytes each."""

    def __call__(self, octets: bytes) -> None:
        receiver, playout, floor = OverReceiver(), Playout(), Floor()
        now = 0.0
        for order in _orders(octets):
            frame = _frame(order)
            now += (order[0] >> 4) * 0.1
            if frame is None:
                self._other(order, receiver, playout, floor, now)
            else:
                self._hear(frame, receiver, playout, floor, now)
            for _ in range(8):
                playout.take(now)
            while playout.finished:
                playout.finished.popleft()
            floor.tick(now)
        assert len(receiver._intact) + len(receiver._damaged) <= 2 * MAX_PACKETS
        assert len(receiver._finished) <= REMEMBERED_OVERS
        assert len(playout._overs) <= MAX_OVERS

    @staticmethod
    def _hear(frame: Begin | Voice | End, receiver: OverReceiver, playout: Playout, floor: Floor, now: float) -> None:
        for event in receiver.receive(frame, now):
            match event:
                case OverBegun(begin, first_index):
                    repeats = begin.repeat is not Repeat.NONE
                    playout.begin(begin.k, first_index, repeat=repeats, begun_s=now)
                    floor.heard(now, begin.over, begin.k, begins=True)
                case PacketHeard(index, packet, damaged):
                    playout.push(index, packet, damaged, now)
                case CopyHeard(index, copy):
                    playout.push_copy(index, copy, now)
                case OverEnded(end):
                    playout.end(end.packets_sent, now)
                    floor.end_heard(now, end.over)
        if isinstance(frame, End):
            floor.over_ended(now, frame.over)
        else:
            floor.heard(now, frame.over)

    @staticmethod
    def _other(order: bytes, receiver: OverReceiver, playout: Playout, floor: Floor, now: float) -> None:
        match order[1] % 4, floor.state:
            case 0, _:
                receiver.abandon()
                playout.end(None, now)
            case 1, _:
                floor.press(now)
            case 2, State.ASKED:
                floor.permit(now)
            case 2, State.DRAINING:
                floor.drained(now, expect_receipt=bool(order[2] & 1))
            case 3, State.IDLE | State.ASKED | State.ON_AIR | State.COLLIDED:
                floor.release(now)
            case _:
                floor.receipt(now)


ORDER_BYTES = 6


def _orders(octets: bytes) -> Iterator[bytes]:
    for at in range(0, len(octets) - ORDER_BYTES + 1, ORDER_BYTES):
        yield octets[at : at + ORDER_BYTES]


def _frame(order: bytes) -> Begin | Voice | End | None:
    """Return the frame that an order stands for; None where it is none."""
    kind, over, sequence, what = order[0] & 3, order[1] & 3, int.from_bytes(order[2:4]), order[4:6]
    match kind:
        case 0:
            k, name = 1 + what[0] % 6, "Ada" if what[1] & 1 else "Bob"
            return Begin(over, sequence, what[1:2] * 8, 0, 1, k, name, repeat=list(Repeat)[what[1] // 2 % 3])
        case 1:
            packets, damaged, copies = 1 + what[0] % 12, bool(what[1] & 1), what[1] // 2 % 7
            if copies:
                said = (bytes(32),) * min(packets, copies)
                return VoiceWithCopies(over, sequence, said, damaged, (bytes(8),) * copies)
            return Voice(over, sequence, (bytes(32),) * packets, damaged)
        case 2:
            return End(over, sequence, int.from_bytes(what))
    return None


def targets() -> dict[str, Target]:
    """Return all targets by name; those that keep a state begin afresh."""
    return {
        "frame": read_frame,
        "payload": read_payload,
        "sealed": Protected(Mode.SEALED),
        "ham": Protected(Mode.HAM),
        "address": read_address,
        "cobs": read_cobs,
        "kiss, ax25": read_kiss,
        "streams": Streams(),
        "waiting line": WaitingLine(),
        "names": Names(),
        "broker": BrokerMessages(),
        "relay": RelayedOvers(),
        "repacking": repack,
        "over, play-out, floor": Conversation(),
    }


def seeds() -> list[bytes]:
    """Return known good inputs to start from."""
    opened = [bytes.fromhex(octets) for _, octets in OPEN_VECTORS]
    protected = [bytes.fromhex(octets) for *_, octets in PROTECTED_VECTORS]
    over = [encode(frame) for repeat in Repeat for frame in over_frames(4, 2, repeat=repeat)]
    call, other = ax25.parse_callsign("N0CALL-7"), ax25.parse_callsign("AB1CDE")
    ui = [ax25.encode_ui(ax25.UiFrame(call, other, ax25.NO_LAYER_3, octets)) for octets in opened]
    addresses = [
        b"udp://192.0.2.7:7800?k=2&rate=1200&loss=5%&delay=150&seed=7",
        b"serial:///dev/ttyUSB0?baud=57600",
        b"kiss://localhost:8001?call=N0CALL-1",
        b"parrot://",
        b"udp://[::1]:7800?repeat=1",
        b"mqtt://broker.example/harbour?repeat=coarse",
    ]
    said = [(0, 0, b"\1\1"), (1, 1, b"\1\0"), (1, 2, b"\1\0"), (2, 3, b"\0\4"), (3, 0, b"\0\0")]
    orders = b"".join(bytes([0x30 | kind, 1]) + sequence.to_bytes(2) + what for kind, sequence, what in said)
    return [
        *opened,
        *protected,
        *over,
        *ui,
        *addresses,
        orders,
        *(octets[6:-2] for octets in opened),
        *map(bytes.fromhex, BROKER_SAYS),
        *(cobs_encode(octets) for octets in over),
        *(kiss_encode(octets) for octets in ui),
    ]
