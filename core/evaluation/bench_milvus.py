"""Milvus under load: how long real vectors take to get in, and what filtered and unfiltered searches cost and find."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.datasets.base import FieldSpec, ImageRecord
from core.evaluation.bench_index import recall
from core.indexes import exact
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_client import LOAD_S, MilvusServer
from core.indexes.milvus_loading import rows_of
from core.indexes.milvus_schema import MilvusOptions, create, require
from core.types import Ids, Json, Progress, Vectors, no_progress

K = 10
_EFFORTS = (16, 64, 256)
_BATCH = 5000
_FIELDS = [FieldSpec("hundredth", "Hundredth", "choice"), FieldSpec("number", "Number", "range")]
# Filters and the share of rows that pass: an arbitrary set of values, one value, and a range.
_FILTERS: list[tuple[str, Json, float]] = [
    ("half of the values", {"hundredth": [str(value) for value in range(0, 100, 2)]}, 0.5),
    ("one value of a hundred", {"hundredth": "17"}, 0.01),
    ("a range", {"number": {"min": 0.2, "max": 0.3}}, 0.1),
]


def doubled(base: Vectors, n: int, seed: int = 0) -> Vectors:
    """Return (n, D) vectors: `base` over and over, every turn after the first with noise of 5 % of its deviation."""
    rng = np.random.default_rng(seed)
    vectors = np.empty((n, base.shape[1]), np.float32)
    noise = 0.05 * float(np.asarray(base[:10_000], np.float32).std())
    for start in range(0, n, len(base)):
        part = np.asarray(base[: n - start], np.float32)
        vectors[start : start + len(part)] = part
        if start:
            vectors[start : start + len(part)] += noise * rng.standard_normal(part.shape, dtype=np.float32)
    return vectors


def bench_milvus(
    server: MilvusServer,
    vectors: Vectors,
    queries: Vectors,
    options: MilvusOptions,
    *,
    collection: str = "pentimento_bench",
    progress: Progress = no_progress,
) -> Json:
    """Load vectors into a fresh collection, search it, and drop it.

    Args:
        vectors: (N, D).
        queries: (Q, D).

    Returns:
        Seconds and rows per second of the load; for every filter and effort the median and the 95th percentile of a
        single search in milliseconds, and the share of the 10 true neighbours among the 10 found.
    """
    require(server, options, _FIELDS)
    if server.call(lambda client, left: client.has_collection(collection, timeout=left), deadline_s=LOAD_S):
        server.call(lambda client, left: client.drop_collection(collection, timeout=left), deadline_s=LOAD_S)
    create(server, collection, vectors.shape[1], _FIELDS, options)
    index = MilvusIndex(vectors.shape[1], collection=collection, uri=server.uri, options=options.to_json())
    index.name = "milvus"
    index.use(server)
    started = time.perf_counter()
    for rows in _rows(vectors):
        index.upsert(rows)
        progress(int(rows[-1]["image_id"]), len(vectors), "loading")
    sent = time.perf_counter()
    progress(0, None, "building the index")
    index.finish()
    built = time.perf_counter()
    count = len(index)
    searches = [_measured(index, vectors, queries, *one, progress) for one in [("none", {}, 1.0), *_FILTERS]]
    found: Json = {
        "place": "Milvus Lite" if server.is_lite() else "server",
        "version": server.version(),
        "index": options.to_json(),
        "count": count,
        "dim": int(vectors.shape[1]),
        "queries": len(queries),
        "load_s": round(sent - started, 1),
        "rows_per_s": round(len(vectors) / (sent - started)),
        "index_s": round(built - sent, 1),
        "disk_bytes": index.disk_bytes(),
        "searches": [row for rows in searches for row in rows],
    }
    index.drop()
    return found


def bench_markdown(found: Json) -> str:
    """Return the results as a table."""
    head = (
        f"{found['count']:,} vectors of D={found['dim']} in {found['place']} ({found['version']}), "
        f"{found['index']['index_type']}: loaded in {found['load_s']} s ({found['rows_per_s']:,} rows/s), "
        f"indexed in {found['index_s']} s, {found['disk_bytes'] / 1e6:,.0f} MB"
    )
    lines = ["| filter | share | effort | recall@10 | median ms | 95 % ms |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['filter']} | {row['share']} | {row['effort']} | {row['recall_at_10']:.3f} | {row['median_ms']:.1f} "
        f"| {row['p95_ms']:.1f} |"
        for row in found["searches"]
    ]
    return "\n".join([head, "", *lines])


def _measured(
    index: MilvusIndex, vectors: Vectors, queries: Vectors, what: str, where: Json, share: float, progress: Progress
) -> list[Json]:
    rows = np.flatnonzero(_passes(len(vectors), where))
    truth = exact.nearest(queries, vectors, min(K, len(rows)), rows=rows.astype(np.int64))[0] + 1
    measured = []
    for effort in _EFFORTS:
        progress(0, None, f"searching: filter {what}, effort {effort}")
        ids, times = [], []
        for query in queries:
            started = time.perf_counter()
            ids.append(index.search_where(query[None], K, where, _FIELDS, effort=effort).ids[0])
            times.append(1000 * (time.perf_counter() - started))
        measured.append(
            {
                "filter": what,
                "share": share,
                "effort": effort,
                "recall_at_10": round(recall(np.stack(ids), truth, K), 4),
                "median_ms": round(float(np.median(times)), 2),
                "p95_ms": round(float(np.percentile(times, 95)), 2),
            }
        )
    return measured


def _values(ids: Ids) -> tuple[Ids, Vectors]:
    """Return (n,) values of the two fields of rows; a multiplicative hash, so that neighbours differ."""
    mixed = (ids * 2_654_435_761) % 4_294_967_296
    return mixed % 100, (mixed / 4_294_967_296).astype(np.float32)


def _passes(n: int, where: Json) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    hundredths, numbers = _values(np.arange(1, n + 1))
    passes = np.ones(n, bool)
    if "hundredth" in where:
        wanted = where["hundredth"]
        passes &= np.isin(hundredths, [int(one) for one in (wanted if isinstance(wanted, list) else [wanted])])
    if "number" in where:
        passes &= (numbers >= where["number"]["min"]) & (numbers <= where["number"]["max"])
    return passes


def _rows(vectors: Vectors) -> Iterator[list[Json]]:
    for start in range(0, len(vectors), _BATCH):
        block = vectors[start : start + _BATCH]
        ids = np.arange(start + 1, start + 1 + len(block))
        hundredths, numbers = _values(ids)
        records = [
            ImageRecord(int(i), "", "", 0, 0, "", "", "", {"hundredth": str(h), "number": float(x)})
            for i, h, x in zip(ids, hundredths, numbers, strict=True)
        ]
        yield rows_of(records, block, _FIELDS)


def memory_bytes() -> int:
    """Return the largest resident set of this process so far; with Milvus Lite, its server is in it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0
