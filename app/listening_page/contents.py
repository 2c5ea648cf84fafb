"""Everything that the page shows of its clips, as plain data: sound, figures, what the links did."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.analysis.metrics import METRICS, scores
from app.analysis.pitch import track_again
from app.audio.sound_files import to_int16
from app.listening_page.voices import Unquantised, Voice, clean, whole_packets
from app.simulation import journey as travelling
from codec import format
from transport.planning.presets import Preset

Array = NDArray[np.float32]
Progress = Callable[[float], None]
"""Told the share that is done, 0..1."""


@dataclass(frozen=True)
class Clip:
    """What is to be heard."""

    name: str
    samples: Array
    """float32 [n], 8 kHz."""
    text: str = ""
    """What is said, where the file tells."""
    voice: str = ""
    """Who says it."""


def contents(clips: Sequence[Clip], voices: Sequence[Voice], links: Sequence[Preset], at: Progress) -> dict[str, Any]:
    """For the page's script. Voices that are missing are named, not left out in silence."""
    able = [voice for voice in voices if voice.missing() is None]
    total = len(clips) * len(able) * (1 + len(links))
    done = 0
    told_clips = []
    for number, clip in enumerate(clips):
        lanes = {}
        for voice in able:
            lanes[voice.key] = _lane(voice, clip, [_seeded(preset, number) for preset in links])
            done += 1 + len(links)
            at(done / total)
        told_clips.append(
            {
                "name": clip.name,
                "text": clip.text,
                "voice": clip.voice,
                "lanes": lanes,
                "seconds": round(len(clip.samples) / format.SAMPLE_RATE_HZ, 3),
            }
        )
    problems = [*(voice.missing() for voice in voices), *(metric.missing() for metric in METRICS)]
    return {
        "clips": told_clips,
        "voices": [{"key": voice.key, "title": voice.title, "says": voice.says} for voice in able],
        "links": [_link(preset) for preset in links],
        "metrics": [
            {
                "key": metric.key,
                "title": metric.title,
                "says": metric.says,
                "decimals": metric.decimals,
                "higher": metric.higher_is_better,
            }
            for metric in METRICS
            if metric.missing() is None
        ],
        "missing": [problem for problem in problems if problem],
        "packet_s": format.PACKET_S,
    }


def _seeded(preset: Preset, number: int) -> Preset:
    """The link is in another mood at each clip, and in the same one for all codecs."""
    return preset.other(seed=preset.impairment.seed + number)


def _link(preset: Preset) -> dict[str, Any]:
    bad = preset.impairment
    return {
        "name": preset.name,
        "title": preset.title,
        "says": preset.says,
        "k": preset.k,
        "rate_bps": bad.rate_bps,
        "loss": bad.loss,
        "ber": bad.ber,
        "delay_s": bad.delay_s,
        "jitter_s": bad.jitter_s,
    }


def _lane(voice: Voice, clip: Clip, links: Sequence[Preset]) -> dict[str, Any]:
    sound, packets = clean(voice, clip.samples)
    told = _heard(clip.samples, sound) | {"bps": round(voice.bit_rate_bps(packets), 1), "links": {}}
    if isinstance(voice, Unquantised):
        return told | {"bps": None}
    packets = voice.encode(whole_packets(clip.samples))
    for preset in links:
        journey = travelling.travel(packets, preset)
        arrived = travelling.heard_sound(journey, voice.open_decoder(), voice.delay_samples)
        told["links"][preset.name] = _heard(clip.samples, arrived) | {
            "strip": travelling.strip(journey),
            "sent": journey.sent,
            "lost": journey.lost,
            "damaged": journey.damaged,
            "unheard": journey.unheard,
            "delay_s": round(journey.delay_s, 2),
            "needed_bps": round(journey.needed_bps),
            "fits": _fits(journey),
        }
    return told


def _fits(journey: travelling.Journey) -> bool:
    return journey.rate_bps is None or journey.needed_bps <= journey.rate_bps


def _heard(original: Array, sound: Array) -> dict[str, Any]:
    # Of silence, decoders of sound files make an error: at least one packet of it.
    sound = sound if len(sound) else np.zeros(format.PACKET_SAMPLES, np.float32)
    return {
        "audio": f"data:audio/flac;base64,{base64.b64encode(flac(sound)).decode('ascii')}",
        "pitch": [round(float(hz)) for hz in track_again(sound)],
        "scores": scores(original, sound),
    }


def flac(samples: Array) -> bytes:
    """float32 [n] -> 16-bit FLAC at 8 kHz: half of a WAV, and every browser decodes it."""
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, to_int16(samples), format.SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return stream.getvalue()
