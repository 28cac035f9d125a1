"""UMAP behind the Projection protocol."""

import numpy as np
import pytest

from core.projection.base import Neighbours
from core.projection.neighbours import mutual_neighbours
from core.projection.trust import trustworthiness
from core.projection.umap_adapter import LEAST, UmapProjection

from .conftest import make_source


def test_one_seed_gives_one_map() -> None:
    vectors = make_source(120).vectors
    near = mutual_neighbours(vectors, 20)
    one, other = (UmapProjection(seed=5).fit(vectors, near) for _ in range(2))
    assert np.array_equal(one, other)


def test_the_map_is_as_trustworthy_as_umap_learns_own() -> None:
    umap = pytest.importorskip("umap")
    vectors = make_source(400, seed=2).vectors
    ours = UmapProjection(seed=1).fit(vectors, mutual_neighbours(vectors, 20))
    theirs = umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=1, n_jobs=1).fit_transform(vectors)
    mine, own = trustworthiness(vectors, ours), trustworthiness(vectors, theirs)
    assert mine is not None
    assert own is not None
    assert mine >= own - 0.005  # the bound that the project sets


def test_too_few_vectors_are_refused() -> None:
    vectors = make_source(LEAST - 1).vectors
    with pytest.raises(ValueError, match="at least"):
        UmapProjection().fit(vectors, mutual_neighbours(vectors, 5))


def test_neighbours_of_other_vectors_are_refused() -> None:
    vectors = make_source(30).vectors
    with pytest.raises(ValueError, match="all 30"):
        UmapProjection().fit(vectors, mutual_neighbours(vectors[:20], 5))


@pytest.mark.parametrize(
    ("wrong", "error"), [({"neighbours": 1}, ValueError), ({"min_dist": 2}, ValueError), ({"seed": 1.5}, TypeError)]
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, float], error: type[Exception]) -> None:
    with pytest.raises(error):
        UmapProjection(**wrong)  # type: ignore[arg-type]


def test_neighbours_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        Neighbours(np.zeros((2, 3), np.int64), np.zeros((2, 2), np.float32))
