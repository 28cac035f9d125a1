"""The Benchmark tab's functions: what it is told at each stage, advice, one query, files, stored results."""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import orjson
import pytest

from core.errors import NotPreparedError, UnavailableError
from core.evaluation.curves import folder_of
from core.evaluation.dial import Dial
from core.search import Engine, parse_address, prepare_gallery
from core.settings import Settings
from core.types import Json
from gradio_ui import benchmark_handlers
from gradio_ui.jobs import Jobs
from gradio_ui.shelf import Shelf, uploaded

MINE = "mine@efficientnet_lite0"
COUNT = 40


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, prepared: Settings) -> Settings:
    made = Settings(root=tmp_path_factory.mktemp("benchmark") / "root", threads=1)
    shutil.copytree(prepared.cache, made.cache)  # the exported encoder, which takes long to make
    return made


@pytest.fixture
def engine(home: Settings, make_gallery: Callable[..., object]) -> Engine:
    """A gallery of forty pictures with three indexes."""
    make_gallery(home, count=COUNT)
    prepare_gallery(MINE, home, indexes=["flat", "ivfpq", "lsh"])
    return Engine(home)


@pytest.fixture
def measured(engine: Engine, home: Settings) -> Json:
    """What the tab opens with, once everything is measured."""
    work(home, lambda jobs: benchmark_handlers.start(home, jobs, {"gallery": MINE}))
    return benchmark_handlers.open_curves(engine, home, MINE)


def work(settings: Settings, begin: Callable[[Jobs], Json]) -> None:
    """Run a job to its end."""
    jobs = Jobs("Working")
    assert begin(jobs) == {"state": "building"}
    end = time.monotonic() + 120
    while jobs.is_building(MINE) and time.monotonic() < end:
        time.sleep(0.02)
    assert jobs.state(MINE) == {"state": "idle"}


def test_before_it_is_measured_the_tab_says_what_that_takes(engine: Engine, home: Settings) -> None:
    shutil.rmtree(folder_of(parse_address(MINE, home), home), ignore_errors=True)
    found = benchmark_handlers.open_curves(engine, home, MINE)
    assert (found["state"], found["count"], found["indexes"], found["stale"]) == ("missing", COUNT, 3, False)
    assert found["expected_s"] > 0
    with pytest.raises(NotPreparedError, match="python -m core bench curves"):
        benchmark_handlers.advice(engine, home, {"gallery": MINE})


def test_every_index_comes_with_its_points_in_the_order_of_the_registry(measured: Json) -> None:
    assert measured["state"] == "ready"
    assert [one["key"] for one in measured["curves"]] == [
        "flat", "ivfpq", "ivfpq-8", "ivfpq-16", "ivfpq-32", "ivfpq-64", "lsh"
    ]  # fmt: skip
    assert measured["own_bytes"] == {"ivfpq": 16}
    assert measured["notice"] == ""
    assert list(measured["curves"][0]["points"][0]["recall"].items()) == [("1", 1.0), ("10", 1.0)]
    assert orjson.dumps(measured)  # as Gradio sends it


def test_advice_is_given_for_all_and_for_what_is_built(measured: Json, engine: Engine, home: Settings) -> None:
    found = benchmark_handlers.advice(engine, home, {"gallery": MINE, "target": 0.9, "k": 10})
    points = [(one["key"], point) for one in measured["curves"] for point in one["points"]]
    good = [(key, point) for key, point in points if point["recall"]["10"] >= 0.9]
    assert found["best"]["p50_ms"] == min(point["p50_ms"] for _, point in good)
    assert found["built"]["p50_ms"] == min(point["p50_ms"] for key, point in good if "-" not in key)
    small = benchmark_handlers.advice(engine, home, {"gallery": MINE, "target": 0.9, "cheapest": "memory"})
    assert small["best"]["bytes"] == min(point["bytes"] for _, point in good)
    assert benchmark_handlers.advice(engine, home, {"gallery": MINE, "most_bytes": 1}) == {"best": None, "built": None}


