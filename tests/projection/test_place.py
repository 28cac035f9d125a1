"""Placement: against umap-learn's own transform, and near where a picture belongs."""

import numpy as np
import pytest

from core.projection.base import Coordinates, Neighbours
from core.projection.neighbours import exact_neighbours, mutual_neighbours
from core.projection.place import memberships, place
from core.projection.umap_adapter import UmapProjection
from core.types import Vectors

from .conftest import make_source


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return make_source(360).vectors


@pytest.fixture(scope="module")
def fitted(vectors: Vectors) -> tuple[UmapProjection, Coordinates]:
    """A projection fitted to the first 300, and its layout."""
    base = vectors[:300]
    projection = UmapProjection(seed=3)
    return projection, projection.fit(base, mutual_neighbours(base, 30))


def share_of_true_neighbours(layout: Coordinates, placed: Coordinates, truth: Neighbours, k: int = 10) -> float:
    """The share of the k points around each placed one that are among its 30 true neighbours."""
    far = ((placed[:, None] - layout[None]) ** 2).sum(axis=2)
    around = np.argsort(far, axis=1)[:, :k]
    return float((around[:, :, None] == truth.rows[:, None, :30]).any(axis=2).mean())


def test_placing_is_as_faithful_as_umap_learns_own_transform(vectors: Vectors) -> None:
    umap = pytest.importorskip("umap")
    base, new = vectors[:300], vectors[300:]
    model = umap.UMAP(n_neighbors=15, random_state=3, n_jobs=1).fit(base)
    theirs = model.transform(new)
    truth = exact_neighbours(base, new, 30)
    ours = place(model.embedding_, truth.first(15), a=model._a, b=model._b)
    assert (
        share_of_true_neighbours(model.embedding_, ours, truth)
        >= share_of_true_neighbours(model.embedding_, theirs, truth) - 0.05
    )  # theirs is random: two seeds of it differ by about as much
    extent = float(np.ptp(model.embedding_, axis=0).max())
    assert float(np.median(np.linalg.norm(ours - theirs, axis=1))) < 0.05 * extent


def test_a_training_vector_lands_near_itself_without_knowing_itself(
    vectors: Vectors, fitted: tuple[UmapProjection, Coordinates]
) -> None:
    projection, layout = fitted
    others = mutual_neighbours(vectors[:300], 30)  # a vector is never among its own neighbours
    placed = projection.place(vectors[:300], others)
    extent = float(np.ptp(layout, axis=0).max())
    assert float(np.median(np.linalg.norm(placed - layout, axis=1))) < 0.05 * extent


def test_a_twin_of_a_training_vector_lands_on_it(vectors: Vectors, fitted: tuple[UmapProjection, Coordinates]) -> None:
    projection, layout = fitted
    placed = projection.place(vectors[:5], exact_neighbours(vectors[:300], vectors[:5], 15))
    np.testing.assert_allclose(placed, layout[:5], atol=1e-5)


def test_placing_repeats_to_the_bit(vectors: Vectors, fitted: tuple[UmapProjection, Coordinates]) -> None:
    projection, _ = fitted
    near = exact_neighbours(vectors[:300], vectors[300:], 15)
    one, other = (projection.place(vectors[300:], near) for _ in range(2))
    assert np.array_equal(one, other)


def test_what_is_loaded_places_like_what_was_saved(
    vectors: Vectors, fitted: tuple[UmapProjection, Coordinates], tmp_path: object
) -> None:
    from pathlib import Path

    projection, _ = fitted
    folder = Path(str(tmp_path))
    projection.save(folder)
    near = exact_neighbours(vectors[:300], vectors[300:], 15)
    again = UmapProjection.load(folder)
    assert np.array_equal(again.place(vectors[300:], near), projection.place(vectors[300:], near))
    assert not list(folder.glob("*.pkl"))


def test_memberships_fall_off_with_distance_and_add_up_to_log2_of_k() -> None:
    squared = np.sort(np.random.default_rng(0).random((7, 15)), axis=1).astype(np.float32)
    weights = memberships(Neighbours(np.zeros((7, 15), np.int64), squared))
    assert np.allclose(weights[:, 0], 1)
    assert (np.diff(weights, axis=1) <= 1e-6).all()
    np.testing.assert_allclose(weights.sum(axis=1), np.log2(15), rtol=0.01)


def test_memberships_of_equal_distances_are_all_one() -> None:
    weights = memberships(Neighbours(np.zeros((1, 4), np.int64), np.full((1, 4), 0.3, np.float32)))
    assert np.allclose(weights, 1)


def test_placing_nothing_gives_nothing() -> None:
    none = Neighbours(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.float32))
    assert place(np.zeros((5, 2), np.float32), none, a=1.5, b=0.9).shape == (0, 2)
