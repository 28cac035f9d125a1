"""The trees are exact, and a saved one is put together without being built again."""

from pathlib import Path

import numpy as np
import pytest

from core import indexes
from core.errors import DamagedFileError

VECTORS = np.random.default_rng(0).standard_normal((500, 6)).astype(np.float32)


@pytest.mark.parametrize("tree", ["kd", "ball"])
def test_both_trees_answer_as_flat_does_before_and_after_saving(tree: str, tmp_path: Path) -> None:
    index = indexes.create("kdtree", 6, tree=tree, leaf_size=10).add(VECTORS)
    index.save(tmp_path / "index")
    expected = indexes.create("flat", 6).add(VECTORS).search(VECTORS[:20], 7)
    opened = indexes.load(tmp_path / "index")
    for each in (index, opened):
        found = each.search(VECTORS[:20], 7)
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.distances, expected.distances)
    assert opened.params == {"tree": tree, "leaf_size": 10}
    assert opened.nbytes == index.nbytes  # once it was searched


def test_a_saved_tree_with_rows_outside_of_its_vectors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index"
    indexes.create("kdtree", 6).add(VECTORS).save(path)
    order = np.load(path / "order.npy")
    order[0] = 10**6
    np.save(path / "order.npy", order)
    with pytest.raises(DamagedFileError, match="does not fit its vectors; run: python -m core index"):
        indexes.load(path).search(VECTORS[:1], 1)


def test_an_unknown_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="tree must be 'kd' or 'ball', got 'oak'"):
        indexes.create("kdtree", 6, tree="oak")


def test_a_filter_that_drops_the_nearest_is_answered_by_asking_for_more() -> None:
    index = indexes.create("kdtree", 6).add(VECTORS)
    near = indexes.create("flat", 6).add(VECTORS).search(VECTORS[:1], 200).ids[0]
    allowed = np.setdiff1d(np.arange(500), near)  # 300 of 500: too many to scan, and none among the nearest 200
    found = index.search(VECTORS[:1], 5, allowed=allowed)
    expected = indexes.create("flat", 6).add(VECTORS).search(VECTORS[:1], 5, allowed=allowed)
    assert np.array_equal(found.ids, expected.ids)


def test_an_empty_tree_is_saved_and_opened(tmp_path: Path) -> None:
    indexes.create("kdtree", 6).save(tmp_path / "index")
    assert len(indexes.load(tmp_path / "index").add(VECTORS)) == 500
