"""k-means by Lloyd's algorithm, the quantizer that everything here is made of.

S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Information Theory 1982; seeding by D. Arthur and
S. Vassilvitskii, "k-means++: The advantages of careful seeding", SODA 2007.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count, as_vectors
from core.indexes.clustering_kernels import accumulate, nearest
from core.indexes.products import distance_panels
from core.types import Vectors

Labels = NDArray[np.int64]  # (N,) the centroid that each vector belongs to
Init = Literal["sampled", "k-means++"]

MAX_PER_CENTROID = 256  # more training vectors than that hardly move a centroid (FAISS has the same limit)


def kmeans(
    vectors: Vectors,
    k: int,
    rng: np.random.Generator,
    *,
    n_iterations: int = 20,
    init: Init = "sampled",
    max_per_centroid: int = MAX_PER_CENTROID,
) -> Vectors:
    """Return (k, D) centroids that make the sum of squared distances to the nearest centroid small.

    A centroid that loses all its vectors takes the place of a vector that is farthest from its own centroid.

    Args:
        vectors: (N, D).
        rng: draws the training sample and the first centroids; equal generators give equal centroids.
        n_iterations: of assignment and averaging; it stops early when nothing moves.
        init: "sampled", k of the vectors; or "k-means++", vectors drawn in proportion to the squared distance to those
            drawn before, which costs k passes and helps where clusters are few and far apart.
        max_per_centroid: a sample of max_per_centroid * k is used if there are more vectors.

    Raises:
        ValueError: fewer than k vectors.
    """
    vectors = as_vectors(vectors)
    k = as_count(k, what="k")
    if len(vectors) < k:
        raise ValueError(f"k-means with k={k} needs at least {k} vectors, got {len(vectors)}")
    if len(vectors) > max_per_centroid * k:
        vectors = vectors[np.sort(rng.choice(len(vectors), max_per_centroid * k, replace=False))]
    centroids = _spread_out(vectors, k, rng) if init == "k-means++" else _sampled(vectors, k, rng)
    squares = np.einsum("nd,nd->n", vectors, vectors)
    labels = np.full(len(vectors), -1)
    for _ in range(n_iterations):
        previous = labels
        labels, scores = _nearest(vectors, centroids)
        if np.array_equal(labels, previous):
            break
        centroids = _averages(vectors, labels, scores + squares, centroids)
    return centroids


def assign(vectors: Vectors, centroids: Vectors) -> tuple[Labels, NDArray[np.float32]]:
    """Return for each of (N, D) vectors its nearest of (k, D) centroids and the squared distance to it."""
    labels, scores = _nearest(vectors, centroids)
    return labels, np.maximum(scores + np.einsum("nd,nd->n", vectors, vectors), 0)


def _nearest(vectors: Vectors, centroids: Vectors) -> tuple[Labels, NDArray[np.float32]]:
    """Return the nearest centroids and |c|^2 - 2 x.c of them."""
    labels = np.empty(len(vectors), dtype=np.int64)
    scores = np.empty(len(vectors), dtype=np.float32)
    nearest(vectors, 0, vectors.shape[1], distance_panels(centroids), labels, scores)
    return labels, scores


def _averages(vectors: Vectors, labels: Labels, distances: NDArray[np.float32], centroids: Vectors) -> Vectors:
    """Return the mean of each cluster; the farthest vectors become the centroids of empty ones."""
    sums = np.zeros(centroids.shape, dtype=np.float64)
    counts = np.zeros(len(centroids), dtype=np.int64)
    accumulate(vectors, labels, sums, counts)
    averages = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        farthest = np.argsort(-distances, kind="stable")[: len(empty)]
        averages[empty] = vectors[farthest]
    return averages


def _sampled(vectors: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    """Return k of the vectors, no position twice."""
    chosen: Vectors = vectors[rng.choice(len(vectors), k, replace=False)]
    return chosen


def _spread_out(vectors: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    """Return k of the vectors, each drawn in proportion to its squared distance to those drawn before."""
    chosen = [int(rng.integers(len(vectors)))]
    distances = np.full(len(vectors), np.inf, dtype=np.float32)
    for _ in range(k - 1):
        difference = vectors - vectors[chosen[-1]]
        distances = np.minimum(distances, np.einsum("nd,nd->n", difference, difference))
        cumulated = np.cumsum(distances, dtype=np.float64)
        if cumulated[-1] > 0:
            chosen.append(int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")))
        else:  # fewer than k distinct vectors
            chosen.append(int(rng.integers(len(vectors))))
    return vectors[np.minimum(chosen, len(vectors) - 1)]
