"""The adversarial loss, beside the other losses: discriminators that learn to tell made sound from true sound.

The vocoder learns to pass for true. Least squares and matched layers, as in HiFi-GAN (Kong et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from codec.training.loop.checkpoint import moments_of, restore_moments
from codec.training.loop.config import Schedule, learning_rate_factor
from codec.training.loop.distributed import Processes
from vocoder.training.losses.discriminators import Discriminators, Judgement
from vocoder.training.losses.sound import levelled

PREFIX = "adversary."
"""Beginning of the names of its tensors in a run's checkpoint."""
NETWORK, OPTIMISER = f"{PREFIX}net.", f"{PREFIX}opt."


@dataclass(frozen=True)
class AdversaryConfig:
    """The table [adversary] of a recipe."""

    weight: float = 0.0
    """Weight of the least-squares loss, a mean over the discriminators; 0: there are none."""
    feature_weight: float = 0.0
    """Weight of the matching of layers, a mean over the discriminators."""
    first_step: int = 0
    """Step from which the vocoder learns with them."""
    samples: int = 8192
    """Length of the piece of each segment that they see, the same piece in all of a batch."""
    channels: int = 8
    """Width of the first layer of those for periods, a quarter of that of those for scales; 32 in the paper."""
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    """Periods in samples, one for each discriminator of that kind."""
    scales: int = 3
    """Number of discriminators for scales: the first sees 8 kHz, each other half the rate of the one before."""
    windows: tuple[int, ...] = ()
    """Windows in samples, one for each discriminator that looks at spectra; each of their layers has `channels`."""
    learning_rate: float = 4e-4
    """Peak learning rate of their AdamW, which follows the schedule's course."""


class Adversary:
    """The discriminators, their optimiser, and what they tell the vocoder."""

    def __init__(self, config: AdversaryConfig, schedule: Schedule, processes: Processes) -> None:
        self.config, self.schedule, self.processes = config, schedule, processes
        kinds = tuple(config.periods), config.scales, tuple(config.windows)
        self.network = Discriminators(config.channels, *kinds).to(processes.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate, betas=(0.8, 0.99))

    def tensors(self) -> dict[str, Tensor]:
        """Return what the run's checkpoint keeps."""
        weights = {f"{NETWORK}{name}": value for name, value in self.network.state_dict().items()}
        return weights | moments_of(self.optimiser, OPTIMISER)

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take over what a run's checkpoint kept; one without discriminators leaves them new."""
        weights = {k.removeprefix(NETWORK): v for k, v in tensors.items() if k.startswith(NETWORK)}
        if weights:
            self.network.load_state_dict(weights)
            restore_moments(self.optimiser, tensors, step, self.processes.device, OPTIMISER)

    def __call__(self, true: Tensor, made: Tensor, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Let the discriminators make a step on true and made samples [B, S]; return the parts of the vocoder's loss.

        The parts are weighted. With them goes the discriminators' own loss, without a gradient, for the log. All are 0
        before `first_step`. Where some look at spectra, all get the sound at its level.
        """
        if step < self.config.first_step:
            return dict.fromkeys(("fooled", "matched", "discriminators"), true.new_zeros(()))
        if self.config.windows:
            true, made = levelled(true, made)
        spare = true.shape[1] - self.config.samples
        offset = int(torch.randint(max(1, spare + 1), (), generator=generator))
        true, made = (x[:, offset : offset + self.config.samples] for x in (true, made))
        loss = self.learn(true, made.detach(), step)
        self.network.requires_grad_(False)
        with torch.no_grad():
            expected = self.network(true)
        found = self.network(made)
        self.network.requires_grad_(True)
        return {
            "fooled": self.config.weight * fooled(found),
            "matched": self.config.feature_weight * matched(expected, found),
            "discriminators": loss,
        }

    def learn(self, true: Tensor, made: Tensor, step: int) -> Tensor:
        """Make one step of the discriminators; return their loss, without a gradient."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * learning_rate_factor(step, self.schedule)
        self.optimiser.zero_grad(set_to_none=True)
        pairs = list(zip(self.network(true), self.network(made), strict=True))
        parts = [(1.0 - real).square().mean() + false.square().mean() for (real, _), (false, _) in pairs]
        loss = torch.stack(parts).mean()
        loss.backward()
        self.processes.average_gradients(self.network.parameters())
        self.optimiser.step()
        return loss.detach()


def fooled(found: list[Judgement]) -> Tensor:
    """Return 0 where the discriminators take all of it for true, 1 where they see through all of it."""
    return torch.stack([(1.0 - made).square().mean() for made, _ in found]).mean()


def matched(expected: list[Judgement], found: list[Judgement]) -> Tensor:
    """Return the mean distance between the layers' outputs for made and for true sound."""
    distances = [
        torch.stack([functional.l1_loss(b, a) for a, b in zip(true, made, strict=True)]).sum()
        for (_, true), (_, made) in zip(expected, found, strict=True)
    ]
    return torch.stack(distances).mean()
