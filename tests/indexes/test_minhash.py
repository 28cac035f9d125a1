"""Our MinHash values and forest are those of datasketch, kept in arrays."""

from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHashLSHForest, WeightedMinHash, WeightedMinHashGenerator

from core import indexes
from core.errors import UnavailableError
from core.indexes.minhash import MinHashLSH

DIM = 48


def trained(n: int = 200, **params: int) -> tuple[MinHashLSH, np.ndarray]:
    vectors = np.random.default_rng(0).standard_normal((n, DIM)).astype(np.float32)
    index = indexes.create("minhash-lsh", DIM, **params).train(vectors)
    assert isinstance(index, MinHashLSH)
    return index, vectors


def test_hashes_are_those_of_datasketchs_weighted_minhash() -> None:
    index, vectors = trained()
    generator = WeightedMinHashGenerator(DIM, sample_size=128, seed=1)
    for vector, ours in zip(vectors[:20], index.hashes(vectors[:20]), strict=True):
        theirs = generator.minhash((vector > index.median).astype(np.float32)).hashvalues
        assert np.array_equal(ours, theirs[:, 0])
        assert (theirs[:, 1] == 0).all()


def test_equal_hashes_estimate_the_jaccard_similarity() -> None:
    index, vectors = trained(n_permutations=2048)
    sets = vectors > index.median
    hashes = index.hashes(vectors)
    shares = (hashes[0] == hashes).mean(axis=1)
    jaccard = (sets[0] & sets).sum(axis=1) / (sets[0] | sets).sum(axis=1)
    np.testing.assert_allclose(shares, jaccard, atol=0.06)  # five deviations of 2,048 throws


def test_a_vector_that_exceeds_the_median_nowhere_has_the_empty_sets_hash() -> None:
    index, _ = trained()
    assert (index.hashes(np.full((2, DIM), -99, np.float32)) == DIM).all()


def test_candidates_contain_those_of_datasketchs_forest() -> None:
    index, vectors = trained()
    index.add(vectors)
    forest = MinHashLSHForest(num_perm=128, l=8)
    for row, hashes in enumerate(index.hashes(vectors)):
        forest.add(row, WeightedMinHash(1, hashes.astype(np.uint64)))
    forest.index()
    rng = np.random.default_rng(1)
    structure = index._snapshot.segments[0].structure
    for query in (vectors[:10] + 0.3 * rng.standard_normal((10, DIM))).astype(np.float32):
        keys = index._keys(index.hashes(query[None]))
        low, high = index._ranges(structure, keys)
        found = index._candidates(structure, low[0], high[0], 20, None)
        # Theirs stops in the middle of a prefix length, ours takes all of that length.
        assert set(forest.query(WeightedMinHash(1, index.hashes(query[None])[0].astype(np.uint64)), 20)) <= set(found)


def test_recall_on_real_features_is_far_above_chance(shared_data: Path) -> None:
    vectors = np.load(shared_data / "vectors" / "resisc45_base.npy")
    queries = np.load(shared_data / "vectors" / "resisc45_query.npy")
    exact = indexes.create("flat", vectors.shape[1]).add(vectors).search(queries, 10).ids
    index = indexes.create("minhash-lsh", vectors.shape[1]).train(vectors).add(vectors)
    found = index.search(queries, 10, n_candidates=500).ids
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])
    assert recall > 0.6
    assert len(vectors) > 5000  # of which 500 by chance would be a recall below 0.1


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="n_permutations must be a multiple of n_trees=7, got 128"):
        indexes.create("minhash-lsh", DIM, n_trees=7)
    with pytest.raises(UnavailableError, match="needs at least 1 vector to train, got none"):
        indexes.create("minhash-lsh", DIM).train(np.empty((0, DIM)))
