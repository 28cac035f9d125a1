"""The whole field on one chart: recall against speed of our indexes, FAISS's and other libraries'.

Libraries that are not installed are left out, with a line that says so: see requirements-bench.txt.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core.evaluation.bench_index import Data, K, recall
from core.evaluation.bench_timing import interleaved
from core.indexes import create
from core.indexes.faiss_adapter import import_faiss
from core.indexes.ivfpq import IVFPQ
from core.types import Ids, Json, Progress, Vectors, no_progress

_log = logging.getLogger(__name__)
Setting = int | tuple[int, int]
Search = Callable[[Vectors, Any], Ids]  # queries and a setting -> (Q, K) ids
Method = tuple[str, float, Search, Sequence[Setting]]  # name, bytes per vector, search, settings
_N_PROBES = (1, 2, 4, 8, 16, 32, 64)
_SLOW_S = 4.0  # what takes that long is measured once
_RERANKED = (30, 60, 100)  # candidates that are compared again


def bench_field(data: Data, *, n_lists: int, rounds: int = 3, progress: Progress = no_progress) -> list[Json]:
    """Return one row for each method and setting: recall@10, queries per second of one thread, CPU seconds to build."""
    import_faiss().omp_set_num_threads(1)
    rows: list[Json] = []
    with threadpool_limits(1, "blas"):
        start = time.thread_time()
        for name, n_bytes, search, settings in _methods(data, n_lists):
            build_s = time.thread_time() - start
            progress(len(rows), None, f"comparing: {name}")
            rows += _curve(data, name, n_bytes, search, settings, rounds, build_s)
            start = time.thread_time()
    return rows


def _curve(
    data: Data, name: str, n_bytes: float, search: Search, settings: Sequence[Setting], rounds: int, build_s: float
) -> Iterator[Json]:
    for setting in settings:
        start = time.thread_time()
        found = search(data.queries, setting)
        seconds = [time.thread_time() - start]
        if seconds[0] < _SLOW_S:
            seconds = interleaved({name: lambda s=setting: search(data.queries, s)}, rounds, time.thread_time)[name]  # type: ignore[misc]
        yield {
            "method": name, "setting": setting, "recall_10": recall(found, data.truth, K), "build_s": build_s,
            "queries_per_s": len(data.queries) / float(np.median(seconds)), "bytes_per_vector": n_bytes,
        }  # fmt: skip


def _methods(data: Data, n_lists: int) -> Iterator[Method]:
    """Build one method after the other: name, bytes per vector, search, settings."""
    yield from _ours(data, n_lists)
    yield from _by_faiss(data, n_lists)
    for name, build in (("hnswlib", _hnswlib), ("usearch", _usearch), ("nanopq", _nanopq)):
        try:
            yield from build(data)
        except ImportError:
            _log.warning("%s is not installed and left out; run: pip install -r requirements-bench.txt", name)


def _ours(data: Data, n_lists: int) -> Iterator[Method]:
    dim = data.vectors.shape[1]
    kinds: list[tuple[str, Json]] = [
        ("ours IVFPQ", {}),
        ("ours OPQ", {"rotation": "opq"}),
        ("ours IVFPQ, 32 shared rotations", {"rotation": "shared"}),
        ("ours LOPQ", {"rotation": "local"}),
    ]
    for name, params in kinds:
        index = IVFPQ(dim, n_lists=n_lists, **params).train(data.vectors).add(data.vectors)
        yield name, index.nbytes / len(index), _probing(index), _N_PROBES
    finer = IVFPQ(dim, n_lists=n_lists, store="sq8").train(data.vectors).add(data.vectors)

    def rerank(queries: Vectors, setting: tuple[int, int]) -> Ids:
        return finer.search(queries, K, n_probe=setting[0], n_rerank=setting[1]).ids

    yield "ours IVFPQ, re-ranked (SQ8)", finer.nbytes / len(finer), rerank, _refined()
    hashed = create("lsh", dim).train(data.vectors).add(data.vectors)
    yield (
        "ours LSH, re-ranked", hashed.nbytes / len(hashed),
        lambda queries, n: hashed.search(queries, K, n_candidates=n).ids, (50, 200, 800, 3200),
    )  # fmt: skip
    tree = create("kdtree", dim).add(data.vectors)
    yield "ours k-d tree", tree.nbytes / len(tree), lambda queries, _: tree.search(queries, K).ids, (1,)


def _probing(index: IVFPQ) -> Search:
    return lambda queries, n_probe: index.search(queries, K, n_probe=n_probe).ids


def _refined() -> Sequence[Setting]:
    """Return all pairs of lists to scan and candidates to compare again."""
    return list(itertools.product(_N_PROBES, _RERANKED))


def _by_faiss(data: Data, n_lists: int) -> Iterator[Method]:
    faiss = import_faiss()
    dim = data.vectors.shape[1]
    kinds = [
        ("FAISS IVFPQ", f"IVF{n_lists},PQ16np", 24.0),
        ("FAISS IVFPQ, refined", f"IVF{n_lists},PQ16np,RFlat", 24.0 + 4 * dim),
        ("FAISS FastScan", f"IVF{n_lists},PQ{dim // 4}x4fs", 8 + dim / 8),
        ("FAISS FastScan, refined", f"IVF{n_lists},PQ{dim // 4}x4fs,RFlat", 8 + dim / 8 + 4 * dim),
        ("FAISS IVFFlat", f"IVF{n_lists},Flat", 8.0 + 4 * dim),
    ]
    for name, factory, n_bytes in kinds:
        index = faiss.index_factory(dim, factory)
        index.train(data.vectors)
        index.add(data.vectors)

        def search(queries: Vectors, setting: Any, index: Any = index) -> Ids:
            n_probe, refined = setting if isinstance(setting, tuple) else (setting, 0)
            faiss.extract_index_ivf(index).nprobe = n_probe
            if refined:
                index.k_factor = refined / K
            ids: Ids = index.search(queries, K)[1]
            return ids

        yield name, n_bytes, search, _refined() if name.endswith("refined") else _N_PROBES
    graph = faiss.IndexHNSWFlat(dim, 32)
    graph.add(data.vectors)

    def walk(queries: Vectors, effort: int) -> Ids:
        graph.hnsw.efSearch = effort
        ids: Ids = graph.search(queries, K)[1]
        return ids

    yield "FAISS HNSW", 4.0 * dim + 64 * 4 + 8, walk, (16, 32, 64, 128, 256)
    hashed = faiss.IndexLSH(dim, 256)
    hashed.train(data.vectors)
    hashed.add(data.vectors)
    yield "FAISS LSH", 32.0, lambda queries, _: hashed.search(queries, K)[1], (1,)


def _hnswlib(data: Data) -> Iterator[Method]:
    import hnswlib

    n, dim = data.vectors.shape
    graph: Any = hnswlib.Index("l2", dim)
    graph.init_index(n, ef_construction=100, M=16)
    graph.set_num_threads(1)
    graph.add_items(data.vectors, num_threads=1)

    def search(queries: Vectors, effort: int) -> Ids:
        graph.set_ef(effort)
        return np.asarray(graph.knn_query(queries, K, num_threads=1)[0], dtype=np.int64)

    yield "hnswlib", 4.0 * dim + 32 * 4 + 8, search, (16, 32, 64, 128, 256)


def _usearch(data: Data) -> Iterator[Method]:
    from usearch.index import Index

    n, dim = data.vectors.shape
    graph: Any = Index(ndim=dim, metric="l2sq", dtype="f32")
    graph.add(np.arange(n), data.vectors, threads=1)

    def search(queries: Vectors, effort: int) -> Ids:
        graph.expansion_search = effort
        return np.asarray(graph.search(queries, K, threads=1).keys, dtype=np.int64).reshape(len(queries), -1)

    yield "usearch", 4.0 * dim + 32 * 4 + 8, search, (16, 32, 64, 128, 256)


def _nanopq(data: Data) -> Iterator[Method]:
    import nanopq

    quantizer: Any = nanopq.PQ(M=16, Ks=256, verbose=False)
    quantizer.fit(data.vectors[:20_000], iter=10)
    codes = quantizer.encode(data.vectors)

    def search(queries: Vectors, _: int) -> Ids:
        return np.stack([np.argsort(quantizer.dtable(query).adist(codes))[:K] for query in queries])

    yield "nanopq", 16.0, search, (1,)


def draw(rows: list[Json], path: Path, title: str) -> None:
    """Draw recall against speed as a PNG: of each method the settings that no other one of it surpasses in both."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    axes = figure.add_subplot()
    markers = "osD^vP*X<>hp"
    names = list(dict.fromkeys(row["method"] for row in rows))
    for at, name in enumerate(names):
        points = _front((row["recall_10"], row["queries_per_s"]) for row in rows if row["method"] == name)
        is_ours = name.startswith("ours")
        axes.plot(
            *zip(*points, strict=True), marker=markers[at % len(markers)], label=name,
            linewidth=2.2 if is_ours else 1.1, linestyle="-" if is_ours else "--", alpha=1 if is_ours else 0.75,
        )  # fmt: skip
    axes.set(yscale="log", xlabel="recall@10", ylabel="queries per second, one thread", title=title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, ncols=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points, by recall, beyond which nothing is both better and faster."""
    front: list[tuple[float, float]] = []
    for recall_10, rate in sorted(points, reverse=True):
        if not front or rate > front[-1][1]:
            front.append((recall_10, rate))
    return front[::-1]


def field_markdown(rows: list[Json]) -> str:
    """Return, for each method, its fastest setting at several levels of recall@10."""
    levels = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
    lines = [
        "Queries per second of one thread at the fastest setting that reaches a recall@10 of",
        "",
        "| method | bytes per vector | " + " | ".join(f"{level}" for level in levels) + " |",
        "|---|---:|" + "---:|" * len(levels),
    ]
    for name in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == name]
        rates = [max((r["queries_per_s"] for r in own if r["recall_10"] >= level), default=None) for level in levels]
        cells = " | ".join("" if rate is None else f"{rate:,.0f}" for rate in rates)
        lines.append(f"| {name} | {own[0]['bytes_per_vector']:.0f} | {cells} |")
    return "\n".join(lines)
