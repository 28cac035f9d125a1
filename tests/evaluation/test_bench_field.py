"""The chart and the table of the whole field show of each method the best that it can do."""

import numpy as np

from core.evaluation import bench_field
from core.types import Json


def a_row(method: str, recall_10: float, rate: float) -> Json:
    return {"method": method, "recall_10": recall_10, "queries_per_s": rate, "bytes_per_vector": 8.0}


def test_only_what_nothing_surpasses_is_drawn() -> None:
    rng = np.random.default_rng(0)
    points = [(float(a), float(b)) for a, b in rng.random((50, 2))]
    front = bench_field._front(points)
    for point in points:
        is_surpassed = any(one != point and one[0] >= point[0] and one[1] >= point[1] for one in points)
        assert (point in front) != is_surpassed
    assert front == sorted(front)


def test_the_table_holds_the_fastest_setting_that_is_good_enough() -> None:
    rows = [a_row("a", 0.55, 900.0), a_row("a", 0.75, 800.0), a_row("a", 0.74, 100.0), a_row("b", 0.4, 1e6)]
    lines = bench_field.field_markdown(rows).splitlines()
    assert lines[-2] == "| a | 8 | 900 | 800 | 800 |  |  |  |  |"
    assert lines[-1] == "| b | 8 |  |  |  |  |  |  |  |"
