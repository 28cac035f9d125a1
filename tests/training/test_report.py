"""A model card's command trains the same encoder again."""

import shlex
from dataclasses import asdict, replace

import pytest
import typer
from typer.testing import CliRunner

from core.cli.app import build
from core.training import run
from core.training.report import command
from core.training.run import Plan
from core.training.trainer import Schedule

PLAN = Plan(
    method="contrastive", galleries=("one", "two"), name="mine", backbone="histogram", fields=("culture", "century"),
    group="artist", dim=48, hidden=96, dropout=0.55, views=3, strength="strong", keep=0.25, kept_dim=64, size=96,
    batch=24, mixing=0.7, refit=True, title="Two words", options={"margin": 0.5},
)  # fmt: skip
SCHEDULE = Schedule(epochs=7, learning_rate=0.003, patience=4, backbone_rate=0.25, seed=9)


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, whole=True, frozen=True, group="", title="", options={})])
def test_the_command_of_a_card_makes_the_same_plan(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note(plan: Plan, settings: object, schedule: Schedule, **_: object) -> None:
        seen.append((plan, schedule))
        raise typer.Exit(0)

    monkeypatch.setattr(run, "train", note)
    words = shlex.split(command({"plan": asdict(plan), "schedule": asdict(SCHEDULE)}))
    result = CliRunner().invoke(build(), words[words.index("core") + 1 :])
    assert result.exit_code == 0, result.output
    [(again, schedule)] = seen
    assert again == plan
    assert replace(schedule, threads=SCHEDULE.threads) == SCHEDULE
