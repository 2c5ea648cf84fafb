"""Who talks and who listens: the floor between one talker, one listener and the link.

key --> floor --> talker --> transmitter --> link --> frames --> listener
          '-------------------------------------------'
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
from app.station.channel_end import ChannelEnd
from app.station.listener import Listener
from app.station.talker import Talker
from app.station.transmitter import Transmitter
from app.station.wire_meter import wire_bytes
from codec.format import PACKET_BYTES, PACKET_S
from transport.errors import LinkError, PeerUnreachable
from transport.links.base import Link
from transport.links.traffic import Traffic
from transport.protocol import floor_states
from transport.protocol.floor import Floor
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin, Pong, Receipt, Text
from transport.protocol.over import OverBegun, OverEnded, Overlap, VoiceIgnored
from transport.protocol.receiver import Answer, EndArrived, Fact, VoiceArrived

ON_AIR = (State.ON_AIR, State.COLLIDED)
NEVER_S = float("inf")


class Conversation:
    """The half-duplex conversation of one station. `talker` is None in one that only listens."""

    def __init__(
        self,
        name: str,
        link: Link,
        channel: ChannelEnd,
        transmitter: Transmitter,
        talker: Talker | None,
        listener: Listener,
        player: Player,
        emit: Callable[[Event], None],
        *,
        time_out_s: float,
        permit_tone: bool,
    ) -> None:
        self._name = name
        self._link = link
        self._channel = channel
        self._transmitter = transmitter
        self._talker = talker
        self._listener = listener
        self._player = player
        self._emit = emit
        self._permit_tone = permit_tone
        self._floor = Floor(talk_limit_s=time_out_s)
        self._floor_changed = trio.Event()
        self._clip: np.ndarray | None = None
        self._clip_may_start = trio.Event()
        self._over: int | None = None
        self._by_voice = False
        self._receipt_expected = False
        """Our last over was addressed to somebody, who should say what was heard of it."""
        self._sent_before = Traffic()
        self._link_told = ""

    @property
    def talking(self) -> bool:
        return self._floor.state in ON_AIR

    @property
    def idle(self) -> bool:
        return self._floor.state is State.IDLE and not self._listener.playing

    @property
    def sending(self) -> bool:
        """On air, or what was said is still on its way out."""
        return self._floor.state in (State.ASKED, State.DRAINING, *ON_AIR)

    # --- the key -------------------------------------------------------------------------------------------------

    def press(self, clip: np.ndarray | None, microphone_s: float, by_voice_s: float | None = None) -> None:
        """Asks for the floor. clip: float32 [n], spoken instead of the microphone, whose blocks are so old. by_voice_s:
        speech asked, not a key: so many seconds from before are sent, and no tone is put into them."""
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
        self._sent_before = self._link.sent
        self._by_voice = by_voice_s is not None
        self._over = self._talker.begin(self._begin_taken, by_voice_s)
        self._receipt_expected = bool(self._talker.addressee)

    @staticmethod
    def _speak_before_the_key(talker: Talker, clip: np.ndarray) -> None:
        """The start of a clip is the pre-roll, so that an over of a clip runs like one of a microphone."""
        talker.forget()
        for number in range(talker.pre_roll_blocks):
            block = clip[number * BLOCK_SAMPLES : (number + 1) * BLOCK_SAMPLES]
            talker.hear(block, age_s=(talker.pre_roll_blocks - 1 - number) * BLOCK_S)

    def release(self, reason: EndReason) -> None:
        """Lets the floor go."""
        self._clip = None
        if self._talker is not None:
            self._talker.end(reason)
        self._floor_says(self._floor.release(trio.current_time()))

    def hear(self, block: Block) -> None:
        """A block of the microphone, float32 [n]."""
        if self._talker is not None and self._clip is None:
            self._talker.hear(block)

    def _begin_taken(self, now: float) -> None:
        """The link took our BEGIN."""
        if self._floor.state is not State.ASKED or self._over is None:
            return
        self._player.hush()
        self._player.quiet = True
        if self._permit_tone and not self._by_voice:
            self._player.play(permit_tone(), signal=True)
        self._floor_says(self._floor.permit(now))
        self._emit(events.TalkPermitted(self._over))
        self._clip_may_start.set()

    async def speak_clips(self) -> None:
        """Feeds clips to the talker at the pace of speech, until cancelled."""
        while True:
            await self._clip_may_start.wait()
            self._clip_may_start = trio.Event()
            clip, began_s = self._clip, trio.current_time()
            if clip is None or self._talker is None:
                continue
            start = self._talker.pre_roll_blocks * BLOCK_SAMPLES
            for number, at in enumerate(range(start, len(clip), BLOCK_SAMPLES), start=1):
                await trio.sleep_until(began_s + number * BLOCK_S)
                if self._clip is not clip:
                    break
                self._talker.hear(clip[at : at + BLOCK_SAMPLES])
            else:
                self.release(EndReason.CLIP_ENDED)

    def over_drained(self, over: int, packets: int) -> None:
        """The last frame of our over has left."""
        if self._floor.state is State.DRAINING:
            self._floor_says(self._floor.drained(trio.current_time(), self._receipt_expected))
        duration_s = packets * PACKET_S
        if duration_s:
            wire = wire_bytes(self._link, self._link.sent - self._sent_before)
            self._emit(events.TalkDraining(0.0))
            self._emit(events.OverSent(over, packets, 8 * packets * PACKET_BYTES / duration_s, 8 * wire / duration_s))

    # --- frames --------------------------------------------------------------------------------------------------

    async def receive(self) -> None:
        """Frames from the link, until cancelled. Raises LinkError, LinkClosed when the link has failed for good."""
        while True:
            try:
                octets = await self._link.receive()
            except PeerUnreachable as problem:
                self.link_problem(problem)
                if not self._link.ready:  # unplugged: said when it is back, not when somebody happens to talk
                    await self._link.wait_ready()
                    self._link_works()
                continue
            self._link_works()
            now = trio.current_time()
            for fact in self._channel.receive(octets):
                self._listener.take(fact, now)
                self._handle(fact, now)

    def _handle(self, fact: Fact, now: float) -> None:
        """Act on what a frame meant; the listener has taken it already."""
        match fact:
            case Answer(frame):
                self._transmitter.send(frame)
            case Receipt(over, _, heard) if over == self._over and self._talker is not None:
                self._receipt_expected = False  # it may come while our second END is still on its way
                self._floor_says(self._floor.receipt(now))
                self._emit(events.Receipt(over, heard, self._talker.packets_sent))
            case Text(_, _, sender, text, addressee):
                self._emit(events.TextHeard(sender, text, addressee))
            case Pong(_, _, token):
                self._emit(events.PongHeard(token))
            case OverBegun(begin):
                self._floor_says(self._floor.heard(now, begin.over, begin.k, begins=True))
            case Overlap(begin) | VoiceArrived(begin=Begin() as begin):
                self._floor_says(self._floor.heard(now, begin.over, begin.k))
            case VoiceIgnored(over):
                self._floor_says(self._floor.heard(now, over))
            case OverEnded(end):
                self._floor.end_heard(now, end.over)
            case EndArrived(end) if not self._listener.will_play(end.over):
                self._floor_says(self._floor.over_ended(now, end.over))  # nothing of it was, or will be, played

    def over_played(self, begin: Begin) -> None:
        """The listener has played the last of an over."""
        self._floor_says(self._floor.over_ended(trio.current_time(), begin.over))

    # --- the link's health ---------------------------------------------------------------------------------------

    def link_problem(self, problem: LinkError) -> None:
        """Says it once, until the link works again."""
        if self._link_told != str(problem):
            self._link_told = str(problem)
            self._emit(events.LinkProblem(problem.cause, problem.cure))

    def _link_works(self) -> None:
        if self._link_told:
            self._link_told = ""
            self._emit(events.LinkRecovered())

    def cannot_send(self, problem: LinkError) -> None:
        """The transmitter could not send a frame: an over of ours ends here."""
        self.link_problem(problem)
        if self.sending:
            self._floor_says(self._floor.fail(trio.current_time(), str(problem)))

    # --- the floor -----------------------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """Time-outs of the floor, until cancelled."""
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
                case floor_states.CollisionInferred(reason):
                    self._emit(events.Collision(reason))
                case floor_states.TalkerLost():
                    self._channel.abandon()
                    self._listener.abandon()
        self._floor_changed.set()

    def _silence_talker(self) -> None:
        """After a refusal: nothing more is sent, unless an earlier over is still on its way out."""
        if self._talker is not None and self._floor.state is not State.DRAINING:
            self._clip = None
            self._talker.abandon()
