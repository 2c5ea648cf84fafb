"""Parts of a station: its end of the channel, and those that not every station has, the recorder and the talker."""

from __future__ import annotations

from collections.abc import Callable

from app.events import Event
from app.history.capture import make_header
from app.history.recorder import Recorder
from app.settings.model import Settings
from app.station.channel_end import ChannelEnd
from app.station.opening import Opened
from app.station.parts import Parts
from app.station.speech import SpeechEncoder
from app.station.talker import Talker
from app.station.transmitter import Transmitter
from transport.protocol.frames import Mode


def make_channel(settings: Settings, parts: Parts, opened: Opened, emit: Callable[[Event], None]) -> ChannelEnd:
    """Return the station's end of the channel."""
    return ChannelEnd(
        settings.name, opened.link, opened.secret, parts.clock, emit, opened.share, nonce_file=opened.nonce_file
    )


def make_recorder(
    settings: Settings, parts: Parts, opened: Opened, mode: Mode, emit: Callable[[Event], None]
) -> Recorder | None:
    """Return the recorder of a station's overs and frames; None where none are to be kept."""
    if parts.recordings is None or not settings.record:
        return None
    link = opened.link
    header = make_header(settings, link.name, mode, opened.codec.codec_id, link.tag_bytes, parts.clock())
    limit_bytes = int(settings.record_limit_mb * 1e6)
    return Recorder(parts.recordings, limit_bytes, link.name, mode, header, parts.clock, emit)


def make_talker(
    settings: Settings, parts: Parts, opened: Opened, transmitter: Transmitter, emit: Callable[[Event], None]
) -> Talker | None:
    """Return the talker of a station; None in one that only listens."""
    encoder = opened.codec.encoder
    if encoder is None:
        return None
    return Talker(
        settings=settings,
        packets_per_frame=opened.packets_per_frame,
        repeat=opened.repeat,
        speech=SpeechEncoder(encoder, opened.in_thread, parts.on_spoken),
        transmitter=transmitter,
        latency=opened.latency,
        emit=emit,
    )
