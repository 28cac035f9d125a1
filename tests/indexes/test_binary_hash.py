"""Binary autoencoder hashing: better codes than random hyperplanes, from a loop that follows its paper."""

import numpy as np

from core import indexes
from core.arrays import normalize
from core.indexes.binary_hash import _decoder, _improved, _with_one, restoring_error, train_binary_autoencoder
from core.types import Vectors


def clustered(n: int, dim: int, seed: int = 0) -> Vectors:
    """Return vectors near a low-dimensional surface, as embeddings are."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 10)) @ rng.standard_normal((10, dim))
    return normalize((np.maximum(hidden, 0) + 0.1 * rng.standard_normal((n, dim))).astype(np.float32))


def test_trained_codes_restore_better_and_find_more_neighbours_than_random_hyperplanes() -> None:
    every = clustered(1550, 64)
    vectors, queries = every[:1500], every[1500:]
    recall, error = {}, {}
    truth = np.argsort(-queries @ vectors.T, axis=1)[:, :10]
    for name in ("lsh", "hash"):
        index = indexes.create(name, 64, n_bits=64).train(vectors).add(vectors)
        bits = np.unpackbits(index.encode(vectors).view(np.uint8), axis=1).astype(float)
        error[name] = restoring_error((vectors - index.mean).astype(float), bits)
        found = index.search(queries, 10, n_candidates=20).ids
        recall[name] = np.mean([len(set(a) & set(b)) for a, b in zip(found, truth, strict=True)]) / 10
    assert error["hash"] < error["lsh"]
    assert recall["hash"] > recall["lsh"]


def test_a_step_of_the_codes_never_makes_its_objective_worse() -> None:
    rng = np.random.default_rng(0)
    centred = rng.standard_normal((80, 12))
    encoded = (rng.standard_normal((80, 16)) > 0).astype(float)
    decoder = _decoder(encoded, centred)

    def objective(codes: np.ndarray) -> np.ndarray:
        restored = _with_one(codes) @ decoder
        return np.sum((centred - restored) ** 2, axis=1) + 0.3 * np.sum((codes - encoded) ** 2, axis=1)

    improved = _improved(centred, encoded, decoder, 0.3)
    assert set(np.unique(improved)) <= {0.0, 1.0}
    assert (objective(improved) <= objective(encoded) + 1e-9).all()


def test_the_same_seed_gives_the_same_hyperplanes_and_few_vectors_are_enough() -> None:
    centred = clustered(40, 8).astype(float) - clustered(40, 8).mean(axis=0)
    first, second = (train_binary_autoencoder(centred, 64, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert indexes.create("hash", 8, n_bits=64).train(clustered(1, 8)).add(clustered(3, 8)).search(
        clustered(1, 8), 2
    ).ids.shape == (1, 2)
