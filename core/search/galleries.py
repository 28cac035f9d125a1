"""Which galleries there are, what can be done with each, and why not."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import datasets, encoders, indexes
from core.datasets import Facet
from core.datasets.catalog import CATALOG
from core.errors import NotPreparedError, RetrievalError, UnknownNameError
from core.features import FeatureStore
from core.features.elsewhere import is_elsewhere
from core.indexes.milvus_client import INSTALL, is_installed
from core.settings import Address, Settings, check_name
from core.storage import CURRENT, Generations, read_json, read_manifest
from core.types import Json

UNAVAILABLE = "UNAVAILABLE.json"
# Exact ones first: up to some 200,000 pictures they answer in milliseconds.
_PREFERRED = ("faiss-flat", "flat")
_PREFERRED_LARGE = ("ivfpq", "faiss-ivfflat")
_LARGE = 200_000


@dataclass(frozen=True)
class IndexInfo:
    """An index of a gallery.

    Attributes:
        available: whether it can be searched with.
        reason: if not, why, and what to do about it.
        nbytes: on disk; 0 if it is not there.
    """

    name: str
    available: bool
    reason: str
    nbytes: int


@dataclass(frozen=True)
class GalleryInfo:
    """What a person chooses, and what is known about it.

    Attributes:
        address: full, `dataset@encoder`.
        kind: "paintings", "satellite" or "pictures".
        note: what to know before searching, such as the ground scale; may be empty.
        count: pictures that can be found.
        default_index: empty if there is none.
        ready: whether it can be searched.
        message: if not, why and what to run; if so, what else is to be said (such as that pictures were added since).
    """

    address: str
    dataset: str
    encoder: str
    title: str
    kind: str
    note: str
    count: int
    indexes: list[IndexInfo]
    default_index: str
    facets: list[Facet]
    ready: bool
    message: str


def parse_address(text: str, settings: Settings) -> Address:
    """Return the address that `dataset` or `dataset@encoder` stands for.

    Raises:
        UnknownNameError: there is no such data set or encoder, prepared or not.
    """
    dataset, _, encoder = text.partition("@")
    try:
        prepared = (settings.datasets / check_name(dataset) / CATALOG).is_file()
    except ValueError:
        prepared = False
    if not prepared and dataset not in datasets.known():
        known = list(dict.fromkeys([*datasets.names(settings), *datasets.known()]))
        raise UnknownNameError(f"there is no gallery {text!r}; there are: {', '.join(known)}")
    default = encoders.default_encoder(dataset)
    if encoder and encoder != default and encoder not in encoders.names(settings):
        raise UnknownNameError(f"there is no encoder {encoder!r}; there are: {', '.join(encoders.names(settings))}")
    return Address(dataset, encoder or default)


def addresses(settings: Settings) -> list[Address]:
    """Return the galleries of all prepared data sets: those with features, and each one's default."""
    found = []
    for dataset in datasets.names(settings):
        default = encoders.default_encoder(dataset)
        folder = settings.features / dataset
        others = sorted(path.parent.name for path in folder.glob(f"*/{CURRENT}") if path.parent.name != default)
        found += [Address(dataset, encoder) for encoder in (default, *others)]
    return found


def provenance(store: FeatureStore) -> Json:
    """Return what an index of these features says that it was built from."""
    return {"features": store.state, "encoder": store.fingerprint}


def index_info(address: Address, name: str, store: FeatureStore, settings: Settings) -> IndexInfo:
    """Say whether a gallery's index can be used; only manifests are read."""
    folder = address.index(settings, name)
    command = f"python -m core index {address} --index {name}"
    if indexes.is_served(name) and not is_installed():
        return IndexInfo(name, False, f"not installed; run: {INSTALL}", 0)
    try:
        current = Generations(folder).current()
        if current is None:
            return IndexInfo(name, False, _why_not(address, name, store, settings) or f"not built; run: {command}", 0)
        manifest = read_manifest(current, f"index/{name}", 1 << 30)
    except RetrievalError as error:
        return IndexInfo(name, False, f"{error}; run: {command} --rebuild", 0)
    if manifest.built_from != provenance(store):
        reason = _why_not(address, name, store, settings)
        return IndexInfo(name, False, reason or f"older than the features; run: {command}", 0)
    n_bytes = sum(int(facts["bytes"]) for facts in manifest.files.values())
    elsewhere = manifest.params.get("facts", {}).get("bytes", 0) if indexes.is_served(name) else 0
    return IndexInfo(name, True, "", n_bytes + int(elsewhere))


