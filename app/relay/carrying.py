"""One over on its way to one link: it waits for the floor there, and is said anew, packed for that link.

    listens (drawn) --> has its turn, the floor is free --> BEGIN --> VOICE at the pace of speech --> END, END again
                        '<-- the rest, where somebody else said it and has disappeared <--'

It is the same for an over that is being spoken and for one that waited: what has come is sent as soon as it is due.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import trio

from app.relay import reasons
from app.relay.carrier import Carrier
from app.relay.link_end import LOOK_S, LinkEnd
from app.relay.own_speech import OwnSpeech
from app.relay.reports import OverNotRelayed, OverRelayed, OverWaits
from app.relay.said_there import SaidThere
from transport.planning.planner import link_model, voice_bytes
from transport.protocol.floor_states import State
from transport.protocol.frames import PACKET_S, Begin, End, Repeat
from transport.protocol.over import OverBegun, OverEnded, Overlap, OverSender, PacketHeard
from transport.protocol.receiver import Fact, VoiceArrived
from transport.protocol.relaying import goes_before, origin_of
from transport.protocol.repacking import MAX_ROW, Repacker

LONGEST_WAIT_S = 60.0
"""Longest time for which an over waits for the floor, in seconds: an answer that comes later is none any more."""
ASK_AGAIN_S = (0.5, 1.5)
"""Shortest and longest pause after somebody else's over, in seconds, drawn: those who are there may answer first."""
END_AGAIN_S = 0.1
"""Time between the two ENDs of an over, in seconds."""
ON_AIR = (State.ON_AIR, State.COLLIDED)


