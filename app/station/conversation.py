"""The turns of talking and listening: the floor between one talker and one listener.

key ----> floor ----> talker ----> transmitter
facts --> floor ----> answers ---> transmitter
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trio

from app import events
from app.audio.devices import BLOCK_S, BLOCK_SAMPLES, Block
from app.audio.player import Player
from app.audio.tones import permit_tone
from app.events import EndReason, Event
from app.settings.model import Settings
from app.station.channel_end import ChannelEnd
from app.station.listener import Listener
from app.station.messages import Messages
from app.station.talker import Talker
from app.station.transmitter import Transmitter
from codec.format import PACKET_BYTES, PACKET_S
from transport.errors import LinkError
from transport.links.traffic import Traffic
from transport.protection.rate_limit import TokenBucket
from transport.protocol import floor_states
from transport.protocol.floor import Floor
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin, Pong, Receipt, Text
from transport.protocol.over import OverBegun, OverEnded, Overlap, PacketHeard, VoiceIgnored
from transport.protocol.receiver import Answer, EndArrived, Fact, VoiceArrived

ON_AIR = (State.ON_AIR, State.COLLIDED)
NEVER_S = float("inf")
BEHIND_S = 1.0
"""Time by which a clip may be behind the clock and catches up, in seconds; later it goes on from where it is.

