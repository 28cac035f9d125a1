"""Searching an index that lies in a server: what it is asked, and what a person is told when it is away."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.datasets import Dataset
from core.datasets.catalog import WORDS
from core.errors import ServerSilentError
from core.features import FeatureStore
from core.indexes import SearchResult, is_served
from core.indexes.served import ServedIndex
from core.search.galleries import default_index
from core.types import Vectors


def find(
    index: ServedIndex,
    vector: Vectors,
    k: int,
    where: Mapping[str, Any],
    dataset: Dataset,
    store: FeatureStore,
    knobs: Mapping[str, int | float],
) -> tuple[SearchResult, int]:
    """Return the k nearest of a query (D,), filtered by the server, and how many pictures could have been found.

    Pictures that the catalog has lost since the gallery was indexed are left out by the server; those that the server
    holds already of the gallery's next indexing are left out here.
    """
    catalog = dataset.catalog
    selected = catalog.select(where)
    is_searched = store.row_of(selected) >= 0
    without = None
    if store.content_state != catalog.content_state():
        without = np.setdiff1d(store.ids, catalog.ids(), assume_unique=True)
    if WORDS in where:  # the catalog knows the words, the server does not
        found = index.search(vector[None], k, allowed=selected[is_searched], **knobs)
    else:
        found = index.search_where(vector[None], k, where, catalog.fields(), without=without, **knobs)
    known = (found.ids[0] >= 0) & (store.row_of(found.ids[0]) >= 0)
    return SearchResult(found.ids[:, known], found.distances[:, known]), int(is_searched.sum())


def instead(ready: list[str], count: int, error: ServerSilentError) -> tuple[str, str]:
    """Return the index to search with while a server is away, and what to tell a person.

    Raises:
        ServerSilentError: `error`, where there is no other index.
    """
    name = default_index([one for one in ready if not is_served(one)], count)
    if not name:
        raise error
    return name, f"{error}. These results are from {name} on this machine."
