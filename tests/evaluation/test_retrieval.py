"""Training and measuring on a small gallery, through the same doors as the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from typer.testing import CliRunner

from core import datasets, encoders
from core.cli.app import build
from core.datasets.folds import fold_of, part_of
from core.encoders import trained
from core.errors import UnavailableError
from core.evaluation import retrieval_report
from core.evaluation.retrieval import NothingToMeasureError, Options, evaluate
from core.settings import Settings
from core.training.pictures import NothingToLearnError, collect
from core.training.run import Plan, train
from core.training.trainer import Schedule

HUES = {"Forest": (30, 110, 40), "River": (40, 60, 150), "Highway": (120, 120, 120)}


def make(folder: Path, per_class: int = 30, noise: float = 25.0) -> Path:
    """Write tiles whose colours tell the class, more or less."""
    rng = np.random.default_rng(0)
    for label, colour in HUES.items():
        for number in range(1, per_class + 1):
            # Brightness differs from tile to tile and says nothing; the hue does.
            shade = np.array(colour) * rng.uniform(0.5, 1.6) + rng.normal(0, noise, 3)
            pixels = np.clip(shade + rng.normal(0, 8, (24, 24, 3)), 0, 255).astype(np.uint8)
            path = folder / label / f"{label}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with `eurosat`, 90 tiles of three classes."""
    root = tmp_path_factory.mktemp("learning")
    settings = Settings(root=root / "root", threads=1)
    datasets.prepare("eurosat", settings, source=make(root / "tiles"))
    return settings


def test_figures_are_those_of_a_loop_over_the_held_out_pictures(prepared: Settings) -> None:
    report = evaluate("eurosat@histogram", prepared, "flat", Options(k=20))
    gallery = datasets.open("eurosat", prepared)
    encoder = encoders.load("histogram", prepared)
    records = list(gallery)
    vectors = encoder.encode([gallery.load(record) for record in records])
    folds = np.array([fold_of(Path(record.path).name) for record in records])
    labels = np.array([record.label for record in records])
    shares = []
    for query in np.flatnonzero(folds == 0):
        database = np.flatnonzero(folds != 0)
        nearest = database[np.argsort(-(vectors[database] @ vectors[query]), kind="stable")[:10]]
        shares.append(float((labels[nearest] == labels[query]).mean()))
    facts = report.facts
    assert facts["queries"] == len(shares)
    assert facts["precision_at_10"] == pytest.approx(np.mean(shares), abs=0.01)  # ties may fall otherwise
    low, high = facts["interval_95"]["precision_at_10"]
    assert low <= facts["precision_at_10"] <= high
    assert {"dataset", "encoder", "index", "protocol", "map_at_r", "held_out", "auc", "eer"} <= set(facts)
    assert facts["input_size"] == 96


def test_the_earlier_protocol_counts_the_query_as_its_own_first_hit(prepared: Settings) -> None:
    facts = evaluate("eurosat@histogram", prepared, "flat", Options(k=20, earlier=True)).facts
    assert facts["as_earlier_projects"]["precision_at_1"] == 1.0
    assert "the query counted" in facts["as_earlier_projects"]["protocol"]


def test_all_of_another_gallery_ask_all_of_this_one_and_duplicates_do_not_count(prepared: Settings) -> None:
    address = "eurosat@histogram"
    report = evaluate(address, prepared, "flat", Options(queries_from=address))
    count = len(datasets.open("eurosat", prepared))
    assert (report.facts["queries"], report.facts["database"]) == (count, count)
    assert report.facts["protocol"].startswith(f"queries: all of {address}, database: all of {address}")
    assert (report.main.ranking.rows[:, 0] != report.main.queries - count).all()  # nobody finds the same file
    assert "held_out" not in report.facts