A process that stood still for longer has missed its turn: what would all leave in a heap comes late, or not at all.
"""
RECEIPT_FRESH_S = 60.0
"""Time after the end of an over within which its receipt counts, in seconds: it waits for its turn on a slow link."""
PONGS_PER_S = 1.0
"""Answers to pings a second that are shown at the most..."""
PONGS_AT_ONCE = 16.0
"""...and how many may come at once, after a pause; of more, the rest are dropped."""


class Conversation:
    """The half-duplex conversation of one station."""

    def __init__(
        self,
        *,
        settings: Settings,
        channel: ChannelEnd,
        transmitter: Transmitter,
        talker: Talker | None,
        listener: Listener,
        player: Player,
        messages: Messages,
        slowness: float,
        emit: Callable[[Event], None],
    ) -> None:
        """Take the parts; talker: None in a station that only listens; slowness: seconds a second of speech takes."""
        self._channel = channel
        self._transmitter = transmitter
        self._talker = talker
        self._listener = listener
        self._player = player
        self._messages = messages
        self._emit = emit
        self._permit_tone = settings.permit_tone
        self._floor = Floor(talk_limit_s=settings.time_out_s, slowness=slowness, if_sparse=True)
        self._floor_changed = trio.Event()
        self._clip: np.ndarray | None = None
        self._clip_may_start = trio.Event()
        self._over: int | None = None
        self._by_voice = False
        self._live_since_s: float | None = None
        self._receipt_expected = False
        """True after an over of ours that was addressed to somebody, who should confirm it."""
        self._receipt_until_s = NEVER_S
        """Time until which that receipt counts; NEVER_S while the over is still being sent."""
        self._pongs = TokenBucket(PONGS_PER_S, PONGS_AT_ONCE)
        self._collisions = TokenBucket(1.0)
        self._sent_before = Traffic()

    @property
    def talking(self) -> bool:
        """True while an over of ours is on the air."""
        return self._floor.state in ON_AIR

    @property
    def idle(self) -> bool:
        """True while nobody talks, and nothing is played or waits to be."""
        return self._floor.state is State.IDLE and not self._listener.playing

    @property
    def live_since_s(self) -> float | None:
        """Time at which the over on the air from the microphone began; None while there is none."""
        return self._live_since_s if self.talking and self._clip is None else None

    @property
    def sending(self) -> bool:
        """True from the request for the floor until the last frame of the over has left."""
        return self._floor.state in (State.ASKED, State.DRAINING, *ON_AIR)

    # --- the key -------------------------------------------------------------------------------------------------

    def press(self, clip: np.ndarray | None, microphone_s: float, by_voice_s: float | None = None) -> None:
        """Ask for the floor.

        clip: float32 [n], spoken instead of the microphone. microphone_s: age of the microphone's blocks, in seconds.
        by_voice_s: seconds of audio from before the trigger to send, with no tone put into them; None when a key
        started the over.
        """
        if self._talker is None:
            self._emit(events.TalkDenied("this station only listens"))
            return
        before = self._floor.state
        self._floor_says(self._floor.press(trio.current_time()))
        if self._floor.state is not State.ASKED or before is State.ASKED:
            return
        self._clip = clip
        self._talker.microphone_s = microphone_s if clip is None else 0.0
        if clip is not None:
            self._speak_before_the_key(self._talker, clip)
        self._sent_before = self._transmitter.sent
        self._by_voice = by_voice_s is not None
        self._over = self._talker.begin(self._begin_taken, by_voice_s)
        self._receipt_expected, self._receipt_until_s = bool(self._talker.addressed), NEVER_S

    @staticmethod
    def _speak_before_the_key(talker: Talker, clip: np.ndarray) -> None:
        """Fill the pre-roll with the start of a clip, so that its over runs like one of the microphone."""
        talker.forget()
        for number in range(talker.pre_roll_blocks):
            block = clip[number * BLOCK_SAMPLES : (number + 1) * BLOCK_SAMPLES]
            talker.hear(block, age_s=(talker.pre_roll_blocks - 1 - number) * BLOCK_S)

    def release(self, reason: EndReason) -> None:
        """Let the floor go."""
        self._clip = None
        if self._talker is not None:
            self._talker.end(reason)
        self._floor_says(self._floor.release(trio.current_time()))

    def hear(self, block: Block) -> None:
        """Take a block of the microphone, float32 [n]."""
        if self._talker is not None and self._clip is None:
            self._talker.hear(block)

    def _begin_taken(self, now: float) -> None:
        """Go on the air: the link took our BEGIN."""
        if self._floor.state is not State.ASKED or self._over is None:
            return
        self._player.hush()
        self._player.quiet = True
        if self._permit_tone and not self._by_voice:
            self._player.play(permit_tone(), signal=True)
        self._live_since_s = now
        self._floor_says(self._floor.permit(now))
        self._emit(events.TalkPermitted(self._over))
        self._clip_may_start.set()

    async def speak_clips(self) -> None:
        """Feed clips to the talker at the pace of speech, until cancelled."""
        while True:
            await self._clip_may_start.wait()
            self._clip_may_start = trio.Event()
            clip, began_s = self._clip, trio.current_time()
            if clip is None or self._talker is None:
                continue
            start = self._talker.pre_roll_blocks * BLOCK_SAMPLES
            for number, at in enumerate(range(start, len(clip), BLOCK_SAMPLES), start=1):
                await trio.sleep_until(began_s + number * BLOCK_S)
                behind_s = trio.current_time() - began_s - number * BLOCK_S
                began_s += behind_s if behind_s > BEHIND_S else 0.0
                if self._clip is not clip:
                    break
                self._talker.hear(clip[at : at + BLOCK_SAMPLES])
            else:
                self.release(EndReason.CLIP_ENDED)

    def over_drained(self, over: int, packets: int, unsent: int) -> None:
        """Sum up our over, whose last frame has left. unsent: packets of it that the link did not take."""
        self._receipt_until_s = trio.current_time() + RECEIPT_FRESH_S
        if self._floor.state is State.DRAINING:
            self._floor_says(self._floor.drained(trio.current_time(), self._receipt_expected))
        duration_s = packets * PACKET_S
        if duration_s:
            wire_bytes = self._transmitter.wire_bytes_since(self._sent_before)
            voice_bps, wire_bps = 8 * packets * PACKET_BYTES / duration_s, 8 * wire_bytes / duration_s
            self._emit(events.TalkDraining(0.0))
            self._emit(events.OverSent(over, packets, voice_bps, wire_bps, unsent))

    # --- frames --------------------------------------------------------------------------------------------------

    def take(self, fact: Fact, now: float) -> None:
        """Act on what a frame meant; the listener has taken it already."""
        match fact:
            case Answer(frame):
                self._transmitter.answer(frame)
            case Receipt() if self._messages.take(fact):
                pass
            case Receipt() if self._is_ours(fact, now) and self._talker is not None:
                self._receipt_expected = False  # it may come while our second END is still on its way
                self._floor_says(self._floor.receipt(now))
                confirmed, sent = fact.packets_heard, self._talker.packets_sent
                self._emit(events.OverConfirmed(fact.over, confirmed, sent, self._talker.addressed))
            case Text():
                self._messages.hear(fact, now)
            case Pong(_, _, token) if self._pongs.take(now):
                self._emit(events.PongHeard(token))
            case OverBegun(begin):
                self._floor_says(self._floor.heard(now, begin.over, begin.k, begins=True))
            case PacketHeard():
                self._floor.spoke(now, 1)
            case Overlap(begin) | VoiceArrived(begin=Begin() as begin):
                self._floor_says(self._floor.heard(now, begin.over, begin.k))
            case VoiceIgnored(over, packets):
                self._floor.spoke(now, packets)
                self._floor_says(self._floor.heard(now, over, packets))
            case OverEnded(end):
                self._floor.end_heard(now, end.over)
            case EndArrived(end) if not self._listener.will_play(end.over):
                self._floor_says(self._floor.over_ended(now, end.over))  # nothing of it was, or will be, played

    def _is_ours(self, receipt: Receipt, now: float) -> bool:
        """Tell whether a receipt is the one that is expected: for the END of this station's last over, in time."""
        talker = self._talker
        if talker is None or not self._receipt_expected or now > self._receipt_until_s:
            return False
        named = (self._over, talker.end_sequence) == (receipt.over, receipt.sequence)
        return named and receipt.packets_heard <= talker.packets_sent

    def over_played(self, begin: Begin) -> None:
        """Free the floor: the last of an over was played. Another one that is heard may have the same number."""
        if self._listener.will_play(begin.over):
            return
        self._floor_says(self._floor.over_ended(trio.current_time(), begin.over))

    def link_failed(self, problem: LinkError, *, hint: bool = False) -> None:
        """End an over of ours, a frame of which could not be sent.

        hint: the link may work again in a moment, so an over that is on the air goes on; one without BEGIN cannot.
        """
        if self.sending and not (hint and self._floor.state is not State.ASKED):
            if self._talker is not None and self._floor.state is not State.ASKED:
                self._talker.end_unsent()
            self._floor_says(self._floor.fail(trio.current_time(), str(problem)))

    def link_gone(self, problem: LinkError) -> None:
        """End every over, of ours and of others, as lost: nothing can leave or come until the link is back."""
        self.link_failed(problem)
        self._floor_says(self._floor.talker_lost(trio.current_time()))

    # --- the floor -----------------------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """Watch the time-outs of the floor, until cancelled."""
        while True:
            self._floor_says(self._floor.tick(trio.current_time()))
            next_s = self._floor.next_tick_s()
            self._floor_changed = trio.Event()
            with trio.move_on_at(NEVER_S if next_s is None else next_s):
                await self._floor_changed.wait()

    def _floor_says(self, said: list[floor_states.FloorEvent]) -> None:
        for fact in said:
            match fact:
                case floor_states.StateChanged(old, new):
                    if old in ON_AIR and new not in ON_AIR:
                        self._player.quiet = False
                    self._emit(events.FloorChanged(new))
                case floor_states.TalkRefused(reason):
                    self._silence_talker()
                    self._emit(events.TalkDenied(reason))
                case floor_states.TalkLimitNear(left_s):
                    self._emit(events.TalkTimeWarning(left_s))
                case floor_states.TalkLimitReached():
                    self._clip = None
                    if self._talker is not None:
                        self._talker.end(EndReason.TIME_OUT)
                case floor_states.CollisionInferred(reason) if self._collisions.take(trio.current_time()):
                    self._emit(events.Collision(reason))
                case floor_states.TalkerLost():
                    self._channel.abandon()
                    self._listener.abandon()
        self._floor_changed.set()

    def _silence_talker(self) -> None:
        """Send nothing more after a refusal, unless an earlier over is still on its way out."""
        if self._talker is not None and self._floor.state is not State.DRAINING:
            self._clip = None
            self._talker.abandon()
