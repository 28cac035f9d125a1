"""Exact search agrees with differences in float64, however the vectors lie."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import indexes
from core.indexes import exact


def reference(queries: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    differences = queries[:, None].astype(np.float64) - vectors[None]
    return np.sort(np.sum(differences**2, axis=2), axis=1)[:, :k]


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 64, 700]), st.sampled_from([0.0, 1.0, 300.0]))
def test_distances_are_accurate_even_where_vectors_are_far_from_the_origin(seed: int, dim: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.standard_normal((80, dim)) + offset).astype(np.float32)
    queries = np.concatenate([vectors[:2], (rng.standard_normal((3, dim)) + offset).astype(np.float32)])
    rows, distances = exact.nearest(queries, vectors, 10)
    np.testing.assert_allclose(distances, reference(queries, vectors, 10), rtol=1e-5)
    assert (distances[:2, 0] == 0).all()
    np.testing.assert_allclose(distances, np.sum((queries[:, None] - vectors[rows]) ** 2, axis=2), rtol=1e-5)


def test_equal_distances_are_returned_in_the_order_of_rows() -> None:
    rows, distances = exact.nearest(np.zeros((1, 4), np.float32), np.ones((30, 4), np.float32), 5)
    assert rows.tolist() == [[0, 1, 2, 3, 4]]
    assert (distances == 4).all()


def test_a_scan_of_some_rows_sees_only_those(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_BLOCK_BYTES", 512)  # many blocks
    rng = np.random.default_rng(0)
    vectors, some = rng.standard_normal((200, 9)).astype(np.float32), np.sort(rng.permutation(200)[:70])
    rows, distances = exact.nearest(vectors[:4], vectors, 12, rows=some)
    assert np.isin(rows, some).all()
    np.testing.assert_allclose(distances, reference(vectors[:4], vectors[some], 12), rtol=1e-5)
    whole, _ = exact.nearest(vectors[:4], vectors, 12)
    assert whole[:, 0].tolist() == [0, 1, 2, 3]


def test_ranking_keeps_empty_slots_last() -> None:
    vectors = np.arange(6, dtype=np.float32)[:, None]
    rows, distances = exact.rank(np.array([[2.0], [0.0]], np.float32), vectors, np.array([[5, -1, 1], [-1, -1, -1]]), 2)
    assert rows.tolist() == [[1, 5], [-1, -1]]
    assert distances.tolist() == [[1.0, 9.0], [np.inf, np.inf]]


def test_memory_does_not_grow_with_queries_times_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((20_000, 8)).astype(np.float32)
    index = indexes.create("flat", 8).add(vectors)
    tracemalloc.start()
    index.search(vectors[:3000], 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # all products at once would be 240 MB; the blocks are 8 MB and there are three of them
