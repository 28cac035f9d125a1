"""Tables of indexes as two of the earlier projects made them: Recall@5 of compact codes, precision@k of neighbours.

Recall@r here is "is the true nearest neighbour, the query itself excluded, among the first r", as H. Jegou, M. Douze,
C. Schmid define it (TPAMI 2011, section V).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.arrays import as_vectors
from core.errors import RetrievalError
from core.indexes import Index, create
from core.types import Ids, Json, Progress, Vectors, no_progress

PROBES = (1, 3, 10)


@dataclass(frozen=True)
class Candidate:
    """An index to be measured.

    Attributes:
        params: of its constructor.
        knobs: one row for each.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    knobs: tuple[Mapping[str, int], ...] = ({},)


def compact_codes(n_lists: int, n_subspaces: int) -> list[Candidate]:
    """Return the indexes of the custom-IVFPQ project's table."""
    probes = tuple({"n_probe": probe} for probe in PROBES)
    params = {"n_lists": n_lists, "n_subspaces": n_subspaces}
    return [
        Candidate("faiss-ivfflat", {"n_lists": n_lists}, probes),
        Candidate("faiss-ivfpq", params, probes),
        Candidate("ivfpq", params, probes),
        Candidate("opq-ivfpq", params, probes),
        Candidate("lopq", params, probes),
    ]


def recall_table(
    vectors: Vectors,
    candidates: Sequence[Candidate],
    *,
    at: int = 5,
    threads: int = 1,
    progress: Progress = no_progress,
) -> list[Json]:
    """Return rows of index, knobs, recall, microseconds per query, build seconds and bytes; every vector is a query."""
    vectors = as_vectors(vectors)
    truth = _truth(vectors)
    rows: list[Json] = []
    for done, candidate in enumerate(candidates):
        progress(done, len(candidates), f"measuring indexes: {candidate.name}")
        built = _built(candidate, vectors, threads)
        if isinstance(built, str):
            rows.append({"index": candidate.name, "unavailable": built})
            continue
        index, seconds = built
        for knobs in candidate.knobs:
            started = time.perf_counter()
            found = index.search(vectors, at + 1, **knobs).ids
            spent = time.perf_counter() - started
            rows.append(
                {
                    "index": candidate.name, "knobs": dict(knobs), f"recall_at_{at}": _hit_rate(found, truth, at),
                    "us_per_query": spent / len(vectors) * 1e6, "build_s": seconds, "bytes": index.nbytes,
                }
            )  # fmt: skip
    progress(len(candidates), len(candidates), "measuring indexes")
    return rows


def precision_table(
    base: Vectors,
    labels: Ids,
    queries: Vectors,
    query_labels: Ids,
    candidates: Sequence[Candidate],
    *,
    k: int = 100,
    threads: int = 1,
    progress: Progress = no_progress,
) -> list[Json]:
    """Return rows of index, knobs, precision@k by label, microseconds per query, build seconds and bytes.

    Raises:
        ValueError: labels and vectors are not of one number.
    """
    base, queries = as_vectors(base), as_vectors(queries)
    if len(labels) != len(base) or len(query_labels) != len(queries):
        raise ValueError(
            f"{len(base)} vectors and {len(queries)} queries need labels, got {len(labels)} and {len(query_labels)}"
        )
    rows: list[Json] = []
    for done, candidate in enumerate(candidates):
        progress(done, len(candidates), f"measuring indexes: {candidate.name}")
        built = _built(candidate, base, threads)
        if isinstance(built, str):
            rows.append({"index": candidate.name, "unavailable": built})
            continue
        index, seconds = built
        for knobs in candidate.knobs:
            started = time.perf_counter()
            found = index.search(queries, k, **knobs).ids
            spent = time.perf_counter() - started
            hits = (labels[found] == query_labels[:, None]) & (found >= 0)
            rows.append(
                {
                    "index": candidate.name, "knobs": dict(knobs), f"precision_at_{k}": float(hits.mean()),
                    "us_per_query": spent / len(queries) * 1e6, "build_s": seconds, "bytes": index.nbytes,
                }
            )  # fmt: skip
    progress(len(candidates), len(candidates), "measuring indexes")
    return rows


def reduced(vectors: Vectors, dim: int) -> Vectors:
    """Return (N, dim) the principal components of the vectors; `dim` of 0 or at least D leaves them as they are."""
    if not 0 < dim < vectors.shape[1]:
        return as_vectors(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    return as_vectors((centred @ axes[:, ::-1][:, :dim]).astype(np.float32))


def markdown(rows: Sequence[Json]) -> str:
    """Return the rows as a table."""
    measured = next((row for row in rows if "unavailable" not in row), {})
    measure = next((name for name in measured if name.startswith(("recall", "precision"))), "")
    lines = [f"| index | knobs | {measure} | us per query | build s | bytes |", "|---|---|---|---|---|---|"]
    for row in rows:
        if "unavailable" in row:
            lines.append(f"| {row['index']} | | {row['unavailable']} | | | |")
            continue
        knobs = ", ".join(f"{name} {value}" for name, value in row["knobs"].items())
        lines.append(
            f"| {row['index']} | {knobs} | {row[measure]:.4f} | {row['us_per_query']:.1f} | {row['build_s']:.2f} | "
            f"{row['bytes']:,} |"
        )
    return "\n".join(lines) + "\n"


def _built(candidate: Candidate, vectors: Vectors, threads: int) -> tuple[Index, float] | str:
    """Return the index with its build time in seconds, or why it cannot be built."""
    try:
        started = time.perf_counter()
        index = create(candidate.name, vectors.shape[1], **candidate.params)
        index.threads = threads
        index.train(vectors).add(vectors)
        return index, time.perf_counter() - started
    except RetrievalError as error:
        return str(error)


def _truth(vectors: Vectors) -> Ids:
    """Return (N,) the exact nearest neighbour of every vector, itself excluded."""
    norms = (vectors**2).sum(axis=1)
    nearest = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), 1024):
        block = vectors[start : start + 1024]
        distances = norms[None, :] - 2 * block @ vectors.T
        distances[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        nearest[start : start + len(block)] = distances.argmin(axis=1)
    return nearest


def _hit_rate(found: Ids, truth: Ids, at: int) -> float:
    """Return the share of queries whose true neighbour is among the first `at`, the query itself taken out."""
    others = found != np.arange(len(found))[:, None]
    within = np.cumsum(others, axis=1) <= at
    return float(((found == truth[:, None]) & others & within).any(axis=1).mean())
