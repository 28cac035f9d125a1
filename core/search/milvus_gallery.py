"""A gallery in Milvus: putting it there, keeping it up to date, and comparing it with the gallery."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import datasets
from core.datasets import FieldSpec
from core.errors import NotPreparedError, RetrievalError, StaleError, UnavailableError
from core.features import FeatureStore
from core.features.elsewhere import drop_vectors, is_elsewhere
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_client import ADMIN_S, INSTALL, LOAD_S, MilvusServer, check_uri, embedded, is_installed
from core.indexes.milvus_loading import faults, load
from core.indexes.milvus_schema import SCHEMA_VERSION, MilvusOptions, columns, create, require
from core.search.galleries import index_info, provenance
from core.search.milvus_vectors import NAME, open_milvus, reachable
from core.settings import Address, Settings
from core.storage import Generations, digest, lock, read_json, read_manifest, write_json
from core.types import Json, Progress, no_progress

_OWNER = "owner.json"
_COMPARED_AT_ONCE = 4000


@dataclass(frozen=True)
class MilvusReport:
    """What putting a gallery into Milvus did.

    Attributes:
        outcome: "built", or "kept" where nothing had changed.
        place: where it lies.
        count: rows there, counted by the server.
        written, removed: rows that were sent, and taken away.
        nbytes: on this disk; 0 where a server holds it.
    """

    outcome: str
    place: str
    count: int
    written: int
    removed: int
    nbytes: int
    seconds: float


def build_milvus(
    address: Address,
    store: FeatureStore,
    settings: Settings,
    *,
    options: MilvusOptions | None = None,
    rebuild: bool = False,
    progress: Progress = no_progress,
) -> MilvusReport:
    """Put a gallery into Milvus, or bring what is there up to date; interrupted, it goes on when it is run again.

    The server is that of the settings; else the one where the gallery is already; else a Milvus Lite file under
    `indexes/`. A collection belongs to this gallery of this installation, encoder, schema and options; changing one of
    them makes a new collection, and the one before is dropped when the new one is complete.

    Args:
        options: None for those it was built with, or the defaults.
        rebuild: drop what is there and load everything again.

    Raises:
        UnavailableError: pymilvus is not installed, or the server refuses something; ServerSilentError: it is away.
        ValueError: an option or the address makes no sense.
    """
    started = time.perf_counter()
    folder = address.index(settings, NAME)
    if not is_installed():
        raise UnavailableError(f"pymilvus is not installed; run: {INSTALL}")
    with lock(folder / ".build.lock"):
        before = _published(folder)
        uri = settings.milvus_uri or before.get("uri", "")
        chosen = options or MilvusOptions(**before.get("options", {}))
        server = MilvusServer(check_uri(uri), settings.milvus_token) if uri else embedded(folder)
        catalog = datasets.open(address.dataset, settings).catalog
        fields = catalog.fields()
        try:
            require(server, chosen, fields)
            name = _collection(address, store, chosen, fields, _owner(folder))
            index = MilvusIndex(store.dim, collection=name, uri=uri, options=chosen.to_json())
            index.name = NAME
            index.use(server)
            notes = folder / f"{name}.rows"
            is_there = server.call(lambda client, left: client.has_collection(name, timeout=left), deadline_s=ADMIN_S)
            if is_there and rebuild:
                index.drop()
            if rebuild or not is_there:
                notes.unlink(missing_ok=True)
                notes.write_bytes(b"")
            create(server, name, store.dim, fields, chosen)
            present = np.isin(store.ids, catalog.ids())
            vectors = store.vectors if present.all() else np.asarray(store.vectors)[present]
            what = f"loading {address.dataset} into Milvus"
            done = load(index, notes, store.ids[present], vectors, catalog, progress, what=what)
            kept = not done.written and not done.removed and index_info(address, NAME, store, settings).available
            if not kept or before != {"uri": uri, "collection": name, "options": chosen.to_json()}:
                with Generations(folder).new() as generation:
                    index.save(generation, built_from=provenance(store))
            _drop_superseded(server, folder, before, uri, name)
            seconds = time.perf_counter() - started
            outcome = "kept" if kept else "built"
            place = server.place
            return MilvusReport(outcome, place, done.count, done.written, done.removed, index.disk_bytes(), seconds)
        finally:
            server.close()


def give_up_vectors(address: Address, settings: Settings) -> None:
    """Remove the local file of a gallery's vectors, after comparing every one of them with Milvus's.

    Raises:
        NotPreparedError: the gallery is not in Milvus.
        StaleError: what is there is not what is here; nothing is removed.
    """
    store = FeatureStore.open(address, settings)
    if is_elsewhere(store.vectors):
        return
    index = open_milvus(address, settings)
    try:
        for start in range(0, len(store), _COMPARED_AT_ONCE):
            part = slice(start, start + _COMPARED_AT_ONCE)
            try:
                same = np.array_equal(index.reconstruct(store.ids[part], deadline_s=LOAD_S), store.vectors[part])
            except ValueError:  # one of them is not there
                same = False
            if not same:
                raise StaleError(
                    f"{index.place} does not hold the vectors of {address}, which are kept; "
                    f"run: python -m core index {address} --index {NAME}"
                )
    finally:
        index.server.close()
    drop_vectors(store.folder, store.state)


def milvus_faults(address: Address, settings: Settings) -> list[str]:
    """Compare a gallery's collection with the gallery: counts, and a sample of vectors and fields.

    Returns:
        One message for each fault, with what to run; none: all is well, or it is not in Milvus.
    """
    if Generations(address.index(settings, NAME)).current() is None:
        return []
    command = f"python -m core index {address} --index {NAME}"
    try:
        store = reachable(FeatureStore.open(address, settings), settings)
        catalog = datasets.open(address.dataset, settings).catalog
        index = open_milvus(address, settings)
        present = np.isin(store.ids, catalog.ids())
        try:
            found = faults(index, store.ids[present], np.asarray(store.vectors)[present], catalog)
        finally:
            index.server.close()
    except RetrievalError as error:
        found = [str(error)]
    return [f"{fault}; run: {command}" for fault in found]


def _published(folder: Path) -> Json:
    """Return {"uri", "collection", "options"} of the gallery's index as it was published last, or nothing."""
    try:
        current = Generations(folder).current()
        params = {} if current is None else read_manifest(current, f"index/{NAME}", 1 << 30).params["params"]
        return {name: params[name] for name in ("uri", "collection", "options")} if params else {}
    except (RetrievalError, KeyError, TypeError):  # damaged: it is written again
        return {}


