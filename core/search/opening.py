"""Opening a gallery's index so that it can be searched with these very features."""

from core import indexes
from core.errors import DamagedFileError, NotPreparedError, StaleError
from core.features import FeatureStore
from core.indexes import Index
from core.indexes.served import ServedIndex
from core.search.galleries import index_info, provenance
from core.settings import Address, Settings
from core.storage import Generations


def open_index(address: Address, name: str, store: FeatureStore, settings: Settings) -> Index:
    """Return a gallery's index; one that lies in a server is not connected yet.

    Raises:
        NotPreparedError, StaleError, DamagedFileError: with the command to run.
    """
    info = index_info(address, name, store, settings)
    current = Generations(address.index(settings, name)).current() if info.available else None
    if current is None:
        kind = StaleError if "older" in info.reason else NotPreparedError
        raise kind(f"{address} cannot be searched with {name}: {info.reason}")
    index = indexes.load(current, built_from=provenance(store))
    index.threads = settings.threads
    is_served = isinstance(index, ServedIndex)
    if index.dim != store.dim or (not is_served and len(index) != len(store)):
        raise DamagedFileError(f"{current} does not fit the features; run: python -m core index {address} --rebuild")
    if isinstance(index, ServedIndex):
        index.attach(settings)
    elif len(store):
        index.search(store.vectors[:1], 1)  # loads compiled code, which is no search's own time
    return index
