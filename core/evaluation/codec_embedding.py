"""Whether a restored picture still means the same to an encoder: the Barlow Twins check.

J. Zbontar, L. Jing, I. Misra, Y. LeCun, S. Deny, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction",
ICML 2021: the cross-correlation matrix between the embeddings of two versions of the same pictures, which is the
identity when they agree component by component and the components say different things.
"""

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_vectors
from core.types import Json, Vectors

_OFF_DIAGONAL_WEIGHT = 0.005  # lambda of the paper


def cross_correlation(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Return the (D, D) correlations between components of (N, D) embeddings of the same N pictures.

    Components that do not vary in one of the two are left out of the matrix.

    Raises:
        ValueError: other shapes, or fewer than two pictures.
    """
    first, second = as_vectors(first, what="first"), as_vectors(second, first.shape[1], what="second")
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(f"two embeddings of the same two pictures or more are needed, got {len(first)}, {len(second)}")
    varies = (first.std(axis=0) > 1e-8) & (second.std(axis=0) > 1e-8)
    normal = [
        (part - part.mean(axis=0)) / part.std(axis=0)
        for part in (first[:, varies].astype(float), second[:, varies].astype(float))
    ]
    matrix: NDArray[np.float64] = normal[0].T @ normal[1] / len(first)
    return matrix


def barlow_twins(originals: Vectors, restored: Vectors) -> Json:
    """Return the check's numbers.

    Keys: `on_diagonal` (mean, 1 is perfect), `off_diagonal` (root mean square), `off_diagonal_originals` (the same of
    the originals with themselves: what is redundant in the encoder anyway), `loss` (the paper's, divided by the number
    of components), `cosine` (mean between a picture's two embeddings).
    """
    matrix = cross_correlation(originals, restored)
    own = cross_correlation(originals, originals)
    diagonal = np.diag(matrix)
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    norms = np.linalg.norm(originals, axis=1) * np.linalg.norm(restored, axis=1)
    return {
        "on_diagonal": float(diagonal.mean()) if len(diagonal) else None,
        "off_diagonal": float(np.sqrt(np.mean(off**2))) if len(off) else None,
        "off_diagonal_originals": float(np.sqrt(np.mean(own[~np.eye(len(own), dtype=bool)] ** 2)))
        if len(own) > 1
        else None,
        "loss": float((np.sum((1 - diagonal) ** 2) + _OFF_DIAGONAL_WEIGHT * np.sum(off**2)) / max(1, len(diagonal))),
        "cosine": float(np.mean(np.sum(originals * restored, axis=1) / np.maximum(norms, 1e-12))),
    }
