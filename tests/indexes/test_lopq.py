"""Rotations by list: exact with respect to their own reconstructions, and better than none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import indexes
from core.indexes.ivfpq import IVFPQ


def oriented(n: int, seed: int, dim: int = 24) -> np.ndarray:
    """Clusters that each spread in directions of their own."""
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(7)
    centres = shapes.standard_normal((12, dim)) * 20
    mixing = [shapes.standard_normal((dim, dim)) * 0.7 ** np.arange(dim)[:, None] for _ in range(12)]
    chosen = rng.integers(0, 12, n)
    return np.array([centres[c] + rng.standard_normal(dim) @ mixing[c] for c in chosen], dtype=np.float32)


VECTORS, QUERIES = oriented(5000, 0), oriented(60, 1)
TRUTH = np.argsort(((QUERIES[:, None] - VECTORS[None]) ** 2).sum(axis=2), axis=1)[:, :10]


def recall(index: IVFPQ) -> float:
    found = index.search(QUERIES, 10, n_probe=12).ids
    return float((found[:, :, None] == TRUTH[:, None]).any(axis=1).mean())


@pytest.fixture(scope="module")
def plain() -> IVFPQ:
    return IVFPQ(24, n_lists=12, n_subspaces=6, n_bits=4).train(VECTORS).add(VECTORS)


@pytest.mark.parametrize(("rotation", "own"), [("shared", False), ("local", False), ("local", True)])
@pytest.mark.parametrize("permute", [True, False])
def test_probing_all_lists_equals_scanning_reconstructions_and_recall_rises(
    rotation: Any, own: bool, permute: bool, plain: IVFPQ, tmp_path: Path
) -> None:
    params = {"n_lists": 12, "n_subspaces": 6, "n_bits": 4, "rotation": rotation, "own_codewords": own}
    index = indexes.create("ivfpq", 24, **params).train(VECTORS).add(VECTORS[:3000]).add(VECTORS[3000:])
    index.permute = index.permute and permute  # type: ignore[attr-defined]
    decoded = index.reconstruct(np.arange(len(VECTORS)))
    expected = np.sort(((QUERIES[:, None].astype(np.float64) - decoded[None]) ** 2).sum(axis=2), axis=1)[:, :10]
    found = index.search(QUERIES, 10, n_probe=12)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-3, atol=1e-3)
    assert recall(index) > recall(plain) + 0.05  # type: ignore[arg-type]
    assert index.nbytes > 4 * index.model.rotations.size  # type: ignore[attr-defined]
    index.save(tmp_path / "index")
    assert np.array_equal(
        indexes.load(tmp_path / "index").search(QUERIES, 10, n_probe=12).ids, index.search(QUERIES, 10, n_probe=12).ids
    )


def test_one_rotation_for_all_helps_too(plain: IVFPQ) -> None:
    index = IVFPQ(24, n_lists=12, n_subspaces=6, n_bits=4, rotation="opq").train(VECTORS).add(VECTORS)
    assert recall(index) > recall(plain) - 0.02  # clusters of unlike shapes: little to gain, nothing to lose


def test_rotations_keep_at_most_128_dimensions() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((400, 40)) @ rng.standard_normal((40, 300))).astype(np.float32)
    index = IVFPQ(300, n_lists=3, n_subspaces=10, rotation="local").train(vectors).add(vectors)
    assert index.model.rotations.shape[1] == 120
    views, decoded = index.model.frame.view(vectors[:9]), index.model.decode(*index.encode(vectors))
    expected = np.sort(((views[:, None].astype(np.float64) - decoded[None]) ** 2).sum(axis=2), axis=1)[:, :5]
    np.testing.assert_allclose(index.search(vectors[:9], 5, n_probe=3).distances, expected, rtol=1e-3, atol=1e-2)
