"""The codecs that the page puts beside each other, and the upper limit of Gossamer's vocoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.analysis.pitch import track
from app.codecs.gossamer import CLASSIC, NEURAL, Gossamer, LoadedModels
from app.codecs.pcm import Pcm
from app.codecs.reference import CodecMissing, ReferenceCodec, Speech
from app.codecs.registry import other_codecs
from app.codecs.round_trip import CodedRecording, padded, round_trip
from codec import features, format

ORIGINAL = "original"
"""Key of the lane that is the recording itself."""


class UnquantisedFeatures:
    """The upper limit of the vocoder: it gets the features of the recording itself, and nothing is sent.

    32 feature frames of 42 numbers stand for 320 ms; nobody would send that.
    """

    key, title = "unquantised", "Not quantised"
    description = "the clip's own features through our vocoder: its ceiling, nothing is sent"

    def __init__(self, models: LoadedModels) -> None:
        """Take the models, of which only the vocoder is loaded."""
        self._models = models

    def missing(self) -> CodecMissing | None:
        """Return None: the vocoder is part of the program."""
        return None

    def sound(self, samples: Speech) -> Speech:
        """Return what the vocoder makes of a recording, float32 [n], in the recording's time. Raises ModelError."""
        held = np.concatenate([_whole_packets(samples), np.zeros(format.PACKET_SAMPLES, np.float32)])
        energies = features.band_energies(features.power_spectrum(features.frames_of(held)))
        table = features.assemble(track(held, format.F0_LEAD_SAMPLES), energies)
        vocoder = self._models.vocoder
        vocoder.reset()
        packets = table.reshape(-1, format.PACKET_FRAMES, format.FEATURES)
        sound = np.concatenate([vocoder.synthesize(packet) for packet in packets])
        return sound[format.DELAY_SAMPLES : format.DELAY_SAMPLES + len(samples)]


PageLane = ReferenceCodec | UnquantisedFeatures
"""One row of the page's table."""


def page_lanes(models: LoadedModels) -> Sequence[PageLane]:
    """Return the lanes in the order of the page: the original, Gossamer, its upper limit, the others by rate."""
    return [
        Pcm(ORIGINAL, "Original"),
        Gossamer(NEURAL, f"Gossamer, {NEURAL}", synth=NEURAL, models=models),
        Gossamer(CLASSIC, f"Gossamer, {CLASSIC}", synth=CLASSIC, models=models),
        UnquantisedFeatures(models),
        *other_codecs(),
    ]


def coded_without_link(codec: ReferenceCodec, samples: Speech) -> tuple[Speech, CodedRecording]:
    """Return what a codec makes of a recording, float32 [n], in the recording's time; and its codec frames.

    Every codec gets the recording filled up to whole packets of 320 ms, so that their rates can be compared. Raises
    CodecMissing or CodecError.
    """
    coded = round_trip(codec, _whole_packets(samples), format.PACKET_S)
    return coded.decoded[codec.delay_samples : codec.delay_samples + len(samples)], coded


def _whole_packets(samples: Speech) -> Speech:
    return padded(samples, format.PACKET_SAMPLES)
