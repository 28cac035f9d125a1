"""How sure a similarity is: its percentile among random pairs of a gallery, and whether the best match is a match.

A cosine of .6 says little by itself: with one encoder random pictures have .1, with another .7. Two distributions of
the gallery give it a meaning: cosines of random pairs, and cosines of each picture to its own nearest neighbour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Vectors

_PAIRS = 20_000
_PROBES = 1_000
_NO_MATCH = 0.02  # share of the gallery's own pictures whose best match is weaker, below which there is "no match"


@dataclass(frozen=True)
class Confidence:
    """What can be said of one similarity.

    Attributes:
        percentile: share of random pairs of the gallery that are less alike, 0..100.
        is_match: False when it is weaker than nearly all best matches within the gallery.
        sentence: the same in words.
    """

    percentile: float
    is_match: bool
    sentence: str


@dataclass(frozen=True)
class Calibration:
    """Sorted cosines of a gallery.

    Attributes:
        pairs: (P,) of random pairs of different pictures, ascending.
        best: (B,) of pictures to their nearest other picture, ascending.
    """

    pairs: NDArray[np.float32]
    best: NDArray[np.float32]

    def of(self, similarity: float) -> Confidence:
        """Return what a query's best similarity means in this gallery."""
        if not len(self.pairs):
            return Confidence(0.0, True, "This gallery is too small to say how sure a match is.")
        # The middle of equal values, so that a random pair's percentile is uniform also where cosines repeat.
        low = np.searchsorted(self.pairs, similarity, "left")
        high = np.searchsorted(self.pairs, similarity, "right")
        percentile = float(50 * (low + high) / len(self.pairs))
        is_match = bool(np.searchsorted(self.best, similarity, "right") > _NO_MATCH * len(self.best))
        if is_match:
            sentence = f"More alike than {share_in_words(percentile)} of random pairs in this gallery."
        else:
            sentence = (
                "No good match in this gallery: its own pictures nearly all have a nearer neighbour than this "
                f"(the best here is more alike than {share_in_words(percentile)} of random pairs)."
            )
        return Confidence(percentile, is_match, sentence)


def calibrate(vectors: Vectors, *, seed: int = 0) -> Calibration:
    """Measure a gallery.

    Args:
        vectors: (N, D) of L2 norm 1; with N < 3 the result says that it cannot tell.
        seed: of the choice of pairs.
    """
    N = len(vectors)
    if N < 3:
        return Calibration(np.empty(0, np.float32), np.empty(0, np.float32))
    rng = np.random.default_rng(seed)
    first = rng.integers(0, N, _PAIRS)
    second = (first + rng.integers(1, N, _PAIRS)) % N  # any other picture, each as likely
    pairs = np.concatenate(
        [
            np.einsum("nd,nd->n", vectors[first[start : start + 1000]], vectors[second[start : start + 1000]])
            for start in range(0, _PAIRS, 1000)
        ]
    )
    probes = rng.permutation(N)[:_PROBES]
    best = np.full(len(probes), -1.0, np.float32)
    for start in range(0, N, 4096):  # (probes, 4096) at a time
        cosines = vectors[probes] @ vectors[start : start + 4096].T
        own = (probes >= start) & (probes < start + cosines.shape[1])
        cosines[np.flatnonzero(own), probes[own] - start] = -1.0
        best = np.maximum(best, cosines.max(axis=1))
    return Calibration(np.sort(pairs).astype(np.float32), np.sort(best))


def share_in_words(percentile: float) -> str:
    """Return a percentile as people read it; never 100 %, as no sample of pairs shows that."""
    if percentile >= 99.95:
        return "99.9 %"
    return f"{percentile:.1f} %" if percentile >= 99 else f"{percentile:.0f} %"
