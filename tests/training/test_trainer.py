"""The training loop: resuming, stopping, logging."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import DamagedFileError
from core.training import checkpoint
from core.training.trainer import DivergedError, Schedule, fit, learning_rate
from core.types import Json

SCHEDULE = Schedule(epochs=6, learning_rate=0.05, patience=0)


class Line:
    """Fits a small network with dropout to a line; `killed_at` simulates a process that dies."""

    def __init__(self, killed_at: int = -1, nan_at: int = -1, width: int = 8) -> None:
        torch.manual_seed(7)
        self.module = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.2), nn.Linear(width, 1))
        self.steps_per_epoch = 5
        self.configuration: Json = {"problem": "line"}
        self.killed_at, self.nan_at, self.n_steps = killed_at, nan_at, 0
        self.scores = iter([])

    def loss(self, epoch: int, step: int, rng: np.random.Generator) -> Tensor:
        if (number := epoch * self.steps_per_epoch + step) == self.killed_at:
            raise KeyboardInterrupt
        inputs = torch.from_numpy(rng.normal(size=(16, 3)).astype(np.float32))
        error = self.module(inputs)[:, 0] - inputs.sum(dim=1)
        return (error**2).mean() * (float("nan") if number == self.nan_at else 1.0)

    def score(self) -> float:
        inputs = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32))
        return -float(((self.module(inputs)[:, 0] - inputs.sum(dim=1)) ** 2).mean())


def weights(problem: Line) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in problem.module.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("killed_at", [3, 5, 17, 29])
def test_a_run_that_was_interrupted_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, killed_at: int) -> None:
    whole, broken, resumed = Line(), Line(killed_at), Line()
    expected = fit(whole, tmp_path / "whole", SCHEDULE)
    schedule = replace(SCHEDULE, checkpoint_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, tmp_path / "broken", schedule)
    outcome = fit(resumed, tmp_path / "broken", schedule)
    assert same(weights(whole), weights(resumed))
    assert (outcome.best_epoch, outcome.best_score) == (expected.best_epoch, expected.best_score)
    assert [row["loss"] for row in outcome.history] == [row["loss"] for row in expected.history]


def test_a_killed_process_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import importlib.util, sys, time
        from pathlib import Path
        spec = importlib.util.spec_from_file_location("cases", sys.argv[1])
        cases = importlib.util.module_from_spec(spec); spec.loader.exec_module(cases)
        class Slow(cases.Line):
            def loss(self, epoch, step, rng):
                time.sleep(0.05)
                print("step", flush=True)
                return super().loss(epoch, step, rng)
        cases.fit(Slow(), Path(sys.argv[2]), cases.replace(cases.SCHEDULE, checkpoint_every_s=0.1))
    """)
    command = [sys.executable, "-c", script, __file__, str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for _ in range(12):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert checkpoint.read(tmp_path / "killed" / "last.safetensors").facts["step"] > 0
    resumed, whole = Line(), Line()
    fit(resumed, tmp_path / "killed", SCHEDULE)
    fit(whole, tmp_path / "whole", SCHEDULE)
    assert same(weights(whole), weights(resumed))


def test_the_best_pass_counts_and_patience_ends_the_run(tmp_path: Path) -> None:
    problem = Line()
    scores = [1.0, 3.0, 2.0, 2.5, 2.9, 9.0]
    states = []

    def score() -> float:
        states.append(weights(problem))
        return scores[len(states) - 1]

    problem.score = score  # type: ignore[method-assign]
    outcome = fit(problem, tmp_path, replace(SCHEDULE, patience=3))
    assert outcome.stopped_early
    assert (outcome.best_epoch, outcome.best_score, len(outcome.history)) == (1, 3.0, 5)
    assert same(weights(problem), states[1])


def test_a_loss_that_is_not_a_number_stops_with_the_step_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    problem = Line(nan_at=12)
    with pytest.raises(DivergedError, match="at step 12 "):
        fit(problem, tmp_path, SCHEDULE)
    kept = checkpoint.read(tmp_path / "last.safetensors")
    assert kept.facts["step"] == 12
    assert all(torch.isfinite(value).all() for value in kept.tensors.values() if value.is_floating_point())


def test_the_log_has_one_row_for_each_pass(tmp_path: Path) -> None:
    outcome = fit(Line(), tmp_path, SCHEDULE)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in outcome.history]


def test_a_checkpoint_of_another_architecture_or_configuration_is_refused(tmp_path: Path) -> None:
    fit(Line(), tmp_path, SCHEDULE)
    with pytest.raises(checkpoint.OtherRunError, match="another architecture"):
        fit(Line(width=9), tmp_path, SCHEDULE)
    with pytest.raises(checkpoint.OtherRunError, match="another configuration"):
        fit(Line(), tmp_path, replace(SCHEDULE, seed=1))


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    fit(Line(), tmp_path, SCHEDULE)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DamagedFileError, match=r"last\.safetensors"):
        fit(Line(), tmp_path, SCHEDULE)


def test_the_rate_rises_and_falls_to_nearly_nothing() -> None:
    rates = [learning_rate(step, 100, SCHEDULE) for step in range(100)]
    assert max(rates) == rates[9] == pytest.approx(SCHEDULE.learning_rate)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.01 * SCHEDULE.learning_rate
