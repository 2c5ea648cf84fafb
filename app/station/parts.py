"""The parts of a station: models, link and sound, and where they come from. Tests put in parts of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trio

from app.audio.devices import Block, OpenSound
from app.audio.portaudio import DeviceInfo, list_devices
from app.audio.speech_detector import Detector, SpeechDetector
from app.audio.streams import open_portaudio
from app.clips import load_clip
from app.codecs.decoding import FeatureDecoder
from app.console import note
from app.errors import FileProblem
from app.history.capture import FrameWatcher
from app.paths import nonces_file, recordings_folder
from app.settings.model import Synth
from app.station.channel_end import wall_clock_s
from app.station.parrot import NAME as PARROT_NAME
from app.station.parrot import Parrot, ParrotPorts
from app.station.speech import NumberedEncoder, PacketCopier
from app.threads import InThread, one_worker
from transport.address import Address
from transport.links.base import Link
from transport.links.impaired import impair
from transport.links.memory import memory_pair
from transport.links.registry import open_link
from vocoder.synthesizer import Synthesizer


@dataclass(frozen=True, slots=True)
class StationCodec:
    """The three models of a station."""

    encoder: NumberedEncoder | None
    """None in a station that only listens: 40 MB less memory on a small board."""
    decoder: FeatureDecoder
    synthesizer: Synthesizer

    @property
    def codec_id(self) -> int:
        """Number of the codec, 0..65535."""
        return self.decoder.codec_id


LinkOpener = Callable[[Address[Any], trio.Nursery, ParrotPorts], Awaitable[tuple[Link, str]]]
"""Function that opens a link, its tasks in the nursery, and returns it with the name of who is at its other end, ""
where that is not known. The ports are for a parrot, where the address asks for one."""


def no_tap(samples: Block) -> None:
    """Do nothing: nobody listens in."""


def names_of_devices() -> list[DeviceInfo]:
    """Return the machine's devices, none of them opened to try it: streams may be running.

    Blocking. Raises DeviceError.
    """
    return list_devices(try_rates=False)


def load_copier(model: str = "standard") -> PacketCopier:
    """Load what makes the coarse copies of packets of the shipped models, standard or small.

    Blocking. Raises CodecError.
    """
    from codec.copies import CopyEncoder
    from codec.decoder import Decoder
    from codec.models import COPY_ENCODER, DECODER, model_path

    return CopyEncoder(Decoder(model_path(DECODER, model)), model_path(COPY_ENCODER, model))


@dataclass(frozen=True)
class Parts:
    """Functions that give a station its pieces, and taps that show what passes. `real_parts` has working defaults."""

    load_codec: Callable[[Synth, str], StationCodec]
    """Function that loads the models for the settings `synth` and `model`. Blocking; raises CodecError."""
    open_link: LinkOpener
    open_sound: OpenSound
    load_clip: Callable[[int], np.ndarray]
    """Function that returns the n-th bundled clip, counted round and round: float32 [samples]. Blocking."""
    load_copier: Callable[[str], PacketCopier] = load_copier
    """Function that loads what makes coarse copies for the setting `model`. Blocking; raises CodecError."""
    list_devices: Callable[[], list[DeviceInfo]] = names_of_devices
    """Function that lists the machine's devices. Blocking; raises DeviceError."""
    make_detector: Callable[[], Detector] = SpeechDetector
    """Function that makes a detector for voice operation. Raises GossamerError."""
    in_thread: Callable[[], InThread] = one_worker
    clock: Callable[[], int] = wall_clock_s
    """Function that returns UTC seconds since 1970, 0 where there is no clock."""
    recordings: Path | None = None
    """Folder that keeps past overs; None keeps none."""
    confirms: bool = True
    """Whether overs to this station are confirmed: not where nobody hears them, now or later."""
    nonces: Path | None = None
    """File of the nonces that outlive a restart; None keeps none."""
    on_frame: FrameWatcher | None = None
    """Shown every frame that goes out or comes in."""
    on_spoken: Callable[[Block], None] = no_tap
    """Shown what the encoder gets, float32 [2560] at a time."""
    on_heard: Callable[[Block], None] = no_tap
    """Shown what the decoder makes of the link's packets, aligned with what was spoken."""


def load_codec(synth: Synth, model: str = "standard", *, encoder: bool = True) -> StationCodec:
    """Load the shipped models, standard or small; without the encoder for a station that only listens.

    Blocking. Raises CodecError.
    """
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from codec.models import DECODER, ENCODER, VOCODER, model_path
    from vocoder.synthesizer import open_synthesizer

    # The largest first: while a graph is loaded it takes more than it keeps, on top of those that are there already.
    talks = Encoder(model_path(ENCODER, model)) if encoder else None
    decoder = Decoder(model_path(DECODER, model))
    return StationCodec(talks, decoder, open_synthesizer(synth, model_path(VOCODER, model)))


async def open_station_link(address: Address[Any], nursery: trio.Nursery, ports: ParrotPorts) -> tuple[Link, str]:
    """Open a real link, or one to a parrot that lives in the same nursery. Raises LinkError."""
    if not address.kind.within_program:
        return await open_link(address, nursery), ""
    inner, theirs = memory_pair(address.text, PARROT_NAME)
    link: Link = impair(inner, address.impairment, nursery) if address.impairment else inner
    nursery.start_soon(Parrot(theirs, ports).run)
    return link, PARROT_NAME


def _recordings() -> Path | None:
    """Return the folder of recordings; None, which is told, where this user has no home."""
    try:
        return recordings_folder()
    except FileProblem as problem:
        note(f"overs are not kept: {problem}")
        return None


def _nonces() -> Path | None:
    """Return the file of nonces; None where this user has no home."""
    try:
        return nonces_file()
    except FileProblem:
        return None


def real_parts(**changes: Any) -> Parts:
    """Return what a station is made of outside tests, with some pieces exchanged."""
    pieces: dict[str, Any] = {
        "load_codec": load_codec,
        "open_link": open_station_link,
        "open_sound": open_portaudio,
        "load_clip": load_clip,
        "recordings": _recordings(),
        "nonces": _nonces(),
    }
    return Parts(**{**pieces, **changes})
