"""k-means: the same answers as plain NumPy, equal for equal seeds, and no empty clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.indexes.kmeans import assign, kmeans

FEW = settings(max_examples=25, derandomize=True, deadline=None)


@FEW
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 90),
    k=st.sampled_from([1, 3, 64, 65, 600]),
    dim=st.sampled_from([1, 2, 7, 16, 33]),
)
def test_each_vector_belongs_to_its_nearest_centroid(seed: int, n: int, k: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    centroids = rng.standard_normal((k, dim)).astype(np.float32)
    expected = ((vectors[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
    labels, distances = assign(vectors, centroids)
    # float32 expands |x - c|^2: 1e-5 is a hundred roundings of numbers below 100
    np.testing.assert_allclose(expected[np.arange(n), labels], expected.min(axis=1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-4, atol=1e-4)


def test_equally_near_centroids_give_the_first() -> None:
    centroids = np.zeros((130, 4), dtype=np.float32)
    assert (assign(np.ones((5, 4), dtype=np.float32), centroids)[0] == 0).all()


@pytest.mark.parametrize("init", ["sampled", "k-means++"])
def test_equal_seeds_give_equal_centroids_that_are_means_of_their_clusters(init: str) -> None:
    rng = np.random.default_rng(1)
    vectors = (rng.integers(0, 5, (400, 1)) * 10 + rng.standard_normal((400, 6))).astype(np.float32)
    first, second = (kmeans(vectors, 5, np.random.default_rng(3), n_iterations=50, init=init) for _ in range(2))  # type: ignore[arg-type]
    assert np.array_equal(first, second)
    labels, _ = assign(vectors, first)
    for cluster in np.unique(labels):
        np.testing.assert_allclose(first[cluster], vectors[labels == cluster].mean(axis=0), rtol=1e-4, atol=1e-4)


def test_careful_seeding_finds_far_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 8)) * 100
    vectors = (np.repeat(centres, 50, axis=0) + rng.standard_normal((1000, 8))).astype(np.float32)
    centroids = kmeans(vectors, 20, np.random.default_rng(0), init="k-means++")
    assert assign(vectors, centroids)[1].mean() < 30  # 8 with one centroid each; 5,000 or more where one is missed


def test_an_empty_cluster_takes_the_farthest_vector() -> None:
    vectors = np.concatenate([np.zeros((50, 3)), np.full((1, 3), 9.0)]).astype(np.float32)
    for seed in range(5):
        centroids = kmeans(vectors, 2, np.random.default_rng(seed))
        assert sorted(centroids[:, 0].tolist()) == [0.0, 9.0]


def test_as_many_centroids_as_vectors_are_the_vectors() -> None:
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    assert assign(vectors, kmeans(vectors, 9, np.random.default_rng(0)))[1].max() < 1e-5


def test_fewer_vectors_than_centroids_are_refused() -> None:
    with pytest.raises(ValueError, match="k=4 needs at least 4 vectors, got 3"):
        kmeans(np.zeros((3, 2), dtype=np.float32), 4, np.random.default_rng(0))


def test_more_vectors_than_are_needed_are_sampled() -> None:
    vectors = np.random.default_rng(0).standard_normal((3000, 4)).astype(np.float32)
    few = kmeans(vectors, 4, np.random.default_rng(0), max_per_centroid=10)
    assert few.shape == (4, 4) and np.isfinite(few).all()
