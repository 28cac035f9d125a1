"""Rotations of wide vectors."""

import numpy as np

from core.indexes.ivfpq import IVFPQ


def test_rotations_of_wide_vectors_are_learned_among_their_principal_components() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((300, 20)) @ rng.standard_normal((20, 640))).astype(np.float32)
    index = IVFPQ(640, n_lists=4, n_subspaces=16, n_bits=4, rotation="opq").train(vectors).add(vectors)
    matrix = index.model.frame.matrix
    assert matrix is not None
    assert matrix.shape == (256, 640)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(256), atol=1e-4)
    views = index.model.frame.view(vectors)  # 20 directions hold everything, so nothing is lost
    np.testing.assert_allclose(index.model.frame.restore(views), vectors, atol=1e-2)
