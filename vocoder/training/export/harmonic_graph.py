"""The vocoder as it is exported: features of one packet in, 2560 samples out, with no operator before or after."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codec import format
from codec.training.export.fused_blocks import StackForm, columns
from codec.training.export.graphs import half_frames, half_transforms
from codec.training.model.normalisation import LOWEST, SPREAD
from vocoder import pulse_source as source
from vocoder.training.model.harmonic import PULSE_WIDTH, Vocoder

KEPT = 3 + 2 * format.DELAY_SAMPLES
"""Values in the state before those of the blocks."""
NOISE_FRAMES = source.NOISE_SAMPLES // format.HOP_SAMPLES


def noise_spectra(window: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts [frames, K] of the noise table's spectra, as `half_transforms` makes them.

    Frame i begins at sample 80 i. The first 31 follow the last once more, so that any 32 in a row can be cut out.
    """
    table = torch.from_numpy(source.noise_table()).double()
    count = NOISE_FRAMES + format.PACKET_FRAMES - 1
    places = torch.arange(format.HOP_SAMPLES * (count + 3)) % source.NOISE_SAMPLES
    right, left = half_frames(table[places][None])
    cosines, sines = half_transforms(format.WINDOW_SAMPLES, window)
    return ((right + left) @ cosines.double()).float(), ((right - left) @ sines.double()).float()


