"""The weights of a smaller network in a larger one that computes the same at first."""

from __future__ import annotations

from torch import Tensor, nn, zeros_like

from codec.training.errors import TrainingError

OUTWARD = ("narrow.weight", "spread.weight")
"""Ends of the names of maps out of a hidden layer: what a new hidden value is multiplied by begins as zero."""
INWARD = ("widen.weight", "widen.bias", "gather.weight", "gather.bias")
"""Ends of the names of maps into a hidden layer: the weights of a new hidden value begin at random."""
OPTIONAL = tuple(f"encoder.{part}." for part in ("stem.widen", "stem.narrow", "last_mixer", "remainder", "heard"))
"""Beginnings of the names of parts that the smaller network may lack: as they are built they change nothing."""
HEARD = "encoder.heard."
"""Beginning of the names of a part for training alone, which the larger network may lack."""


def begins_as_identity(name: str, own: dict[str, Tensor]) -> bool:
    """Tell whether a weight that the smaller network lacks is of a part that can begin without an effect.

    own: the weights of the larger network. Such a part is one of `OPTIONAL`, or a block whose output is scaled.
    """
    before, found, after = name.partition(".blocks.")
    block = f"{before}{found}{after.split('.')[0]}"
    return name.startswith(OPTIONAL) or (bool(found) and f"{block}.scale" in own)


def widened(name: str, own: Tensor, old: Tensor) -> Tensor | None:
    """Return what a weight of the larger network begins as, from the smaller one's; None where that does not fit."""
    if old.shape == own.shape:
        return old
    axis = 1 if name.endswith(OUTWARD) else 0
    others = [n for n in range(own.dim()) if n != axis]
    if not name.endswith(OUTWARD + INWARD) or old.dim() != own.dim() or old.shape[axis] > own.shape[axis]:
        return None
    if any(old.shape[n] != own.shape[n] for n in others):
        return None
    begun = zeros_like(own) if axis else own.clone()
    begun[tuple(slice(0, size) for size in old.shape)] = old
    return begun


def load_grown(network: nn.Module, weights: dict[str, Tensor], place: str) -> None:
    """Load the weights of a network that may have fewer blocks, narrower hidden layers, and not all optional parts.

    The network computes the same as the smaller one until it is trained. place: which weights these are, for the
    message. Raises TrainingError where they do not fit.
    """
    own = network.state_dict()
    begun: dict[str, Tensor | None] = {}
    for name, value in own.items():
        if name in weights:
            begun[name] = widened(name, value, weights[name])
        elif begins_as_identity(name, own):
            begun[name] = zeros_like(value) if name.endswith(".scale") else value
        else:
            begun[name] = None
    strangers = [name for name in weights if name not in own and not name.startswith(HEARD)]
    if strangers or any(value is None for value in begun.values()):
        problem = f"{place} has other layers or widths than the recipe"
        raise TrainingError(problem, "leave them out of the recipe, or name another with --config")
    network.load_state_dict({name: value for name, value in begun.items() if value is not None})
