"""The engine: commands of a host in, events out. It has never heard of a screen.

A host builds an `Engine`, starts `run` in a nursery of its own (or as a trio guest) and calls the plain methods, from
the thread that runs trio. What happens comes back through one callback, as values of `app.events`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import trio

from app import events
from app.audio.devices import Block
from app.audio.portaudio import DeviceInfo
from app.errors import first_error
from app.events import Event
from app.history.past import History, read_past
from app.settings.model import Settings
from app.station.controls import Controls
from app.station.opening import try_link
from app.station.parts import Parts, real_parts
from app.station.station import LOOK_EVERY_S, Station, run_station
from transport.protocol.frames import MAX_NAME_BYTES, MAX_TEXT_BYTES

NOT_READY = "the station is not ready yet: a moment"
GAIN_DB = (-20.0, 30.0)
"""Smallest and largest gain of the microphone, dB."""


class _NotReady:
    """A stand-in for the station before it is open and after it is closed: what needs one is refused or ignored."""

    talking = False
    sending = False
    idle = True
    queued_s = 0.0

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit

    def key_down(self) -> None:
        """Refuse the floor."""
        self._emit(events.TalkDenied(NOT_READY))

    def play_clip(self, samples: np.ndarray) -> None:
        """Refuse the floor."""
        self._emit(events.TalkDenied(NOT_READY))

    def set_vox(self, on: bool) -> None:
        """Refuse voice operation."""
        self._emit(events.VoxChanged(False, NOT_READY))

    def replay(self, missed: bool) -> None:
        """Refuse to play anything."""
        self._emit(events.ReplayRefused(NOT_READY))

    def _ignore(self, *_: Any) -> None:
        """Do nothing."""

    key_up = ping = apply = choose_microphone = choose_loudspeaker = play_beside = hush_beside = _ignore

    def send_text(self, text: str, addressee: str, confirm: bool) -> int | None:
        """Send nothing."""
        return None

    async def heard_out(self) -> None:
        """Return: nothing is heard."""
        await trio.lowlevel.checkpoint()


class Engine:
    """One station on one link, as its host sees it."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None], parts: Parts | None = None) -> None:
        """Prepare a station; nothing is opened before `run`.

        emit: called in the trio thread; must not block and must not raise. parts: for tests and for stations without
        sound; None takes the shipped models, real links and real devices.
        """
        self._settings = settings
        self._emit = emit
        self._parts = parts if parts is not None else real_parts()
        self._controls = Controls(settings.volume, settings.muted, settings.gain_db, settings.addressee or None)
        self._closing = trio.Event()
        self._station: Station | _NotReady = _NotReady(emit)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open models, link and devices, call `task_status.started()`, and run until cancelled or `close`d.

        A missing or lost device is an event. What makes a station impossible raises GossamerError (app/errors.py),
        CodecError or TransportError, each one line with cause and cure.
        """
        try:
            await run_station(self._settings, self._parts, self._emit, self._adopt, self._closing, task_status)
        except BaseExceptionGroup as group:
            raise first_error(group) from group
        finally:
            self._station = _NotReady(self._emit)

    def _adopt(self, station: Station) -> None:
        station.apply(self._controls)
        self._station = station

    async def try_link(self, link: str, passwords: tuple[tuple[str, str], ...] = ()) -> None:
        """Open a link for a moment beside this station's, to see whether it opens. Raises LinkError.

        passwords: of users of brokers, before those of the settings.
        """
        known = (*self._settings.broker_passwords, *passwords)
        await try_link(replace(self._settings, link=link, broker_passwords=known), self._parts)

    def close(self) -> None:
        """End `run`: an over is ended properly, its last frames get a moment to leave, then everything closes."""
        self._closing.set()

    async def closed(self) -> None:
        """`close`, and return when `run` has ended."""
        self.close()
        while self.ready:
            await trio.sleep(LOOK_EVERY_S)

    # --- talking -------------------------------------------------------------------------------------------------

    def key_down(self) -> None:
        """Press the talk key: ask for the floor. TalkPermitted or TalkDenied follows.

        Without a microphone it is refused; a parrot, and a station with the setting `clip`, hears the bundled clips
        instead, one after another.
        """
        self._station.key_down()

    def key_up(self) -> None:
        """Release the talk key: let the floor go; nothing happens where it is not held."""
        self._station.key_up()

    async def end_over(self, within_s: float) -> None:
        """Release the talk key, and return when the last frame of the over has left, or after `within_s`."""
        self.key_up()
        with trio.move_on_after(within_s):
            while self.sending:
                await trio.sleep(LOOK_EVERY_S)

    def play_clip(self, samples: np.ndarray) -> None:
        """Speak a clip in place of the microphone: ask for the floor, and let it go at the clip's end or at `key_up`.

        samples: float32 [n], 8 kHz, -1..1.
        """
        self._station.play_clip(samples)

    def set_vox(self, on: bool) -> None:
        """Switch voice operation on or off. VoxChanged follows.

        An over begins when somebody speaks while the channel is free and the loudspeaker silent, and ends when they
        stop.
        """
        self._station.set_vox(on)

    def set_addressee(self, name: str | None) -> None:
        """Address overs and messages to a station, which confirms overs, from now on; "" addresses everybody.

        None addresses overs to whoever alone is there, and to everybody while that is not one station.
        """
        self._change(addressee=name)

    def send_text(self, text: str, addressee: str | None = None, *, confirm: bool = False) -> int | None:
        """Send a short message and return its number, or None before the station is ready. TextSent follows.

        What is longer than MAX_TEXT_BYTES is cut off. confirm: send it again until its addressee has confirmed it;
        TextConfirmed or TextUnconfirmed follows, unless it is addressed to everybody.
        addressee: name of a station, "" for everybody, None for the one that overs are addressed to. Raises ValueError
        for a name that no station can have.
        """
        to = (self._controls.addressee or "") if addressee is None else addressee
        if len(to.encode()) > MAX_NAME_BYTES:
            raise ValueError(f"a name has at most {MAX_NAME_BYTES} bytes")
        return self._station.send_text(text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"), to, confirm)

    def ping(self, token: int) -> None:
        """Ask whoever is there to answer at once: PongHeard with the same token, 0..2^32-1, follows, or nothing."""
        self._station.ping(token)

    @property
    def ready(self) -> bool:
        """True from StationReady until `run` ends."""
        return not isinstance(self._station, _NotReady)

    @property
    def talking(self) -> bool:
        """True between TalkPermitted and TalkEnded."""
        return self._station.talking

    @property
    def sending(self) -> bool:
        """True from the request for the floor until the last frame of the over has left."""
        return self._station.sending

    # --- listening -----------------------------------------------------------------------------------------------

    def replay_last(self) -> None:
        """Play the last over that was heard once more, or stop that. ReplayBegan or ReplayRefused follows."""
        self._station.replay(missed=False)

    def replay_missed(self) -> None:
        """Play the overs that were missed, the oldest first, and count messages as read; again: go on to the next.

        ReplayBegan and MissedTaken follow for each, or ReplayRefused, and NothingMissed once all is taken. It stops
        where somebody talks; what was not heard to its end stays missed.
        """
        self._station.replay(missed=True)

    def set_away(self, away: bool) -> None:
        """Tell whether the user is away: overs and messages that come meanwhile are kept as missed."""
        self._change(away=away)

    async def past(self, most: int) -> History:
        """Return the newest overs and messages on the disk, at most so many; none where none are to be kept."""
        folder = self._parts.recordings if self._settings.record else None
        if folder is None:
            return History()
        past: History = await self._parts.in_thread()(read_past, folder, most)
        return past

    @property
    def idle(self) -> bool:
        """True while nobody talks, and nothing is played or waits to be."""
        return self._station.idle

    async def heard_out(self) -> None:
        """Return when the last sound that was received has left the loudspeaker."""
        await self._station.heard_out()

    # --- sound ---------------------------------------------------------------------------------------------------

    def set_volume(self, volume: float) -> None:
        """Set the loudspeaker's volume, linear in amplitude, clamped to 0..1."""
        self._change(volume=min(1.0, max(0.0, volume)))

    def set_mute(self, muted: bool) -> None:
        """Switch the loudspeaker off, or on again at the volume it had."""
        self._change(muted=muted)

    def set_gain(self, gain_db: float) -> None:
        """Set the microphone's gain, clamped to GAIN_DB."""
        lowest_db, highest_db = GAIN_DB
        self._change(gain_db=min(highest_db, max(lowest_db, gain_db)))

    def list_devices(self) -> list[DeviceInfo]:
        """Return microphones and loudspeakers, without their rates. Raises DeviceError.

        Blocking, and alone among these methods safe in any thread.
        """
        return self._parts.list_devices()

    def choose_microphone(self, name: str | None) -> None:
        """Switch to another microphone, by part of its name; None is the system's default. DeviceReady follows."""
        self._station.choose_microphone(name)

    def choose_loudspeaker(self, name: str | None) -> None:
        """Switch to another loudspeaker, by part of its name; None is the system's default. DeviceReady follows."""
        self._station.choose_loudspeaker(name)

    def overhear(self, hear: Callable[[Block], None] | None) -> None:
        """Show every block of the microphone, float32 [n], before the gain, to `hear` too; None ends that."""
        self._change(overhear=hear)

    def play_beside(self, samples: Block) -> None:
        """Play float32 [n] of the host's own through the loudspeaker; it is dropped while anybody talks."""
        self._station.play_beside(samples)

    def hush_beside(self) -> None:
        """Drop what is queued of the host's own sound."""
        self._station.hush_beside()

    @property
    def queued_s(self) -> float:
        """Sound for the loudspeaker that is not played yet, in seconds."""
        return self._station.queued_s

    @property
    def controls(self) -> Controls:
        """Return the positions of the controls."""
        return self._controls

    def _change(self, **changes: Any) -> None:
        self._controls = replace(self._controls, **changes)
        self._station.apply(self._controls)
