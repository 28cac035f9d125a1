"""MinHash LSH Forest over binarised features: sets of the dimensions in which a vector exceeds the training median.

A. Broder, "On the resemblance and containment of documents", 1997: two sets have the same minimal element under a
random order with a probability equal to their Jaccard similarity. S. Ioffe, "Improved consistent sampling, weighted
minhash and L1 sketching", ICDM 2010, extends it to weights; with weights 0 and 1 each of its samples is a random order
of the dimensions, which `datasketch` supplies, and the hash is the first dimension of that order that is in the set.
M. Bawa, T. Condie, P. Ganesan, "LSH Forest: self-tuning indexes for similarity search", WWW 2005: hashes are cut into
trees; a query takes those that share the longest prefixes with it. A tree is kept as a sorted array of its prefixes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

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

_BLOCK = 1024  # vectors that are hashed at once
_FIRST = 8  # dimensions of each order that are looked at together; one of them is in the set with probability 1 - 2^-8


class Forest(NamedTuple):
    """Sorted prefix arrays.

    Attributes:
        keys: (trees, n) the hashes of a tree as big-endian bytes, ascending.
        rows: (trees, n) whose they are.
    """

    keys: NDArray[np.bytes_]
    rows: NDArray[np.int32]


class MinHashLSH(Index):
    """LSH Forest of `n_trees` trees over `n_permutations` MinHash values; candidates are ranked exactly."""

    name = "minhash-lsh"
    needs_training = True
    filters = True
    scan_below = 0.1
    scan_rows = 1000
    knobs: ClassVar[Mapping[str, Knob]] = {
        "n_candidates": Knob(200, 1, 1_000_000, "vectors of the longest common prefixes that are compared exactly")
    }

    def __init__(self, dim: int, *, n_permutations: int = 128, n_trees: int = 8, seed: int = 1) -> None:
        """Make an untrained index.

        Args:
            dim: D.
            n_permutations: MinHash values of a vector, a multiple of `n_trees`.
            n_trees: trees, of n_permutations / n_trees levels each.
            seed: of the permutations.
        """
        self.n_permutations = as_count(n_permutations, what="n_permutations", most=4096)
        self.n_trees = as_count(n_trees, what="n_trees", most=n_permutations)
        if n_permutations % n_trees:
            raise ValueError(f"n_permutations must be a multiple of n_trees={n_trees}, got {n_permutations}")
        self.depth = n_permutations // n_trees
        self.seed = as_count(seed, what="seed", least=0, most=2**32 - 1)
        super().__init__(dim, n_permutations=n_permutations, n_trees=n_trees, seed=seed)
        self.median: NDArray[np.float32] = np.zeros(dim, dtype=np.float32)  # (D,)
        self.orders: NDArray[np.uint32] = np.empty((0, dim), dtype=np.uint32)  # (n_permutations, D)

    def hashes(self, vectors: Vectors) -> NDArray[np.uint32]:
        """Return (N, n_permutations) hashes: the first dimension of each order that is above the median, D if none."""
        hashes = np.empty((len(vectors), self.n_permutations), dtype=np.uint32)
        first = self.orders[:, :_FIRST]
        for start in range(0, len(vectors), _BLOCK):
            member = vectors[start : start + _BLOCK] > self.median  # (block, D)
            seen = member[:, first]  # (block, n_permutations, _FIRST)
            at = seen.argmax(axis=2)
            block = first[np.arange(self.n_permutations), at]
            for row, permutation in np.argwhere(~seen.any(axis=2)):
                later = member[row, self.orders[permutation]]
                place = int(later.argmax())
                block[row, permutation] = self.orders[permutation, place] if later[place] else self.dim
            hashes[start : start + _BLOCK] = block
        return hashes

    def _train(self, vectors: Vectors) -> None:
        if not len(vectors):
            raise UnavailableError(f"{self.name} needs at least 1 vector to train, got none")
        self.median = np.median(vectors, axis=0).astype(np.float32)
        self.orders = _orders(self.dim, self.n_permutations, self.seed)

    def _build(self, vectors: Vectors) -> Forest:
        keys = self._keys(self.hashes(vectors))  # (trees, n)
        order = np.argsort(keys, axis=1, kind="stable")
        return Forest(np.take_along_axis(keys, order, axis=1), order.astype(np.int32))

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        everything = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
        wanted = max(k, knobs["n_candidates"])
        if wanted >= len(everything):
            return exact.rank(queries, segment.vectors, [everything] * len(queries), k)
        low, high = self._ranges(segment.structure, self._keys(self.hashes(queries)))
        found = [self._candidates(segment.structure, *ends, wanted, mask) for ends in zip(low, high, strict=True)]
        candidates = [rows if len(rows) >= k else everything for rows in found]  # hardly a hash in common: all
        return exact.rank(queries, segment.vectors, candidates, k)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        wanted = max(k, knobs["n_candidates"])
        if wanted >= len(segment):
            return Effort(vectors=len(segment))
        low, high = self._ranges(segment.structure, self._keys(self.hashes(query)))
        found = len(self._candidates(segment.structure, low[0], high[0], wanted, None))
        return Effort(vectors=found if found >= k else len(segment))

    def _trace(self, segment: Segment, query: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]) -> Trace:
        forest, lacking = segment.structure, np.full(len(segment), self.depth)
        low, high = (ends[0] for ends in self._ranges(forest, self._keys(self.hashes(query))))
        for level in range(self.depth):
            for rows, start, stop in zip(forest.rows, low[:, level], high[:, level], strict=True):
                lacking[rows[start:stop]] = self.depth - 1 - level
        rows, distances = among(np.arange(len(segment)), lacking, mask)
        wanted = max(k, knobs["n_candidates"])
        n_kept = len(self._candidates(forest, low, high, wanted, mask))
        n_kept = n_kept if k <= n_kept and wanted < len(rows) else len(rows)
        return Trace("hashes", rows, distances, n_kept, length=self.depth)

    def _candidates(self, forest: Forest, low: Rows, high: Rows, wanted: int, mask: Mask | None) -> Rows:
        """Return rows of the mask that share the longest prefixes, at least `wanted` if as many share any.

        Args:
            low: (trees, depth) where the range of each prefix length begins.
            high: (trees, depth) where it ends.
        """
        found = np.empty(0, dtype=np.int64)
        for level in range(self.depth - 1, -1, -1):
            if level and (high[:, level] - low[:, level]).sum() < wanted:
                continue  # fewer even if all were different
            ranges = zip(forest.rows, low[:, level], high[:, level], strict=True)
            found = np.unique(np.concatenate([rows[start:stop] for rows, start, stop in ranges])).astype(np.int64)
            found = found if mask is None else found[mask[found]]
            if len(found) >= wanted:
                break
        return found

    def _ranges(self, forest: Forest, keys: NDArray[np.bytes_]) -> tuple[Rows, Rows]:
        """Return (Q, trees, depth) first and one past the last place of each prefix of the (trees, Q) query keys."""
        width = keys.dtype.itemsize // self.depth
        n_queries = keys.shape[1]
        raw = keys.reshape(-1).view(np.uint8).reshape(self.n_trees, n_queries, 1, -1)
        beyond = np.arange(self.depth * width) >= (1 + np.arange(self.depth)[:, None]) * width  # (depth, bytes)
        sides: list[tuple[int, Literal["left", "right"]]] = [(0, "left"), (255, "right")]
        ends = []
        for filler, side in sides:
            needles = np.where(beyond, np.uint8(filler), raw)  # (trees, Q, depth, bytes)
            flat = np.ascontiguousarray(needles).reshape(self.n_trees, -1).view(keys.dtype)  # (trees, Q * depth)
            places = [np.searchsorted(tree, wanted, side) for tree, wanted in zip(forest.keys, flat, strict=True)]
            ends.append(np.stack(places).reshape(self.n_trees, n_queries, self.depth).transpose(1, 0, 2))
        return ends[0], ends[1]

    def _keys(self, hashes: NDArray[np.uint32]) -> NDArray[np.bytes_]:
        """Return (trees, N) byte strings that sort as the (N, n_permutations) hashes of each tree do, one by one."""
        width = 2 if self.dim < 1 << 16 else 4
        parts = hashes.reshape(len(hashes), self.n_trees, self.depth).transpose(1, 0, 2).astype(f">u{width}")
        keys: NDArray[np.bytes_] = np.ascontiguousarray(parts).view(f"S{self.depth * width}")[:, :, 0]
        return keys

    def _structure_nbytes(self, structure: Forest) -> int:
        return structure.keys.nbytes + structure.rows.nbytes

    def _model_nbytes(self) -> int:
        return self.median.nbytes + self.orders.nbytes

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        write_array(folder / "median.npy", self.median)
        write_array(folder / "orders.npy", self.orders)
        if segment is not None:
            write_array(folder / "keys.npy", segment.structure.keys)
            write_array(folder / "rows.npy", segment.structure.rows)
        return {}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        self.median = read_array(folder / "median.npy", np.float32, (self.dim,))
        self.orders = read_array(folder / "orders.npy", np.uint32, (self.n_permutations, self.dim))
        if ids is None:
            return None
        shape = (self.n_trees, len(ids))
        keys = read_array(folder / "keys.npy", self._keys(np.zeros((1, self.n_permutations), np.uint32)).dtype, shape)
        return Forest(keys, read_array(folder / "rows.npy", np.int32, shape))


def _orders(dim: int, count: int, seed: int) -> NDArray[np.uint32]:
    """Return (count, dim) orders of the dimensions: those of Ioffe's samples for weights 0 and 1.

    A dimension of weight 1 has log weight 0, so that t = floor(beta) = 0 and ln a = ln c + (beta - 1) r, whatever the
    vector: the smallest ln a among the dimensions of the set is the first in the order of ascending ln a.
    """
    try:
        from datasketch import WeightedMinHashGenerator
    except ImportError as error:
        raise UnavailableError(f"datasketch is not installed ({error}); run: pip install datasketch") from error
    samples = WeightedMinHashGenerator(dim, sample_size=count, seed=seed)
    ln_a = samples.ln_cs - (0 - samples.betas) * samples.rs - samples.rs
    orders: NDArray[np.uint32] = np.argsort(ln_a, axis=1, kind="stable").astype(np.uint32)
    return orders
