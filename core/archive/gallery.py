"""A gallery's pictures as items to pack: metadata from the catalog, embeddings from the features where they are."""

from core import datasets
from core.archive.pack import Item
from core.errors import RetrievalError
from core.features import FeatureStore
from core.settings import Address, Settings
from core.types import Json


def gallery_items(address: Address, settings: Settings) -> tuple[list[Item], Json]:
    """Return the items of a gallery in order of their ids, and what the archive says about the gallery.

    Raises:
        UnknownNameError, NotPreparedError: there is no such gallery, or it has not been prepared.
    """
    dataset = datasets.open(address.dataset, settings)
    try:
        store = FeatureStore.open(address, settings)
    except RetrievalError:
        store = None  # the pictures are encoded while they are packed
    items = []
    for record in dataset:
        row = int(store.row_of([record.image_id])[0]) if store is not None else -1
        fields: Json = {key: value for key, value in record.fields.items() if value is not None}
        fields |= {key: value for key in ("title", "label", "split") if (value := getattr(record, key))}
        vector = store.vectors[row] if store is not None and row >= 0 else None
        items.append(Item(record.path, dataset.source_path(record), fields, vector))
    stated = dataset.catalog.meta()
    about: Json = {"dataset": dataset.name, "kind": dataset.kind, "title": dataset.title, "note": dataset.note}
    about |= {key: stated[key] for key in ("licence", "citation", "homepage") if stated.get(key)}
    about["fields"] = [{"name": f.name, "title": f.title, "kind": f.kind} for f in dataset.catalog.fields()]
    return items, about