def _owner(folder: Path) -> str:
    """Return what tells this installation's collections from another's on the same server; made once."""
    try:
        return str(read_json(folder / _OWNER)["owner"])
    except (NotPreparedError, KeyError):
        made = uuid.uuid4().hex[:8]
        write_json(folder / _OWNER, {"owner": made})
        return made


def _drop_superseded(server: MilvusServer, folder: Path, before: Json, uri: str, name: str) -> None:
    """Drop the collection that was published before, if it is another one of the same server."""
    old = before.get("collection")
    if old and old != name and before["uri"] == uri:
        server.call(lambda client, left: client.drop_collection(old, timeout=left), deadline_s=LOAD_S)
        (folder / f"{old}.rows").unlink(missing_ok=True)


def _collection(
    address: Address, store: FeatureStore, options: MilvusOptions, fields: Sequence[FieldSpec], owner: str
) -> str:
    """Return the collection's name: readable, and another one whenever its rows or its index would be others."""
    build = {name: value for name, value in options.to_json().items() if name != "consistency"}
    sum_ = digest(SCHEMA_VERSION, store.dim, store.fingerprint, build, columns(fields), owner)
    readable = "".join(c if c.isalnum() else "_" for c in f"{address.dataset}_{address.encoder}")
    return f"pentimento_{readable}_{owner}_{sum_}"[:200]