def test_the_dial_reads_a_stored_picture_and_an_upload(
    measured: Json, engine: Engine, home: Settings, tmp_path: Path
) -> None:
    dial = Dial(engine)
    request = {"gallery": MINE, "key": "ivfpq-8", "knobs": {"n_probe": 1, "n_rerank": 20}, "id": 5}
    found = benchmark_handlers.read(engine, home, dial, request, None)
    assert found["query"]["id"] == 5
    assert set(found["recall"]) == {"1", "10"}
    assert orjson.dumps(found)
    exact = benchmark_handlers.read(engine, home, dial, {"gallery": MINE, "key": "flat"}, _picture(engine))
    assert (exact["query"], exact["recall"]) == (None, {"1": 1.0, "10": 1.0})
    with pytest.raises(NotPreparedError, match="has not been measured"):
        benchmark_handlers.read(engine, home, dial, {**request, "key": "ivfpq-7"}, None)


def test_every_point_is_in_the_files(measured: Json, engine: Engine, home: Settings) -> None:
    with gr.Blocks() as blocks:
        shelf = Shelf(blocks)
    files = benchmark_handlers.files(engine, home, shelf, MINE)
    count = sum(len(one["points"]) for one in measured["curves"])
    text = _content(files["csv"]["file"])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == count
    assert {row["curve"] for row in rows} == {one["key"] for one in measured["curves"]}
    whole = json.loads(_content(files["json"]["file"]))
    assert sum(len(one["points"]) for one in whole["curves"].values()) == count


def test_a_setting_is_built_and_what_was_measured_of_the_index_before_is_left_out(
    measured: Json, engine: Engine, home: Settings
) -> None:
    curve = next(one for one in measured["curves"] if one["key"] == "ivfpq-32")
    knobs = next(point["knobs"] for point in curve["points"] if point["knobs"].get("n_rerank") == 20)
    request = {"gallery": MINE, "key": "ivfpq-32", "knobs": knobs}
    work(home, lambda jobs: benchmark_handlers.apply(home, engine, jobs, request))
    assert engine.load_index(MINE, "ivfpq").params["n_subspaces"] == 32
    found = benchmark_handlers.open_curves(engine, home, MINE)
    assert "ivfpq" not in [one["key"] for one in found["curves"]]
    assert found["notice"] == "Built again since they were measured: ivfpq."
    assert found["own_bytes"] == {"ivfpq": 32}
    with pytest.raises(UnavailableError, match="measure again"):
        benchmark_handlers.apply(home, engine, Jobs("x"), {**request, "knobs": {"n_probe": 999}})


def test_stored_results_are_listed_and_what_is_none_of_ours_is_passed_over(tmp_path: Path) -> None:
    assert benchmark_handlers.results(tmp_path / "absent") == {"results": []}
    (tmp_path / "search.json").write_text('{"upload": {"p50_ms": 1.5}}')
    (tmp_path / "half.json").write_text('{"upload": ')
    (tmp_path / "list.json").write_text("[1]")
    (found,) = benchmark_handlers.results(tmp_path)["results"]
    assert (found["name"], found["content"]) == ("search", {"upload": {"p50_ms": 1.5}})


def test_a_damaged_file_is_said_with_what_to_run(measured: Json, engine: Engine, home: Settings) -> None:
    from core.errors import DamagedFileError

    (folder_of(parse_address(MINE, home), home) / "curves.json").write_text("{")
    with pytest.raises(DamagedFileError, match="--rebuild"):
        benchmark_handlers.open_curves(engine, home, MINE)
    (folder_of(parse_address(MINE, home), home) / "curves.json").unlink()


def _picture(engine: Engine) -> Path:
    dataset = engine.dataset(MINE)
    return dataset.source_path(dataset.catalog.get(3))


def _content(url: str) -> str:
    return uploaded(url.removeprefix("gradio_api/file=")).read_text()
