"""Preparing a gallery: data set, features, indexes, colours and textures, map; only what is missing or out of date."""

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from core import datasets, encoders
from core.errors import RetrievalError, UnavailableError
from core.features import ExtractReport, FeatureStore, extract
from core.features.cluster import Cluster
from core.features.cluster_encode import cluster_pipeline
from core.features.elsewhere import is_elsewhere
from core.indexes import create, describe, is_served, names
from core.projection import renew
from core.search.galleries import UNAVAILABLE, index_info, parse_address, provenance
from core.search.looks import measure
from core.search.milvus_vectors import NAME as MILVUS
from core.search.milvus_vectors import reachable, restore
from core.settings import Address, Settings
from core.storage import Generations, lock, write_json
from core.types import Json, Progress, no_progress

if TYPE_CHECKING:
    from core.indexes.milvus_schema import MilvusOptions


@dataclass(frozen=True)
class IndexReport:
    """What became of one index.

    Attributes:
        outcome: "built", "kept" (it was there and valid) or "unavailable".
        reason: why it is unavailable.
        nbytes: on disk.
    """

    name: str
    outcome: str
    reason: str = ""
    nbytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class PrepareReport:
    """What a preparation did."""

    address: str
    features: ExtractReport
    indexes: list[IndexReport] = field(default_factory=list)
    seconds: float = 0.0
    map: str = ""  # what became of the map: "built", "kept", or empty when only some indexes were asked for

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(path, reason) of the pictures that could not be read."""
        return self.features.skipped

    def to_json(self) -> Json:
        """Return what `index --json` prints for a gallery."""
        return {
            "gallery": self.address,
            "count": self.features.count,
            "encoded": self.features.encoded,
            "skipped": [{"path": path, "reason": reason} for path, reason in self.skipped],
            "seconds": round(self.seconds, 2),
            "map": self.map,
            "indexes": [
                {
                    "name": entry.name, "outcome": entry.outcome, "reason": entry.reason, "bytes": entry.nbytes,
                    "seconds": round(entry.seconds, 3),
                }
                for entry in self.indexes
            ],
        }  # fmt: skip


def prepare_gallery(
    address: Address | str,
    settings: Settings,
    *,
    indexes: Sequence[str] | None = None,
    rebuild: bool = False,
    progress: Progress = no_progress,
    cluster: Cluster | None = None,
    milvus: "MilvusOptions | None" = None,
    drop_vectors: bool = False,
) -> PrepareReport:
    """Bring a gallery's data set (if it is an embedded one), features and indexes up to date.

    Args:
        indexes: names of those to build, or None for all that are registered, colours and textures, and the map.
        rebuild: build features, indexes and map again, whatever is there.
        cluster: whose nodes encode pictures and fill indexes of the IVFPQ family; None: this machine.
        milvus: how the index "milvus" is built; None: as it was before.
        drop_vectors: remove the local file of vectors once Milvus is known to hold them; asked for once, it is done
            again after whatever needs the file.

    Raises:
        UnknownNameError: there is no such data set, encoder or index.
        NotPreparedError: the data set is one that must be downloaded or imported first.
        UnavailableError: the encoder cannot be loaded here. (An index that cannot be built is listed, not raised.)
        StorageError, Cancelled: nothing is half-written; run it again to continue.
    """
    started = time.perf_counter()
    chosen = address if isinstance(address, Address) else parse_address(address, settings)
    wanted = list(indexes) if indexes else names()
    for name in wanted:
        describe(name)
    encoders.describe(chosen.encoder, settings)
    prepare_dataset(chosen.dataset, settings, progress)
    with contextlib.suppress(UnavailableError):  # a Python without full-text search does everything else
        datasets.open(chosen.dataset, settings).catalog.index_words()
    pipeline = None if cluster is None else cluster_pipeline(cluster)
    dropped = restore(chosen, settings) if _needs_vectors(chosen, settings, wanted, rebuild, milvus) else False
    features = extract(chosen, settings, progress, rebuild=rebuild, pipeline=pipeline)
    store = FeatureStore.open(chosen, settings)
    how: Json = {"rebuild": rebuild, "cluster": cluster, "milvus": milvus}
    reports = build_indexes(chosen, wanted, store, settings, progress, **how)
    drop_vectors = drop_vectors or (dropped and MILVUS in wanted)
    outcome = ""
    if not indexes:
        measure(chosen, settings, progress, rebuild=rebuild)
        outcome = "built" if renew(chosen, settings, progress, rebuild=rebuild)[1] else "kept"
    if drop_vectors:
        from core.search.milvus_gallery import give_up_vectors

        give_up_vectors(chosen, settings)
    return PrepareReport(str(chosen), features, reports, time.perf_counter() - started, outcome)


def _needs_vectors(
    address: Address, settings: Settings, wanted: Sequence[str], rebuild: bool, milvus: "MilvusOptions | None"
) -> bool:
    """Tell whether a preparation reads all vectors of a gallery, which may lie in Milvus alone."""
    try:
        store = FeatureStore.open(address, settings)
    except RetrievalError:  # then they are made
        return False
    if not is_elsewhere(store.vectors):
        return False
    is_stale = store.content_state != datasets.open(address.dataset, settings).catalog.content_state()
    moves = bool(settings.milvus_uri or milvus)
    return rebuild or moves or is_stale or any(not is_served(name) for name in wanted)


def prepare_dataset(name: str, settings: Settings, progress: Progress = no_progress) -> None:
    """Prepare an embedded data set if it is not there yet.

    Raises:
        UnknownNameError, NotPreparedError: it is not an embedded one; the message says what to run.
    """
    if name not in datasets.names(settings):
        if name in datasets.EMBEDDED:
            datasets.prepare(name, settings, progress)
        else:
            datasets.open(name, settings)  # says what to run


def build_indexes(
    address: Address,
    names: Sequence[str],
    store: FeatureStore,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    rebuild: bool = False,
    cluster: Cluster | None = None,
    milvus: "MilvusOptions | None" = None,
) -> list[IndexReport]:
    """Build several indexes of a gallery side by side, each with one thread; on a cluster one after another.

    See `build_index`.
    """
    what = f"indexing {address.dataset}"
    reports = []
    at_once = settings.threads if cluster is None else 1
    # Two threads of BLAS wait for each other on a busy machine: OPQ then took ten times the processor time.
    with threadpool_limits(1), ThreadPoolExecutor(at_once, thread_name_prefix="index") as pool:
        single = replace(settings, threads=1)
        how: Json = {"rebuild": rebuild, "cluster": cluster, "milvus": milvus}
        waiting = [pool.submit(build_index, address, name, store, single, progress, **how) for name in names]
        try:
            for done, (name, future) in enumerate(zip(names, waiting, strict=True)):
                progress(done, len(names), f"{what}: {name}")
                reports.append(future.result())
            progress(len(names), len(names), what)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what has begun ends by itself, and is whole
            raise
    return reports


def build_index(
    address: Address,
    name: str,
    store: FeatureStore,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    rebuild: bool = False,
    cluster: Cluster | None = None,
    milvus: "MilvusOptions | None" = None,
) -> IndexReport:
    """Build one index of a gallery, unless a valid one is there; one that cannot be built is remembered as such."""
    if is_served(name):
        from core.search.milvus_gallery import build_milvus

        store = reachable(store, settings)
        done = build_milvus(address, store, settings, options=milvus, rebuild=rebuild, progress=progress)
        return IndexReport(name, done.outcome, nbytes=done.nbytes, seconds=done.seconds)
    started = time.perf_counter()
    folder = address.index(settings, name)
    with lock(folder / ".build.lock"):
        if not rebuild:
            info = index_info(address, name, store, settings)
            if info.available:
                return IndexReport(name, "kept", nbytes=info.nbytes)
        try:
            index = create(name, store.dim)
            index.threads = settings.threads
            if cluster is None:
                index.train(store.vectors).add(store.vectors, store.ids)
            else:
                from core.indexes.ivfpq_cluster import build

                build(index, store, settings, cluster, progress)
        except UnavailableError as error:
            write_json(folder / UNAVAILABLE, {"reason": str(error), "built_from": provenance(store)})
            return IndexReport(name, "unavailable", str(error), seconds=time.perf_counter() - started)
        with Generations(folder).new() as generation:
            index.save(generation, built_from=provenance(store))
        (folder / UNAVAILABLE).unlink(missing_ok=True)
    info = index_info(address, name, store, settings)
    return IndexReport(name, "built", nbytes=info.nbytes, seconds=time.perf_counter() - started)
