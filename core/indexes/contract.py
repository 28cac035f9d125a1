"""What goes into a search and comes out of it: knobs, allowed ids, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from core.arrays import as_count
from core.types import Distances, Ids, Json


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
