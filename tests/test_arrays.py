"""Arguments that are arrays are checked once, and refused with the rule and what came."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from core.arrays import as_count, as_ids, as_vectors, normalize


@hypothesis_settings(deadline=None)
@given(
    npst.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int16, np.uint8]),
        npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
        elements={"allow_nan": False, "allow_infinity": False, "min_value": 0, "max_value": 100},
    )
)
def test_real_numbers_become_contiguous_float32(values: np.ndarray) -> None:
    vectors = as_vectors(values[:, ::-1])
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert np.array_equal(vectors, values[:, ::-1].astype(np.float32))


def test_vectors_that_are_right_already_are_not_copied() -> None:
    values = np.ones((3, 4), np.float32)
    assert as_vectors(values, 4) is values
    assert as_vectors([[1, 2], [3, 4]]).shape == (2, 2)


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ([["a"]], TypeError, "real numbers"),
        ([[1j]], TypeError, "real numbers"),
        ([[True]], TypeError, "real numbers"),
        ([[None]], TypeError, "real numbers"),
        ([1.0, 2.0], ValueError, r"shape \(N, D\)"),
        ([[[1.0]]], ValueError, r"shape \(N, D\)"),
        ([[1.0, 2.0]], ValueError, "dimension 3, got 2"),
        ([[0, np.nan, 0]], ValueError, r"row 0 \(1 rows"),
        ([[0, 0, 0], [0, np.inf, 0], [0, -np.inf, 0]], ValueError, r"row 1 \(2 rows"),
        ([[1e300, 0, 0]], ValueError, "infinity in row 0"),
        ([[np.inf, -np.inf, 0]], ValueError, "row 0"),
    ],
)
def test_what_are_no_vectors_is_refused(values: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        as_vectors(values, 3)


def test_large_finite_numbers_are_accepted_even_where_their_sum_overflows() -> None:
    values = np.full((4, 4), np.finfo(np.float32).max, np.float32)
    assert as_vectors(values) is values


def test_the_argument_is_named() -> None:
    with pytest.raises(ValueError, match="queries must be finite"):
        as_vectors([[np.nan]], what="queries")
    with pytest.raises(TypeError, match="rows must be integers"):
        as_ids([1.5], what="rows")


@hypothesis_settings(deadline=None)
@given(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=20), st.sampled_from([np.int64, np.uint64]))
def test_distinct_numbers_are_ids(values: list[int], dtype: type) -> None:
    ids = as_ids(np.array(values, dtype))
    assert ids.dtype == np.int64
    assert ids.tolist() == values
    assert as_ids(values, len(values)).tolist() == values


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ([1.0], TypeError, "integers"),
        (["1"], TypeError, "integers"),
        ([True], TypeError, "integers"),
        ([[1]], ValueError, r"shape \(N,\)"),
        (3, ValueError, r"shape \(N,\)"),
        ([-1], ValueError, "not be negative, got -1"),
        ([3, 5, 3], ValueError, "distinct, got 3 more than once"),
        (np.array([2**63], np.uint64), ValueError, "63 bits"),
        (np.zeros((0, 3)), ValueError, r"shape \(N,\)"),
    ],
)
def test_what_are_no_ids_is_refused(values: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        as_ids(values)


def test_a_wrong_number_of_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="each of 3 vectors, got 2"):
        as_ids([1, 2], 3)


@hypothesis_settings(deadline=None)
@given(st.integers(1, 10))
def test_a_count_in_range_is_an_int(value: int) -> None:
    for given_value in (value, np.int32(value), np.uint8(value)):
        counted = as_count(given_value, what="k", most=10)
        assert counted == value
        assert type(counted) is int


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        (0, ValueError, "k must be between 1 and 10, got 0"),
        (11, ValueError, "got 11"),
        (True, TypeError, "integer, got True"),
        (np.bool_(True), TypeError, "integer"),
        (1.0, TypeError, "integer, got 1.0"),
        ("3", TypeError, "integer, got '3'"),
        (None, TypeError, "integer"),
    ],
)
def test_what_is_no_count_is_refused(value: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        as_count(value, what="k", most=10)


def test_a_count_without_an_upper_limit_says_only_the_lower() -> None:
    with pytest.raises(ValueError, match="must be at least 2, got 1"):
        as_count(1, what="n_lists", least=2)


@hypothesis_settings(deadline=None)
@given(npst.arrays(np.float32, (5, 3), elements=st.floats(-1000, 1000, width=32)))
def test_rows_are_scaled_to_norm_1_and_zeros_stay(vectors: np.ndarray) -> None:
    norms = np.linalg.norm(vectors, axis=1)
    scaled = normalize(vectors)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    usable = norms > 1e-18  # smaller ones lose their digits when squared in float32
    assert np.allclose(np.linalg.norm(scaled[usable], axis=1), 1, atol=1e-3)
    assert not scaled[(vectors == 0).all(axis=1)].any()
