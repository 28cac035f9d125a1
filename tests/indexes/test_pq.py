"""Product quantization against its definition, and against FAISS with the same codewords."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.indexes.pq import ProductQuantizer

FEW = settings(max_examples=20, derandomize=True, deadline=None)


@FEW
@given(
    seed=st.integers(0, 2**32 - 1),
    M=st.sampled_from([1, 2, 5, 16]),
    Ds=st.sampled_from([1, 3, 8]),
    n_bits=st.sampled_from([4, 8]),
)
def test_a_code_is_the_nearest_codeword_of_each_part(seed: int, M: int, Ds: int, n_bits: int) -> None:
    rng = np.random.default_rng(seed)
    quantizer = ProductQuantizer(M * Ds, M, n_bits)
    quantizer.codewords = rng.standard_normal(quantizer.codewords.shape).astype(np.float32)
    vectors = rng.standard_normal((37, M * Ds)).astype(np.float32)
    codes = quantizer.encode(vectors)
    tables = quantizer.tables(vectors)
    chosen = np.take_along_axis(tables, codes[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(chosen, tables.min(axis=2), rtol=1e-5, atol=1e-5)
    decoded = quantizer.decode(codes)
    np.testing.assert_allclose(((vectors - decoded) ** 2).sum(axis=1), chosen.sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(
        quantizer.distances(tables, codes), ((vectors[:, None] - decoded[None]) ** 2).sum(axis=2), rtol=1e-3, atol=1e-4
    )


def test_codes_equal_those_of_faiss_with_the_same_codewords() -> None:
    faiss = pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2000, 32)).astype(np.float32)
    theirs = faiss.ProductQuantizer(32, 8, 8)
    theirs.train(vectors)
    ours = ProductQuantizer(32, 8)
    ours.codewords = faiss.vector_to_array(theirs.centroids).reshape(8, 256, 4)
    assert (ours.encode(vectors) == theirs.compute_codes(vectors)).mean() > 0.9999  # the rest are ties
    np.testing.assert_allclose(
        ours.decode(ours.encode(vectors)), theirs.decode(theirs.compute_codes(vectors)), atol=1e-2
    )


def test_training_reaches_the_error_of_faiss() -> None:
    faiss = pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((3000, 16)) @ rng.standard_normal((16, 16))).astype(np.float32)
    theirs = faiss.ProductQuantizer(16, 4, 4)
    theirs.train(vectors)
    ours = ProductQuantizer(16, 4, 4).train(vectors, np.random.default_rng(0))
    error = [((vectors - decoded) ** 2).sum() for decoded in (
        theirs.decode(theirs.compute_codes(vectors)), ours.decode(ours.encode(vectors)),
    )]  # fmt: skip
    assert error[1] < 1.05 * error[0]  # both end in local minima, which differ by some percent


def test_equal_seeds_give_equal_codewords() -> None:
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    first, second = (ProductQuantizer(8, 2).train(vectors, np.random.default_rng(5)).codewords for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("dim", "M", "n_bits"), [(10, 4, 8), (8, 0, 8), (8, 2, 9), (8, 2, 0)])
def test_impossible_sizes_are_refused(dim: int, M: int, n_bits: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        ProductQuantizer(dim, M, n_bits)
