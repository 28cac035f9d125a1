"""The search of an inverted file with product quantization, as the paper has it: plain NumPy, for reading and testing.

H. Jegou, M. Douze, C. Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 2011, section IV. What the
kernels compute (`core.indexes.scan`) must equal this, away from ties.
"""

import numpy as np
from numpy.typing import NDArray

from core.types import Codes, Distances, Vectors


def reference_search(
    queries: Vectors,
    k: int,
    n_probe: int,
    *,
    centroids: Vectors,
    codewords: NDArray[np.float32],
    labels: NDArray[np.int64],
    codes: Codes,
    eligible: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], Distances]:
    """Return the k nearest rows of each query, and their squared distances, among those in the n_probe nearest lists.

    Args:
        queries: (Q, D).
        centroids: (n_lists, D) of the coarse quantizer.
        codewords: (M, Ks, Ds) of the product quantizer of residuals.
        labels: (N,) the list of each row.
        codes: (N, M) the code of each row's residual.
        eligible: (N,) rows that may be returned; then n_probe counts lists that hold one. None: all.

    Returns:
        (Q, k) rows, -1 in empty slots, and (Q, k) distances, inf there.
    """
    M, _, Ds = codewords.shape
    found = np.full((len(queries), k), -1)
    distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    rows = np.arange(len(codes)) if eligible is None else np.flatnonzero(eligible)
    for at, query in enumerate(queries.astype(np.float64)):
        to_lists = ((query - centroids) ** 2).sum(axis=1)  # (n_lists,)
        if eligible is not None:
            to_lists[np.setdiff1d(np.arange(len(centroids)), labels[rows])] = np.inf
        probes = np.argsort(to_lists, kind="stable")[:n_probe]
        values, members = [np.empty(0)], [np.empty(0, dtype=np.int64)]
        for probe in probes[np.isfinite(to_lists[probes])]:
            inside = rows[labels[rows] == probe]
            residual = (query - centroids[probe]).reshape(M, 1, Ds)
            table = ((residual - codewords) ** 2).sum(axis=2)  # (M, Ks)
            values.append(table[np.arange(M), codes[inside]].sum(axis=1))
            members.append(inside)
        scanned, chosen = np.concatenate(values), np.concatenate(members)
        order = np.argsort(scanned, kind="stable")[:k]
        found[at, : len(order)] = chosen[order]
        distances[at, : len(order)] = scanned[order]
    return found, distances
