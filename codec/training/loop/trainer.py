"""What every training stage shares: configuration, the schedule, checkpoints that resume, the log and its plot."""

from __future__ import annotations

import copy
import csv
import math
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from codec.training.data.batches import Augmentation, Batch, Drawing
from codec.training.errors import TrainingError
from codec.training.loop.distributed import ALONE, Ranks
from codec.training.loop.moments import moments_of, restore_moments
from codec.training.teachers import record, recorded

T = TypeVar("T")
OPTIMISER = "opt."
"""Of the optimiser's tensors in a checkpoint."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int = 4000
    batch: int = 24
    """Segments a step."""
    packets: int = 4
    """Packets of 320 ms a segment."""
    rate: float = 1e-3
    """Peak learning rate of AdamW; warmed up over `warm_steps`, then a cosine to `final` of it."""
    final: float = 0.02
    warm_steps: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what is validated and exported."""
    seed: int = 1
    validate_every: int = 250
    validation_segments: int = 96
    save_every_s: float = 180.0
    loss: float = 0.12
    """Share of packets lost in training."""
    flips: float = 0.2
    """Share of segments with flipped bits, 0.5-3 % of them."""
    apart: bool = False
    """Draw each segment from a seed of its own, so that of several processes each draws its slice of a batch alone."""
    compile: bool = False
    """Let torch.compile fuse operations (needs a C++ compiler; the first steps take a minute)."""
    augmentation: Augmentation = field(default_factory=Augmentation)


def read_config(path: Path, kind: type[T]) -> T:
    """A TOML file into a (nested) frozen dataclass; `like = "other.toml"` takes what it does not set from that file
    beside it. Raises TrainingError for a name that does not exist."""
    values = tomllib.loads(path.read_text())
    if (other := values.pop("like", None)) is not None:
        values = _overruled(tomllib.loads((path.parent / str(other)).read_text()), values)
    return _fill(kind, values, str(path))


def _overruled(base: dict[str, Any], by: dict[str, Any]) -> dict[str, Any]:
    """Table by table."""
    tables = {name: _overruled(base[name], value) for name, value in by.items() if isinstance(base.get(name), dict)}
    return base | by | tables


def _fill(kind: type[T], values: dict[str, Any], place: str) -> T:
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    filled = {}
    for name, value in values.items():
        if name not in known:
            raise TrainingError(f"{place}: no setting '{name}'; known: {', '.join(known)}")
        if isinstance(value, dict):
            default = getattr(kind(), name)
            value = _fill(type(default), value, f"{place} [{name}]") if is_dataclass(default) else value
        filled[name] = value
    return kind(**filled)


