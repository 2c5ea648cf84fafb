"""Checkpoints: the weights of networks with their configurations, and what an optimiser remembers.

A file holds the configurations as JSON in its metadata, {"codec": {...}, "vocoder": {...}}, under `NETWORKS`. A network
is built from that, never from the shapes of its weights. With one network its weights may stand under bare names, with
several each name begins with that of the network. The checkpoint of a run holds more: see `trainer.Run`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from codec.training.errors import TrainingError
from codec.training.teachers import record

NETWORKS = "gossamer.networks"
"""Entry of a checkpoint's metadata with the configurations of its networks."""
CURRENT, AVERAGE, OPTIMISER = "now.", "avg.", "opt."
"""Beginnings of the names of a run's tensors: weights, their moving average, moments of the gradient."""


@dataclass(frozen=True)
class StoredNetwork:
    """One network of a checkpoint."""

    config: dict[str, Any]
    """Fields of the dataclass that it is built from."""
    weights: dict[str, Tensor]
    """float32, by the network's own names."""


class Companion(Protocol):
    """A part of training that learns beside the network, and is kept in the same checkpoint under names of its own."""

    def tensors(self) -> dict[str, Tensor]:
        """Return what is to be kept."""

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take over what was kept after so many steps, out of all tensors of a checkpoint."""


def configs_of(network: nn.Module) -> dict[str, Any]:
    """Return the configuration of each network in a module, as dataclasses by name.

    The module is a network itself, with `name` and `config`, or its children are.
    """
    if hasattr(network, "config"):
        return {str(network.name): network.config}
    return {name: child.config for name, child in network.named_children() if hasattr(child, "config")}


def metadata_of(configs: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of a checkpoint whose networks have these configurations (dataclasses)."""
    return {NETWORKS: json.dumps({name: asdict(config) for name, config in configs.items()})}


def read_configs(path: Path) -> dict[str, dict[str, Any]]:
    """Return the configurations of the networks of a checkpoint, by name.

    Raises TrainingError for a file that is missing, is no checkpoint, or does not hold them.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no such checkpoint", "train the stage before, or name another with --from")
    try:
        with safe_open(str(path), "pt") as file:
            text = (file.metadata() or {}).get(NETWORKS)
    except SafetensorError as error:
        raise TrainingError(f"{path}: no checkpoint ({error})", "name another") from error
    if text is None:
        raise TrainingError(f"{path} does not say how its networks are built", "name one that this version has written")
    configs: dict[str, dict[str, Any]] = json.loads(text)
    return configs


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a checkpoint by name, as they are stored."""
    with safe_open(str(path), "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)


def load_networks(path: Path) -> dict[str, StoredNetwork]:
    """Return the networks of a checkpoint by name: from a run's the average of the weights, else the weights.

    Raises TrainingError for a file that is missing or holds no networks.
    """
    configs = read_configs(path)
    tensors = load_tensors(path)
    tensors = averaged(tensors) or tensors
    found = {}
    for name, config in configs.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        if not own and len(configs) == 1:
            own = tensors
        found[name] = StoredNetwork(config, {key: value.float() for key, value in own.items()})
    return found


def load_weights(network: nn.Module, weights: dict[str, Tensor], place: str) -> None:
    """Load weights into a network. Raises TrainingError where its layers or widths are others.

    place: which weights these are, for the message.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        problem = f"{place} has other layers or widths than the recipe"
        raise TrainingError(problem, "leave them out of the recipe, or name another with --config") from error


def averaged(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the average of the weights by the network's own names; nothing where these are not a run's tensors."""
    return {name.removeprefix(AVERAGE): value for name, value in tensors.items() if name.startswith(AVERAGE)}


def save_half(network: nn.Module, path: Path, taught_by: frozenset[str] | None = None) -> None:
    """Write the weights of a module as fp16, with the configurations of its networks, to be kept in the repository.

    taught_by: names of the recognisers that it learned from, for the record; None where nothing is known.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_whole(halves, path, metadata_of(configs_of(network)) | record(taught_by))


def save_whole(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a checkpoint, whole or not at all."""
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata)
    part.replace(path)


def moments_of(optimiser: torch.optim.Optimizer, prefix: str = OPTIMISER) -> dict[str, Tensor]:
    """Return AdamW's moments by the numbers of the parameters, `PREFIXn.m` and `PREFIXn.v`, where there are any yet."""
    found = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        state = optimiser.state.get(parameter)
        if state:
            found[f"{prefix}{number}.m"] = state["exp_avg"].contiguous()
            found[f"{prefix}{number}.v"] = state["exp_avg_sq"].contiguous()
    return found


def restore_moments(
    optimiser: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    step: int,
    device: torch.device,
    prefix: str = OPTIMISER,
) -> None:
    """Give AdamW back the moments that `moments_of` returned, as they were after so many steps."""
    parameters = [(p, bool(group.get("fused"))) for group in optimiser.param_groups for p in group["params"]]
    for number, (parameter, fused) in enumerate(parameters):
        if f"{prefix}{number}.m" in tensors:
            optimiser.state[parameter] = {
                "step": torch.tensor(float(step), device=device if fused else None),
                "exp_avg": tensors[f"{prefix}{number}.m"].to(device),
                "exp_avg_sq": tensors[f"{prefix}{number}.v"].to(device),
            }
