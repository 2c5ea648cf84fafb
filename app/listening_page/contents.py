"""Everything that the page shows of its recordings, as plain data: sound, figures, what the links did."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.analysis.metrics import METRICS, scores
from app.analysis.pitch import track_again
from app.audio.sound_files import to_int16
from app.codecs.reference import ReferenceCodec, Speech
from app.listening_page.lanes import PageLane, UnquantisedFeatures, coded_without_link
from app.simulation.journey import Journey, heard_sound, strip, travel
from codec import format
from transport.planning.presets import Preset

ReportProgress = Callable[[float], None]
"""Function that is told the share of the work that is done, 0..1."""


@dataclass(frozen=True)
class Clip:
    """A recording to be heard."""

    name: str
    samples: Speech
    """float32 [n], 8 kHz."""
    text: str = ""
    """The words that are said, where the file has them in its tags."""
    speaker: str = ""
    """The speaker of those words, likewise."""


def contents(
    clips: Sequence[Clip], lanes: Sequence[PageLane], links: Sequence[Preset], at: ReportProgress
) -> dict[str, Any]:
    """Return the data for the page's script. Codecs that are missing are named in it, with their cure.

    Raises CodecError.
    """
    able = [lane for lane in lanes if lane.missing() is None]
    total = len(clips) * len(able) * (1 + len(links))
    done = 0
    told_clips = []
    for number, clip in enumerate(clips):
        told_lanes = {}
        for lane in able:
            told_lanes[lane.key] = _lane(lane, clip, [_seeded(preset, number) for preset in links])
            done += 1 + len(links)
            at(done / total)
        told_clips.append(
            {
                "name": clip.name,
                "text": clip.text,
                "speaker": clip.speaker,
                "lanes": told_lanes,
                "seconds": round(len(clip.samples) / format.SAMPLE_RATE_HZ, 3),
            }
        )
    problems = [*(lane.missing() for lane in lanes), *(metric.missing() for metric in METRICS)]
    return {
        "clips": told_clips,
        "codecs": [{"key": lane.key, "title": lane.title, "says": lane.description} for lane in able],
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
        "missing": [str(problem) for problem in problems if problem],
        "packet_s": format.PACKET_S,
    }


def _seeded(preset: Preset, number: int) -> Preset:
    """Return the link as this clip meets it: other losses for each clip, the same for all codecs."""
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


def _lane(lane: PageLane, clip: Clip, links: Sequence[Preset]) -> dict[str, Any]:
    if isinstance(lane, UnquantisedFeatures):
        return _heard(clip.samples, lane.sound(clip.samples)) | {"bps": None, "links": {}}
    sound, coded = coded_without_link(lane, clip.samples)
    told = _heard(clip.samples, sound) | {"bps": round(coded.rate_bps, 1)}
    return told | {"links": {preset.name: _after_link(lane, clip, coded.frames, preset) for preset in links}}


def _after_link(codec: ReferenceCodec, clip: Clip, frames: Sequence[bytes], preset: Preset) -> dict[str, Any]:
    journey = travel(codec, frames, preset)
    return _heard(clip.samples, heard_sound(journey, codec)) | {
        "strip": strip(journey),
        "lost": _share(journey, journey.lost),
        "damaged": _share(journey, journey.damaged),
        "unheard": _share(journey, journey.unheard),
        "delay_s": round(journey.delay_s, 2),
        "needed_bps": round(journey.needed_bps),
        "fits": journey.rate_bps is None or journey.needed_bps <= journey.rate_bps,
    }


def _share(journey: Journey, frames: int) -> float:
    """Return the share of the recording that these codec frames are: codecs have frames of different lengths."""
    return round(frames / journey.sent, 4)


def _heard(original: Speech, sound: Speech) -> dict[str, Any]:
    # A sound file without a sample is an error to its decoders, so there is at least one packet of silence.
    sound = sound if len(sound) else np.zeros(format.PACKET_SAMPLES, np.float32)
    return {
        "audio": f"data:audio/flac;base64,{base64.b64encode(flac(sound)).decode('ascii')}",
        "pitch": [round(float(hz)) for hz in track_again(sound)],
        "scores": scores(original, sound),
    }


def flac(samples: Speech) -> bytes:
    """Return the samples, float32 [n], as 16-bit FLAC at 8 kHz: half of a WAV, and every browser decodes it."""
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, to_int16(samples), format.SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return stream.getvalue()
