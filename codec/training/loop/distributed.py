"""Training in several processes, such as `torchrun` starts, each with its own slice of every batch, on a GPU if there
is one. After each step all have the weights that one process would have with the whole batch:

- What is drawn at random is drawn for the whole batch, by each process from the same seed, and cut (`part`).
- Losses are quotients whose denominators depend on the data alone, never on what the network made. `total` gives the
  whole batch's, divided by the number of processes: so the mean of the processes' losses is the whole batch's loss,
  and the mean of their gradients (`average_gradients`) its gradient.

The processes must be started afresh, as `torchrun` does: forked from one that has computed already, PyTorch waits for
threads that the fork did not copy, for ever, and a GPU cannot be used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed, nn

from codec.training.errors import TrainingError


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    number: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where its networks and batches are."""

    @property
    def first(self) -> bool:
        """Whether this is the one that validates, logs and saves."""
        return self.number == 0

    def part(self, whole: Tensor) -> Tensor:
        """[count B, ...], the same in every process -> its own [B, ...], on its device."""
        size = len(whole) // self.count
        return whole[self.number * size : (self.number + 1) * size].to(self.device)

    def uniform_like(self, x: Tensor) -> Tensor:
        """Its own [B, ...] of numbers in 0..1 that every process draws for the whole batch, from the global seed."""
        if self.count == 1:
            return torch.rand_like(x)
        return self.part(torch.rand(self.count * len(x), *x.shape[1:], device=x.device))

    def total(self, weights: Tensor, least: float = 0.0) -> Tensor:
        """The denominator of a loss: the sum of the weights over the whole batch, at least `least`, divided by the
        number of processes. No gradient goes through it."""
        total = weights.sum()
        if self.count > 1:
            total = total.detach()
            distributed.all_reduce(total)
        return total.clamp(min=least) / self.count if least else total / self.count

    def mean(self, x: Tensor) -> Tensor:
        """The mean over the whole batch, to divide by; without a gradient, as `total`."""
        return x.mean() if self.count == 1 else self.total(x) / x.numel()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Puts the mean over the processes into the place of each gradient."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, piece in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(piece.view_as(gradient))

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """Each value's mean over the processes, which all call this with the same names."""
        if self.count == 1 or not values:
            return values
        table = torch.tensor(list(values.values()), dtype=torch.float32, device=self.device)
        distributed.all_reduce(table)
        return dict(zip(values, (table / self.count).tolist(), strict=True))


ALONE = Ranks()
"""One process on the CPU."""


DEVICES = ("auto", "cpu", "cuda")
RUN_FLAGS = ("--run", "--run-folder")
"""The second is for behind `torchrun`, which takes the first for a short form of one of its own flags."""


def is_first() -> bool:
    """Whether this process speaks for all that `torchrun` started; true without it."""
    return os.environ.get("RANK", "0") == "0"


def alone(stage: str) -> None:
    """Raises TrainingError where `torchrun` started several processes for a stage that is one process's work."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(f"`{stage}` is the work of one process: start it without torchrun")


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """Takes part among the processes of `torchrun`, alone without it. device: one of `DEVICES`; "auto" is a GPU if
    there is one. On GPUs the processes talk through NCCL, else through Gloo. Raises TrainingError."""
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("PyTorch finds no GPU: install its CUDA build, or train with --device cpu")
    place = torch.device("cpu")
    if device != "cpu" and torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise TrainingError(f"{torch.cuda.device_count()} GPUs for more processes: lower --nproc-per-node")
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    if count == 1:
        yield Ranks(0, 1, place)
        return
    distributed.init_process_group("gloo" if place.type == "cpu" else "nccl")
    try:
        yield Ranks(distributed.get_rank(), count, place)
    finally:
        distributed.destroy_process_group()
