"""PCA: any number of vectors."""

from pathlib import Path

import numpy as np
import pytest

from core.projection.pca import PcaProjection

from .conftest import make_source


@pytest.mark.parametrize("n", [0, 1, 2, 5, 100])
def test_any_number_of_vectors_gets_finite_coordinates(n: int) -> None:
    places = PcaProjection().fit(make_source(n).vectors)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_the_plane_is_that_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    vectors = make_source(80).vectors
    theirs = PCA(2).fit_transform(vectors)
    ours = PcaProjection().fit(vectors)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-4)  # the sign of an axis is arbitrary


def test_more_dimensions_than_vectors_give_the_same_plane_as_the_other_way_round() -> None:
    vectors = make_source(20).vectors  # D = 24
    few = PcaProjection().fit(vectors)
    padded = PcaProjection().fit(vectors[:, :10])
    assert few.shape == padded.shape == (20, 2)


def test_equal_vectors_fall_on_one_point() -> None:
    places = PcaProjection().fit(make_source(9, identical=True).vectors)
    np.testing.assert_allclose(places, places[:1].repeat(9, axis=0), atol=1e-6)


def test_what_is_loaded_places_like_what_was_saved(tmp_path: Path) -> None:
    vectors = make_source(40).vectors
    projection = PcaProjection()
    places = projection.fit(vectors)
    projection.save(tmp_path)
    np.testing.assert_array_equal(PcaProjection.load(tmp_path).place(vectors), places)
