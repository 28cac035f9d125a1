"""True neighbours for maps."""

import numpy as np
import pytest

from core.projection import neighbours
from core.projection.neighbours import exact_neighbours, mutual_neighbours

from .conftest import make_source


def test_mutual_neighbours_are_the_exact_ones_without_oneself() -> None:
    vectors = make_source(700).vectors  # more than one block
    found = mutual_neighbours(vectors, 6)
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    np.testing.assert_allclose(found.distances, np.sort(squared, axis=1)[:, :6], atol=1e-5)
    assert (found.rows != np.arange(700)[:, None]).all()


def test_exact_neighbours_of_queries_are_those_of_a_full_comparison() -> None:
    vectors, queries = make_source(200).vectors, make_source(7, seed=4).vectors
    found = exact_neighbours(vectors, queries, 9)
    squared = ((queries[:, None] - vectors[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(found.distances, np.sort(squared, axis=1)[:, :9], atol=1e-6)


def test_twins_do_not_make_a_vector_its_own_neighbour_twice() -> None:
    vectors = make_source(12, identical=True).vectors
    found = mutual_neighbours(vectors, 5)
    assert found.rows.shape == (12, 5)
    np.testing.assert_allclose(found.distances, 0, atol=1e-6)


def test_large_galleries_get_nearly_all_true_neighbours_from_an_approximate_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = make_source(1500).vectors
    exact = mutual_neighbours(vectors, 10)
    monkeypatch.setattr(neighbours, "EXACT_MOST", 1000)
    found = mutual_neighbours(vectors, 10)
    shared = (found.rows[:, :, None] == exact.rows[:, None, :]).any(axis=2).mean()
    assert shared > 0.9  # HNSW with its default settings finds more than .95 of such vectors


@pytest.mark.parametrize("n", [0, 1, 2])
def test_one_asks_for_no_more_neighbours_than_there_are(n: int) -> None:
    assert mutual_neighbours(make_source(n).vectors, 5).rows.shape == (n, max(0, n - 1))