def searchable(address: Address, settings: Settings) -> tuple[FeatureStore, list[str]]:
    """Return the features to search, and the indexes that were built from them.

    While a gallery is being indexed again its new features are there before the first of its new indexes: until then
    the generation before goes on being searched.

    Raises:
        NotPreparedError, DamagedFileError: there are no features that can be used; with the command to run.
    """
    current = FeatureStore.open(address, settings)
    stores = [current]
    for folder in sorted(current.folder.parent.glob("[0-9]*"), key=lambda path: -int(path.name)):
        if folder != current.folder:
            with contextlib.suppress(RetrievalError):  # half removed
                stores.append(FeatureStore.open_folder(address, folder))
    for store in stores:
        ready = [name for name in indexes.every_name() if index_info(address, name, store, settings).available]
        if ready:
            return _with_vectors(store, settings), ready
    return current, []


def _with_vectors(store: FeatureStore, settings: Settings) -> FeatureStore:
    if not is_elsewhere(store.vectors):
        return store
    from core.search.milvus_vectors import reachable

    return reachable(store, settings)


def default_index(available: Sequence[str], count: int) -> str:
    """Return the index to search with when none is named, or nothing."""
    preferred = (*_PREFERRED_LARGE, *_PREFERRED) if count > _LARGE else _PREFERRED
    return next((name for name in (*preferred, *available) if name in available), "")


def gallery_info(address: Address, settings: Settings) -> GalleryInfo:
    """Describe a gallery from the files on disk; a damaged or missing part is said in its message, not raised.

    Raises:
        UnknownNameError: its data set is not prepared.
    """
    dataset = datasets.open(address.dataset, settings)
    catalog = dataset.catalog
    blank = GalleryInfo(
        str(address), address.dataset, address.encoder, dataset.title, dataset.kind, dataset.note, 0, [], "",
        catalog.facets(), False, "",
    )  # fmt: skip
    try:
        current = FeatureStore.open(address, settings)
        store, ready = searchable(address, settings)
    except NotPreparedError:
        return replace(blank, message=f"{address} has not been indexed yet; run: python -m core index {address}")
    except RetrievalError as error:
        return replace(blank, message=str(error))
    infos = [index_info(address, name, store, settings) for name in indexes.every_name()]
    chosen = default_index(ready, len(store))
    message = ""
    if not chosen:
        message = f"{address} has no index; run: python -m core index {address}"
    elif store.state != current.state:
        message = f"{address} is searched as it was before its last indexing; to finish: python -m core index {address}"
    elif store.content_state != catalog.content_state():
        message = (
            f"pictures were added to {address.dataset} or removed since it was indexed; "
            f"run: python -m core index {address}"
        )
    return replace(blank, count=len(store), indexes=infos, default_index=chosen, ready=bool(chosen), message=message)


def unusable(address: Address, message: str) -> GalleryInfo:
    """Describe a gallery of which nothing can be read."""
    dataset, encoder = address.dataset, address.encoder
    return GalleryInfo(str(address), dataset, encoder, dataset, "pictures", "", 0, [], "", [], False, message)


def _why_not(address: Address, name: str, store: FeatureStore, settings: Settings) -> str:
    """Return why the index could not be built from these very features, if that was tried."""
    try:
        facts = read_json(address.index(settings, name) / UNAVAILABLE)
    except RetrievalError:
        return ""
    return str(facts.get("reason", "")) if facts.get("built_from") == provenance(store) else ""
