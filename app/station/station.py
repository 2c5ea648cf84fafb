"""One running station: microphone, encoder, link, play-out, vocoder and loudspeaker, in one nursery.

`run_station` opens everything and closes it again; a `Station` is built when all of it is open, so that it has no state
in which half of it is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import trio

from app import events
from app.audio.devices import Block
from app.errors import GossamerError
from app.events import EndReason, Event
from app.settings.model import Settings
from app.settings.words import fingerprint_words
from app.station.controls import Controls
from app.station.conversation import Conversation
from app.station.link_health import LinkHealth
from app.station.link_tasks import receive, report_rates, watch_for_freezes
from app.station.listener import Listener, Taps
from app.station.loudspeaker_end import LoudspeakerEnd
from app.station.making import make_channel, make_past, make_presence, make_talker, make_transmitter
from app.station.messages import Messages
from app.station.microphone_end import NO_MICROPHONE, MicrophoneEnd
from app.station.opening import Opened, open_for_station
from app.station.parts import Parts
from app.station.replay import Replay
from app.station.speech import SpeechDecoder
from app.station.vox import HandsFree
from transport.errors import LinkError
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin, Ping

GOODBYE_S = 2.0
"""Time that an over still being sent gets when the station is closed, and then its leave, in seconds."""
NOTHING_TO_SAY = "this clip holds no sound: there is nothing to say"
LOOK_EVERY_S = 0.02
"""Time between two looks at whether that over has left, in seconds."""


async def run_station(
    settings: Settings,
    parts: Parts,
    emit: Callable[[Event], None],
    on_built: Callable[[Station], None],
    closing: trio.Event,
    task_status: trio.TaskStatus[None],
) -> None:
    """Open models, link and devices, and run a station until cancelled, or `closing` is set and it has said goodbye.

    on_built: given the station before it emits its first event. task_status: told when it is ready. Raises
    GossamerError, CodecError or TransportError where there can be no station.
    """
    async with trio.open_nursery() as nursery:
        opened = await open_for_station(settings, parts, nursery)
        station = Station(settings, parts, opened, emit)
        on_built(station)
        station.start(nursery)
        station.announce()
        task_status.started()
        await closing.wait()
        await station.say_goodbye()
        nursery.cancel_scope.cancel()


class Station:
    """A station whose models, link and devices are open."""

    def __init__(self, settings: Settings, parts: Parts, opened: Opened, emit: Callable[[Event], None]) -> None:
        """Connect all parts with each other. Nothing runs before `start`, and nothing blocks or is sent."""
        self._settings, self._parts, self._opened, self._emit = settings, parts, opened, emit
        self._link, self._latency = opened.link, opened.latency
        self._clips_spoken = 0
        microphone, loudspeaker = parts.open_sound(settings)
        self._microphone = MicrophoneEnd(settings, microphone)
        self._channel = make_channel(settings, parts, opened, self._tell)
        self._past = make_past(settings, parts, opened, self._channel, self._tell)
        self._loudspeaker = LoudspeakerEnd(settings, loudspeaker, self._tell, emit, lambda: self.idle)
        self._player = self._loudspeaker.player
        self._transmitter = make_transmitter(opened, self._channel)
        self._messages = Messages(settings.name, self._transmitter, self._tell, lambda: self.idle and self._link.ready)
        decoder = SpeechDecoder(opened.codec.decoder, opened.codec.synthesizer, opened.in_thread)
        self._replay = Replay(decoder, self._player, self._past, self._tell)
        self._listener = Listener(
            speech=decoder,
            player=self._player,
            latency=self._latency,
            taps=Taps(packet=self._replay.remember, sound=parts.on_heard),
            slow_link=opened.share > 1,
            emit=self._tell,
        )
        self._presence = make_presence(settings, opened, self._transmitter, self._tell, lambda: self.idle)
        self._talker = make_talker(settings, parts, opened, self._transmitter, self._presence, self._tell)
        self._channel.watch(parts.on_frame, self._presence.watch)
        self._hands_free = HandsFree(settings.vox_hang_s, parts.make_detector, self._press_by_voice, self._release)
        self._health = LinkHealth(self._tell)
        self._conversation = Conversation(
            settings=settings,
            channel=self._channel,
            transmitter=self._transmitter,
            talker=self._talker,
            listener=self._listener,
            player=self._player,
            messages=self._messages,
            slowness=opened.share,
            emit=self._tell,
        )

    def start(self, nursery: trio.Nursery) -> None:
        """Start every task of the station, all of them in the one nursery."""
        nursery.start_soon(self._channel.run, self._parts.in_thread())
        self._microphone.start(nursery, self._hear, self._tell, lambda: self.idle)
        nursery.start_soon(self._microphone.watch, lambda: self._conversation.live_since_s, self._lose_microphone)
        self._loudspeaker.start(nursery)
        nursery.start_soon(self._past.run)
        nursery.start_soon(self._messages.run)
        nursery.start_soon(self._transmitter.run, self._cannot_send, self._health.sent)
        if self._talker is not None:
            nursery.start_soon(self._talker.run, self._conversation.over_drained)
        nursery.start_soon(self._conversation.speak_clips)
        nursery.start_soon(receive, self._link, self._channel, self._listener, self._conversation, self._health)
        nursery.start_soon(self._conversation.keep_time)
        nursery.start_soon(self._listener.run, self._over_played)
        nursery.start_soon(self._replay.run)
        nursery.start_soon(self._presence.run)
        nursery.start_soon(report_rates, self._link, self._channel, self._transmitter, self._conversation, self._tell)
        nursery.start_soon(watch_for_freezes, self._listener)

    def announce(self) -> None:
        """Tell the host what was opened."""
        opened, name, mode = self._opened, self._link.name, self._channel.mode
        codec_id, k, called = opened.codec.codec_id, opened.packets_per_frame, opened.invitations
        words = fingerprint_words(opened.secret.key) if opened.secret is not None else ""
        self._tell(events.StationReady(name, opened.far_end, codec_id, k, mode, words, called))
        if opened.share > 1:
            self._tell(events.SlowLink(k, opened.share))
        self._channel.check_clock()
        if self._settings.vox:
            self.set_vox(True)

    async def say_goodbye(self) -> None:
        """End an over of ours properly, take leave of the others, and give the last frames a moment to leave."""
        self._conversation.release(EndReason.CLOSED)
        await self._gone_out(lambda: self._conversation.sending)
        if self._presence.leave():  # after the over: whoever is heard is there
            await self._gone_out(lambda: self._transmitter.waiting > 0)
        self._listener.stop()

    @staticmethod
    async def _gone_out(waits: Callable[[], bool]) -> None:
        with trio.move_on_after(GOODBYE_S):
            while waits():
                await trio.sleep(LOOK_EVERY_S)

    # --- commands, as in app/station/engine.py -------------------------------------------------------------------

    def key_down(self) -> None:
        """Ask for the floor, for the microphone; where there is none, for a bundled clip if that may speak instead."""
        if self._microphone.working or not self.idle:
            self._hands_free.ended()  # an over by voice is the key's from here on
            self._conversation.press(None, self._microphone.latency_s)
        elif self._microphone.clip_instead:
            clip = self._parts.load_clip(self._clips_spoken)
            self._clips_spoken += 1
            self.play_clip(clip)
        else:
            self._tell(events.TalkDenied(NO_MICROPHONE))

    def key_up(self) -> None:
        """Let the floor go; nothing happens where it is not held."""
        self._hands_free.ended()
        self._release()

    def play_clip(self, samples: np.ndarray) -> None:
        """Ask for the floor, and speak float32 [n] in place of the microphone. An empty clip keys nothing."""
        if not len(samples):
            self._tell(events.TalkDenied(NOTHING_TO_SAY))
            return
        self._conversation.press(samples, 0.0)

    def set_vox(self, on: bool) -> None:
        """Switch voice operation on or off."""
        try:
            self._hands_free.switch(on)
        except GossamerError as problem:
            self._tell(events.VoxChanged(False, str(problem)))
        else:
            self._tell(events.VoxChanged(on))

    def replay(self, missed: bool) -> None:
        """Play the last over that was heard once more, or what was missed; again: stop that, or go on to the next."""
        (self._replay.ask_missed if missed else self._replay.ask)(busy=not self.idle)

    def send_text(self, text: str, addressee: str, confirm: bool) -> int | None:
        """Send a short message, again where it is to be confirmed and is not; return its number."""
        return self._messages.send(text, addressee, confirm=confirm)

    def ping(self, token: int) -> None:
        """Ask whoever is there to answer at once."""
        number = int.from_bytes(os.urandom(3))
        self._transmitter.send(Ping(number >> 16, number & 0xFFFF, token))

    def apply(self, controls: Controls) -> None:
        """Set volume, gain and addressee from now on."""
        self._past.apply(controls)
        self._loudspeaker.apply(controls)
        if self._talker is not None:
            self._talker.gain_db, self._talker.addressee = controls.gain_db, controls.addressee
        self._microphone.overhear(controls.overhear)

    def choose_microphone(self, name: str | None) -> None:
        """Switch to another microphone; None is the system's default."""
        self._microphone.choose(name)

    def choose_loudspeaker(self, name: str | None) -> None:
        """Switch to another loudspeaker; None is the system's default."""
        self._loudspeaker.choose(name)

    def play_beside(self, samples: Block) -> None:
        """Play float32 [n] of the host's own; drop it while anybody talks."""
        self._loudspeaker.play_beside(samples)

    def hush_beside(self) -> None:
        """Drop what is queued of it."""
        self._player.hush_chimes()

    @property
    def talking(self) -> bool:
        """True while an over of ours is on the air."""
        return self._conversation.talking

    @property
    def sending(self) -> bool:
        """True from the request for the floor until the last frame of the over has left."""
        return self._conversation.sending

    @property
    def idle(self) -> bool:
        """True while nobody talks, and nothing is played or waits to be."""
        return self._conversation.idle

    @property
    def queued_s(self) -> float:
        """Sound for the loudspeaker that is not played yet, in seconds."""
        return self._player.queued_s

    async def heard_out(self) -> None:
        """Return when the last sound that was received has left the loudspeaker."""
        await self._loudspeaker.heard_out()

    # --- between the parts ---------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        """Pass an event of a part to the host, and to those other parts that it concerns."""
        self._microphone.note(event)
        match event:
            case events.FloorChanged(State.ASKED):
                self._replay.stop()
            case events.TalkDenied():
                self._hands_free.ended()
            case events.TalkEnded(reason=reason) if reason is not EndReason.RELEASED:
                self._hands_free.ended()
        self._replay.note(event)
        self._presence.note(event)
        self._past.note(event)
        self._emit(event)
        self._loudspeaker.note(event)

    def _hear(self, block: Block) -> None:
        """Take a block of the microphone, float32 [n]."""
        self._microphone.heard(block)
        self._conversation.hear(block)
        self._hands_free.hear(block, trio.current_time(), self.idle and self._player.queued_s <= 0.0)

    def _press_by_voice(self, before_s: float) -> None:
        self._conversation.press(None, self._microphone.latency_s, before_s)

    def _release(self) -> None:
        self._conversation.release(EndReason.RELEASED)

    def _lose_microphone(self) -> None:
        self._conversation.release(EndReason.MICROPHONE_LOST)

    def _cannot_send(self, problem: LinkError) -> None:
        """Take that a frame was lost, and give our over up where that is no hint any more, but the state of things."""
        self._health.failed(problem)
        self._conversation.link_failed(problem, hint=self._health.is_hint(problem, self._link))

    def _over_played(self, begin: Begin) -> None:
        delay = self._latency.summary(begin.k, self._microphone.latency_s, self._loudspeaker.latency_s)
        if delay is not None:
            self._emit(delay)
        self._conversation.over_played(begin)
