"""Parts of a station: its end of the channel, and those that differ: the recorder, the talker and presence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.events import Event
from app.history.capture import make_header
from app.history.recorder import Recorder
from app.settings.model import Settings
from app.station.channel_end import ChannelEnd
from app.station.opening import Opened
from app.station.parts import Parts
from app.station.past_end import PastEnd
from app.station.presence_end import PresenceEnd
from app.station.speech import SpeechEncoder
from app.station.talker import Talker
from app.station.transmitter import Transmitter
from transport.planning.airtime_budget import AirtimeBudget
from transport.planning.planner import link_model


def make_channel(settings: Settings, parts: Parts, opened: Opened, emit: Callable[[Event], None]) -> ChannelEnd:
    """Return the station's end of the channel."""
    name = settings.name if parts.confirms else ""
    return ChannelEnd(name, opened.link, opened.secret, parts.clock, emit, opened.share, nonce_file=opened.nonce_file)


def make_transmitter(opened: Opened, channel: ChannelEnd) -> Transmitter:
    """Return the way out of a station."""
    return Transmitter(opened.link, channel.encode, AirtimeBudget(link_model(opened.address)))


def make_past(
    settings: Settings, parts: Parts, opened: Opened, channel: ChannelEnd, emit: Callable[[Event], None]
) -> PastEnd:
    """Return what keeps a station's overs, messages and frames, as far as they are to be kept."""
    return PastEnd(
        partial(_make_recorder, settings, parts, opened, channel, emit),
        parts.recordings,
        parts.in_thread(),
        me=settings.name,
        link=opened.link.name,
        mode=channel.mode,
        clock=parts.clock,
        emit=emit,
    )


def _make_recorder(
    settings: Settings,
    parts: Parts,
    opened: Opened,
    channel: ChannelEnd,
    emit: Callable[[Event], None],
    missed_since: Callable[[float], bool],
) -> Recorder | None:
    """Return the recorder of a station's overs and frames, which watches; None where none are to be kept."""
    if parts.recordings is None or not settings.record:
        return None
    link = opened.link
    header = make_header(settings, link.name, channel.mode, opened.codec.codec_id, link.tag_bytes, parts.clock())
    limit_bytes = int(settings.record_limit_mb * 1e6)
    recorder = Recorder(parts.recordings, limit_bytes, link.name, channel.mode, header, parts.clock, emit, missed_since)
    channel.watch(recorder.watch)
    return recorder


def make_talker(
    settings: Settings,
    parts: Parts,
    opened: Opened,
    transmitter: Transmitter,
    presence: PresenceEnd,
    emit: Callable[[Event], None],
) -> Talker | None:
    """Return the talker of a station; None in one that only listens."""
    encoder = opened.codec.encoder
    if encoder is None:
        return None
    talker = Talker(
        settings=settings,
        packets_per_frame=opened.packets_per_frame,
        repeat=opened.repeat,
        speech=SpeechEncoder(encoder, opened.in_thread, parts.on_spoken, opened.copier),
        transmitter=transmitter,
        latency=opened.latency,
        clock=parts.clock,
        emit=emit,
    )
    talker.only_other = presence.only_other
    return talker


def make_presence(
    settings: Settings,
    opened: Opened,
    transmitter: Transmitter,
    emit: Callable[[Event], None],
    idle: Callable[[], bool],
) -> PresenceEnd:
    """Return what knows who is on a station's channel. idle: tells whether nobody talks."""
    return PresenceEnd(settings, opened.address, opened.link, transmitter.send, emit, idle)
