"""What goes into a search and comes out of it: knobs, allowed ids, and the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from core.arrays import as_count, as_vectors
from core.types import Distances, Ids, Json, Vectors

_LARGEST = 1e16  # the square of twice this, times D, is below the largest float32 of 3.4e38


@dataclass(frozen=True)
class Knob:
    """One keyword of `search`: its default, its limits, and a sentence for people."""

    default: int | float
    low: int | float
    high: int | float
    doc: str

    def check(self, name: str, value: Any) -> int | float:
        """Return `value` if it is a number of the default's type within the limits (TypeError, ValueError)."""
        if isinstance(self.default, int):
            return as_count(value, what=name, least=int(self.low), most=int(self.high))
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise TypeError(f"{name} must be a number, got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{name} must be between {self.low} and {self.high}, got {value}")
        return float(value)


class SearchResult(NamedTuple):
    """(Q, K) ids and squared L2 distances, nearest first; empty slots hold -1 and inf and come last."""

    ids: Ids
    distances: Distances


def check_knobs(known: Mapping[str, Knob], given: Mapping[str, Any], index: str) -> Json:
    """Return a value for every knob: the given one, checked, or the default.

    Raises:
        TypeError: an unknown knob, or a value of a wrong type.
        ValueError: a value out of its range.
    """
    values: Json = {name: knob.default for name, knob in known.items()}
    for name, value in given.items():
        if name not in known:
            raise TypeError(f"{index or 'this index'} has no knob {name!r}; it has: {', '.join(known) or 'none'}")
        values[name] = known[name].check(name, value)
    return values


def as_points(values: Any, dim: int, *, what: str) -> Vectors:
    """Return `values` as (N, D) float32 whose distances are finite.

    Raises:
        TypeError: not numbers.
        ValueError: of another shape, not finite, or so large that a squared distance exceeds float32.
    """
    vectors = as_vectors(values, dim, what=what)
    if vectors.size and max(vectors.max(), -vectors.min()) > _LARGEST:
        raise ValueError(f"{what} must lie within -1e16 and 1e16, got {vectors.max():g} and {vectors.min():g}")
    return vectors


def as_allowed(values: Any) -> Ids:
    """Return `values` as a (n,) int64 array; repeated and unknown ids do no harm.

    Raises:
        TypeError: not integers.
        ValueError: not one-dimensional.
    """
    array = np.asarray(values)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)  # np.asarray([]) is float64
    if array.dtype.kind not in "iu":
        raise TypeError(f"allowed must be integer ids, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"allowed must have shape (n,), got {array.shape}")
    return array.astype(np.int64, copy=False)


def joined(parts: Sequence[SearchResult], n_queries: int, k: int) -> SearchResult:
    """Return the k best of several results for the same queries, padded with -1 and inf."""
    if len(parts) == 1 and parts[0].ids.shape[1] == k:
        return parts[0]
    ids = np.full((n_queries, k), -1, dtype=np.int64)
    distances = np.full((n_queries, k), np.inf, dtype=np.float32)
    if parts:
        all_ids = np.concatenate([part.ids for part in parts], axis=1)
        all_distances = np.concatenate([part.distances for part in parts], axis=1)
        best = np.argsort(all_distances, axis=1, kind="stable")[:, :k]  # the inf of empty slots comes last
        ids[:, : best.shape[1]] = np.take_along_axis(all_ids, best, axis=1)
        distances[:, : best.shape[1]] = np.take_along_axis(all_distances, best, axis=1)
    return SearchResult(ids, distances)
