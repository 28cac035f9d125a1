"""What short search codes lose against the vectors they stand for: precision@10 of both under one protocol.

Queries: fold 0 (or the official test split), database: folds 1 to 4; a picture's exact duplicates never count. Queries
are compared as vectors with codes of the database (product quantization), or as codes with codes (Hamming).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.archive.search_codes import CODE_BYTES, SearchCoder, shipped_search_coder, train_search_coder
from core.datasets.folds import part_of
from core.errors import NotPreparedError
from core.evaluation.metrics import precision_at_k
from core.features import FeatureStore
from core.indexes.binary_hash import BinaryHash
from core.indexes.lsh import LSH
from core.settings import Address, Settings
from core.types import Ids, Json, Progress, Vectors, no_progress

_AT = 10
_BATCH = 64  # queries compared at once
_HASH_BITS = (64, 128)
_MOST_TRAINED = 20_000  # vectors that codes are learned from

Similarities = Callable[[Ids], NDArray[np.float32]]  # (B,) rows of queries -> (B, N), larger is nearer


@dataclass(frozen=True)
class _Judged:
    """The labelled pictures of a gallery: vectors, class numbers, and numbers that duplicates share."""

    vectors: Vectors
    labels: Ids
    contents: Ids
    queries: Ids
    database: Ids


def code_rows(address: Address, settings: Settings, progress: Progress = no_progress) -> list[Json]:
    """Return a row for each kind of code: {"code", "bytes", "precision_at_10"}, the float vectors first.

    Raises:
        NotPreparedError: the gallery has no features, no labels, no queries or no database.
    """
    judged = _judged(address, settings)
    base = judged.vectors[judged.database]
    rng = np.random.default_rng(0)
    sample = base if len(base) <= _MOST_TRAINED else base[np.sort(rng.choice(len(base), _MOST_TRAINED, replace=False))]
    shipped = shipped_search_coder(address.encoder)
    kinds: list[tuple[str, int, Callable[[], Similarities]]] = [
        ("float vectors", 4 * base.shape[1], lambda: lambda rows: judged.vectors[rows] @ base.T)
    ]
    if shipped is not None:
        kinds.append(("product codes, shipped codebook", CODE_BYTES, lambda: _product(shipped, judged, base)))
    own = "product codes, codebook of the database"
    kinds.append((own, CODE_BYTES, lambda: _product(train_search_coder(sample, rng), judged, base)))
    for n_bits in _HASH_BITS:
        kinds.append(
            (f"random hyperplanes, {n_bits} bits", n_bits // 8, partial(_hamming, LSH, n_bits, judged, sample))
        )
        kinds.append(
            (f"binary autoencoder, {n_bits} bits", n_bits // 8, partial(_hamming, BinaryHash, n_bits, judged, sample))
        )
    rows = []
    for number, (title, n_bytes, make) in enumerate(kinds, start=1):
        rows.append({"code": title, "bytes": n_bytes, "precision_at_10": _precision(judged, make())})
        progress(number, len(kinds), "measuring codes")
    return rows


def _judged(address: Address, settings: Settings) -> _Judged:
    store = FeatureStore.open(address, settings)
    records = datasets.open(address.dataset, settings).catalog.records(store.ids.tolist())
    kept = np.array([bool(record.label) for record in records])
    labelled = [record for record in records if record.label]
    if not labelled:
        raise NotPreparedError(f"{address.dataset} has no labels; nothing can be measured")
    labels = np.unique([record.label for record in labelled], return_inverse=True)[1].astype(np.int64)
    contents = np.unique([record.sha256 for record in labelled], return_inverse=True)[1].astype(np.int64)
    is_test = np.array([part_of(record) == "test" for record in labelled])
    queries, database = np.flatnonzero(is_test), np.flatnonzero(~is_test)
    if not len(queries) or len(database) < _AT:
        raise NotPreparedError(
            f"{address.dataset} has {len(queries)} queries and {len(database)} pictures to search: too few to measure"
        )
    return _Judged(np.ascontiguousarray(store.vectors[kept]), labels, contents, queries, database)


def _precision(judged: _Judged, similarities: Similarities) -> float:
    values = []
    for start in range(0, len(judged.queries), _BATCH):
        rows = judged.queries[start : start + _BATCH]
        found = np.array(similarities(rows), dtype=np.float32)
        found[judged.contents[rows][:, None] == judged.contents[judged.database]] = -np.inf
        best = judged.database[np.argsort(-found, axis=1, kind="stable")[:, :_AT]]
        values.append(precision_at_k(judged.labels[best] == judged.labels[rows][:, None], _AT))
    return float(np.concatenate(values).mean())


def _product(coder: SearchCoder, judged: _Judged, base: Vectors) -> Similarities:
    """Return what compares vectors with the codes of an archive."""
    codes = coder.encode(base)
    return lambda rows: np.stack([coder.similarities(judged.vectors[row], codes) for row in rows])


def _hamming(kind: type[LSH], n_bits: int, judged: _Judged, sample: Vectors) -> Similarities:
    """Return what compares binary codes by the number of bits in which they differ."""
    index = kind(sample.shape[1], n_bits=n_bits).train(sample)
    codes = index.encode(judged.vectors[judged.database])

    def similarities(rows: Ids) -> NDArray[np.float32]:
        asked = index.encode(judged.vectors[rows])
        return -np.stack([np.bitwise_count(codes ^ one).sum(axis=1) for one in asked]).astype(np.float32)

    return similarities
