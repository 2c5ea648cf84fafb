"""Frames to bytes and back, in the mode that the stations of a channel agreed on. No I/O, no clock.

`decode` raises a FrameError of its own kind (errors.py) for whatever it refuses; its caller counts them.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from transport.errors import BadTag, FrameError, Muted, OtherMode, Replayed, Stale, UnknownOver, UsageError
from transport.protection.cipher import Cipher, Secret
from transport.protection.past import Past
from transport.protection.questions import Questions
from transport.protection.rate_limit import CAPACITY_PER_S, RateLimiter
from transport.protection.replay import FRESH_S, OVER_FRESH_S, HeardOver, Nonces, Window
from transport.protocol import open_frames
from transport.protocol.frames import (
    NONCE_BYTES,
    VOICE_SHAPES,
    Beacon,
    Begin,
    End,
    Frame,
    Mode,
    Pong,
    Receipt,
    Refusal,
    Text,
    Type,
    Voice,
)
from transport.protocol.open_frames import HEADER
from transport.protocol.payloads import READERS, read_voice

OWN_OVERS = 4
"""Overs being sent whose nonces are kept: the current one, and those whose END may still be in a queue."""
_SECONDS = struct.Struct(">I")
MAX_UTC_S = 0xFFFFFFFF
"""Latest time that a frame can carry: in the year 2106."""


class Channel(Protocol):
    """One station's side of a channel, on one link."""

    @property
    def mode(self) -> Mode:
        """Protection of the channel's frames."""

    def encode(self, frame: Frame, now: float, utc_s: int) -> bytes:
        """Return the frame as it goes on the link, just before it does so.

        `now` is in seconds of a steady clock; `utc_s` is the wall clock, 0 in a station without one. Raise UsageError
        when a field does not fit its place.
        """

    def decode(self, octets: bytes, now: float, utc_s: int, source: Hashable | None = None) -> Frame:
        """Return the frame in what the link delivered.

        `source` is who sent it, as far as the link can tell; None where everything comes from one place. Raise
        FrameError or one of its kinds.
        """


class OpenChannel:
    """A channel that checks against accidents only."""

    mode = Mode.OPEN

    def encode(self, frame: Frame, now: float, utc_s: int) -> bytes:
        """Return the frame as it goes on the link."""
        return open_frames.encode(frame)

    def decode(self, octets: bytes, now: float, utc_s: int, source: Hashable | None = None) -> Frame:
        """Return the frame in what the link delivered. Raise FrameError."""
        return open_frames.decode(octets)


def open_channel(
    secret: Secret | None,
    tag_bytes: int,
    random_bytes: Callable[[int], bytes],
    *,
    name: str = "",
    past: Past | None = None,
    capacity_per_s: float = CAPACITY_PER_S,
) -> Channel:
    """Return the channel of those who share the secret, or the open one. `random_bytes` is such as `os.urandom`.

    name: of this station. past: what is known from before the start; None: nothing. capacity_per_s: frames that this
    station can check.
    """
    if secret is None:
        return OpenChannel()
    return ProtectedChannel(secret, tag_bytes, random_bytes, name=name, past=past, capacity_per_s=capacity_per_s)


@dataclass(slots=True)
class _OwnOver:
    """An over that is being sent."""

    nonce: bytes
    addressee: str
    last: Frame
    octets: bytes
    """Bytes of the last frame: sent again, they must be the very same, or a nonce is used for two contents."""


