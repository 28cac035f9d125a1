"""Tables of indexes as two of the earlier projects made them: Recall@5 of compact codes, precision@k of neighbours.

Recall@r here is "is the true nearest neighbour, the query itself excluded, among the first r", as H. Jegou, M. Douze,
C. Schmid define it (TPAMI 2011, section V).
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from core.arrays import as_vectors
from core.evaluation.index_building import Candidate, build_or_row
from core.indexes import exact
from core.types import Ids, Json, Progress, Vectors, no_progress

__all__ = ["Candidate", "compact_codes", "markdown", "precision_table", "recall_table", "reduced"]

PROBES = (1, 3, 10)


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
    nearest = exact.nearest(vectors, vectors, min(2, len(vectors)))[0]
    # A vector's duplicate may come before itself.
    truth = np.where(nearest[:, 0] == np.arange(len(vectors)), nearest[:, -1], nearest[:, 0])

    def score(found: Ids) -> float:
        return _hit_rate(found, truth, at)

    measure = f"recall_at_{at}"
    return _rows(candidates, vectors, vectors, at + 1, measure, score, threads=threads, progress=progress)


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

    def score(found: Ids) -> float:
        return float(((labels[found] == query_labels[:, None]) & (found >= 0)).mean())

    return _rows(candidates, base, queries, k, f"precision_at_{k}", score, threads=threads, progress=progress)


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


def _rows(
    candidates: Sequence[Candidate],
    base: Vectors,
    queries: Vectors,
    k: int,
    measure: str,
    score: Callable[[Ids], float],
    *,
    threads: int,
    progress: Progress,
) -> list[Json]:
    """Build each candidate, search for k with each of its knobs, and score the ids (Q, k) that it finds."""
    rows: list[Json] = []
    for done, candidate in enumerate(candidates):
        progress(done, len(candidates), f"measuring indexes: {candidate.name}")
        built = build_or_row(candidate, base, threads=threads)
        if isinstance(built, dict):
            rows.append(built)
            continue
        index, seconds = built
        for knobs in candidate.knobs:
            started = time.perf_counter()
            found = index.search(queries, k, **knobs).ids
            spent = time.perf_counter() - started
            rows.append(
                {
                    "index": candidate.name, "knobs": dict(knobs), measure: score(found),
                    "us_per_query": spent / len(queries) * 1e6, "build_s": seconds, "bytes": index.nbytes,
                }
            )  # fmt: skip
    progress(len(candidates), len(candidates), "measuring indexes")
    return rows


def _hit_rate(found: Ids, truth: Ids, at: int) -> float:
    """Return the share of queries whose true neighbour is among the first `at`, the query itself taken out."""
    others = found != np.arange(len(found))[:, None]
    within = np.cumsum(others, axis=1) <= at
    return float(((found == truth[:, None]) & others & within).any(axis=1).mean())
