"""Product quantization: a vector is cut into M parts, and each part is replaced by the nearest of Ks codewords.

H. Jegou, M. Douze, C. Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 2011, sections II and III.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.indexes.clustering_kernels import encode
from core.indexes.kmeans import kmeans
from core.indexes.products import Panels, distance_panels
from core.types import Codes, Vectors

Tables = NDArray[np.float32]  # (Q, M, Ks) a number for each query, sub-space and codeword


class ProductQuantizer:
    """Maps vectors (N, D) to codes (N, M) of `n_bits` each, and back.

    Attributes:
        dim: D.
        M: sub-quantizers; the m-th sees the components m * Ds to (m + 1) * Ds.
        Ks: codewords of each, 2**n_bits.
        Ds: components of a sub-vector, D / M.
        codewords: (M, Ks, Ds), set by `train`.
    """

    def __init__(self, dim: int, n_subspaces: int, n_bits: int = 8) -> None:
        """Make an untrained quantizer.

        Raises:
            ValueError: dim is no multiple of n_subspaces, or n_bits is not in 1..8.
        """
        self.dim = as_count(dim, what="dim")
        self.M = as_count(n_subspaces, what="n_subspaces")
        self.n_bits = as_count(n_bits, what="n_bits", most=8)
        if dim % n_subspaces:
            raise ValueError(f"dim must be a multiple of n_subspaces={n_subspaces}, got {dim}")
        self.Ks = 1 << self.n_bits
        self.Ds = self.dim // self.M
        self.codewords = np.zeros((self.M, self.Ks, self.Ds), dtype=np.float32)

    def train(self, vectors: Vectors, rng: np.random.Generator, *, n_iterations: int = 25) -> Self:
        """Learn the codewords of each sub-space by k-means of its own.

        Args:
            vectors: (N, D), N at least Ks; 256 * Ks of them are enough, more are sampled.
            rng: of all k-means.
        """
        for m, generator in enumerate(rng.spawn(self.M)):
            self.codewords[m] = kmeans(self._part(vectors, m), self.Ks, generator, n_iterations=n_iterations)
        return self

    def encode(self, vectors: Vectors) -> Codes:
        """Return (N, M) codes of (N, D) vectors: the number of the nearest codeword in each sub-space."""
        codes = np.empty((len(vectors), self.M), dtype=np.uint8)
        encode(vectors, self.panels(), codes)
        return codes

    def decode(self, codes: Codes) -> Vectors:
        """Return (N, D) vectors put together from the codewords of (N, M) codes."""
        parts = self.codewords[np.arange(self.M), codes]  # (N, M, Ds)
        return parts.reshape(len(codes), self.dim)

    def tables(self, queries: Vectors) -> Tables:
        """Return (Q, M, Ks) squared distances between the parts of (Q, D) queries and all codewords."""
        parts = queries.reshape(len(queries), self.M, 1, self.Ds)
        differences = parts - self.codewords  # (Q, M, Ks, Ds)
        distances: Tables = np.einsum("qmkd,qmkd->qmk", differences, differences)
        return distances

    def distances(self, tables: Tables, codes: Codes) -> NDArray[np.float32]:
        """Return (Q, N) squared distances between queries and decoded codes: M look-ups and sums each."""
        found: NDArray[np.float32] = tables[:, np.arange(self.M), codes].sum(axis=2, dtype=np.float32)
        return found

    def panels(self) -> Panels:
        """Return the codewords as (M, n_panels, Ds + 1, 64), laid out for the kernels."""
        return np.stack([distance_panels(codewords) for codewords in self.codewords])

    def _part(self, vectors: Vectors, m: int) -> Vectors:
        """Return the m-th sub-vectors, (N, Ds)."""
        return np.ascontiguousarray(vectors[:, m * self.Ds : (m + 1) * self.Ds])
