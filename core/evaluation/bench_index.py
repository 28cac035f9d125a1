"""Our IVFPQ against FAISS's: the same vectors, the same quantizers, in turns.

Times of one thread are its CPU time, of two threads wall time; every ratio is the median over rounds of FAISS's time by
ours, so more than 1 means that ours is faster.
"""

import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core.evaluation.bench_timing import cpu_seconds, interleaved, ratio
from core.indexes import exact, registry
from core.indexes.faiss_adapter import import_faiss
from core.indexes.ivfpq import IVFPQ
from core.indexes.kmeans import kmeans
from core.indexes.pq import ProductQuantizer
from core.types import Ids, Json, Progress, Vectors, no_progress

_log = logging.getLogger(__name__)
N_PROBES = (1, 4, 16, 64)
K = 10
_PAUSE_S = 0.03  # between turns with two threads


@dataclass(frozen=True)
class Data:
    """What is searched: (N, D) vectors, (Q, D) queries, and the ids (Q, 100 or fewer) of the exact nearest."""

    name: str
    vectors: Vectors
    queries: Vectors
    truth: Ids

    @classmethod
    def of(cls, name: str, vectors: Vectors, queries: Vectors, truth: Ids | None = None) -> "Data":
        """Compute the exact nearest where they are not given."""
        if truth is None:
            truth = exact.nearest(queries, vectors, min(100, len(vectors)))[0]
        return cls(name, vectors, queries, truth)

    @classmethod
    def synthetic(cls, n: int, dim: int, n_queries: int = 1000, seed: int = 0) -> "Data":
        """Make clustered vectors of low intrinsic dimension, and queries of the same kind."""
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((max(2, n // 500), dim))
        mixing = rng.standard_normal((min(24, dim), dim)) / 3
        chosen = centres[rng.integers(0, len(centres), n + n_queries)]
        vectors = chosen + rng.standard_normal((n + n_queries, len(mixing))) @ mixing
        made: Vectors = (vectors + 0.05 * rng.standard_normal(vectors.shape)).astype(np.float32)
        return cls.of(f"synthetic {n} x {dim}", made[:n], made[n:])


def recall(found: Ids, truth: Ids, k: int) -> float:
    """Return the share of the k true neighbours that are among the k found."""
    k = min(k, truth.shape[1])
    hits = (found[:, :k, None] == truth[:, None, :k]) & (found[:, :k, None] >= 0)
    return float(hits.any(axis=1).mean())


def bench_index(
    data: Data, *, n_lists: int = 512, n_subspaces: int = 16, rounds: int = 7, progress: Progress = no_progress
) -> Json:
    """Measure everything on one set of vectors and return it as JSON."""
    steps = len(N_PROBES) + 2
    faiss = import_faiss()
    faiss.omp_set_num_threads(1)
    with threadpool_limits(1, "blas"):
        progress(0, steps, "building")
        build, theirs, own = _build(faiss, data, n_lists, n_subspaces)
        ours = IVFPQ.from_faiss(theirs)
        rows = []
        for step, n_probe in enumerate(N_PROBES):
            progress(step + 1, steps, f"searching: n_probe {n_probe}")
            rows.append(_search(faiss, data, theirs, ours, own, min(n_probe, n_lists), rounds))
        progress(steps - 1, steps, "opening")
        files = _files(ours)
        progress(steps, steps, "done")
    return {
        "data": data.name, "n": len(data.vectors), "dim": data.vectors.shape[1], "queries": len(data.queries), "k": K,
        "n_lists": n_lists, "n_subspaces": n_subspaces, "faiss": faiss.__version__, "permute": ours.permute,
        "build": build, "search": rows, **files,
        "bytes_per_vector": ours.nbytes / len(ours),
        "bytes_per_vector_without_model": (ours.nbytes - ours._model_nbytes()) / len(ours),
    }  # fmt: skip


def _build(faiss: Any, data: Data, n_lists: int, n_subspaces: int) -> tuple[Json, Any, IVFPQ]:
    """Time the three steps of building in turns, and return FAISS's index and our own of the same vectors."""
    vectors, dim = data.vectors, data.vectors.shape[1]
    rng = np.random.default_rng(0)
    small = vectors[: min(len(vectors), 300)]  # compiles what is measured below
    IVFPQ(dim, n_lists=2, n_subspaces=n_subspaces).train(small).add(small)
    theirs_km = faiss.Kmeans(dim, n_lists, niter=20, seed=1)
    seconds = {
        "k-means": [cpu_seconds(lambda: theirs_km.train(vectors)), cpu_seconds(lambda: kmeans(vectors, n_lists, rng))]
    }
    sample = vectors[np.sort(rng.choice(len(vectors), min(65_536, len(vectors)), replace=False))]
    theirs_pq = faiss.ProductQuantizer(dim, n_subspaces, 8)
    ours_pq = ProductQuantizer(dim, n_subspaces)
    seconds["PQ training"] = [
        cpu_seconds(lambda: theirs_pq.train(sample)),
        cpu_seconds(lambda: ours_pq.train(sample, rng)),
    ]
    theirs = faiss.IndexIVFPQ(faiss.IndexFlatL2(dim), dim, n_lists, n_subspaces, 8)
    theirs.train(vectors)
    own = IVFPQ(dim, n_lists=n_lists, n_subspaces=n_subspaces).train(vectors)
    seconds["add"] = [cpu_seconds(lambda: theirs.add(vectors)), cpu_seconds(lambda: own.add(vectors))]
    theirs.precompute_table()
    build = {
        step: {"faiss_s": theirs_s, "ours_s": ours_s, "ratio": theirs_s / ours_s}
        for step, (theirs_s, ours_s) in seconds.items()
    }
    return build, theirs, own


def _search(faiss: Any, data: Data, theirs: Any, ours: IVFPQ, own: IVFPQ, n_probe: int, rounds: int) -> Json:
    """Compare at one n_probe."""
    theirs.nprobe = n_probe
    queries = data.queries
    singles = queries[:: max(1, len(queries) // 50)]

    def one_by_one(search: Any) -> Any:
        return lambda: [search(singles[i : i + 1]) for i in range(len(singles))]

    def by_faiss(batch: Vectors) -> Any:
        return theirs.search(batch, K)

    def by_ours(batch: Vectors) -> Any:
        return ours.search(batch, K, n_probe=n_probe)

    def by_portable(batch: Vectors) -> Any:
        ours.permute = False
        try:
            return ours.search(batch, K, n_probe=n_probe)
        finally:
            ours.permute = permute

    permute = ours.permute
    works = {
        "faiss": lambda: by_faiss(queries), "ours": lambda: by_ours(queries), "portable": lambda: by_portable(queries),
        "faiss_single": one_by_one(by_faiss), "ours_single": one_by_one(by_ours),
    }  # fmt: skip
    one = interleaved(works, rounds, time.thread_time)
    faiss.omp_set_num_threads(2)
    ours.threads = 2
    both = {name: works[name] for name in ("faiss", "ours")}
    two = interleaved(both, rounds, time.perf_counter, pause_s=_PAUSE_S)
    faiss.omp_set_num_threads(1)
    ours.threads = 1
    distances, ids = by_faiss(queries)
    found = by_ours(queries)
    wide = theirs.search(queries, 100)[1]
    recalls = {
        f"recall_{k}": {
            "faiss": recall(wide, data.truth, k),
            "ours_trained": recall(own.search(queries, k, n_probe=n_probe).ids, data.truth, k),
        }
        for k in (1, 10, 100)
    }
    per_query = 1e6 / len(queries)
    return {
        "n_probe": n_probe,
        "single_us": {name: float(np.median(one[f"{name}_single"])) * 1e6 / len(singles) for name in ("faiss", "ours")},
        "single_ratio": ratio(one["faiss_single"], one["ours_single"]),
        "batch_us": {name: float(np.median(one[name])) * per_query for name in ("faiss", "ours", "portable")},
        "batch_ratio": ratio(one["faiss"], one["ours"]),
        "portable_ratio": ratio(one["faiss"], one["portable"]),
        "two_threads_us": {name: float(np.median(two[name])) * per_query for name in ("faiss", "ours")},
        "two_threads_ratio": ratio(two["faiss"], two["ours"]),
        "ids_equal": float((ids == found.ids).mean()),
        "largest_relative_difference": _difference(distances, found.distances),
        **recalls,
    }


def _difference(theirs: Any, ours: Any) -> float:
    """Return the largest relative difference of distances; FAISS's own rounding is relative to |q|^2."""
    filled = np.isfinite(ours) & (ours > 0)
    return float((np.abs(theirs[filled] - ours[filled]) / ours[filled]).max(initial=0))


def _files(index: IVFPQ) -> Json:
    """Time saving and opening."""
    index.name = "ivfpq"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        save_s = cpu_seconds(lambda: index.save(path))
        load_s = min(cpu_seconds(lambda: registry.load(path)) for _ in range(3))
    return {"save_ms": save_s * 1e3, "load_ms": load_s * 1e3}


def markdown(found: Json) -> str:
    """Return the results as tables."""
    lines = [
        f"{found['data']}: {found['n']:,} vectors of {found['dim']} dimensions, {found['n_lists']} lists, "
        f"{found['n_subspaces']} codes of 8 bits, {found['k']} neighbours, {found['queries']:,} queries; FAISS "
        f"{found['faiss']}. Microseconds per query, FAISS's / ours, and how many times faster ours is.",
        "",
        "| n_probe | single query | batch | batch, portable scan | batch, 2 threads | ids equal "
        "| recall@1 / 10 / 100, FAISS's | ours, own training |",
        "|---:|---|---|---|---|---:|---|---|",
    ]
    for row in found["search"]:
        single, batch, two = row["single_us"], row["batch_us"], row["two_threads_us"]
        recalls = [
            " / ".join(f"{row[f'recall_{k}'][who]:.3f}" for k in (1, 10, 100)) for who in ("faiss", "ours_trained")
        ]
        lines.append(
            f"| {row['n_probe']} | {single['faiss']:.0f} / {single['ours']:.0f}: **{row['single_ratio']:.1f}x** "
            f"| {batch['faiss']:.0f} / {batch['ours']:.0f}: **{row['batch_ratio']:.1f}x** "
            f"| {batch['portable']:.0f}: **{row['portable_ratio']:.1f}x** "
            f"| {two['faiss']:.0f} / {two['ours']:.0f}: **{row['two_threads_ratio']:.1f}x** "
            f"| {row['ids_equal']:.4f} | {recalls[0]} | {recalls[1]} |"
        )
    lines += ["", "| building, CPU seconds | FAISS | ours | times faster |", "|---|---:|---:|---:|"]
    for step, row in found["build"].items():
        lines.append(f"| {step} | {row['faiss_s']:.2f} | {row['ours_s']:.2f} | {row['ratio']:.2f} |")
    lines += [
        "",
        f"Memory {found['bytes_per_vector_without_model']:.1f} bytes per vector (ids and lookup terms included), "
        f"{found['bytes_per_vector']:.1f} with the quantizers; opening a saved index takes {found['load_ms']:.1f} ms.",
    ]
    return "\n".join(lines)
