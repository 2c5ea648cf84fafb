"""The training loop: steps, moving average of the weights, validation, checkpoints that resume, log and plot."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from codec.training.data.batches import Batch, BatchSampler
from codec.training.errors import TrainingError
from codec.training.loop.checkpoint import (
    AVERAGE,
    CURRENT,
    Companion,
    averaged,
    configs_of,
    load_tensors,
    metadata_of,
    moments_of,
    read_configs,
    restore_moments,
    save_whole,
)
from codec.training.loop.config import Schedule, filled, learning_rate_factor
from codec.training.loop.distributed import ALONE, Processes
from codec.training.loop.precision import PRECISIONS
from codec.training.teachers import record, recorded


def scheduler_at(step: int, optimiser: torch.optim.Optimizer, schedule: Schedule) -> LambdaLR:
    """Return the scheduler that has set the learning rate of the optimiser for this step."""
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])  # LambdaLR wants it of an optimiser that is not at its first step
    return LambdaLR(optimiser, partial(learning_rate_factor, schedule=schedule), last_epoch=step - 1)


class Run:
    """A network that is trained, and the folder of its run: checkpoint.safetensors, log.csv, log.png.

    The checkpoint holds the weights, their moving average, the optimiser's moments, the number of the step, and in its
    metadata the configurations of the networks.
    """

    def __init__(
        self,
        folder: Path,
        network: nn.Module,
        schedule: Schedule,
        processes: Processes = ALONE,
        companion: Companion | None = None,
        taught_by: frozenset[str] = frozenset(),
    ) -> None:
        """Begin at step 0; taught_by: names of the recognisers that the network learns from, for the record.

        Raises TrainingError where the processes cannot share a batch evenly, and for a precision that does not exist.
        """
        if schedule.batch_size % processes.count:
            problem = f"{processes.count} processes cannot share {schedule.batch_size} segments"
            raise TrainingError(problem, "change `batch_size`")
        if schedule.precision not in PRECISIONS:
            raise TrainingError(f'precision = "{schedule.precision}": there are {", ".join(PRECISIONS)}')
        if processes.first:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.network, self.schedule, self.processes = folder, network, schedule, processes
        self.companion, self.taught_by = companion, taught_by
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=schedule.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.scheduler = scheduler_at(0, self.optimiser, schedule)
        self.average = AveragedModel(network, multi_avg_fn=self._move_average).eval()
        self.average.n_averaged += 1  # the average begins as the network does, so that its first step is a step too
        self.step = 0
        self._saved = time.monotonic()
        self._parts: dict[str, float] = {}
        self._counted = 0
        self._began = time.monotonic()

    @property
    def checkpoint(self) -> Path:
        """The file that the run is resumed from."""
        return self.folder / "checkpoint.safetensors"

    def resume(self) -> bool:
        """Go on where the folder's checkpoint stopped; return False where there is none.

        Raises TrainingError where it is of other networks.
        """
        if not self.checkpoint.exists():
            return False
        self._refuse_other_networks()
        tensors = load_tensors(self.checkpoint)
        weights = {k.removeprefix(CURRENT): v for k, v in tensors.items() if k.startswith(CURRENT)}
        self.network.load_state_dict(weights)
        self.average.module.load_state_dict(averaged(tensors))
        self.step = int(tensors["step"])
        self.average.n_averaged.fill_(self.step + 1)
        restore_moments(self.optimiser, tensors, self.step, self.processes.device)
        self.scheduler = scheduler_at(self.step, self.optimiser, self.schedule)
        if self.companion is not None:
            self.companion.restore(tensors, self.step)
        self.taught_by |= recorded([self.checkpoint]) or frozenset()
        return True

    def _refuse_other_networks(self) -> None:
        stored = read_configs(self.checkpoint)
        for name, config in configs_of(self.network).items():
            was = filled(type(config), stored.get(name, {}), str(self.checkpoint))
            other = [f"{key} {value}" for key, value in vars(was).items() if value != getattr(config, key)]
            if other:
                problem = f"{self.checkpoint}: its {name} has {', '.join(other)}, unlike this recipe's"
                raise TrainingError(problem, "go on with the recipe that it began with, or name another --run")

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; of several processes the first does it."""
        if not self.processes.first:
            return
        tensors = {f"{CURRENT}{k}": v.contiguous().clone() for k, v in self.network.state_dict().items()}
        tensors |= {f"{AVERAGE}{k}": v.contiguous().clone() for k, v in self.average.module.state_dict().items()}
        tensors["step"] = torch.tensor(self.step)
        tensors |= moments_of(self.optimiser)
        if self.companion is not None:
            tensors |= self.companion.tensors()
        metadata = metadata_of(configs_of(self.network)) | record(self.taught_by)
        save_whole(tensors, self.checkpoint, metadata)
        self._saved = time.monotonic()

    def drive(
        self,
        sampler: BatchSampler,
        losses: Callable[[Batch, torch.Generator], dict[str, Tensor]],
        validate: Callable[[nn.Module], dict[str, float]],
    ) -> None:
        """Train to the schedule's end, from where the folder's checkpoint stopped if it holds one.

        losses: returns the weighted parts for a batch; what happens to the batch on the link is drawn with the
        generator, which depends on the seed and the step alone. validate: returns metrics of the network with averaged
        weights. Of several processes the first validates, and the others wait for it.
        """
        self.resume()
        torch.set_float32_matmul_precision(self.schedule.precision)
        hidden = not self.processes.first
        bar = tqdm(total=self.schedule.steps, initial=self.step, unit="step", mininterval=2.0, disable=hidden)
        for batch in sampler.stream(self.step):
            if self.step >= self.schedule.steps:
                break
            generator = torch.Generator().manual_seed(self.schedule.seed * 1_000_003 + self.step)
            loss = self.update(losses(batch, generator))
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}")
            if self.validation_due:
                self._parts = self.processes.means(self._parts)
                if self.processes.first:
                    gpus = [self.processes.device] if self.processes.device.type == "cuda" else []
                    with torch.random.fork_rng(gpus):  # the other processes draw no numbers meanwhile
                        metrics = validate(self.average.module)
                    bar.write(self.log(metrics))
                self._parts, self._counted = {}, 0
            self.save_if_due()
        self.save()
        bar.close()

    def update(self, parts: dict[str, Tensor]) -> float:
        """Make one step down the gradient of the sum of the parts; return that sum."""
        loss = torch.stack(list(parts.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average_gradients(self.network.parameters())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.largest_gradient)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.scheduler.step()
        self.step += 1
        self.average.update_parameters(self.network)
        for name, value in parts.items():
            self._parts[name] = self._parts.get(name, 0.0) + float(value.detach())
        self._counted += 1
        return float(loss.detach())

    def _move_average(self, average: list[Tensor], weights: list[Tensor], step: Tensor | int) -> None:
        """Move the average towards the weights; in the first steps it follows them faster."""
        decay = min(self.schedule.ema_decay, (1 + int(step)) / (10 + int(step)))
        torch._foreach_lerp_(average, weights, 1 - decay)

    @property
    def validation_due(self) -> bool:
        """True at a step after which the run validates."""
        return self.step % self.schedule.validate_every == 0 or self.step == self.schedule.steps

    def save_if_due(self) -> None:
        """Write a checkpoint every few minutes."""
        if time.monotonic() - self._saved > self.schedule.save_every_s:
            self.save()

    def log(self, metrics: dict[str, float]) -> str:
        """Write a row of the log, the mean parts since the last row and these metrics; return it as text."""
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
        """Draw log.png: a small picture for each column of the log."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        with (self.folder / "log.csv").open() as file:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
        names = [name for name in rows[0] if name not in ("step", "minutes")]
        columns = 4
        figure, axes = plt.subplots(-(-len(names) // columns), columns, figsize=(14, 9), squeeze=False)
        for axis, name in zip(axes.flat, names, strict=False):
            axis.plot([row["step"] for row in rows], [row.get(name, math.nan) for row in rows])
            axis.set_title(name, fontsize=9)
        figure.tight_layout()
        figure.savefig(self.folder / "log.png", dpi=60)
        plt.close(figure)