def half_inverses(window: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inverse of `half_transforms` at 320 points, [K, 161] twice: for real and for imaginary parts.

    They give the samples 0..160 behind the middle of the frame; before the middle, the second has the other sign. They
    are windowed, and halved for the overlap of 4.
    """
    size, half = format.WINDOW_SAMPLES, format.WINDOW_SAMPLES // 2
    k, m = torch.arange(source.BINS, dtype=torch.float64)[:, None], torch.arange(half + 1, dtype=torch.float64)
    fold = torch.full((source.BINS, 1), 2.0, dtype=torch.float64)
    fold[0] = fold[-1] = 1.0
    angle = 2 * math.pi * ((k * m) % size) / size
    weights = fold * torch.cat([window[half:], window[:1]]).double() * (0.5 / size)
    return (weights * torch.cos(angle)).float(), (-weights * torch.sin(angle)).float()


def overlaps() -> Tensor:
    """Return a matrix [35, 128] that adds up the four 80-sample pieces of each of 32 frames, hop by hop."""
    matrix = torch.zeros(format.PACKET_FRAMES + 3, 4 * format.PACKET_FRAMES)
    for frame in range(format.PACKET_FRAMES):
        for piece in range(4):
            matrix[frame + piece, 4 * frame + piece] = 1.0
    return matrix


class Pulses(nn.Module):
    """The training's `pulse_train` of one packet, in few operators: a product gives the 80 samples of each frame."""

    sums: Tensor
    ramps: Tensor

    def __init__(self) -> None:
        super().__init__()
        frames, hop = format.PACKET_FRAMES, format.HOP_SAMPLES
        n = torch.arange(1, hop + 1, dtype=torch.float64)
        bend = n * n * (0.5 / hop)  # the frequency moves linearly over a hop
        ramps = torch.stack([torch.ones_like(n), (n - bend) / format.SAMPLE_RATE_HZ, bend / format.SAMPLE_RATE_HZ])
        self.register_buffer("ramps", ramps.float(), persistent=False)
        self.register_buffer("sums", torch.ones(frames + 1, frames).tril(-1), persistent=False)

    def forward(self, pitch: Tensor, last_f0: Tensor, phase: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return samples [1, 2560], and the last F0 and the phase after them.

        pitch: F0 feature [32, 1]; last_f0: [1, 1], 0 before the first packet; phase: [1, 1] in cycles.
        """
        f0 = format.F0_LOW_HZ * torch.exp(pitch * math.log(format.F0_HIGH_HZ / format.F0_LOW_HZ))
        before = torch.cat([torch.where(last_f0 > 0, last_f0, f0[:1]), f0[:-1]])
        turns = (before + f0) * (0.5 * format.HOP_SAMPLES / format.SAMPLE_RATE_HZ)
        phases = phase + self.sums @ (turns - torch.floor(turns))
        phases = phases - torch.floor(phases)
        begins, phase_after = torch.split(phases, [format.PACKET_FRAMES, 1])
        cycles = torch.cat([begins, before, f0], dim=1) @ self.ramps  # [32, 80]
        away = (cycles - torch.round(cycles)).abs().clamp(min=PULSE_WIDTH) * math.pi
        harmonics = torch.floor(source.HARMONIC_LIMIT_HZ / torch.maximum(before, f0))
        height = torch.sqrt(f0 * (0.25 / source.FLAT_HZ))
        samples = torch.sin((2.0 * harmonics + 1.0) * away) / torch.sin(away) * height - height
        return samples.reshape(1, -1), f0[-1:], phase_after


class VocoderGraph(nn.Module):
    """The exported vocoder: features [1, 32, 42], state -> samples [1, 2560] in [-1, 1], next state.

    First in the state: phase of the pulse train in cycles, its last F0 in Hz (0 at the start), frame of the noise
    table; the last 240 samples of the pulse train; the 240 samples of overlap-add that later frames still add to.
    """

    cosines: Tensor
    sines: Tensor
    hiss_real: Tensor
    hiss_imaginary: Tensor
    even: Tensor
    odd: Tensor
    overlaps: Tensor
    stem: Tensor
    head: Tensor
    head_bias: Tensor
    levels: Tensor
    levels_bias: Tensor
    steps: Tensor

    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        gains, window = vocoder.gains, torch.from_numpy(source.window())
        stem, bias = self.folded_stem(gains.stem)
        self.stack, self.norm, self.pulses = StackForm(gains.stack, bias), gains.norm, Pulses()
        cosines, sines = half_transforms(format.WINDOW_SAMPLES, window)
        hiss_real, hiss_imaginary = noise_spectra(window)
        even, odd = half_inverses(window)
        levels, levels_bias = self.level_map(vocoder.envelope)
        for name, values in {
            "cosines": cosines,
            "sines": sines,
            "hiss_real": hiss_real,
            "hiss_imaginary": hiss_imaginary,
            "even": even,
            "odd": odd,
            "overlaps": overlaps(),
            "stem": stem,
            "head": columns(gains.head),
            "head_bias": gains.head.bias.detach(),
            "levels": levels,
            "levels_bias": levels_bias,
            "steps": torch.arange(format.PACKET_FRAMES),
        }.items():
            self.register_buffer(name, values, persistent=False)

    @staticmethod
    def folded_stem(stem: nn.Linear) -> tuple[Tensor, Tensor]:
        """Return weights [42 + K, C] and bias of the first map, for features as they are and log(|X|^2 + 1.6).

        In training its inputs are `normalise` of the features and `log_power`, which is log10(|X|^2 / 160 + 0.01).
        """
        weight, bias = columns(stem).double(), stem.bias.detach().double()
        table, power = weight[: format.FEATURES], weight[format.FEATURES :]
        bias = bias + LOWEST * table.sum(0) - math.log10(160.0) * power.sum(0)
        return torch.cat([SPREAD * table, power / math.log(10.0)]).float(), bias.float()

    @staticmethod
    def level_map(envelope: Tensor) -> tuple[Tensor, Tensor]:
        """Return matrix [42, K + 2] and offset [K + 2] from features to levels.

        The first K are the envelope's log amplitude over that of 0 in all bands, the last two the amplitudes of
        harmonics and noise where the envelope is that, by the voicing.
        """
        decibel = math.log(10.0) / 20.0
        lowest = math.exp(format.BAND_LOW_DB * decibel)
        matrix = torch.zeros(format.FEATURES, source.BINS + 2)
        matrix[format.BANDS_SLICE, : source.BINS] = envelope * ((format.BAND_HIGH_DB - format.BAND_LOW_DB) * decibel)
        matrix[format.VOICING_INDEX, source.BINS :] = torch.tensor([0.95, -0.9]) * lowest
        bias = torch.zeros(source.BINS + 2)
        bias[source.BINS :] = torch.tensor([0.05, 1.0]) * lowest
        return matrix, bias

    def state_size(self) -> int:
        """Return the number of values in the state."""
        return KEPT + self.stack.state_size()

    def spectrum(
        self, given: Tensor, gains: Tensor, real: Tensor, imaginary: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the output's spectrum, real and imaginary [32, K]: in training, `shaped` and the sum of both sources.

        given: features [32, 42]; gains: [32, 3 K]; real, imaginary: the pulse train's spectrum [32, K]; rows: those of
        the noise table.
        """
        bins = source.BINS
        level, voice, breath = torch.split(torch.addmm(self.levels_bias, given, self.levels), [bins, 1, 1], dim=1)
        log_harmonic, turn, log_noise = torch.split(gains, bins, dim=1)
        harmonic = torch.exp(log_harmonic.clamp(-8.0, 4.0) + level) * voice
        noise = torch.exp(log_noise.clamp(-8.0, 4.0) + level) * breath
        across, along = torch.sin(turn) * harmonic, torch.cos(turn) * harmonic
        made_real = real * along - imaginary * across + self.hiss_real[rows] * noise
        return made_real, real * across + imaginary * along + self.hiss_imaginary[rows] * noise

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Compute one packet: see the class."""
        delay, half = format.DELAY_SAMPLES, format.WINDOW_SAMPLES // 2
        sizes = [1, 1, 1, delay, delay, self.stack.state_size()]
        phase, last_f0, place, past, tail, tails = torch.split(state, sizes, dim=1)
        given = features[0].clamp(0.0, 1.0)  # [32, 42]
        pulses, last_f0, phase = self.pulses(given[:, :1], last_f0, phase)
        pulses = torch.cat([past, pulses], dim=1)
        right, left = half_frames(pulses)
        real, imaginary = (right + left) @ self.cosines, (right - left) @ self.sines
        seen = torch.log(real * real + imaginary * imaginary + 1.6)
        x, tails = self.stack(torch.cat([given, seen], dim=1) @ self.stem, tails)
        gains = torch.addmm(self.head_bias, self.norm(x + self.stack.offset_after), self.head)
        rows = place[0].to(torch.int64) + self.steps
        made_real, made_imaginary = self.spectrum(given, gains, real, imaginary, rows)
        even, odd = made_real @ self.even, made_imaginary @ self.odd
        frames = torch.cat([torch.flip(even - odd, [1])[:, :half], (even + odd)[:, :half]], dim=1)
        sound = (self.overlaps @ frames.reshape(-1, format.HOP_SAMPLES)).reshape(1, -1)  # [1, 2800]
        start, middle, end = torch.split(sound, [delay, format.PACKET_SAMPLES - delay, delay], dim=1)
        samples = torch.cat([start + tail, middle], dim=1).clamp(-1.0, 1.0)
        place = torch.remainder(place + format.PACKET_FRAMES, NOISE_FRAMES)
        return samples, torch.cat([phase, last_f0, place, pulses[:, -delay:], end, tails], dim=1)
