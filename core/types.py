"""The few types and symbols that every layer shares.

Symbols used in names and shapes throughout, as in Jegou, Douze and Schmid (TPAMI 2011):

    N   number of database vectors      Q   number of queries
    D   dimension of a vector           K   neighbours asked for
    M   sub-quantizers of a PQ          Ks  centroids of one sub-quantizer, 2**n_bits
    Ds  dimension of one sub-vector, D / M
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (N, D)
Distances = NDArray[np.float32]  # (Q, K) squared L2
Ids = NDArray[np.int64]  # (N,) or (Q, K); -1 marks an empty slot
Codes = NDArray[np.uint8]  # (N, M)
Image = NDArray[np.uint8]  # (H, W, 3) sRGB

Json = dict[str, Any]


@runtime_checkable
class Encoder(Protocol):
    """Turns pictures into vectors of L2 norm 1."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def input_size(self) -> int:
        """Side in pixels of the square that the network sees; what `imaging.load` may scale down to."""
        ...

    @property
    def fingerprint(self) -> str:
        """A digest that changes with the weights, the preprocessing, the input size or the runtime."""
        ...

    def encode(self, images: Sequence[Image]) -> Vectors:
        """Return (len(images), dim) vectors, rows of L2 norm 1."""
        ...


class Progress(Protocol):
    """Called as work advances; it may raise `core.errors.Cancelled` to stop the work cleanly."""

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Report that `done` of `total` units are finished (`total` is None when it is not known)."""
        ...


def no_progress(done: int, total: int | None, what: str) -> None:
    """Report nothing."""
