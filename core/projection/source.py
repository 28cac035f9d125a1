"""What a map of a stored gallery is made of: its features, its catalog and its thumbnails."""

from functools import partial
from typing import Any

import numpy as np

from core import datasets
from core.errors import ImageError
from core.features import FeatureStore
from core.imaging import open_image
from core.projection.build import Source
from core.settings import Address, Settings
from core.types import Image


def gallery_source(address: Address, settings: Settings) -> Source:
    """Return the vectors, records and thumbnails of a gallery.

    Raises:
        NotPreparedError: it has no features; the message says how to make them.
    """
    store = FeatureStore.open(address, settings)
    dataset = datasets.open(address.dataset, settings)
    records = dataset.catalog.records(store.ids)
    known = {record.image_id for record in records}
    rows = np.flatnonzero([int(image_id) in known for image_id in store.ids])
    files = [dataset.thumbnail_path(record) for record in records]
    root = settings.datasets / address.dataset / "thumbnails"
    return Source(
        vectors=np.ascontiguousarray(store.vectors[rows]),
        ids=np.ascontiguousarray(store.ids[rows]),
        records=records,
        kind=dataset.kind,
        state=store.state,
        titles={facet.name: facet.title for facet in dataset.catalog.facets()},
        picture_of=partial(_picture, files),
        thumbnails=[file.relative_to(root).as_posix() if file.is_file() else "" for file in files],
    )


def _picture(files: list[Any], row: int) -> Image | None:
    """Return a thumbnail's pixels, or None where there is none that can be read."""
    if not files[row].is_file():
        return None
    try:
        return open_image(files[row])
    except ImageError:
        return None
