"""What an index says that it compared is recomputed from its parts by other means."""

import numpy as np
import pytest

from core import indexes
from core.arrays import normalize
from core.indexes.base import Index
from core.indexes.effort import Effort, effort
from core.indexes.lsh import LSH
from core.indexes.minhash import MinHashLSH
from core.types import Vectors

D, N, K = 24, 700, 10


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((9, D))
    return normalize((centres[rng.integers(0, 9, N)] + 0.5 * rng.standard_normal((N, D))).astype(np.float32))


def built(name: str, vectors: Vectors, **params: object) -> Index:
    index = indexes.create(name, D, **params)
    return (index.train(vectors) if index.needs_training else index).add(vectors)


@pytest.mark.parametrize("name", ["flat", "faiss-flat"])
def test_exact_scans_compare_every_vector(name: str, vectors: Vectors) -> None:
    assert effort(built(name, vectors), vectors[0], K) == Effort(vectors=N)


@pytest.mark.parametrize("name", ["lsh", "hash", "faiss-lsh"])
def test_binary_codes_are_all_compared_and_the_candidates_again(name: str, vectors: Vectors) -> None:
    index = built(name, vectors)
    assert effort(index, vectors[0], K, n_candidates=50) == Effort(codes=N, vectors=50)
    assert effort(index, vectors[0], 80, n_candidates=50) == Effort(codes=N, vectors=80)


@pytest.mark.parametrize("name", ["ivfpq", "opq-ivfpq", "lopq"])
@pytest.mark.parametrize("n_probe", [1, 3, 12, 500])
def test_our_inverted_lists_count_the_codes_of_the_nearest_lists(name: str, n_probe: int, vectors: Vectors) -> None:
    index = built(name, vectors, n_lists=12, n_subspaces=4, n_bits=4).add(vectors[:100], np.arange(N, N + 100))
    query = vectors[3:4]
    everything = np.concatenate([vectors, vectors[:100]])
    labels, _ = index.encode(everything)  # type: ignore[attr-defined]
    model = index.model  # type: ignore[attr-defined]
    ranks = np.argsort(np.linalg.norm(model.frame.view(query) - model.centroids, axis=1))
    expected = int(np.isin(labels, ranks[:n_probe]).sum())
    assert effort(index, query[0], K, n_probe=n_probe).codes == expected  # type: ignore[union-attr]


def test_re_ranked_candidates_count_as_vectors(vectors: Vectors) -> None:
    index = built("ivfpq", vectors, n_lists=12, n_subspaces=4, n_bits=4, store="sq8")
    assert effort(index, vectors[0], K, n_probe=12, n_rerank=40) == Effort(codes=N, vectors=40, centroids=12)
    assert effort(index, vectors[0], K, n_probe=12) == Effort(codes=N, vectors=0, centroids=12)


@pytest.mark.parametrize("name", ["faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs"])
def test_faiss_lists_are_counted_as_a_filter_finds_them(name: str, vectors: Vectors) -> None:
    """A search for everything in the probed lists returns as many as are said to be in them."""
    index = built(name, vectors, n_lists=9)
    found = index.search(vectors[:1], N, n_probe=2)
    counted = effort(index, vectors[0], K, n_probe=2)
    assert counted is not None
    inside = counted.vectors if name == "faiss-ivfflat" else counted.codes
    assert inside == int((found.ids >= 0).sum())
    assert 0 < inside < N
    if name == "faiss-ivfpqfs":
        assert counted.vectors == min(inside, 8 * K)


def test_a_graph_is_walked_further_for_a_longer_list_of_candidates(vectors: Vectors) -> None:
    index = built("faiss-hnsw", vectors, n_links=4)
    few, many = (effort(index, vectors[5] + 0.1, K, ef_search=size) for size in (K, 400))
    assert few is not None
    assert many is not None
    assert K <= few.vectors < many.vectors <= N


@pytest.mark.parametrize("tree", ["kd", "ball"])
def test_leaves_that_are_left_out_hold_no_neighbour(tree: str) -> None:
    points = np.random.default_rng(0).random((2000, 2)).astype(np.float32)
    index = indexes.create("kdtree", 2, tree=tree).add(points)
    counted = effort(index, np.array([0.5, 0.5], np.float32), 5)
    assert counted is not None
    assert 5 <= counted.vectors < 500  # in two dimensions most boxes are passed over
    wide = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)
    counted = effort(indexes.create("kdtree", 64, tree=tree).add(wide), wide[0] + 1, 5)
    assert counted is not None
    assert counted.vectors > 1900  # the curse of dimension


def test_a_forest_counts_the_candidates_that_it_compares(vectors: Vectors) -> None:
    index = built("minhash-lsh", vectors)
    assert isinstance(index, MinHashLSH)
    counted = effort(index, vectors[0], K, n_candidates=30)
    assert counted is not None
    found = index.search(vectors[:1], counted.vectors, n_candidates=30)  # as many as were compared: all of them come
    again = effort(index, vectors[0], counted.vectors, n_candidates=30)
    assert again is not None
    assert again.vectors >= counted.vectors >= 30
    assert (found.ids >= 0).sum() == counted.vectors
    assert effort(index, vectors[0], K, n_candidates=N) == Effort(vectors=N)


def test_an_index_that_does_not_tell_gives_none_and_wrong_arguments_are_refused(vectors: Vectors) -> None:
    class Silent(LSH):
        _effort = None  # type: ignore[assignment]

    assert effort(Silent(D).train(vectors).add(vectors), vectors[0], K) is None
    assert effort(indexes.create("flat", D), vectors[0], K) == Effort()
    with pytest.raises(TypeError, match="no knob"):
        effort(built("flat", vectors), vectors[0], K, n_probe=3)
    with pytest.raises(ValueError, match="dimension 24"):
        effort(built("flat", vectors), vectors[0, :5], K)