def test_a_trained_head_is_measured_by_its_name(prepared: Settings) -> None:
    plan = Plan(
        method="classify", galleries=("eurosat",), name="tuned", backbone="histogram", views=0, keep=0.1, kept_dim=16,
        dim=16, hidden=32, batch=32, refit=True,
    )  # fmt: skip
    done = train(plan, prepared, Schedule(epochs=40, patience=0))
    assert {"weights.safetensors", "encoder.json", "README.md", "log.csv", "curves.png"} <= {
        path.name for path in done.folder.iterdir()
    }
    facts = evaluate("eurosat@tuned", prepared, "flat", Options(k=20)).facts
    assert (facts["encoder"], facts["input_size"]) == ("tuned", 96)
    assert facts["precision_at_10"] > 0.6  # three classes: .33 by chance; test_heads.py compares with the vectors below
    card = (done.folder / "README.md").read_text()
    assert "MIT" in card and "python -m core train classify eurosat --name tuned" in card


def test_reports_are_written_for_people_too(prepared: Settings, tmp_path: Path) -> None:
    report = evaluate("eurosat@histogram", prepared, "flat", Options(k=20))
    written = retrieval_report.write(report, tmp_path / "out", datasets.open("eurosat", prepared))
    assert {path.name for path in written} == {
        "report.json", "report.md", "confusion.png", "precision-recall.png", "worst.jpg",
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "report.json").read_text())["queries"] == report.facts["queries"]
    assert "held-out against held-out" in (tmp_path / "out" / "report.md").read_text()
    with Pillow.open(tmp_path / "out" / "worst.jpg") as sheet:
        assert sheet.width > 500


def test_small_classes_are_left_out_and_nothing_is_measured_without_labels(prepared: Settings) -> None:
    with pytest.raises(NothingToMeasureError, match="at least 1000"):
        evaluate("eurosat@histogram", prepared, "flat", Options(min_class=1000))
    with pytest.raises(NothingToMeasureError, match=r"no picture .* 'artist'"):
        evaluate("eurosat@histogram", prepared, "flat", Options(field="artist"))


def test_training_says_what_is_missing(prepared: Settings, tmp_path: Path) -> None:
    with pytest.raises(NothingToLearnError, match="artist"):
        collect(["eurosat"], prepared, fields=["artist"])
    settings = Settings(root=tmp_path / "one", threads=1)
    tiles = make(tmp_path / "tiles", per_class=12)
    for label in ("River", "Highway"):
        for path in (tiles / label).iterdir():
            path.unlink()
    datasets.prepare("eurosat", settings, source=tiles)
    with pytest.raises(NothingToLearnError, match="one label"):
        train(Plan("classify", ("eurosat",), "x", backbone="histogram"), settings, Schedule(epochs=1))


def test_characteristics_of_several_fields_become_columns(prepared: Settings) -> None:
    pictures = collect(["eurosat"], prepared, fields=["label", "fold"])
    assert pictures.labels.shape == (len(pictures.records), 2)
    assert pictures.classes[0] == ["eurosat/Forest", "eurosat/Highway", "eurosat/River"]
    assert set(pictures.class_domains) == {0}
    assert not set(pictures.rows("train")) & set(pictures.rows("validation"))


