"""The limits and selections that the kernels make are those of a sorted array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.indexes.jit import kernel
from core.indexes.selection import keep_at_most, limit_of_smallest

# Values with many ties, far apart, negative, tiny, and such that half of their range is beyond float32's largest.
VALUES = st.lists(
    st.sampled_from([-3.5, -1e-30, 0.0, 1e-42, 1.0, np.nextafter(np.float32(1), np.float32(2)), 2.0, 7.0, 3e38])
    | st.floats(-100, 100, width=32),
    min_size=1,
    max_size=70,
)


@kernel
def _kept(values, places, count, n, most):  # type: ignore[no-untyped-def]
    limit = limit_of_smallest(values, count, n, most)
    return keep_at_most(values, places, count, limit), limit


def kept(values: list[float], n: int, most: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the values that are within the limit, where they were, and the limit."""
    room = np.full(-(-len(values) // 16) * 16, -np.inf, np.float32)  # what lies behind the values must not count
    room[: len(values)] = values
    places = np.arange(len(room))
    count, limit = _kept(room, places, len(values), n, most)
    return room[:count], places[:count], limit


@settings(deadline=None)
@given(VALUES, st.data())
def test_the_limit_leaves_the_n_smallest_and_at_most_so_many(values: list[float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(values)))
    most = data.draw(st.integers(n, len(values)))
    own = np.array(values, dtype=np.float32)
    found, places, limit = kept(values, n, most)
    ordered = np.sort(own)
    assert limit >= ordered[n - 1]
    np.testing.assert_array_equal(np.flatnonzero(own <= limit), places)
    np.testing.assert_array_equal(own[places], found)
    # More than `most` only if equal (or, next to the smallest, neighbouring) values cannot be told apart.
    if len(found) > most:
        assert np.nextafter(ordered[n - 1], np.float32(np.inf)) >= ordered[most]


def test_values_that_are_all_equal_or_infinite_are_all_left() -> None:
    for value in (1.0, float("inf")):
        assert len(kept([value] * 40, 3, 5)[0]) == 40
    assert len(kept([1.0] * 2 + [float("inf")] * 30, 4, 6)[0]) == 32


@pytest.mark.parametrize("count", [1, 15, 16, 17, 400])
def test_without_ties_exactly_the_n_smallest_are_left(count: int) -> None:
    values = np.random.default_rng(count).random(count).astype(np.float32)
    n = -(-count // 3)
    np.testing.assert_array_equal(np.sort(kept(values.tolist(), n, n)[0]), np.sort(values)[:n])
