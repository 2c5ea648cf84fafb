"""A station: microphone, encoder, link, play-out, vocoder and loudspeaker in one nursery, and no screen anywhere.

A host builds an `Engine`, starts `run` in a nursery of its own (or as a trio guest) and then calls the plain methods,
from the thread that runs trio. What happens comes back through the one callback, as values of `app.events`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import trio

from app import events
from app.audio.devices import BLOCK_S, Block, Loudspeaker, Microphone
from app.audio.player import Player
from app.audio.portaudio import DeviceInfo
from app.audio.tones import call_tone, courtesy_tone
from app.errors import GossamerError, first_error
from app.events import EndReason, Event
from app.history.capture import make_header
from app.history.recorder import Recorder
from app.settings.model import Settings
from app.settings.protection import secret_of
from app.station.alerts import Alerts
from app.station.channel_end import ChannelEnd
from app.station.conversation import Conversation
from app.station.latency import Latency
from app.station.listener import Listener
from app.station.parrot import ParrotPorts
from app.station.parts import Parts, real_parts
from app.station.replay import Replay
from app.station.talker import Talker
from app.station.transmitter import Transmitter
from app.station.vox import HandsFree
from app.station.wire_meter import WireMeter
from transport.address import parse_address
from transport.links.base import Link
from transport.planning.planner import choose_k, planned_share
from transport.protocol import frames
from transport.protocol.floor_states import State
from transport.protocol.frames import Begin

RATE_EVERY_S = 0.25
"""WireRate and TalkDraining come this often."""
GOODBYE_S = 2.0
"""What an over that is still being sent gets when the station is closed."""


class Engine:
    """One station on one link."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None], parts: Parts | None = None) -> None:
        """`emit` is called in the trio thread, must not block and must not raise. `parts`: for tests and for stations
        without sound; by default the shipped models, real links and real devices."""
        self._settings = settings
        self._emit = emit
        self._parts = parts if parts is not None else real_parts()
        self._volume, self._muted, self._gain_db = settings.volume, settings.muted, settings.gain_db
        self._addressee = settings.addressee
        self._latency = Latency()
        self._alerts = Alerts(settings.name)
        self._closing = trio.Event()
        self._clips_spoken = 0
        self._overhear: Callable[[Block], None] | None = None
        # From `run` on:
        self._conversation: Conversation | None = None
        self._transmitter: Transmitter
        self._player: Player
        self._talker: Talker | None = None
        self._replay: Replay
        self._hands_free: HandsFree
        self._microphone: Microphone
        self._loudspeaker: Loudspeaker

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Opens models, link and devices, calls `task_status.started()`, and runs until cancelled or `close`d.

        A missing or lost device is an event; what makes a station impossible raises GossamerError (app/errors.py),
        CodecError or TransportError, each one line with cause and cure.
        """
        try:
            await self._run(task_status)
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        """The one nursery: every task of a station starts and dies here."""
        settings, parts, emit = self._settings, self._parts, self._tell
        address = parse_address(settings.link)
        in_thread = parts.in_thread()
        codec = await in_thread(parts.load_codec, settings.synth, settings.model)
        secret = await in_thread(secret_of, settings)
        sealed, names = secret is not None, len((settings.name + settings.addressee).encode())
        k = address.k or settings.packets_per_frame or choose_k(address, sealed=sealed, name_bytes=names)
        share = planned_share(address, k, sealed=sealed, name_bytes=names)
        async with trio.open_nursery() as nursery:
            link, station = await parts.open_link(
                address, nursery, ParrotPorts(self._latency.arrived, secret, parts.clock)
            )
            nursery.start_soon(_close_in_the_end, link)
            channel = ChannelEnd(
                settings.name, link, secret, parts.clock, emit
            )  # at once: before the link's first keep-alive
            if parts.on_frame is not None:
                channel.watch(parts.on_frame)
            self._microphone, self._loudspeaker = parts.open_sound(settings, self._may_interrupt)
            self._player = Player(self._loudspeaker, emit, self._volume, self._muted)
            self._transmitter = Transmitter(link, channel.encode, lambda problem: conversation.cannot_send(problem))
            self._replay = Replay(codec, self._player, emit, in_thread)
            listener = Listener(
                self._replay.remembering,
                self._player,
                self._latency,
                emit,
                in_thread,
                parts.on_heard,
                self._over_played,
                slow_link=share > 1,
            )
            if codec.encoder is not None:
                self._talker = Talker(
                    settings,
                    k,
                    address.repeat,
                    codec.encoder,
                    self._transmitter,
                    self._latency,
                    emit,
                    in_thread,
                    parts.on_spoken,
                )
                self._talker.gain_db, self._talker.addressee = self._gain_db, self._addressee
            self._hands_free = HandsFree(
                settings.vox_hang_s,
                parts.make_detector,
                self._press_by_voice,
                lambda: conversation.release(EndReason.RELEASED),
            )
            self._conversation = conversation = Conversation(
                settings.name,
                link,
                channel,
                self._transmitter,
                self._talker,
                listener,
                self._player,
                emit,
                time_out_s=settings.time_out_s,
                permit_tone=settings.permit_tone,
            )
            nursery.start_soon(self._microphone.run, self._hear, emit)
            nursery.start_soon(self._loudspeaker.run, emit)
            if parts.recordings is not None and settings.record:
                mode = channel.mode.name.lower()
                header = make_header(settings, link.name, mode, codec.codec_id, link.tag_bytes, parts.clock())
                limit_bytes = int(settings.record_limit_mb * 1e6)
                recorder = Recorder(parts.recordings, limit_bytes, header, parts.clock, emit)
                channel.watch(recorder.watch)
                nursery.start_soon(recorder.run, parts.in_thread())
            nursery.start_soon(self._player.run)
            nursery.start_soon(self._transmitter.run)
            if self._talker is not None:
                nursery.start_soon(self._talker.run, conversation.over_drained)
            nursery.start_soon(conversation.speak_clips)
            nursery.start_soon(conversation.receive)
            nursery.start_soon(conversation.keep_time)
            nursery.start_soon(listener.run)
            nursery.start_soon(self._replay.run)
            nursery.start_soon(self._report_rates, WireMeter(link), channel)
            emit(events.StationReady(link.name, station, codec.codec_id, k, channel.mode))
            if share > 1:
                emit(events.SlowLink(k, share))
            channel.check_clock()
            if settings.vox:
                self.set_vox(True)
            task_status.started()
            await self._closing.wait()
            await self._say_goodbye(conversation)
            nursery.cancel_scope.cancel()

    # --- commands ------------------------------------------------------------------------------------------------

    def key_down(self) -> None:
        """The talk key: asks for the floor. TalkPermitted or TalkDenied follows."""
        if self._conversation is None:
            self._emit(events.TalkDenied("the station is not ready yet: a moment"))
        elif self._microphone.working or not self._conversation.idle:
            self._hands_free.ended()  # an over by voice is the key's from here on
            self._conversation.press(None, self._microphone.latency_s)
        else:
            clip = self._parts.load_clip(self._clips_spoken)
            self._clips_spoken += 1
            self._conversation.press(clip, 0.0)

    def key_up(self) -> None:
        """Lets the floor go; nothing happens where it is not held."""
        if self._conversation is not None:
            self._hands_free.ended()
            self._conversation.release(EndReason.RELEASED)

    def set_vox(self, on: bool) -> None:
        """Voice operation: an over begins when somebody speaks while the channel is free and the loudspeaker silent,
        and ends when they stop. VoxChanged follows."""
        if self._conversation is None:
            self._emit(events.VoxChanged(False, "the station is not ready yet: a moment"))
            return
        try:
            self._hands_free.switch(on)
        except GossamerError as problem:
            self._emit(events.VoxChanged(False, str(problem)))
        else:
            self._emit(events.VoxChanged(on))

    def set_addressee(self, name: str) -> None:
        """Who is asked to confirm our overs, and gets our messages, from now on; "" is everybody and nobody."""
        self._addressee = name
        if self._talker is not None:
            self._talker.addressee = name

    def replay_last(self) -> None:
        """Plays the last over that was heard once more, or stops that. ReplayBegan or ReplayRefused follows."""
        if self._conversation is None:
            self._emit(events.ReplayRefused("the station is not ready yet: a moment"))
        else:
            self._replay.ask(busy=not self._conversation.idle)

    @property
    def talking(self) -> bool:
        """Between TalkPermitted and TalkEnded."""
        return self._conversation is not None and self._conversation.talking

    @property
    def idle(self) -> bool:
        """Nobody talks, and nothing is played or waits to be."""
        return self._conversation is None or self._conversation.idle

    def play_clip(self, samples: np.ndarray) -> None:
        """Speaks a clip in place of the microphone: asks for the floor, and lets it go at the clip's end.

        samples: float32 [n], 8 kHz, -1..1. `key_up` ends it early. Without a microphone `key_down` does this by itself
        with the bundled clips in turn.
        """
        if self._conversation is None:
            self._emit(events.TalkDenied("the station is not ready yet: a moment"))
        else:
            self._conversation.press(samples, 0.0)

    def send_text(self, text: str, addressee: str | None = None) -> None:
        """A short message to one station, "" for everybody, None for whom overs are addressed to; what is longer than
        140 bytes is cut off. Raises ValueError for a name that no station can have."""
        to = self._addressee if addressee is None else addressee
        if len(to.encode()) > frames.MAX_NAME_BYTES:
            raise ValueError(f"a name has at most {frames.MAX_NAME_BYTES} bytes")
        if self._conversation is not None:
            number = int.from_bytes(os.urandom(3))
            short = text.encode()[: frames.MAX_TEXT_BYTES].decode(errors="ignore")
            self._transmitter.send(frames.Text(number >> 16, number & 0xFFFF, self._settings.name, short, to))

    def ping(self, token: int) -> None:
        """Asks whoever is there to answer at once: PongHeard with the same token, 0..2^32-1, follows, or nothing."""
        if self._conversation is not None:
            number = int.from_bytes(os.urandom(3))
            self._transmitter.send(frames.Ping(number >> 16, number & 0xFFFF, token))

    def set_volume(self, volume: float) -> None:
        """Loudspeaker, 0..1, linear in amplitude; clamped."""
        self._volume = min(1.0, max(0.0, volume))
        if self._conversation is not None:
            self._player.volume = self._volume

    def set_mute(self, muted: bool) -> None:
        """Loudspeaker off and on again at the volume it had."""
        self._muted = muted
        if self._conversation is not None:
            self._player.muted = muted

    def set_gain(self, gain_db: float) -> None:
        """Microphone gain, clamped to -20..+30 dB."""
        self._gain_db = min(30.0, max(-20.0, gain_db))
        if self._talker is not None:
            self._talker.gain_db = self._gain_db

    def list_devices(self) -> list[DeviceInfo]:
        """Microphones and loudspeakers, without their rates. Raises DeviceError.

        Blocking, and alone among these methods for any thread.
        """
        return self._parts.list_devices()

    def choose_microphone(self, name: str | None) -> None:
        """Switches to another input device, part of its name being enough; None is the default. DeviceReady follows."""
        if self._conversation is not None:
            self._microphone.choose(name)

    def choose_loudspeaker(self, name: str | None) -> None:
        """Switches to another output device, likewise."""
        if self._conversation is not None:
            self._loudspeaker.choose(name)

    def overhear(self, hear: Callable[[Block], None] | None) -> None:
        """Shows every block of the microphone, float32 [n] before the gain, to somebody of the host's too; None: to
        nobody any more."""
        self._overhear = hear

    def play_beside(self, samples: Block) -> None:
        """Sound of the host's own into the loudspeaker, float32 [n]; dropped while anybody talks."""
        if self._conversation is not None and self._conversation.idle:
            self._player.chime(samples)

    def hush_beside(self) -> None:
        """Drops what of it is queued."""
        if self._conversation is not None:
            self._player.hush_chimes()

    @property
    def queued_s(self) -> float:
        """Sound for the loudspeaker that is not played yet."""
        return self._player.queued_s if self._conversation is not None else 0.0

    async def heard_out(self) -> None:
        """Returns when the last sound that was received has left the loudspeaker."""
        while self._player.queued_s > 0:
            await trio.sleep(BLOCK_S)
        await trio.sleep(self._loudspeaker.latency_s)

    def close(self) -> None:
        """Ends `run`: an over is ended properly, its last frames get a moment to leave, then everything closes."""
        self._closing.set()

    # --- inside --------------------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        """What the parts emit goes through here to the host: some of it means something to other parts."""
        match event:
            case events.FloorChanged(State.ASKED):
                self._replay.stop()
            case events.TalkDenied():
                self._hands_free.ended()
            case events.TalkEnded(_, _, _, reason) if reason is not EndReason.RELEASED:
                self._hands_free.ended()
        self._replay.note(event)
        self._emit(event)
        if call := self._alerts.note(event, trio.current_time()):
            self._emit(call)
            if self._settings.call_tone:
                self._player.chime(call_tone())
        if isinstance(event, events.OverEnded) and self._settings.courtesy_tone:
            self._player.play(courtesy_tone())

    def _hear(self, block: Block) -> None:
        """A block of the microphone, float32 [n]."""
        assert self._conversation is not None
        self._conversation.hear(block)
        if self._overhear is not None:
            self._overhear(block)
        silent = self._player.queued_s <= 0.0
        self._hands_free.hear(block, trio.current_time(), self._conversation.idle and silent)

    def _press_by_voice(self, before_s: float) -> None:
        if self._conversation is not None:
            self._conversation.press(None, self._microphone.latency_s, before_s)

    def _over_played(self, begin: Begin) -> None:
        delay = self._latency.summary(begin.k, self._microphone.latency_s, self._loudspeaker.latency_s)
        if delay is not None:
            self._emit(delay)
        if self._conversation is not None:
            self._conversation.over_played(begin)

    def _may_interrupt(self) -> bool:
        return self._conversation is None or self._conversation.idle

    async def _report_rates(self, meter: WireMeter, channel: ChannelEnd) -> None:
        told = None
        while True:
            rate = meter.rate(trio.current_time())
            if rate != told:
                self._emit(rate)
                told = rate
            channel.report()
            if self._transmitter.waiting and self._conversation is not None and not self._conversation.talking:
                self._emit(events.TalkDraining(self._transmitter.left_s))
            await trio.sleep(RATE_EVERY_S)

    async def _say_goodbye(self, conversation: Conversation) -> None:
        conversation.release(EndReason.CLOSED)
        with trio.move_on_after(GOODBYE_S):
            while conversation.sending:
                await trio.sleep(0.02)


async def _close_in_the_end(link: Link) -> None:
    """Gives the port back, also where this program goes on with another link."""
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await link.aclose()
