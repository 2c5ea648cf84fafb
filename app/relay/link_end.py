"""A relay's end of one link: its channel, its floor, its way out, and the airtime that is left.

It is a station without a voice: whoever has something to say here takes the floor through it, one after the other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import trio

from app import events
from app.events import Event
from app.history.nonce_file import NonceFile
from app.relay.empty_overs import EmptyOvers
from app.relay.over_queue import OverQueue
from app.relay.reasons import NO_ROOM
from app.relay.reports import RelayProblem, RelayRecovered, RelayReport
from app.settings.model import Settings
from app.station.channel_end import ChannelEnd
from app.station.link_health import LinkHealth, next_frame
from app.station.transmitter import Transmitter
from transport.address import Address
from transport.errors import LinkError, PeerUnreachable
from transport.links.base import Link
from transport.planning.airtime_budget import AirtimeBudget
from transport.planning.planner import begin_bytes, choose_k, link_model, plan
from transport.protection.cipher import Secret
from transport.protocol.floor import Floor
from transport.protocol.floor_states import State, StateChanged, TalkerLost
from transport.protocol.frames import MAX_NAME_BYTES, Begin
from transport.protocol.over import OverBegun, Overlap, PacketHeard, VoiceIgnored
from transport.protocol.over_pace import TALK_LIMIT_S
from transport.protocol.receiver import Answer, EndArrived, Fact, VoiceArrived
from transport.protocol.relaying import hops_of

LIMIT_MARGIN_S = 10.0
"""Time by which an over of a talker who uses the talk limit up may last longer here, in seconds."""
LONGEST_TURN_S = TALK_LIMIT_S + LIMIT_MARGIN_S
"""Longest over here, in seconds."""
SHORTEST_DRAW_S = 0.25
"""Longest time that is drawn before an over is begun, in seconds, unless a BEGIN takes more: no VOICE waits for it."""
SPEECH_LEFT_S = 10.0
"""Seconds of speech for which a duty cycle must leave airtime before an over is begun."""
END_FRAMES = 3
"""Frames for which it must leave airtime while an over goes on: its two ENDs, and a VOICE."""
LOOK_S = 0.5
"""Time after which whoever waits for somebody's end looks again, in seconds: he may say hardly anything by now."""
MAX_PASSED = 16
"""Frames that may wait here where another is to be passed on as it is: 5 s of speech with a packet a frame."""


