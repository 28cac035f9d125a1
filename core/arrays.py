"""Checks and small operations on arrays, made once at the boundary of a public method."""

from typing import Any

import numpy as np

from core.types import Ids, Vectors


def as_vectors(values: Any, dim: int | None = None, *, what: str = "vectors") -> Vectors:
    """Return `values` as a C-contiguous (N, D) float32 array, or say what is wrong with it.

    Args:
        values: (N, D) array of real numbers; float64, float16 and integers are converted.
        dim: the D that is required, or None for any.
        what: the argument's name, for the message.

    Raises:
        TypeError: not numeric, complex or boolean.
        ValueError: not two-dimensional, of another D, or with NaN or infinity.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be real numbers, got dtype {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{what} must have shape (N, D), got {array.shape}")
    if dim is not None and array.shape[1] != dim:
        raise ValueError(f"{what} must have dimension {dim}, got {array.shape[1]}")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, and is refused below
        array = np.ascontiguousarray(array, dtype=np.float32)
    # The sum is finite exactly when no entry is NaN or infinite and nothing overflows, so the costly
    # element-wise test is only needed when it is not.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
            rows = np.flatnonzero(~np.isfinite(array).all(axis=1))
            raise ValueError(f"{what} must be finite, got NaN or infinity in row {rows[0]} ({len(rows)} rows in all)")
    return array


def as_ids(values: Any, count: int | None = None, *, what: str = "ids") -> Ids:
    """Return `values` as a contiguous (N,) int64 array of distinct non-negative ids.

    Raises:
        TypeError: not integers.
        ValueError: not one-dimensional, of another length than `count`, negative, or repeated.
    """
    array = np.asarray(values)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)  # np.asarray([]) is float64
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{what} must have shape (N,), got {array.shape}")
    if count is not None and len(array) != count:
        raise ValueError(f"{what} must have one entry for each of {count} vectors, got {len(array)}")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{what} must fit in 63 bits, got {array.max()}")
    array = np.ascontiguousarray(array, dtype=np.int64)
    if array.size and array.min() < 0:
        raise ValueError(f"{what} must not be negative, got {array.min()}")
    if array.size > 1:
        ordered = np.sort(array)
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(repeated):
            raise ValueError(f"{what} must be distinct, got {repeated[0]} more than once")
    return array


def as_count(value: Any, *, what: str, least: int = 1, most: int | None = None) -> int:
    """Return `value` as an int within `least` and `most`.

    Raises:
        TypeError: not an integer (booleans are not).
        ValueError: out of range.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be an integer, got {value!r}")
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ValueError(f"{what} must be {limits}, got {value}")
    return int(value)


def normalize(vectors: Vectors) -> Vectors:
    """Return the rows scaled to L2 norm 1; a row of zeros stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return scaled
