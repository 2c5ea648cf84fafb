"""The adversarial loss: discriminators that learn to tell made sound from true sound, beside the vocoder that learns to
pass for true. Least squares and matched layers, as in HiFi-GAN (Kong et al. 2020); the other losses stay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from codec.training.loop.distributed import Ranks
from codec.training.loop.moments import moments_of, restore_moments
from codec.training.loop.trainer import Schedule, rate_at
from vocoder.training.losses.discriminators import Discriminators, Judgement

PREFIX = "adversary."
"""Of its tensors in a run's checkpoint."""
NETWORK, OPTIMISER = f"{PREFIX}net.", f"{PREFIX}opt."


@dataclass(frozen=True)
class AdversaryConfig:
    """The section [adversary] of a configuration file."""

    share: float = 0.0
    """Weight of the least-squares loss, a mean over the discriminators; 0: there are none."""
    feature_share: float = 0.0
    """Weight of the matching of layers, a mean over the discriminators."""
    from_step: int = 0
    """Until this step the vocoder learns without them."""
    samples: int = 8192
    """Length of the piece of each segment that they see, the same piece in all of a batch."""
    channels: int = 8
    """Width of the first layer of those for periods, a quarter of that of those for scales; 32 in the paper."""
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    scales: int = 3
    """How often the rate is halved, less one."""
    rate: float = 4e-4
    """Peak learning rate of their AdamW, which follows the schedule's course."""


class Adversary:
    """The discriminators, their optimiser, and what they tell the vocoder."""

    def __init__(self, config: AdversaryConfig, schedule: Schedule, ranks: Ranks) -> None:
        self.config, self.schedule, self.ranks = config, schedule, ranks
        self.network = Discriminators(config.channels, tuple(config.periods), config.scales).to(ranks.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.rate, betas=(0.8, 0.99))

    def tensors(self) -> dict[str, Tensor]:
        """For the run's checkpoint."""
        weights = {f"{NETWORK}{name}": value for name, value in self.network.state_dict().items()}
        return weights | moments_of(self.optimiser, OPTIMISER)

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """From a run's checkpoint; one that holds no discriminators leaves them new."""
        weights = {k.removeprefix(NETWORK): v for k, v in tensors.items() if k.startswith(NETWORK)}
        if weights:
            self.network.load_state_dict(weights)
            restore_moments(self.optimiser, tensors, OPTIMISER, step, self.ranks.device)

    def __call__(self, true: Tensor, made: Tensor, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """true, made [B, S] -> the weighted parts of the vocoder's loss at this step, once the discriminators have made
        a step of their own, and their own loss, for the log: it has no gradient left. All 0 before `from_step`."""
        if step < self.config.from_step:
            return dict.fromkeys(("fooled", "matched", "discriminators"), true.new_zeros(()))
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
            "fooled": self.config.share * fooled(found),
            "matched": self.config.feature_share * matched(expected, found),
            "discriminators": loss,
        }

    def learn(self, true: Tensor, made: Tensor, step: int) -> Tensor:
        """One step of the discriminators; returns their loss, without a gradient."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate * rate_at(step, self.schedule) / self.schedule.rate
        self.optimiser.zero_grad(set_to_none=True)
        pairs = list(zip(self.network(true), self.network(made), strict=True))
        parts = [(1.0 - real).square().mean() + false.square().mean() for (real, _), (false, _) in pairs]
        loss = torch.stack(parts).mean()
        loss.backward()
        self.ranks.average_gradients(self.network.parameters())
        self.optimiser.step()
        return loss.detach()


def fooled(found: list[Judgement]) -> Tensor:
    """0 where the discriminators take all of it for true; 1 for what they see through."""
    return torch.stack([(1.0 - made).square().mean() for made, _ in found]).mean()


def matched(expected: list[Judgement], found: list[Judgement]) -> Tensor:
    """Mean distance of what the layers find in the made sound from what they find in the true one."""
    distances = [
        torch.stack([functional.l1_loss(b, a) for a, b in zip(true, made, strict=True)]).sum()
        for (_, true), (_, made) in zip(expected, found, strict=True)
    ]
    return torch.stack(distances).mean()
