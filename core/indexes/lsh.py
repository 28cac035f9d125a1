"""LSH: signs of random projections as binary codes, compared by Hamming distance; candidates are ranked exactly.

M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002: the share of random hyperplanes
through the origin that separate two vectors is their angle / pi. J. Ji et al., "Super-bit locality-sensitive hashing",
NIPS 2012: hyperplanes that are orthogonal in groups of D estimate it with less variance.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes import exact
from core.indexes.base import Index, Knob, Mask, Rows, Segment
from core.indexes.effort import Effort
from core.indexes.store import read_array, write_array
from core.indexes.trace import Trace, among
from core.types import Distances, Ids, Json, Vectors

_BLOCK = 4096  # vectors that are projected at once
_FEW = 20_000  # codes that NumPy compares in under half a millisecond; loading compiled code takes half a second, once


class LSH(Index):
    """Random hyperplanes through the training mean, packed bits, popcount.

    Embeddings of ReLU networks are non-negative, so that hyperplanes through the origin would hardly separate them:
    hence the mean is subtracted first.
    """

    name = "lsh"
    needs_training = True
    filters = True
    scan_below = 0.03
    scan_rows = 1000
    knobs: ClassVar[Mapping[str, Knob]] = {
        "n_candidates": Knob(200, 1, 1_000_000, "nearest codes whose vectors are compared exactly")
    }

    def __init__(self, dim: int, *, n_bits: int = 256, seed: int = 0) -> None:
        """Make an untrained index.

        Args:
            dim: D.
            n_bits: length of the codes, a multiple of 64.
            seed: of the hyperplanes.
        """
        self.n_bits = as_count(n_bits, what="n_bits", most=32768)
        if n_bits % 64:
            raise ValueError(f"n_bits must be a multiple of 64, got {n_bits}")
        self.seed = as_count(seed, what="seed", least=0)
        super().__init__(dim, n_bits=n_bits, seed=seed)
        self.mean: NDArray[np.float32] = np.zeros(dim, dtype=np.float32)  # (D,)
        self.planes: NDArray[np.float32] = np.empty((0, dim), dtype=np.float32)  # (n_bits, D) unit normals

    def encode(self, vectors: Vectors) -> NDArray[np.uint64]:
        """Return (N, n_bits / 64) codes: bit b says on which side of hyperplane b the centred vector lies."""
        codes = np.empty((len(vectors), self.n_bits // 8), dtype=np.uint8)
        for start in range(0, len(vectors), _BLOCK):
            centred = vectors[start : start + _BLOCK] - self.mean
            heights = np.empty((len(centred), self.n_bits), dtype=np.float32)  # above each hyperplane
            exact.products(centred, self.planes, heights)
            codes[start : start + _BLOCK] = np.packbits(heights > 0, axis=1)
        return codes.view(np.uint64)

    def _train(self, vectors: Vectors) -> None:
        if not len(vectors):
            raise UnavailableError(f"{self.name} needs at least 1 vector to train, got none")
        self.mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.planes = _orthogonal_groups(self.n_bits, self.dim, np.random.default_rng(self.seed))

    def _build(self, vectors: Vectors) -> NDArray[np.uint64]:
        return self.encode(vectors)

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        left = len(segment) if mask is None else int(np.count_nonzero(mask))
        wanted = min(max(k, knobs["n_candidates"]), left)
        scan = _nearest_codes if len(segment) <= _FEW else _nearest_codes_compiled
        candidates = [scan(segment.structure, code, mask, wanted) for code in self.encode(queries)]
        return exact.rank(queries, segment.vectors, candidates, k)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(codes=len(segment), vectors=min(max(k, knobs["n_candidates"]), len(segment)))

    def _trace(self, segment: Segment, query: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]) -> Trace:
        bits = np.bitwise_count(segment.structure ^ self.encode(query)[0]).sum(axis=1)
        rows, distances = among(np.arange(len(segment)), bits, mask)
        return Trace("bits", rows, distances, min(max(k, knobs["n_candidates"]), len(rows)), length=self.n_bits)

    def _structure_nbytes(self, structure: NDArray[np.uint64]) -> int:
        return structure.nbytes

    def _model_nbytes(self) -> int:
        return self.mean.nbytes + self.planes.nbytes

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        write_array(folder / "mean.npy", self.mean)
        write_array(folder / "planes.npy", self.planes)
        if segment is not None:
            write_array(folder / "codes.npy", segment.structure)
        return {}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        self.mean = read_array(folder / "mean.npy", np.float32, (self.dim,))
        self.planes = read_array(folder / "planes.npy", np.float32, (self.n_bits, self.dim))
        return None if ids is None else read_array(folder / "codes.npy", np.uint64, (len(ids), self.n_bits // 64))


def _nearest_codes(codes: NDArray[np.uint64], query: NDArray[np.uint64], mask: Mask | None, wanted: int) -> Rows:
    """Return the rows of the `wanted` smallest Hamming distances within the mask; of those equally far, the first.

    Args:
        codes: (n, words).
        query: (words,).
        mask: (n,) rows that may be returned, or None for all.
    """
    rows = None if mask is None else np.flatnonzero(mask)
    distances = np.bitwise_count((codes if rows is None else codes[rows]) ^ query).sum(axis=1, dtype=np.uint16)
    nearest: Rows = np.argsort(distances, kind="stable")[:wanted]
    return nearest if rows is None else rows[nearest]


def _nearest_codes_compiled(
    codes: NDArray[np.uint64], query: NDArray[np.uint64], mask: Mask | None, wanted: int
) -> Rows:
    """Return the same, in the order of rows, eight words at a time."""
    from core.indexes.scan_hamming import nearest_codes

    n, words = codes.shape
    rows = np.empty(wanted, dtype=np.int64)
    histogram = np.zeros(64 * words + 2, dtype=np.int64)
    allowed = np.empty(0, dtype=bool) if mask is None else mask
    nearest_codes(codes, query, allowed, np.empty(n, dtype=np.uint16), histogram, rows)
    return rows


def _orthogonal_groups(count: int, dim: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (count, dim) random unit vectors, orthogonal to each other in groups of `dim`."""
    groups = []
    for start in range(0, count, dim):
        gaussian = rng.standard_normal((dim, min(dim, count - start)))
        groups.append(np.linalg.qr(gaussian)[0].T)
    planes: NDArray[np.float32] = np.ascontiguousarray(np.concatenate(groups), dtype=np.float32)
    return planes