def test_the_command_line_prints_the_contract_s_keys(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    run = CliRunner().invoke(build(), ["evaluate", "retrieval", "eurosat@histogram", "--index", "flat", "--json"])
    assert run.exit_code == 0, run.output
    printed = json.loads(run.stdout)
    assert {"dataset", "encoder", "index", "protocol", "queries", "precision_at_10", "map_at_r"} <= set(printed)
    assert len(printed["interval_95"]["precision_at_10"]) == 2
    options = ["--pca", "16", "--lists", "2", "--subspaces", "4", "-i", "ivfpq"]
    table = CliRunner().invoke(build(), ["evaluate", "index", "eurosat@histogram", *options])
    assert table.exit_code == 0, table.output
    assert "| ivfpq | n_probe 1 |" in table.stdout


def test_a_method_s_bad_options_are_misuse(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    run = CliRunner().invoke(build(), ["train", "classify", "eurosat", "--name", "x", "--strength", "wild"])
    assert run.exit_code == 2
    run = CliRunner().invoke(build(), ["train", "classify", "eurosat", "--name", "histogram"])
    assert run.exit_code == 2
    for option in ("--dim", "--hidden", "--views", "--epochs", "--batch"):
        run = CliRunner().invoke(build(), ["train", "classify", "eurosat", "--name", "x", option, "-1"])
        assert run.exit_code == 2
        assert option in run.stderr
    run = CliRunner().invoke(build(), ["train", "classify", "eurosat", "--name", "x", "--option", "margin=1"])
    assert run.exit_code == 2
    assert "classify has no option 'margin'; it understands scale=16, smoothing=0.1" in run.stderr
    run = CliRunner().invoke(build(), ["train", "classify", "absent", "--name", "x"])
    assert run.exit_code == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_here_is_said_before_anything_is_done(prepared: Settings) -> None:
    with pytest.raises(UnavailableError, match="no CUDA device"):
        train(Plan("nce", ("eurosat",), "far", whole=True), prepared, Schedule(device="cuda"))
    assert not trained.folder_of("far", prepared).exists()


def gallery(folder: Path, words: Callable[[int], str]) -> Settings:
    """Return settings with `mine`, 60 tiles whose labels are `words` of their numbers; none where that is empty."""
    make(folder / "tiles", per_class=20)
    paths = sorted((folder / "tiles").rglob("*.png"))
    rows = [f"{path.relative_to(folder / 'tiles')},{words(number)}" for number, path in enumerate(paths)]
    (folder / "tiles" / "table.csv").write_text("\n".join(["path,label", *rows]))
    settings = Settings(root=folder / "root", threads=1)
    datasets.import_table(folder / "tiles" / "table.csv", "mine", settings)
    return settings


def plan(method: str, **changed: Any) -> Plan:
    return Plan(method, ("mine",), "own", backbone="histogram", hidden=16, dim=8, **changed)


def test_pictures_without_labels_are_enough_for_the_methods_that_use_none(tmp_path: Path) -> None:
    settings = gallery(tmp_path, lambda number: "")
    done = train(plan("simclr", views=1), settings, Schedule(epochs=1))
    assert done.n_train == sum(fold_of(record.path.split("/")[-1]) > 1 for record in datasets.open("mine", settings))
    with pytest.raises(NothingToLearnError, match="there are: label"):
        train(plan("classify"), settings, Schedule(epochs=1))
    with pytest.raises(NothingToMeasureError, match="there are: label"):
        evaluate("mine@histogram", settings, "flat")


@pytest.mark.parametrize("method", ["classify", "triplet"])
def test_labels_of_one_picture_each_teach_nothing(method: str, tmp_path: Path) -> None:
    settings = gallery(tmp_path, lambda number: f"label {number}")
    with pytest.raises(NothingToLearnError, match="two training pictures each"):
        train(plan(method), settings, Schedule(epochs=1))
    with pytest.raises(NothingToMeasureError, match="classes of at least 2"):
        evaluate("mine@histogram", settings, "flat")


def test_labels_of_one_training_picture_are_named(tmp_path: Path) -> None:
    settings = gallery(tmp_path, lambda number: "odd one" if number == 7 else f"label {number % 2}")
    part = {part_of(record) for record in datasets.open("mine", settings) if record.label == "odd one"}
    done = train(plan("classify"), settings, Schedule(epochs=1))
    assert done.lonely == (["odd one"] if part == {"train"} else [])


def test_nothing_is_measured_where_any_answer_is_right_or_nobody_asks(tmp_path: Path) -> None:
    settings = gallery(tmp_path, lambda number: "same")
    with pytest.raises(NothingToMeasureError, match="any answer is right"):
        evaluate("mine@histogram", settings, "flat")
    with pytest.raises(NothingToMeasureError, match="'artist', the group"):
        evaluate("mine@histogram", settings, "flat", Options(group="artist"))
    table = tmp_path / "tiles" / "table.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(["path,label,split", *(f"{line},train" for line in lines[1:])]))
    datasets.import_table(table, "mine", settings)
    with pytest.raises(NothingToMeasureError, match="the test part"):
        evaluate("mine@histogram", settings, "flat")


def test_classes_of_several_labels_stay_in_one_cell_of_the_table(tmp_path: Path) -> None:
    settings = gallery(tmp_path, lambda number: "sea|ship" if number % 3 else "sea")
    report = evaluate("mine@histogram", settings, "flat")
    rows = [line for line in retrieval_report.markdown(report).splitlines() if line.startswith("| sea")]
    assert [row.split(" | ")[0] for row in rows] == ["| sea", "| sea, ship"]
    assert {row.count("|") for row in rows} == {6}
