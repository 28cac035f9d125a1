"""A gallery whose vectors lie in Milvus alone: searched without a local file, which comes back where one is needed."""

from dataclasses import replace

from core import indexes
from core.errors import NotPreparedError
from core.features import FeatureStore
from core.features.elsewhere import bring_back, fetched, is_elsewhere
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_client import LOAD_S, SEARCH_S
from core.settings import Address, Settings
from core.storage import Generations
from core.types import Ids, Vectors

NAME = "milvus"
_FEW = 1000  # rows: what a page asks for


def open_milvus(address: Address, settings: Settings) -> MilvusIndex:
    """Return a gallery's index in Milvus.

    Raises:
        NotPreparedError: it is not there.
    """
    current = Generations(address.index(settings, NAME)).current()
    if current is None:
        raise NotPreparedError(f"{address} is not in Milvus; run: python -m core index {address} --index {NAME}")
    index = indexes.load(current)
    if not isinstance(index, MilvusIndex):
        raise NotPreparedError(f"{current} is no index in Milvus")
    index.attach(settings)
    return index


def reachable(store: FeatureStore, settings: Settings) -> FeatureStore:
    """Return the features with vectors that are fetched from Milvus, where they are not in a local file."""
    if not is_elsewhere(store.vectors):
        return store
    opened: list[MilvusIndex] = []

    def fetch(rows: Ids) -> Vectors:
        if not opened:
            opened.append(open_milvus(store.address, settings))
        deadline_s = SEARCH_S if len(rows) <= _FEW else LOAD_S
        return opened[0].reconstruct(store.ids[rows], deadline_s=deadline_s)

    found: FeatureStore = fetched(store, fetch)
    return found


def restore(address: Address, settings: Settings) -> bool:
    """Bring a gallery's vectors back into their local file, from where they were put; tell whether they were away.

    Raises:
        ServerSilentError: the server is away.
        DamagedFileError: it holds others.
    """
    try:
        store = FeatureStore.open(address, settings)
    except NotPreparedError:
        return False
    if not is_elsewhere(store.vectors):
        return False
    away = reachable(store, replace(settings, milvus_uri=""))  # what was saved with the index, not where it goes to
    bring_back(store.folder, away.vectors)
    return True