class Carrying:
    """One over, and the link to which it is carried."""

    def __init__(self, carrier: Carrier, begun: OverBegun, source: LinkEnd, target: LinkEnd) -> None:
        """Take the over as it was joined on the source link."""
        self._carrier = carrier
        self._begin = begun.begin
        self._source, self._target = source, target
        self.origin = origin_of(begun.begin.nonce, begun.first_index)
        again_s = begun.begin.k * PACKET_S if begun.begin.repeat is Repeat.PACKETS else 0.0
        measured = source.begun_s, begun.begin.k, source.slowness
        self._packets = Repacker(target.k, begun.first_index, again_s, *measured)
        self._ended: End | None = None
        self._came, self._over = 0, False
        """Number of packets that have come of it, and True once nothing more can come."""
        self._there = SaidThere(self.origin, target.slowness)
        self._there.take_own(target.queue.said(self.origin))
        self._gives_way = False
        """True while it is being said here, and somebody else is heard to say it, who goes before."""
        self._yields = False
        """True where hardly anything comes of it, and others wait: they say theirs before its rest."""
        self._again = False
        """True where somebody else had said some of it before it is said here."""
        self._stopped = ""
        """Reason why it shall not be carried, or no further; "" while it shall."""
        self._more, self._came_s = trio.Event(), trio.current_time()
        self._nonce = b""
        """Nonce under which it is said here; empty before its BEGIN."""
        self._said = OwnSpeech(begun.begin, source, target)
        self._waited_s = 0.0

    # --- what comes on the source link -------------------------------------------------------------------------------

    def hear(self, fact: Fact, now: float) -> None:
        """Take a fact about the over, from its source."""
        match fact:
            case PacketHeard(index, packet, damaged):
                self._came += 1
                self._said.hear(now)
                self._packets.push(index, packet, damaged, now)
            case OverEnded(end):
                self._ended = end
                self._end(end.packets_sent)
        self._wake()

    def follow(self, begin: Begin) -> None:
        """Take that the over is heard under another number from now on."""
        self._begin = begin

    def lose(self) -> None:
        """Take that nothing more of it will come."""
        self._end(None)
        self._wake()

    def _end(self, length: int | None) -> None:
        if not self._over:
            self._over = True
            self._packets.end(length, trio.current_time())
            self._drop_empty()
            if not self._nonce and not self._stopped and not self._there.nonce:
                words = f"your over waits: somebody talks on {self._target.label}"
                self._carrier.notify(self._source, self._begin.sender, words)

    def _drop_empty(self) -> None:
        if self._over and not self._came and not self._nonce:  # whoever keyed was denied, or let go
            self.stop(reasons.NOTHING_SAID)

    @property
    def is_said(self) -> bool:
        """True from its BEGIN on the target link on, and once it is to be carried no further."""
        return bool(self._nonce or self._stopped)

    @property
    def came(self) -> int | None:
        """Number of packets that wait to be said, where no more can come; None while more can."""
        return self._packets.waiting if self._over else None

    def wants(self, origin: bytes) -> bool:
        """Tell whether it waits, and has something to say that is not of the over with this origin."""
        return not self.is_said and origin != self.origin and self._packets.unsaid(self._there.has) > 0

    # --- what comes on the link to which it goes ---------------------------------------------------------------------

    def take(self, fact: Fact, now: float) -> None:
        """Take a fact of the target's: an over of this origin is this one, as far as somebody else says it there."""
        there = self._there
        there.unheard = self._again and bool(self._nonce) and not self._gives_way
        if there.speaks(fact, now):
            goes_on = not self._again or there.is_dense(now)
            if goes_on and self._nonce and goes_before(there.nonce, self._nonce):
                self._gives_way = True
                self._wake()
        elif there.ended and (self._gives_way or not self._nonce) and self._is_there():
            self.stop(reasons.ALREADY_THERE)

    def take_own(self, nonce: bytes, packets: Sequence[bytes]) -> None:
        """Take packets that the relay itself says there: of the same over, if that came on two links."""
        if nonce != self._nonce and origin_of(nonce) == self.origin:
            self._there.take_own(packets)

    def outlasts(self, fact: Fact) -> bool:
        """Tell whether a fact of the target's is of this over, said by somebody else who will end for this relay."""
        match fact:
            case OverBegun(begin, first_index):
                same = origin_of(begin.nonce, first_index) == self.origin
            case Overlap(begin) | VoiceArrived(begin=Begin() as begin):
                same = origin_of(begin.nonce) == self.origin
            case _:
                return False
        return same and bool(self._nonce) and goes_before(self._nonce, begin.nonce)

    def _is_there(self) -> bool:
        """Tell whether nothing more can come of it, and somebody else has said what this relay has not."""
        return self._over and self._there.heard and not self._packets.unsaid(self._there.has)

    def stop(self, reason: str) -> None:
        """Carry it no further."""
        if not self._stopped:
            self._stopped = reason
            self._wake()
            self._target.change()

    def _wake(self) -> None:
        self._more.set()
        self._more = trio.Event()

    # --- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry it, or report why not. It stands in the target's queue already."""
        target = self._target
        try:
            await trio.sleep(target.listening_s(self._begin.sender))
            while not self._stopped and await self._has_turn():
                if await self._say():
                    return
            if self._stopped != reasons.NOTHING_SAID:
                self._give_up()
        finally:
            target.queue.remove(self)
            target.change()

    async def _has_turn(self) -> bool:
        """Return True when the floor is ours to take; False where it will not be."""
        target, told, waits = self._target, False, False
        while not self._stopped:
            if target.queue.is_turn_of(self) and self._may_say():
                if not target.link.ready or not target.may_begin:
                    self._stopped = reasons.NO_AIRTIME if target.link.ready else target.problem or reasons.NOBODY_THERE
                    return False
                if not waits:
                    return True
                waits = False  # look again after a pause
                await trio.sleep(random.uniform(*ASK_AGAIN_S))
                continue
            if not told and not self._there.nonce:
                self._carrier.report(OverWaits(self._begin.sender, self._source.name, target.name))
            told = waits = True
            await target.may_be_free()
            if trio.current_time() >= max(self._came_s, self._there.heard_s) + LONGEST_WAIT_S:
                self.stop(reasons.ALREADY_THERE if self._is_there() else reasons.SOMEBODY_TALKS)
        return False

    def _may_say(self) -> bool:
        """Tell whether the floor may be asked for: of what somebody else says, only once he leaves something out."""
        target, there, now = self._target, self._there, trio.current_time()
        unsaid, his = self._packets.unsaid(there.has), target.floor.talker_over == there.over
        if self._is_there():
            self.stop(reasons.ALREADY_THERE)
        elif his and unsaid > MAX_ROW and there.is_dense(now) is False:
            target.moved(target.floor.talker_lost(now))
        return bool(unsaid) and (target.idle or (target.free and not his)) if there.heard else target.free

    async def _say(self) -> bool:
        """Say the over; return False where somebody else was first, so that it waits again."""
        target, floor, now = self._target, self._target.floor, trio.current_time()
        self._packets.skip(self._there.has)
        self._again = self._there.heard
        sender = self._carrier.new_sender(self._begin, self.origin, self._source, target)
        self._nonce = sender.nonce
        self._carrier.known.carries(self.origin, sender.nonce)
        target.moved(floor.press(now))
        target.transmitter.send(sender.begin(), target.permit, target.refuse)
        while floor.state is State.ASKED:
            await target.changed.wait()
        if floor.state is State.LOCKED_OUT:
            target.moved(floor.release(trio.current_time()))
            self._nonce = b""
            self._drop_empty()
            return False
        if floor.state not in ON_AIR:
            self._stopped = target.problem or reasons.NO_ROOM
            return False
        self._waited_s = max(0.0, trio.current_time() - self._came_s - target.draw_s)
        self._said.begin()
        await self._speak(sender)
        await self._let_go(sender)
        if self._stopped or not (self._gives_way or self._yields) or self._packets.finished:
            return True
        if self._yields:
            target.queue.pass_turn(self)
        self._nonce, self._came_s = b"", trio.current_time()
        self._gives_way = self._yields = False
        return False

    async def _speak(self, sender: OverSender) -> None:
        """Send piece after piece at the pace of speech, unless hardly anything comes and others wait."""
        target, said = self._target, self._said
        longest = voice_bytes(target.k, link_model(target.address), sealed=True, repeat=target.address.repeat)
        while target.floor.state in ON_AIR and not self._stopped and not self._gives_way and not self._packets.finished:
            now = trio.current_time()
            if said.is_sparse(now) and any(one.wants(self.origin) for one in target.queue):
                self._yields = True
                break
            due_s = now if self._packets.rest_is_missing else said.due_s
            piece = self._packets.take(now) if now >= due_s else None
            if piece is None:
                more = self._more
                with trio.move_on_at(due_s if now < due_s else min(self._packets.next_s(), now + LOOK_S)):
                    await more.wait()
            elif target.may_go_on(longest):
                said.say(sender, piece)
            else:
                self._stopped = reasons.NO_AIRTIME
        if target.floor.state is State.DRAINING:
            self._stopped = self._stopped or reasons.TOO_LONG

    async def _let_go(self, sender: OverSender) -> None:
        """End the over here, and let the floor go."""
        target, floor = self._target, self._target.floor
        whole = self._packets.finished and self._ended is not None
        failed = floor.state not in (*ON_AIR, State.DRAINING)
        ends_another = self._gives_way and floor.talker_over == sender.over  # both drew one number
        if not failed:
            target.moved(floor.release(trio.current_time()))
            end = sender.end()
            if not ends_another:
                target.transmitter.send(end)
            if sender.addressee and self._ended is not None:
                self._carrier.expect(self._source, self._begin, target, self._ended, end)
            await trio.sleep(END_AGAIN_S)
            if not ends_another:
                target.transmitter.send(end)
            await target.transmitter.drained()
            if floor.state is State.DRAINING:
                target.moved(floor.drained(trio.current_time()))
        target.relayed += 1
        names, more = (self._begin.sender, self._source.name, target.name), self._packets.left_out * whole
        counts = self._said.packets + more, self._said.missing + more
        self._carrier.report(OverRelayed(*names, *counts, round(self._waited_s, 2), whole and not self._stopped))
        if failed or self._stopped:
            self._carrier.report(OverNotRelayed(*names, self._stopped or target.problem or reasons.SOMEBODY_TALKS))

    def _give_up(self) -> None:
        """Report that it is not carried, and tell its talker where somebody can do something about it."""
        target, reason = self._target, self._stopped
        target.not_relayed += reason != reasons.ALREADY_THERE
        self._carrier.report(OverNotRelayed(self._begin.sender, self._source.name, target.name, reason))
        if reason not in (reasons.ALREADY_THERE, reasons.NOBODY_THERE):
            told = reason if reason in reasons.TOLD else reasons.LINK_FAILS
            words = f"your over did not reach {target.label}: {told}"
            self._carrier.notify(self._source, self._begin.sender, words)
