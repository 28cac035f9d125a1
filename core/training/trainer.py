"""The one training loop: seeded, resumable at any moment to the same weights, stopped early or when the loss is NaN.

A step is a function of the state before it and of (seed, step) alone: the order of pictures, augmentation and dropout
draw from generators seeded by those two. So a run that was killed and goes on from its last checkpoint ends with the
weights of one that was not (on one thread of the same machine).

Optimizer: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, and the cosine schedule of
"SGDR", ICLR 2017, after a linear warm-up.
"""

import csv
import io
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core import storage
from core.datasets.builder import write_quickly
from core.errors import NotPreparedError, RetrievalError, UnavailableError
from core.training import checkpoint
from core.types import Json, Progress, no_progress


class DivergedError(RetrievalError):
    """The loss is no longer a number."""


class Problem(Protocol):
    """What is trained.

    Attributes:
        module: everything with weights, the loss's own included.
        steps_per_epoch: batches in one pass.
        configuration: JSON; runs of different configurations do not continue each other.
    """

    module: nn.Module
    steps_per_epoch: int
    configuration: Json

    def loss(self, epoch: int, step: int, rng: np.random.Generator) -> Tensor:
        """Return the loss of batch `step` of pass `epoch`."""
        ...

    def score(self) -> float:
        """Return how good the module is on the validation pictures; higher is better."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        patience: passes without a better score after which training stops; 0: never.
        select: "best": the weights of the pass with the best score count; "last": those of the last pass.
        backbone_rate: the learning rate of parameters of a `backbone`, relative to the others'.
        checkpoint_every_s: seconds between checkpoints within a pass; one is written after every pass anyway.
        device: "cpu" or "cuda"; on "cuda" bfloat16 is used where it helps.
    """

    epochs: int = 60
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    patience: int = 15
    select: str = "best"
    backbone_rate: float = 0.1
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    checkpoint_every_s: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run; `module` holds the weights of the best pass afterwards.

    Attributes:
        history: one row per pass: epoch, step, loss, score, learning_rate, seconds.
    """

    best_epoch: int
    best_score: float
    steps: int
    seconds: float
    stopped_early: bool
    history: list[Json]


def fit(problem: Problem, folder: Path, schedule: Schedule, progress: Progress = no_progress) -> Outcome:
    """Train, or continue the run that `folder` holds, and leave the best weights in `problem.module`.

    `folder` gets last.safetensors, best.safetensors and log.csv.

    Raises:
        DivergedError: the loss became NaN or infinite; the checkpoint of the last good step is kept.
        OtherRunError: `folder` holds a run of another configuration.
    """
    torch.set_num_threads(schedule.threads)
    run = _Run(problem, folder, schedule)
    run.resume()
    with storage.lock(folder / ".lock"):
        while run.epoch < schedule.epochs and not run.stopped_early:
            run.one_pass(progress)
    best = checkpoint.read(folder / "best.safetensors")  # of the last pass, where that is selected
    checkpoint.restore(best, problem.module, run.optimizer, run.step)
    return Outcome(run.best_epoch, run.best_score, run.step, run.seconds, run.stopped_early, run.history)


def learning_rate(step: int, total: int, schedule: Schedule) -> float:
    """Return the rate at a step: a linear rise, then half a cosine down to zero."""
    rise = max(1, round(total * schedule.warm_up))
    if step < rise:
        return schedule.learning_rate * (step + 1) / rise
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def require_device(device: str) -> None:
    """Check that torch can compute there.

    Raises:
        UnavailableError: it cannot.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UnavailableError(
            "there is no CUDA device here, or this torch was built without CUDA; train with --device cpu, or a head "
            "(without --whole), which takes minutes on a processor"
        )