class ProtectedChannel:
    """A sealed or ham channel: each frame is authentic, new, and made a moment ago, or it is refused."""

    def __init__(
        self,
        secret: Secret,
        tag_bytes: int,
        random_bytes: Callable[[int], bytes],
        *,
        name: str = "",
        past: Past | None = None,
        capacity_per_s: float = CAPACITY_PER_S,
    ) -> None:
        """Take what `open_channel` takes."""
        self.mode = secret.mode
        self.rate_limiter = RateLimiter(capacity_per_s)
        self._past = past or Past()
        self._cipher = Cipher(secret, tag_bytes)
        self._tag_bytes = tag_bytes
        self._random_bytes = random_bytes
        self._nonces = Nonces()
        for nonce in self._past.nonces:
            self._nonces.remember(nonce, 0.0, clockless=True)
        self._own: OrderedDict[int, _OwnOver] = OrderedDict()
        self._questions = Questions(name)

    # --- sending ------------------------------------------------------------------------------------------------------

    def encode(self, frame: Frame, now: float, utc_s: int) -> bytes:
        """Return the frame as it goes on the link, just before it does so. Raise UsageError."""
        if isinstance(frame, Begin):
            frame = replace(frame, utc_s=utc_s)  # it may have waited since it was made
        if isinstance(frame, Refusal):
            return open_frames.encode(frame)  # to somebody who has not got this key
        if not 0 <= utc_s <= MAX_UTC_S:
            raise UsageError(f"the time {utc_s} s does not fit its field")
        header, body = open_frames.header_and_body(self.mode, frame)
        seconds = _SECONDS.pack(utc_s)
        if isinstance(frame, Begin):
            body = body[NONCE_BYTES + _SECONDS.size :]
        elif not isinstance(frame, Voice | End):
            nonce = self._random_bytes(NONCE_BYTES)
            self._nonces.remember(nonce, now, clockless=not utc_s)
            self._questions.take(frame, sent=True)
            of_over = isinstance(frame, Receipt) and not frame.of_text
            bound = next(self._bounds(frame.over, now), (b"", False))[0] if of_over else b""
            return self._cipher.close(header, nonce, seconds + body, bound)
        own = self._own.get(frame.over)
        if isinstance(frame, Begin) and (own is None or own.nonce != frame.nonce):
            own = self._start(frame)
        if own is None:
            raise UsageError(f"over {frame.over} was never begun")
        if own.octets and frame.sequence <= own.last.sequence:
            if frame != own.last:
                raise UsageError(f"sequence {frame.sequence} of over {frame.over} was used already")
            return own.octets
        self._nonces.remember(own.nonce, now, clockless=not utc_s)
        own.last = frame
        own.octets = self._cipher.close(header, own.nonce, body if isinstance(frame, Voice) else seconds + body)
        return own.octets

    def _start(self, begin: Begin) -> _OwnOver:
        self._own.pop(begin.over, None)
        self._own[begin.over] = own = _OwnOver(begin.nonce, begin.addressee, begin, b"")
        if len(self._own) > OWN_OVERS:
            self._own.popitem(last=False)
        return own

    def _bounds(self, over: int, now: float) -> Iterator[tuple[bytes, bool]]:
        """Return what a RECEIPT for an over with this number is bound to, and whether the over is this station's own.

        It is the over's nonce and addressee. First comes the newest such over that was heard, then the own one.
        """
        for heard in self._nonces.overs(over, now):
            yield heard.nonce + heard.addressee.encode(), False
        if over in self._own:
            yield self._own[over].nonce + self._own[over].addressee.encode(), True

    # --- receiving ----------------------------------------------------------------------------------------------------

    def decode(self, octets: bytes, now: float, utc_s: int, source: Hashable | None = None) -> Frame:
        """Return the frame in what the link delivered. Raise FrameError or one of its kinds."""
        mode = open_frames.peek_mode(octets)
        if mode is None:
            if open_frames.read_header(octets)[0] == Type.REFUSAL:  # says so if it is no frame at all
                return open_frames.decode(octets)
            raise OtherMode(Mode.OPEN)
        if mode is not self.mode:
            raise OtherMode(mode)
        version_and_kind, over, sequence = HEADER.unpack_from(octets)
        kind = Type(version_and_kind & 0x0F)
        has_voice = kind in VOICE_SHAPES
        known = self._nonces.overs(over, now) if has_voice else []
        if has_voice and not known:
            raise UnknownOver("VOICE of an over whose BEGIN was not heard")
        if not self.rate_limiter.admits(source, now):
            raise Muted("more frames than this machine can check")
        if has_voice:
            frame = self._open_voice(octets, kind, over, sequence, known, now)
        else:
            frame = self._open_signal(octets, kind, over, sequence, now, utc_s)
        self.rate_limiter.good(source, now)  # not before: an old frame sent again proves nothing
        return frame

    def _open_voice(
        self, octets: bytes, kind: Type, over: int, sequence: int, known: list[HeardOver], now: float
    ) -> Frame:
        for heard in known:
            try:
                _, body = self._cipher.open(octets, heard.nonce)
            except BadTag:
                continue
            frame = read_voice(kind, over, sequence, body, damaged=False)
            if now > heard.until_s or not heard.window.takes(sequence):
                raise Replayed("VOICE that came before, or too late")
            return frame
        raise BadTag("the tag does not match")

    def _open_signal(self, octets: bytes, kind: Type, over: int, sequence: int, now: float, utc_s: int) -> Frame:
        nonce, said, own = self._open_receipt(octets, over, now)
        frame = self._read(kind, over, sequence, nonce, said)
        if isinstance(frame, Receipt | Pong) and own is None:
            own = self._questions.own(frame)
            if own is None:
                raise UnknownOver("an answer to nothing that was asked here")
        said_utc_s: int = _SECONDS.unpack_from(said)[0]
        self._check_time(frame, said_utc_s, now, utc_s, answers_own=bool(own))
        self._check_new(frame, nonce, now, clockless=not utc_s or not said_utc_s)
        self._questions.take(frame, sent=False)
        if said_utc_s > utc_s > 0:
            self._past.keep(nonce, said_utc_s + FRESH_S)
        return frame

    def _open_receipt(self, octets: bytes, over: int, now: float) -> tuple[bytes, bytes, bool | None]:
        """Return the nonce and what stood behind it, and whether the over that it is the RECEIPT of is an own one.

        None: it is no RECEIPT of an over that is known here. Raise BadTag.
        """
        for bound, own in self._bounds(over, now) if octets[0] & 0x0F == Type.RECEIPT else ():
            try:
                return *self._cipher.open(octets, bound=bound), own
            except BadTag:
                continue
        return *self._cipher.open(octets), None

    @staticmethod
    def _read(kind: Type, over: int, sequence: int, nonce: bytes, said: bytes) -> Frame:
        if len(said) < _SECONDS.size:
            raise FrameError(f"{kind.name} of {len(said)} bytes")
        body = nonce + said if kind is Type.BEGIN else said[_SECONDS.size :]
        return READERS[kind](over, sequence, body)

    def _check_time(self, frame: Frame, said_utc_s: int, now: float, utc_s: int, *, answers_own: bool) -> None:
        """Raise Stale where both ends have a clock, and the two differ too much or the frame is from before the start.

        What was made before this station was started may have been heard by it before: of that, it keeps the nonces of
        those frames only that said a later time than its own. An answer to an own question needs no such check.
        """
        ahead_s = said_utc_s - utc_s
        before_start = not answers_own and said_utc_s < self._past.start_utc_s(now, utc_s)
        if said_utc_s and utc_s and (abs(ahead_s) > FRESH_S or before_start):
            raise Stale(frame.sender if isinstance(frame, Begin | Text | Beacon) else "", ahead_s)

    def _check_new(self, frame: Frame, nonce: bytes, now: float, clockless: bool) -> None:
        heard = self._nonces.over(nonce, now)
        if isinstance(frame, Begin) and not self._nonces.knows(nonce, now):
            heard = HeardOver(frame.over, nonce, frame.addressee, window=Window.opened_at(frame.sequence))
        elif isinstance(frame, End) and heard is None and not self._nonces.knows(nonce, now):
            raise UnknownOver("END of an over whose BEGIN was not heard")
        if isinstance(frame, Begin | End):
            dead = heard is not None and isinstance(frame, End) and now > heard.until_s
            if heard is None or dead or heard.over != frame.over or not self._takes(heard, frame):
                raise Replayed("a frame of an over that came before, or an own one")
            if isinstance(frame, Begin):
                heard.until_s = now + OVER_FRESH_S
        elif self._nonces.knows(nonce, now):
            raise Replayed("a frame that came before, or an own one")
        self._nonces.remember(nonce, now, heard, clockless)

    @staticmethod
    def _takes(heard: HeardOver, frame: Begin | End) -> bool:
        if heard.window.takes(frame.sequence):
            if isinstance(frame, End):
                heard.end = frame.sequence
            return True
        if isinstance(frame, End) and frame.sequence == heard.end and not heard.end_again:
            heard.end_again = True
            return True
        return False
