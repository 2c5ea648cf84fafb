"""Training in several processes, such as `torchrun` starts, each with its own slice of every batch.

Each is on a GPU, if there is one. After a step all have the weights that one process would have with the whole batch:

- What is drawn at random is drawn for the whole batch, by each process from the same seed, and cut (`part`).
- Losses are quotients whose denominators depend on the data alone, never on what the network made. `total` gives the
  whole batch's, divided by the number of processes. So the mean of the processes' losses is the whole batch's loss, and
  the mean of their gradients (`average_gradients`) is its gradient.

PyTorch's DistributedDataParallel is not used: it wraps the `forward` of one module, while a stage calls several
networks and leaves some of them as they are. What it would do is the one `all_reduce` of `average_gradients`.

The processes must be started afresh, as `torchrun` does. Forked from one that has computed already, PyTorch waits for
ever for threads that the fork did not copy, and a GPU cannot be used.
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
class Processes:
    """The processes that train together, as seen from one of them."""

    number: int = 0
    """Number of this process, from 0."""
    count: int = 1
    """Number of processes."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Device of this process's networks and batches."""

    @property
    def first(self) -> bool:
        """True in the one process that validates, logs and saves."""
        return self.number == 0

    def part(self, whole: Tensor) -> Tensor:
        """Return this process's slice [B, ...], on its device, of what is the same in every process: [count B, ...]."""
        size = len(whole) // self.count
        return whole[self.number * size : (self.number + 1) * size].to(self.device)

    def uniform_like(self, x: Tensor) -> Tensor:
        """Return numbers in 0..1 of the shape of `x` [B, ...].

        They are this process's slice of what every process draws for the whole batch from the global seed.
        """
        if self.count == 1:
            return torch.rand_like(x)
        return self.part(torch.rand(self.count * len(x), *x.shape[1:], device=x.device))

    def total(self, weights: Tensor, least: float = 0.0) -> Tensor:
        """Return the denominator of a loss: the sum of the weights over the whole batch, over the number of processes.

        The sum is at least `least`. No gradient goes through it.
        """
        total = weights.sum()
        if self.count > 1:
            total = total.detach()
            distributed.all_reduce(total)
        return total.clamp(min=least) / self.count if least else total / self.count

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean over the whole batch, to divide by; no gradient goes through it."""
        return x.mean() if self.count == 1 else self.total(x) / x.numel()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, piece in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(piece.view_as(gradient))

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """Return the mean of each value over the processes, which all have to call this with the same names."""
        if self.count == 1 or not values:
            return values
        table = torch.tensor(list(values.values()), dtype=torch.float32, device=self.device)
        distributed.all_reduce(table)
        return dict(zip(values, (table / self.count).tolist(), strict=True))


ALONE = Processes()
"""The one process of a training without `torchrun`, on the CPU."""


DEVICES = ("auto", "cpu", "cuda")
"""Choices of the flag --device."""
RUN_FLAGS = ("--run", "--run-folder")
"""Flags for the folder of a run. The second is for use with `torchrun`, which takes the first for one of its own."""


def is_first() -> bool:
    """Tell whether this process speaks for all that `torchrun` started; true without it."""
    return os.environ.get("RANK", "0") == "0"


def alone(stage: str) -> None:
    """Raise TrainingError where `torchrun` started several processes for a stage that is one process's work."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(f"`{stage}` is the work of one process", "start it without torchrun")


@contextmanager
def joined(device: str = "auto") -> Iterator[Processes]:
    """Join the processes of `torchrun`, or be the only one without it.

    device: one of `DEVICES`; "auto" is a GPU if there is one. On GPUs the processes talk through NCCL, else through
    Gloo. Raises TrainingError.
    """
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("PyTorch finds no GPU", "install its CUDA build, or train with --device cpu")
    place = torch.device("cpu")
    if device != "cpu" and torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise TrainingError(f"{torch.cuda.device_count()} GPUs for more processes", "lower --nproc-per-node")
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    if count == 1:
        yield Processes(0, 1, place)
        return
    distributed.init_process_group("gloo" if place.type == "cpu" else "nccl")
    try:
        yield Processes(distributed.get_rank(), count, place)
    finally:
        distributed.destroy_process_group()