class LinkEnd:
    """The relay's end of one link."""

    def __init__(
        self,
        number: int,
        settings: Settings,
        address: Address[Any],
        link: Link,
        secret: Secret | None,
        clock: Callable[[], int],
        report: Callable[[RelayReport], None],
        nonce_file: NonceFile | None = None,
    ) -> None:
        """Take the number of the link among the relay's, and what `ChannelEnd` takes."""
        self.number = number
        self.address = address
        self.link = link
        sealed = secret is not None
        self.k = choose_k(address, sealed=sealed, name_bytes=MAX_NAME_BYTES)
        """Packets a frame of what is carried here."""
        row = plan(address, sealed=sealed, name_bytes=MAX_NAME_BYTES)[self.k - 1]
        self.slowness = max(1.0, row.share)
        model = link_model(address)
        self.air = AirtimeBudget(model)
        self.draw_s = max(SHORTEST_DRAW_S, self.air.airtime_s(begin_bytes(model, sealed=sealed)))
        """Longest time to listen before an over is begun, in seconds."""
        self._begin_air_s = SPEECH_LEFT_S * row.on_air
        self._report = report
        self._health = LinkHealth(self.note)
        self.channel = ChannelEnd(settings.name, link, secret, clock, self.note, self.slowness, nonce_file)
        self.transmitter = Transmitter(link, self.channel.encode, self.air)
        self.floor = Floor(LONGEST_TURN_S, slowness=self.slowness, if_sparse=True)
        self.changed = trio.Event()
        """Set, and made anew, when something has changed that may let an over begin or end."""
        self.queue = OverQueue()
        self.heard = self.relayed = self.not_relayed = 0
        self.refused = 0
        self.begun_s = -math.inf
        """Time at which the over that is or was followed last began, or was joined."""
        self.turns = 0
        """Number of times that the floor was asked for here."""
        self.dropped = 0
        """Number of frames that were to be passed on and were not: too many waited, or nobody speaks so fast."""
        self._empty = EmptyOvers()

    @property
    def name(self) -> str:
        """The link's address, as shown, without options."""
        return self.link.name.partition("?")[0]

    @property
    def label(self) -> str:
        """The link as talkers on others are told of it: by its place in the command, since addresses are private."""
        return f"link {self.number + 1} ({self.address.scheme})"

    @property
    def problem(self) -> str:
        """Reason why a frame was lost last; "" while the link works."""
        return self._health.problem

    @property
    def idle(self) -> bool:
        """True while nobody talks here."""
        return self.floor.state is State.IDLE

    @property
    def free(self) -> bool:
        """True while nobody talks here, or somebody who is not waited for: for too long, or hardly anything."""
        return self.idle or self.floor.breaks_in(trio.current_time())

    @property
    def begins_count(self) -> bool:
        """True while a BEGIN counts; False where it may be of one more over without a packet."""
        return not self._empty.may_be_one(trio.current_time())

    @property
    def may_begin(self) -> bool:
        """True while the duty cycle leaves airtime for an over."""
        return self.air.left_s(trio.current_time()) >= self._begin_air_s

    def listening_s(self, sender: str) -> float:
        """Return a drawn time to listen, in seconds, before something of this sender's is said here.

        Whoever hears the sender himself is the first to say it, before those who hear him through a relay.
        """
        return random.uniform(0.0, self.draw_s) + self.draw_s * bool(hops_of(sender))

    def may_go_on(self, frame_bytes: int) -> bool:
        """Tell whether the duty cycle leaves airtime for another frame of this length, and the end of its over."""
        return self.has_air(END_FRAMES, frame_bytes)

    def has_air(self, frames: int, frame_bytes: int) -> bool:
        """Tell whether the duty cycle leaves airtime for so many frames of this length."""
        return self.air.left_s(trio.current_time()) >= frames * self.air.airtime_s(frame_bytes)

    def pass_on(self, octets: bytes, on_sent: Callable[[float], None] | None = None) -> bool:
        """Have a frame of somebody else's sent as it is, and `on_sent` told when; return False where it has no room."""
        if self.transmitter.waiting >= MAX_PASSED:
            self.dropped += 1
            return False
        self.transmitter.send(octets, on_sent)
        return True

    # --- facts and the floor -----------------------------------------------------------------------------------------

    def take(self, fact: Fact, now: float) -> None:
        """Act on what a frame meant, as far as it is this link's business."""
        self._health.take(fact, now)
        self.begun_s = now if isinstance(fact, OverBegun) else self.begun_s
        if self.floor.state is State.ASKED and any(waiting.outlasts(fact) for waiting in self.queue):
            return  # whose BEGIN is on its way, and ends theirs
        match fact:
            case Answer(frame):
                self.transmitter.answer(frame)
            case OverBegun(begin):
                self.heard += 1
                self.begins(now, begin.over, begin.k)
            case PacketHeard():
                self._empty.speaks()
                self.floor.spoke(now, 1)
            case Overlap(begin) | VoiceArrived(begin=Begin() as begin):
                self.moved(self.floor.heard(now, begin.over, begin.k))
            case VoiceIgnored(over, packets):
                self.floor.spoke(now, packets)
                self.moved(self.floor.heard(now, over))
            case EndArrived(end):
                self.ends(now, end.over)

    def begins(self, now: float, over: int, k: int = 1) -> None:
        """Take a BEGIN of an over that is followed from here on."""
        self._empty.begins(over, now)
        self.moved(self.floor.heard(now, over, k, begins=True))

    def speaks(self, now: float, over: int, k: int, *, begins: bool = False) -> None:
        """Take a VOICE with so many packets; `begins`: of an over that is followed from here on."""
        self._empty.speaks()
        self.floor.spoke(now, k)
        self.moved(self.floor.heard(now, over, k, begins))

    def ends(self, now: float, over: int) -> None:
        """Take an END of an over."""
        self._empty.ends(over, now)
        self.moved(self.floor.over_ended(now, over))

    def give_way(self, *, to_same: bool = False) -> None:
        """Take the floor from an over without a packet: after another such one, or for that over itself (to_same)."""
        if self._empty.waits and (to_same or not self.begins_count):
            self.moved(self.floor.talker_lost(trio.current_time()))

    def moved(self, said: list[Any]) -> list[int]:
        """Take what the floor says, and return the number of the over whose talker has disappeared, if one has."""
        if changes := [one for one in said if isinstance(one, StateChanged)]:
            self.turns += changes[-1].new is State.ASKED
            self.change()
        lost = [one.over for one in said if isinstance(one, TalkerLost)]
        if lost:
            self._empty.ends(lost[0], trio.current_time())
            self.channel.abandon()
            self.change()
        return lost

    def permit(self, now: float) -> None:
        """Take that the link took a BEGIN, or what stands for it: whoever asked for the floor has it."""
        if self.floor.state is State.ASKED:
            self.moved(self.floor.permit(now))

    def refuse(self, now: float) -> None:
        """Take that a BEGIN was lost: whoever has asked for the floor does not get it."""
        if self.floor.state is State.ASKED:
            self.moved(self.floor.fail(now, NO_ROOM))

    def change(self) -> None:
        """Wake whoever waits for something on this link."""
        self.changed.set()
        self.changed = trio.Event()

    async def may_be_free(self) -> None:
        """Return when something has changed that may let an over begin or end, or it is time to look again."""
        with trio.move_on_after(LOOK_S):
            await self.changed.wait()

    # --- tasks -------------------------------------------------------------------------------------------------------

    async def send_all(self) -> None:
        """Send what is queued until cancelled."""
        await self.transmitter.run(self._cannot_send, self._health.sent)

    async def receive(self, on_octets: Callable[[bytes], None], on_lost: Callable[[int], None]) -> None:
        """Receive until cancelled; raise LinkError or LinkClosed where the link has failed for good.

        on_octets: given what came. on_lost: told the number of the over that is followed, which has lost its link.
        """

        def gone(problem: PeerUnreachable) -> None:
            self._fail(problem)
            for over in self.moved(self.floor.talker_lost(trio.current_time())):
                on_lost(over)

        while True:
            on_octets(await next_frame(self.link, self._health, gone))

    async def keep_time(self, on_lost: Callable[[int], None]) -> None:
        """Watch the time-outs of the floor until cancelled. on_lost: told the over whose talker has disappeared."""
        while True:
            for over in self.moved(self.floor.tick(trio.current_time())):
                on_lost(over)
            next_s = self.floor.next_tick_s()
            with trio.move_on_at(float("inf") if next_s is None else max(next_s, trio.current_time() + 0.01)):
                await self.changed.wait()

    def refuse_strangers(self) -> None:
        """Tell a station that has another passphrase or mode, if one is to be told now."""
        self.channel.report()
        if self.idle and (refusal := self.channel.refusal_due()) is not None:
            self.transmitter.answer(*refusal)

    # --- reports -----------------------------------------------------------------------------------------------------

    def tell(self, cause: str, cure: str = "") -> None:
        """Report that something here needs attention."""
        self._report(RelayProblem(self.name, cause, cure))

    def note(self, event: Event) -> None:
        """Take an event of a part, and report what is of interest."""
        match event:
            case events.LinkProblem() | events.ChannelProblem():
                self.tell(event.cause, event.cure)
            case events.LinkRecovered():
                self._report(RelayRecovered(self.name))
            case events.ChannelCounts():
                self.refused = sum(getattr(event, field) for field in _REFUSED)

    def _cannot_send(self, problem: LinkError) -> None:
        """Take that a frame was lost, and give an over of ours up where that is no hint any more."""
        self._health.failed(problem)
        if not self._health.is_hint(problem, self.link) or self.floor.state is State.ASKED:
            self._fail(problem)

    def _fail(self, problem: LinkError) -> None:
        self.moved(self.floor.fail(trio.current_time(), str(problem)))


_REFUSED = ("bad_tags", "replayed", "stale", "foreign", "muted")
"""Counts of ChannelCounts that are refusals; VOICE without its BEGIN is none."""
