"""Rotations are orthonormal, and make the error of a product quantizer smaller."""

import numpy as np
import pytest

from core.indexes.pq import ProductQuantizer
from core.indexes.rotation import Frame, balanced, opq


def correlated(n: int = 3000, dim: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((n, dim)) @ (rng.standard_normal((dim, dim)) * 0.8 ** np.arange(dim)[:, None])).astype(
        np.float32
    )


def error(vectors: np.ndarray, M: int) -> float:
    quantizer = ProductQuantizer(vectors.shape[1], M, 4).train(vectors, np.random.default_rng(0))
    return float(((vectors - quantizer.decode(quantizer.encode(vectors))) ** 2).sum())


def test_both_rotations_are_orthonormal_and_lower_the_error() -> None:
    vectors = correlated()
    plain = error(vectors, 4)
    for rotation in (balanced(vectors, 4), opq(vectors, 4, 4, np.random.default_rng(0))):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(16), atol=1e-5)
        assert error(np.ascontiguousarray(vectors @ rotation.T), 4) < 0.9 * plain


def test_sub_spaces_get_equal_products_of_variances() -> None:
    vectors = correlated()
    logs = np.log((vectors @ balanced(vectors, 4).T).var(axis=0)).reshape(4, 4).sum(axis=1)
    dealt_in_order = np.sort(np.log(np.linalg.eigvalsh(np.cov(vectors.T))))[::-1].reshape(4, 4).sum(axis=1)
    assert np.ptp(logs) < 0.3 * np.ptp(dealt_in_order)


def test_directions_of_least_variance_are_dropped() -> None:
    vectors = correlated()
    rotation = balanced(vectors, 4, 8)
    assert rotation.shape == (8, 16)
    kept = ((vectors @ rotation.T) ** 2).sum() / (vectors**2).sum()
    values = np.linalg.eigvalsh(vectors.T @ vectors)
    assert kept == pytest.approx(values[-8:].sum() / values.sum(), rel=1e-3)


def test_a_frame_is_undone() -> None:
    vectors = correlated(50)
    frame = Frame(balanced(vectors, 4), np.arange(16, dtype=np.float32))
    np.testing.assert_allclose(frame.restore(frame.view(vectors)), vectors, atol=1e-4)


def test_few_vectors_give_a_rotation_too() -> None:
    for count in (0, 1, 3):
        rotation = balanced(correlated(max(count, 1))[:count], 4)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(16), atol=1e-4)
