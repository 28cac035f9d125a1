"""What a map of a stored gallery is made of: its features, its catalog and its thumbnails."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from core import datasets, indexes
from core.errors import ImageError, RetrievalError
from core.features import FeatureStore
from core.imaging import open_image
from core.projection.build import Source
from core.projection.columns import Column, choice
from core.settings import Address, Settings
from core.storage import Generations
from core.types import Image, Json, Vectors


def gallery_source(address: Address, settings: Settings) -> Source:
    """Return the vectors, records and thumbnails of a gallery.

    Raises:
        NotPreparedError: it has no features; the message says how to make them.
    """
    store = FeatureStore.open(address, settings)
    dataset = datasets.open(address.dataset, settings)
    rows = np.flatnonzero(np.isin(store.ids, dataset.catalog.ids()))
    ids = np.ascontiguousarray(store.ids[rows])
    vectors = np.ascontiguousarray(store.vectors[rows])
    records = dataset.catalog.records(ids.tolist())
    files = [dataset.thumbnail_path(record) for record in records]
    root = thumbnails_root(address, settings)
    return Source(
        vectors=vectors,
        ids=ids,
        records=records,
        kind=dataset.kind,
        built_from=provenance(address, settings),
        titles={facet.name: facet.title for facet in dataset.catalog.facets()},
        picture_of=partial(_picture, files),
        columns=_index_lists(address, settings, vectors),
        thumbnails=[file.relative_to(root).as_posix() if file.is_file() else "" for file in files],
    )


def provenance(address: Address, settings: Settings) -> Json:
    """Return what a map of the gallery as it is now would say that it was built from."""
    store = FeatureStore.open(address, settings)
    return {"features": store.state, "catalog": datasets.open(address.dataset, settings).catalog.state()}


def thumbnails_root(address: Address, settings: Settings) -> Path:
    """Return the folder that a map's thumbnail paths are relative to."""
    return settings.datasets / address.dataset / "thumbnails"


def _index_lists(address: Address, settings: Settings, vectors: Vectors) -> list[Column]:
    """Return the coarse list of each picture in the gallery's IVFPQ index, or nothing where there is no such index."""
    try:
        folder = Generations(address.index(settings, "ivfpq")).current()
        index = indexes.load(folder) if folder else None
    except RetrievalError:
        return []  # it is damaged or of another version; the index's own tools say so
    if not isinstance(index, indexes.IVFPQ) or index.dim != vectors.shape[1] or not len(vectors):
        return []
    return [choice("ivf_list", "List of the IVF index", [f"list {number}" for number in index.encode(vectors)[0]])]


def _picture(files: Sequence[Path], row: int) -> Image | None:
    """Return a thumbnail's pixels, or None where there is none that can be read."""
    if not files[row].is_file():
        return None
    try:
        return open_image(files[row])
    except ImageError:
        return None