class _Run:
    """The state of a run in memory."""

    def __init__(self, problem: Problem, folder: Path, schedule: Schedule) -> None:
        self.problem = problem
        self.folder = folder
        self.schedule = schedule
        problem.module.to(schedule.device)
        named = list(problem.module.named_parameters())
        backbone = [p for name, p in named if "backbone." in name and p.requires_grad]
        rest = [p for name, p in named if "backbone." not in name and p.requires_grad]
        groups = [{"params": rest, "share": 1.0}, {"params": backbone, "share": schedule.backbone_rate}]
        self.optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=schedule.weight_decay)
        self.epoch = 0
        self.step = 0
        self.loss_sum = 0.0
        self.best_score = -math.inf
        self.best_epoch = -1
        self.seconds = 0.0
        self.history: list[Json] = []

    @property
    def stopped_early(self) -> bool:
        patience = self.schedule.patience
        return bool(patience and self.history and self.epoch - 1 - self.best_epoch >= patience)

    @property
    def configuration(self) -> Json:
        bounds = ("device", "threads", "checkpoint_every_s")
        schedule = {name: value for name, value in asdict(self.schedule).items() if name not in bounds}
        return {"problem": self.problem.configuration, "schedule": schedule}

    def resume(self) -> None:
        try:
            last = checkpoint.read(self.folder / "last.safetensors")
        except NotPreparedError:
            return
        if storage.digest(last.facts["configuration"]) != storage.digest(self.configuration):
            raise checkpoint.OtherRunError(
                f"{self.folder} holds a run of another configuration; give it another name, or start it again with "
                "--restart"
            )
        facts = last.facts
        self.epoch, self.step, self.loss_sum = facts["epoch"], facts["step"], facts["loss_sum"]
        self.best_epoch, self.seconds, self.history = facts["best_epoch"], facts["seconds"], facts["history"]
        self.best_score = -math.inf if facts["best_score"] is None else facts["best_score"]
        checkpoint.restore(last, self.problem.module, self.optimizer, self.step)

    def one_pass(self, progress: Progress) -> None:
        per_epoch = self.problem.steps_per_epoch
        total = per_epoch * self.schedule.epochs
        self.problem.module.train()
        saved_at = started = time.monotonic()
        spent = self.seconds
        while self.step < (self.epoch + 1) * per_epoch:
            within = self.step - self.epoch * per_epoch
            rate = learning_rate(self.step, total, self.schedule)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["share"]
            self._update(within)
            self.seconds = spent + time.monotonic() - started
            progress(self.step, total, f"training: pass {self.epoch + 1}, loss {self.loss_sum / (within + 1):.4f}")
            if time.monotonic() - saved_at > self.schedule.checkpoint_every_s:
                self._save("last")
                saved_at = time.monotonic()
        self.problem.module.eval()
        with torch.inference_mode():
            score = self.problem.score()
        self.seconds = spent + time.monotonic() - started
        row = {
            "epoch": self.epoch, "step": self.step, "loss": self.loss_sum / per_epoch, "score": score,
            "learning_rate": rate, "seconds": round(self.seconds, 2),
        }  # fmt: skip
        self.history.append(row)
        self.epoch, self.loss_sum = self.epoch + 1, 0.0
        if score > self.best_score or self.schedule.select == "last":
            self.best_score, self.best_epoch = score, self.epoch - 1
            self._save("best")
        self._save("last")
        write_quickly(self.folder / "log.csv", _table(self.history).encode())

    def _update(self, within: int) -> None:
        seed = np.random.SeedSequence([self.schedule.seed, self.step])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.schedule.device == "cuda"):
            loss = self.problem.loss(self.epoch, within, np.random.default_rng(seed))
        value = float(loss.detach())
        if not math.isfinite(value):
            self._save("last")
            raise DivergedError(
                f"the loss became {value} at step {self.step} (pass {self.epoch + 1}); the checkpoint of the last good "
                f"step is {self.folder / 'last.safetensors'}; try a lower --learning-rate under another name"
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.step += 1
        self.loss_sum += value

    def _save(self, name: str) -> None:
        facts: dict[str, Any] = {
            "configuration": self.configuration, "epoch": self.epoch, "step": self.step, "loss_sum": self.loss_sum,
            "best_score": self.best_score if math.isfinite(self.best_score) else None, "best_epoch": self.best_epoch,
            "seconds": self.seconds, "history": self.history,
        }  # fmt: skip
        path = self.folder / f"{name}.safetensors"
        checkpoint.write(path, checkpoint.capture(self.problem.module, self.optimizer, facts))


def _table(rows: list[Json]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
