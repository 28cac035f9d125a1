"""The one list of indexes: their names, what they are, and how one is made or opened.

Modules are imported when an index is made or opened, so that importing `core.indexes` loads neither FAISS nor Numba.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UnknownNameError
from core.indexes import store
from core.indexes.base import Index
from core.types import Json


@dataclass(frozen=True)
class IndexInfo:
    """What a person wants to know before choosing an index.

    Attributes:
        name: under which it is registered.
        summary: one sentence.
        needs: what it needs of a gallery, or "" for nothing.
        target: "module:class".
        params: arguments of the constructor that belong to the name.
    """

    name: str
    summary: str
    needs: str
    target: str
    params: Json = field(default_factory=dict)


_FAISS = "core.indexes.faiss_adapter"
_INDEXES = [
    IndexInfo("flat", "Exact: compares the query with every vector.", "", "core.indexes.flat:Flat"),
    IndexInfo(
        "ivfpq",
        "Clusters, and 16-byte codes in the place of vectors: our own, faster than FAISS's with the same answers.",
        "16 vectors to train, better 10,000",
        "core.indexes.ivfpq:IVFPQ",
    ),
    IndexInfo(
        "opq-ivfpq",
        "IVFPQ with one rotation that makes its codes more exact (optimized product quantization).",
        "16 vectors to train, better 10,000",
        "core.indexes.ivfpq:IVFPQ",
        {"rotation": "opq"},
    ),
    IndexInfo(
        "lopq",
        "IVFPQ with a rotation for each cluster: the most exact codes of that size, and the largest matrices.",
        "16 vectors to train, better 10,000",
        "core.indexes.ivfpq:IVFPQ",
        {"rotation": "local"},
    ),
    IndexInfo(
        "kdtree",
        "Exact, by a tree of boxes: for few dimensions; in many it is slower than comparing with all.",
        "",
        "core.indexes.kdtree:KDTree",
    ),
    IndexInfo(
        "lsh",
        "Binary codes from random hyperplanes; the nearest codes are compared again exactly.",
        "1 vector to train",
        "core.indexes.lsh:LSH",
    ),
    IndexInfo(
        "hash",
        "Binary codes from a trained binary autoencoder; the nearest codes are compared again exactly.",
        "1 vector to train, better 1,000",
        "core.indexes.binary_hash:BinaryHash",
    ),
    IndexInfo(
        "minhash-lsh",
        "MinHash LSH Forest over binarised features; those it finds are compared again exactly.",
        "1 vector to train",
        "core.indexes.minhash:MinHashLSH",
    ),
    IndexInfo("faiss-flat", "Exact, by FAISS: compares the query with every vector.", "", f"{_FAISS}:FaissFlat"),
    IndexInfo(
        "faiss-ivfflat",
        "Clusters the vectors and compares the query with those of the nearest clusters, by FAISS.",
        "1 vector to train",
        f"{_FAISS}_ivf:FaissIVFFlat",
    ),
    IndexInfo(
        "faiss-ivfpq",
        "Clusters, and 16-byte codes in the place of vectors: small, approximate, by FAISS.",
        "16 vectors to train, better 10,000",
        f"{_FAISS}_ivf:FaissIVFPQ",
    ),
    IndexInfo(
        "faiss-ivfpqfs",
        "Clusters and 4-bit codes scanned in registers, the best compared again exactly, by FAISS.",
        "16 vectors to train, better 1,000",
        f"{_FAISS}_ivf:FaissFastScan",
    ),
    IndexInfo(
        "faiss-hnsw",
        "A graph of near neighbours, walked towards the query: fast and accurate, slow to build, by FAISS.",
        "",
        f"{_FAISS}:FaissHNSW",
    ),
    IndexInfo(
        "faiss-lsh",
        "Binary codes from random rotations, by FAISS; the nearest codes are compared again exactly.",
        "2 vectors to train",
        f"{_FAISS}:FaissLSH",
    ),
]
# Indexes that lie in a server: built when a person asks for them, and searched like any other.
_SERVED = [
    IndexInfo(
        "milvus",
        "Vectors and filters in a Milvus server, or its local file: for galleries that outgrow this machine.",
        "pymilvus (make setup-scale)",
        "core.indexes.milvus:MilvusIndex",
    ),
]


def names() -> list[str]:
    """Return the registered names of those that are built unless told otherwise, plain ones first."""
    return [info.name for info in _INDEXES]


def every_name() -> list[str]:
    """Return all registered names, those of indexes that lie in a server last."""
    return [info.name for info in (*_INDEXES, *_SERVED)]


def is_served(name: str) -> bool:
    """Tell whether the index of that name lies in a server."""
    return any(info.name == name for info in _SERVED)


def describe(name: str) -> IndexInfo:
    """Return what is known about the index of that name.

    Raises:
        UnknownNameError: there is none; the message lists those that there are.
    """
    for info in (*_INDEXES, *_SERVED):
        if info.name == name:
            return info
    raise UnknownNameError(f"there is no index {name!r}; choose one of: {', '.join(every_name())}")


def create(name: str, dim: int, **params: Any) -> Index:
    """Make an empty index.

    Args:
        name: a registered name.
        dim: D.
        params: arguments of its class.

    Raises:
        UnknownNameError: no index has that name.
        TypeError, ValueError: an unknown parameter, or one out of range.
    """
    info = describe(name)
    index: Index = _class_of(info)(dim, **{**info.params, **params})
    index.name = name
    return index


def load(path: Path | str, *, built_from: Mapping[str, Any] | None = None) -> Index:
    """Open a saved index; its arrays are mapped into memory, not read.

    Args:
        path: the folder that was given to `Index.save`.
        built_from: the provenance that is expected, or None for any.

    Raises:
        NotPreparedError: nothing was saved there.
        DamagedFileError, VersionError, StaleError: it cannot be used; the message names the path and what to run.
    """
    folder = Path(path)
    info = describe(store.kind_of(folder))
    return store.load(_class_of(info), info.name, folder, built_from)


def _class_of(info: IndexInfo) -> type[Index]:
    module, _, name = info.target.partition(":")
    kind: type[Index] = getattr(importlib.import_module(module), name)
    return kind
