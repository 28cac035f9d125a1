"""Re-ranking is compared with FAISS's refinement at the fastest setting of each that is good enough, in turns."""

import numpy as np
import pytest

from core.evaluation import bench_refine
from core.evaluation.bench_index import Data
from core.types import Json


@pytest.fixture(scope="module")
def found() -> Json:
    return bench_refine.bench_refine(Data.synthetic(3000, 16, n_queries=50), n_lists=8, rounds=2)


def test_every_method_reaches_the_recall_it_is_compared_at(found: Json) -> None:
    assert [row["recall_10"] for row in found["levels"]] == list(bench_refine.LEVELS)
    for row in found["levels"]:
        assert bench_refine.OURS in row["methods"]
        for result in row["methods"].values():
            assert result["recall_10"] >= row["recall_10"]
            assert result["queries_per_s"] > 0
            assert result["setting"][0] <= 8


def test_a_ratio_is_how_many_times_as_long_as_ours_a_method_took(found: Json) -> None:
    for row in found["levels"]:
        assert row["methods"][bench_refine.OURS]["ratio"] == 1
        assert all(result["ratio"] > 0 for result in row["methods"].values())


def test_stored_bytes_are_less_than_faiss_refinement_needs(found: Json) -> None:
    sizes = found["bytes_per_vector"]
    # float32 vectors take 64 bytes here; ours 16, codes and ids 23, and the quantizers 6 (16 KB for 3,000 vectors).
    assert sizes[bench_refine.OURS] < 64 < sizes["FAISS IVFPQ, refined"]


def test_the_fastest_setting_that_is_good_enough_is_chosen() -> None:
    rows = [
        {"method": method, "setting": setting, "recall_10": recall_10, "seconds": seconds}
        for method, setting, recall_10, seconds in (
            ("a", (2, 20), 0.7, 1.0), ("a", (4, 20), 0.9, 3.0), ("a", (8, 20), 0.95, 2.0), ("b", (2, 20), 0.5, 1.0),
        )
    ]  # fmt: skip
    assert {name: row["setting"] for name, row in bench_refine._fastest(rows, 0.9).items()} == {"a": (8, 20)}
    assert {name: row["setting"] for name, row in bench_refine._fastest(rows, 0.4).items()} == {
        "a": (2, 20),
        "b": (2, 20),
    }


def test_the_table_says_how_many_times_faster_ours_is_and_leaves_out_what_was_not_reached() -> None:
    result = {"setting": (4, 30), "recall_10": 0.91, "queries_per_s": 5000.0, "ratio": 1.0}
    slower = {"setting": (8, 60), "recall_10": 0.92, "queries_per_s": 1250.0, "ratio": 4.04}
    levels = [
        {"recall_10": 0.9, "methods": {bench_refine.OURS: result, "FAISS": slower}},
        {"recall_10": 0.98, "methods": {bench_refine.OURS: result}},
    ]
    table = bench_refine.refine_markdown(
        {"bytes_per_vector": {bench_refine.OURS: 163.2, "FAISS": 536.0}, "levels": levels}
    )
    assert table.splitlines()[-2] == f"| {bench_refine.OURS} | 163 | 5,000 (4, 30) | 5,000 (4, 30) |"
    assert table.splitlines()[-1] == "| FAISS | 536 | 1,250 (8, 60): **4.0x** |  |"


def test_a_level_that_ours_does_not_reach_is_left_out() -> None:
    data = Data.synthetic(600, 16, n_queries=20)
    wrong = Data(data.name, data.vectors, data.queries, np.full((20, 10), -5))  # nothing is found of this truth
    assert bench_refine.bench_refine(wrong, n_lists=2, rounds=1)["levels"] == []
