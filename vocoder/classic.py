"""A harmonic-plus-noise synthesiser in plain numpy, without a network.

The baseline that the network is heard against, what is left on a device without onnxruntime, and a test oracle for
pitch and level. It is a channel vocoder in the short-time spectrum: a pulse train below a cut-off that grows with the
voicing, noise above it, both under the envelope of the band energies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec import features as extractor
from codec import format
from vocoder import pulse_source as source

Array = NDArray[np.float32]

CUT_LOW_HZ, CUT_HIGH_HZ = 800.0, 3600.0
"""Highest frequency of the harmonics at voicing 0.5 and at voicing 1; below 0.5 there are none."""
CUT_WIDTH_HZ = 400.0
"""Width of the cross-over between harmonics and noise."""
SPREAD_S, SPREAD_PERIOD_HZ = 0.003, 600.0
"""Group delay of the harmonics: it goes up and down by 3 ms every 600 Hz. The harmonics of a voice do not peak at one
moment either; without the delay the result buzzes, and its envelope has pulses."""
SOFTENED = 0.88
"""Factor by which a band is moved towards the mean of its frame: the decoder spreads the bands by 28 % for the network
(codec/README.md), and without it this synthesiser is best at some 13 %."""


@dataclass
class _State:
    """The state between two packets; as made, that at the start of a transmission."""

    phase: float = 0.0
    """Phase of the pulse train, in cycles, 0..1."""
    last_f0: float | None = None
    """F0 at the end of the packet before, in Hz."""
    place: int = 0
    """Place in the table of noise."""
    pulses: NDArray[np.float64] = field(default_factory=lambda: np.zeros(format.DELAY_SAMPLES))
    """Last 240 samples of the pulse train."""
    tail: NDArray[np.float64] = field(default_factory=lambda: np.zeros(format.DELAY_SAMPLES))
    """Sum so far of the 240 samples that later frames still add to."""
    last: Array = field(default_factory=lambda: np.zeros((1, format.FEATURES), np.float32))
    """Last frame of features, which `flush` repeats."""


class ClassicSynthesizer:
    """The synthesiser without a network; its interface and its delay are those of `Vocoder`."""

    def __init__(self) -> None:
        self._window = source.window()
        self._envelope = source.envelope_matrix()
        self._noise = source.noise_table()
        self._mel = extractor.mel_matrix().T
        self._bins_hz = np.arange(source.BINS) * format.SAMPLE_RATE_HZ / format.WINDOW_SAMPLES
        delay_s = SPREAD_S * np.sin(2 * np.pi * self._bins_hz / SPREAD_PERIOD_HZ)
        self._spread = np.exp(-2j * np.pi * np.cumsum(delay_s) * self._bins_hz[1])
        self._state = _State()

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        self._state = _State()

    def synthesize(self, features: Array) -> Array:
        """Return float32 [2560] in [-1, 1], 240 samples late, of features float32 [32, 42] in 0..1.

        Raises ValueError for another shape.
        """
        if features.shape != (format.PACKET_FRAMES, format.FEATURES):
            raise ValueError(f"features are {(format.PACKET_FRAMES, format.FEATURES)}, not {features.shape}")
        self._state.last = features[-1:]
        pulses = np.concatenate([self._state.pulses, self._pulse_train(extractor.f0_of_feature(features[:, 0]))])
        self._state.pulses = pulses[-format.DELAY_SAMPLES :]
        places = (self._state.place + np.arange(len(pulses))) % source.NOISE_SAMPLES
        self._state.place = (self._state.place + format.PACKET_SAMPLES) % source.NOISE_SAMPLES
        harmonic = self._harmonic_part(features[:, format.VOICING_INDEX])
        wanted_db = extractor.decibels_of_energy(_softened(features[:, format.BANDS_SLICE]))
        breath = self._gain(wanted_db) * np.sqrt(1.0 - harmonic)
        buzz = self._gain(wanted_db - self._own_bands_db(pulses)) * np.sqrt(harmonic) * self._spread
        return self._overlap_add(buzz * self._spectrum(pulses) + breath * self._spectrum(self._noise[places]))

    def flush(self) -> Array:
        """Return the last 240 samples, float32."""
        return self.synthesize(np.repeat(self._state.last, format.PACKET_FRAMES, axis=0))[: format.DELAY_SAMPLES]

    def _gain(self, bands_db: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the factor per bin [N, 161] for gains of the bands in dB [N, 40]."""
        return np.asarray(10.0 ** (bands_db @ self._envelope / 20.0))

    def _own_bands_db(self, pulses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the band energies in dB, [N, 40], of the pulse train itself, [240 + 80 N]; at least -12 dB.

        Its mean density is 0 dB, but a band narrower than the spacing of the harmonics holds either the peak of one, up
        to 10 dB more, or next to nothing. The same band of the original did so too.
        """
        frames = self._frames(pulses.astype(np.float32))
        bands = extractor.power_spectrum(frames) @ self._mel
        return np.asarray(10.0 * np.log10(np.maximum(bands, 0.0631)))

    def _harmonic_part(self, voicing: Array) -> NDArray[np.float64]:
        """Return the harmonics' part of the power of each bin, [N, 161] in 0..1, for voicing [N]."""
        sure = np.clip(2.0 * voicing - 1.0, 0.0, 1.0)[:, None]
        cut = CUT_LOW_HZ + (CUT_HIGH_HZ - CUT_LOW_HZ) * sure
        below = np.clip(0.5 + (cut - self._bins_hz) / CUT_WIDTH_HZ, 0.0, 1.0)
        return np.asarray(below * (voicing > 0.5)[:, None])

    def _pulse_train(self, f0: Array) -> NDArray[np.float64]:
        """Return a pulse train [80 N] of flat power density 1 for F0 in Hz [N] at the end of each hop.

        The formula is in vocoder/README.md.
        """
        before = np.concatenate([[f0[0] if self._state.last_f0 is None else self._state.last_f0], f0[:-1]])
        way = (np.arange(format.HOP_SAMPLES) + 0.5) / format.HOP_SAMPLES
        f0_now = before[:, None] + (f0 - before)[:, None] * way
        cycles = self._state.phase + np.cumsum(f0_now.ravel()) / format.SAMPLE_RATE_HZ
        self._state.phase, self._state.last_f0 = float(cycles[-1] % 1.0), float(f0[-1])
        harmonics = np.repeat(np.floor(source.HARMONIC_LIMIT_HZ / np.maximum(before, f0)), format.HOP_SAMPLES)
        turn = cycles - np.floor(cycles + 0.5)
        near = np.abs(turn) < 1e-6
        safe = np.where(near, 0.25, turn)
        kernel = np.sin((2 * harmonics + 1) * np.pi * safe) / (2 * np.sin(np.pi * safe)) - 0.5
        return np.asarray(np.where(near, harmonics, kernel) * np.sqrt(f0_now.ravel() / source.FLAT_HZ))

    def _spectrum(self, samples: NDArray[np.floating]) -> NDArray[np.complex128]:
        """Return the spectra [N, 161] of samples [240 + 80 N]."""
        return np.fft.rfft(self._frames(samples) * self._window)

    @staticmethod
    def _frames(samples: NDArray[Any]) -> NDArray[Any]:
        """Return the overlapping frames [N, 320] of samples [240 + 80 N]."""
        return np.lib.stride_tricks.sliding_window_view(samples, format.WINDOW_SAMPLES)[:: format.HOP_SAMPLES]

    def _overlap_add(self, spectra: NDArray[np.complex128]) -> Array:
        """Return float32 [2560] of spectra [32, 161]; keep the samples that later frames still add to."""
        frames = np.fft.irfft(spectra, n=format.WINDOW_SAMPLES) * self._window * 0.5
        sound = np.zeros(format.PACKET_SAMPLES + format.DELAY_SAMPLES)
        sound[: format.DELAY_SAMPLES] = self._state.tail
        for number, frame in enumerate(frames):
            start = number * format.HOP_SAMPLES
            sound[start : start + format.WINDOW_SAMPLES] += frame
        self._state.tail = sound[format.PACKET_SAMPLES :]
        return np.clip(sound[: format.PACKET_SAMPLES], -1.0, 1.0).astype(np.float32)


def _softened(bands: Array) -> Array:
    """Return the bands of each frame, [N, 40], nearer to their mean."""
    mean = bands.mean(axis=1, keepdims=True)
    return np.asarray(mean + SOFTENED * (bands - mean))
