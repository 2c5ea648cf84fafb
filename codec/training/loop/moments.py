"""What AdamW remembers, in a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor


def moments_of(optimiser: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """By the numbers of the parameters: `PREFIXn.m` and `PREFIXn.v`, where there are any yet."""
    found = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        state = optimiser.state.get(parameter)
        if state:
            found[f"{prefix}{number}.m"] = state["exp_avg"].contiguous()
            found[f"{prefix}{number}.v"] = state["exp_avg_sq"].contiguous()
    return found


def restore_moments(
    optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str, step: int, device: torch.device
) -> None:
    """Puts back what `moments_of` found, after so many steps."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        if f"{prefix}{number}.m" in tensors:
            optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"{prefix}{number}.m"].to(device),
                "exp_avg_sq": tensors[f"{prefix}{number}.v"].to(device),
            }
