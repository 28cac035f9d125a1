"""Metadata as bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.projection.columns import MISSING, choice, columns_of, ranged

from .conftest import Record


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_a_range_keeps_the_order_of_its_numbers(values: list[float | None]) -> None:
    column = ranged("x", "X", values)
    known = [(value, code) for value, code in zip(values, column.codes, strict=True) if value is not None]
    assert [code for value, code in zip(values, column.codes, strict=True) if value is None] == [MISSING] * (
        len(values) - len(known)
    )
    ordered = [code for _, code in sorted(known)]
    assert (np.diff(np.array(ordered, int)) >= 0).all()


def test_a_choice_counts_its_values_and_gathers_the_rare_ones() -> None:
    column = choice("x", "X", [f"v{i}" for i in range(400)] + ["often"] * 5 + [None, ""])
    assert column.values[0] == ("often", 5)
    assert column.values[-1] == ("other", 400 - 249)
    assert (column.codes[-2:] == MISSING).all()


def test_fields_that_say_nothing_are_left_out() -> None:
    records = [
        Record(
            i,
            f"t{i}",
            "ab"[i % 2],
            fields={"unique": f"u{i}", "constant": "c", "year": i, "medium": "oil" if i % 3 else "ink"},
        )
        for i in range(60)
    ]
    columns = {column.name: column for column in columns_of(records, {"medium": "Medium"})}
    assert set(columns) == {"label", "year", "medium"}
    assert columns["year"].kind == "range"
    assert columns["medium"].title == "Medium"