def rate_at(step: int, schedule: Schedule) -> float:
    """The learning rate of a step, 0 <= step < steps."""
    if step < schedule.warm_steps:
        return schedule.rate * (step + 1) / schedule.warm_steps
    share = (step - schedule.warm_steps) / max(1, schedule.steps - schedule.warm_steps)
    return schedule.rate * (schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


class Companion(Protocol):
    """What learns beside the network and is kept in the same checkpoint, under names of its own."""

    def tensors(self) -> dict[str, Tensor]:
        """To be kept."""

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """From all that was kept, after so many steps."""


class Run:
    """One run's folder: checkpoint.safetensors (weights, their average, optimiser), log.csv, pictures."""

    def __init__(
        self,
        folder: Path,
        network: nn.Module,
        schedule: Schedule,
        ranks: Ranks = ALONE,
        companion: Companion | None = None,
        taught_by: frozenset[str] = frozenset(),
    ) -> None:
        """Take what is trained; taught_by: names of the recognisers that it learns from, for the record.

        Raises TrainingError where the processes cannot share a batch evenly.
        """
        if schedule.batch % ranks.count:
            raise TrainingError(f"{ranks.count} processes cannot share {schedule.batch} segments: change `batch`")
        if ranks.first:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.network, self.schedule, self.ranks = folder, network, schedule, ranks
        self.companion, self.taught_by = companion, taught_by
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=schedule.rate,
            betas=(0.9, 0.98),
        )
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.step = 0
        self._saved = time.monotonic()
        self._parts: dict[str, float] = {}
        self._counted = 0
        self._began = time.monotonic()

    @property
    def checkpoint(self) -> Path:
        """Where the run is resumed from."""
        return self.folder / "checkpoint.safetensors"

    def resume(self) -> bool:
        """Goes on where the folder's checkpoint stopped; False where there is none."""
        if not self.checkpoint.exists():
            return False
        tensors = load_file(self.checkpoint)
        self.network.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("now.")})
        device = self.ranks.device
        self.average = {k: v.to(device) for k, v in averaged(tensors).items()}
        self.step = int(tensors["step"])
        restore_moments(self.optimiser, tensors, OPTIMISER, self.step, device)
        if self.companion is not None:
            self.companion.restore(tensors, self.step)
        self.taught_by |= recorded([self.checkpoint]) or frozenset()
        return True

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all; of several processes the first does it."""
        if not self.ranks.first:
            return
        tensors = {f"now.{k}": v.contiguous().clone() for k, v in self.network.state_dict().items()}
        tensors |= {f"avg.{k}": v.contiguous().clone() for k, v in self.average.items()}
        tensors["step"] = torch.tensor(self.step)
        tensors |= moments_of(self.optimiser, OPTIMISER)
        if self.companion is not None:
            tensors |= self.companion.tensors()
        part = self.checkpoint.with_suffix(".part")
        save_file(tensors, part, record(self.taught_by))
        part.replace(self.checkpoint)
        self._saved = time.monotonic()

    def drive(
        self,
        drawing: Drawing,
        losses: Callable[[Batch, torch.Generator], dict[str, Tensor]],
        validate: Callable[[nn.Module], dict[str, float]],
    ) -> None:
        """Trains to the schedule's end, from where the folder's checkpoint stopped if it holds one.

        losses: the weighted parts for a batch; the generator is for what happens to it on the link, and depends on
        the seed and the step alone. validate: metrics of the network with averaged weights. Of several processes the
        first validates, and the others wait for it.
        """
        self.resume()
        shadow = copy.deepcopy(self.network).eval()
        hidden = not self.ranks.first
        bar = tqdm(total=self.schedule.steps, initial=self.step, unit="step", mininterval=2.0, disable=hidden)
        for batch in drawing.stream(self.step):
            if self.step >= self.schedule.steps:
                break
            generator = torch.Generator().manual_seed(self.schedule.seed * 1_000_003 + self.step)
            loss = self.update(losses(batch, generator))
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}")
            if self.validation_due:
                self._parts = self.ranks.means(self._parts)
                if self.ranks.first:
                    shadow.load_state_dict(self.average)
                    gpus = [self.ranks.device] if self.ranks.device.type == "cuda" else []
                    with torch.random.fork_rng(gpus):  # the other processes draw no numbers meanwhile
                        metrics = validate(shadow)
                    bar.write(self.log(metrics))
                self._parts, self._counted = {}, 0
            self.save_if_due()
        self.save()
        bar.close()

    def update(self, parts: dict[str, Tensor]) -> float:
        """One step down the gradient of the sum of the parts; returns the loss."""
        loss = torch.stack(list(parts.values())).sum()
        rate = rate_at(self.step, self.schedule)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.average_gradients(self.network.parameters())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now = self.network.state_dict()
            torch._foreach_lerp_(list(self.average.values()), [now[name] for name in self.average], 1 - decay)
        for name, value in parts.items():
            self._parts[name] = self._parts.get(name, 0.0) + float(value.detach())
        self._counted += 1
        return float(loss.detach())

    @property
    def validation_due(self) -> bool:
        """Whether this step is one to validate at."""
        return self.step % self.schedule.validate_every == 0 or self.step == self.schedule.steps

    def save_if_due(self) -> None:
        """A checkpoint every few minutes."""
        if time.monotonic() - self._saved > self.schedule.save_every_s:
            self.save()

    def log(self, metrics: dict[str, float]) -> str:
        """Writes a row: mean parts since the last one and validation metrics; returns it for the screen."""
        row = {"step": float(self.step), "minutes": round((time.monotonic() - self._began) / 60, 2)}
        row |= {f"train_{name}": value / max(1, self._counted) for name, value in self._parts.items()} | metrics
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(row)
            writer.writerow([f"{value:.5g}" for value in row.values()])
        self.plot()
        return "  ".join(f"{name} {value:.4g}" for name, value in row.items())

    def plot(self) -> None:
        """log.png: a small picture for each column of the log."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        with (self.folder / "log.csv").open() as file:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
        names = [name for name in rows[0] if name not in ("step", "minutes")]
        columns = 4
        figure, axes = pyplot.subplots(-(-len(names) // columns), columns, figsize=(14, 9), squeeze=False)
        for axis, name in zip(axes.flat, names, strict=False):
            axis.plot([row["step"] for row in rows], [row.get(name, math.nan) for row in rows])
            axis.set_title(name, fontsize=9)
        figure.tight_layout()
        figure.savefig(self.folder / "log.png", dpi=60)
        pyplot.close(figure)


def save_half(tensors: dict[str, Tensor], path: Path, taught_by: frozenset[str] | None = None) -> None:
    """Write weights as fp16, to be kept in the repository; taught_by: for the record, None where nothing is known."""
    save_file({name: value.half().contiguous() for name, value in tensors.items()}, path, record(taught_by) or None)


def averaged(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a run's checkpoint: the moving average of the weights, by the network's own names; empty for another file."""
    return {name[4:]: value for name, value in tensors.items() if name.startswith("avg.")}


def load_networks(path: Path) -> dict[str, dict[str, Tensor]]:
    """Weights as float32, from a run's checkpoint (their average) or an fp16 file, by network: "codec", "vocoder" or
    both. Raises TrainingError for a missing file."""
    if not path.exists():
        raise TrainingError(f"{path}: no such checkpoint; train the stage before, or name another with --from")
    tensors = load_file(path)
    tensors = averaged(tensors) or tensors
    if not any(name.startswith(("codec.", "vocoder.")) for name in tensors):
        whole = "codec" if any(name.startswith("encoder.") for name in tensors) else "vocoder"
        tensors = {f"{whole}.{name}": value for name, value in tensors.items()}
    networks: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        network, _, rest = name.partition(".")
        networks.setdefault(network, {})[rest] = value.float()
    return networks
