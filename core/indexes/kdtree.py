"""k-d tree and ball tree, by scikit-learn: exact search that skips boxes or balls which cannot hold a neighbour.

J. Bentley, "Multidimensional binary search trees used for associative searching", Communications of the ACM 1975.
S. Omohundro, "Five balltree construction algorithms", ICSI TR-89-063, 1989.

It pays in a few dimensions only. In hundreds of dimensions all vectors are almost equally far from a query, no box can
be skipped (the curse of dimension: K. Beyer et al., "When is nearest neighbor meaningful?", ICDT 1999), and the tree
visits every vector, more slowly than `flat` does. It is here to show that, and for projections to few dimensions.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes import exact, store
from core.indexes.base import Index, Mask, Rows, Segment
from core.indexes.effort import Effort
from core.indexes.store import read_array, write_array
from core.types import Distances, Ids, Json, Vectors

_NODE = [("idx_start", "<i8"), ("idx_end", "<i8"), ("is_leaf", "<i8"), ("radius", "<f8")]


class KDTree(Index):
    """Exact neighbours by a tree of axis-parallel boxes (`kd`) or of balls (`ball`)."""

    name = "kdtree"
    is_exact = True

    def __init__(self, dim: int, *, leaf_size: int = 40, tree: str = "kd") -> None:
        """Make an empty index.

        Args:
            dim: D.
            leaf_size: vectors in a leaf, compared one by one.
            tree: "kd" or "ball".
        """
        if tree not in ("kd", "ball"):
            raise ValueError(f"tree must be 'kd' or 'ball', got {tree!r}")
        self.leaf_size = as_count(leaf_size, what="leaf_size")
        self.tree = tree
        super().__init__(dim, leaf_size=leaf_size, tree=tree)

    def _build(self, vectors: Vectors) -> "_Tree":
        return _Tree(self.tree, self.leaf_size, vectors)

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        _, rows = segment.structure.opened().query(queries, k)  # distances, not squared, in float64
        return exact.rank(queries, segment.vectors, rows, k)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        """Count the vectors in leaves that can hold one of the k: no walk through the tree can pass them over."""
        _, nodes, bounds, _ = segment.structure.shape()
        _, distances = self._search(segment, query, k, None, knobs)
        if self.tree == "kd":
            nearest = np.maximum(np.maximum(bounds[0] - query, query - bounds[1]), 0)  # (nodes, D) to each box
            lowest = np.sqrt((nearest**2).sum(axis=1))
        else:
            lowest = np.maximum(np.sqrt(((bounds[0] - query) ** 2).sum(axis=1)) - nodes["radius"], 0)
        needed = (nodes["is_leaf"] > 0) & (lowest <= np.sqrt(distances[0, -1]) * (1 + 1e-6))
        return Effort(vectors=int((nodes["idx_end"] - nodes["idx_start"])[needed].sum()))

    def _structure_nbytes(self, structure: "_Tree") -> int:
        return structure.nbytes

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        if segment is None:
            return {}
        order, nodes, bounds, levels = segment.structure.shape()
        write_array(folder / "order.npy", order)
        write_array(folder / "nodes.npy", nodes)
        write_array(folder / "bounds.npy", bounds)
        return {"levels": levels}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        if ids is None or vectors is None:
            return None
        nodes = read_array(folder / "nodes.npy", _NODE, (None,))
        shape = (2 if self.tree == "kd" else 1, len(nodes), self.dim)
        bounds = read_array(folder / "bounds.npy", np.float64, shape)
        order = read_array(folder / "order.npy", np.int64, (len(ids),))
        if len(nodes) != 2 ** int(facts["levels"]) - 1:
            raise ValueError(f"{len(nodes)} nodes do not make {facts['levels']} levels")
        return _Tree(self.tree, self.leaf_size, vectors, (order, nodes, bounds, int(facts["levels"])), folder)


class _Tree:
    """scikit-learn's tree, built at once, or put together at its first use from the arrays of a saved one."""

    def __init__(
        self,
        kind: str,
        leaf_size: int,
        vectors: Vectors,
        saved: tuple[Any, ...] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._kind, self._leaf_size, self._vectors, self._saved, self._folder = kind, leaf_size, vectors, saved, folder
        self._lock = threading.Lock()
        self._tree: Any = None if saved else _tree_class(kind)(vectors, leaf_size=leaf_size)

    def opened(self) -> Any:
        """Return scikit-learn's tree."""
        if self._tree is None:
            with self._lock:
                if self._tree is None:
                    self._tree = self._assembled()
        return self._tree

    def shape(self) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.float64], int]:
        """Return (n,) order of rows, (nodes,) ranges, bounds, and the number of levels."""
        state = self.opened().__getstate__()
        return np.asarray(state[1]), np.asarray(state[2]), np.asarray(state[3]), int(state[5])

    @property
    def nbytes(self) -> int:
        """Bytes of the tree, the float64 copy of the vectors included once it is there."""
        if self._tree is None and self._saved is not None:
            return int(sum(array.nbytes for array in self._saved[:3]))
        return int(sum(np.asarray(array).nbytes for array in self._tree.__getstate__()[:4]))

    def _assembled(self) -> Any:
        """Give the arrays to a new tree as its state, in the order of scikit-learn's own `__getstate__`."""
        from sklearn.metrics import DistanceMetric

        assert self._saved is not None
        order, nodes, bounds, levels = self._saved
        n = len(order)
        within = (nodes["idx_start"] >= 0) & (nodes["idx_end"] <= n)
        if not within.all() or not np.array_equal(np.sort(order), np.arange(n)):  # it would read outside of its arrays
            raise store.damaged(self._folder, "its tree does not fit its vectors")
        kind = _tree_class(self._kind)
        tree = kind.__new__(kind)
        metric = DistanceMetric.get_metric("euclidean")
        counts = (self._leaf_size, levels, len(nodes), 0, 0, 0, 0)
        tree.__setstate__((self._vectors.astype(np.float64), order, nodes, bounds, *counts, metric, None))
        return tree


def _tree_class(kind: str) -> Any:
    """Import scikit-learn's class at its first use."""
    try:
        from sklearn import neighbors
    except ImportError as error:
        raise UnavailableError(f"scikit-learn is not installed ({error}); run: pip install scikit-learn") from error
    return neighbors.KDTree if kind == "kd" else neighbors.BallTree
