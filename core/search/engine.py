"""The engine: one object through which the page, the command line and the tests search."""

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np

from core import datasets, indexes
from core.arrays import as_count
from core.datasets import Dataset, ImageRecord
from core.datasets.catalog import CATALOG
from core.encoders.texts import TextEncoder
from core.errors import NotPreparedError, RetrievalError, ServerSilentError, StaleError
from core.features import FeatureStore
from core.indexes import Index
from core.indexes.served import ServedIndex
from core.search.encoding import QueryEncoder
from core.search.explain import Xray, xray
from core.search.galleries import (
    GalleryInfo,
    addresses,
    default_index,
    gallery_info,
    parse_address,
    searchable,
    unusable,
)
from core.search.loaded import Loaded
from core.search.looking import QueryLooks
from core.search.looks import NAME as LOOKS
from core.search.looks import Looks
from core.search.opening import open_index
from core.search.outcome import Result, SearchOutcome
from core.search.query import Query
from core.search.reorder import Candidates, Order, how_many, overlap, reorder
from core.search.served import find, instead
from core.search.stamps import stamp_of, stamps
from core.search.steer import near_duplicate_cosine
from core.settings import Address, Settings
from core.storage import CURRENT
from core.types import Ids, Vectors


class Engine:
    """Searches galleries. Nothing is loaded before it is needed; any number of threads may call it.

    Features and indexes are looked up at every search by their generation, so that a gallery which was prepared again
    is used from the next search on, without a restart.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._datasets: Loaded[str, Dataset] = Loaded()
        self.queries = QueryEncoder(settings, self.dataset)
        self._looks: Loaded[Address, Looks] = Loaded()
        self._near: Loaded[Address, float] = Loaded()
        self.query_looks = QueryLooks(self.queries)
        self._views: Loaded[Address, tuple[FeatureStore, list[str]]] = Loaded()
        self._infos: Loaded[Address, GalleryInfo] = Loaded()
        self._indexes: Loaded[tuple[Address, str], Index] = Loaded()
        self.texts: Loaded[str, TextEncoder] = Loaded()  # see core.search.words

    def galleries(self) -> list[GalleryInfo]:
        """Describe all galleries of prepared data sets, ready or not; a damaged one says so in its message."""
        infos = []
        for address in addresses(self.settings):
            try:
                infos.append(self._info(address))
            except RetrievalError as error:
                infos.append(unusable(address, str(error)))
        return infos

    def gallery(self, address: str) -> GalleryInfo:
        """Describe one gallery.

        Raises:
            UnknownNameError: there is no such data set or encoder.
            NotPreparedError: its data set has not been prepared.
        """
        return self._info(self._address(address))

    def default_address(self) -> str:
        """Return the gallery to begin with: the first that is ready, else the first.

        Raises:
            NotPreparedError: no data set is prepared.
        """
        infos = self.galleries()
        if not infos:
            raise NotPreparedError("no gallery is prepared; run: python -m core index")
        return next((info.address for info in infos if info.ready), infos[0].address)

    def dataset(self, address: str) -> Dataset:
        """Return a gallery's data set.

        Raises:
            UnknownNameError, NotPreparedError: there is none, or it has not been prepared.
        """
        name = self._address(address).dataset
        path = self.settings.datasets / name / CATALOG
        file = path.stat().st_ino if path.is_file() else None
        # The file's number tells when the gallery of that name is not the one that it was.
        return self._datasets.get(name, file, lambda: datasets.open(name, self.settings))

    def record(self, address: str, image_id: int) -> ImageRecord:
        """Return one picture's record.

        Raises:
            UnknownNameError: there is no picture of that id.
        """
        return self.dataset(address).catalog.get(image_id)

    def vectors(self, address: str) -> FeatureStore:
        """Return a gallery's features, of the generation that is searched now.

        Raises:
            NotPreparedError, DamagedFileError: with the command to run.
        """
        chosen = self._address(address)
        return self._view(chosen)[0]

    def load_index(self, address: str, name: str) -> Index:
        """Return a gallery's index, of the generation that is current now.

        Raises:
            UnknownNameError: no index has that name.
            NotPreparedError, StaleError, DamagedFileError: with the command to run.
        """
        return self._index(self._address(address), name, self.vectors(address))

    def allowed(self, address: str, where: Mapping[str, Any] | None) -> Ids | None:
        """Return the ids that a search with these conditions may return, or None for all that are indexed."""
        store, catalog = self.vectors(address), self.dataset(address).catalog
        if not where and store.content_state == catalog.content_state():
            return None
        selected = catalog.select(where or {})  # pictures that were removed since are not among them
        return selected[store.row_of(selected) >= 0]

    def encode(self, address: str, query: Query) -> Vectors:
        """Return the (D,) vector of length 1 that a query is searched with."""
        return self.queries.encode(self._address(address), query, self.vectors(address)).vector

    def looks(self, address: str) -> Looks:
        """Return the colours and textures of a gallery's pictures.

        Raises:
            NotPreparedError, StaleError, DamagedFileError: `core.search.looks.measure` makes them.
        """
        chosen = self._address(address)
        stamp = stamp_of(str(chosen.index(self.settings, LOOKS) / CURRENT))
        found = self._looks.get(chosen, stamp, lambda: Looks.open(chosen, self.settings))
        if found.content != self.dataset(address).catalog.content_state():
            raise StaleError(f"{address} has other pictures than were measured; run: python -m core index {address}")
        return found

    def near_duplicate_cosine(self, address: str) -> float:
        """Return the cosine from which two pictures of a gallery count as nearly the same."""
        store = self.vectors(address)
        return self._near.get(store.address, store.state, lambda: near_duplicate_cosine(store.vectors))

    def search(
        self,
        address: str,
        query: Query,
        *,
        k: int = 20,
        index: str | None = None,
        where: Mapping[str, Any] | None = None,
        knobs: Mapping[str, int | float] | None = None,
    ) -> SearchOutcome:
        """Return the k most similar pictures, best first; in another order, or fewer, where the query is steered so.

        Args:
            address: `dataset` or `dataset@encoder`.
            index: a registered name, or None for the gallery's default.
            where: conditions on the catalog's fields: a value, a list of them, or {"min": ..., "max": ...}.
            knobs: the index's settings.

        Raises:
            ValueError, TypeError: k beyond the gallery, an unknown field or knob, or a value out of its range.
            UnknownNameError: there is no such gallery, encoder, index or picture.
            NotPreparedError, StaleError, DamagedFileError: with the command to run.
            ServerSilentError: the index lies in a server that is away, and there is no local one to answer instead.
            ImageError: the query's picture cannot be read.
        """
        self.dataset(address)  # what is wrong with its catalog is said first
        store, ready = self._view(self._address(address))
        name = index or default_index(ready, len(store))
        try:
            return self._search(address, query, k, name, where, knobs or {})
        except ServerSilentError as error:
            other, notice = instead(ready, len(store), error)
        return replace(self._search(address, query, k, other, where, {}), notice=notice)

    def _search(
        self,
        address: str,
        query: Query,
        k: int,
        name: str,
        where: Mapping[str, Any] | None,
        knobs: Mapping[str, int | float],
    ) -> SearchOutcome:
        chosen = self._address(address)
        dataset = self.dataset(address)
        store, _ = self._view(chosen)
        k = as_count(k, what="k", most=max(1, len(store)))
        if not name:
            raise NotPreparedError(f"{chosen} has no index that can be used; run: python -m core index {chosen}")
        structure = self._index(chosen, name, store)
        encoded = self.queries.encode(chosen, query, store)
        steering = query.steering
        measured = self.looks(address) if steering.weighs else None
        wanted_look = self.query_looks.whole(chosen, query, measured) if measured else None
        near = self.near_duplicate_cosine(address) if steering.hide_duplicates else 1.0
        started = time.perf_counter()
        excluded = query.look.steering.minus
        n_candidates = min(how_many(steering, k) + len(excluded), max(1, len(store)))
        if isinstance(structure, ServedIndex):
            found, n_searched = find(structure, encoded.vector, n_candidates, where or {}, dataset, store, knobs)
        else:
            allowed = self.allowed(address, where)
            found = structure.search(encoded.vector[None], n_candidates, allowed=allowed, **knobs)
            n_searched = len(store) if allowed is None else len(allowed)
        ids, distances = found.ids[0][found.ids[0] >= 0], found.distances[0][found.ids[0] >= 0]
        vectors = store.vectors[store.row_of(ids)]
        similarities = vectors @ encoded.vector
        best = np.lexsort((ids, -similarities))
        order = Order(best[:k].tolist())
        if steering.reorders or excluded:
            colour, texture = overlap(wanted_look, measured.of(ids[best])) if measured and wanted_look else (None, None)
            candidates = Candidates(ids[best], similarities[best], vectors[best], colour, texture)
            order = reorder(candidates, steering, k, near, excluded)
            order = Order(best[order.rows].tolist(), order.scores)
        search_ms = 1000 * (time.perf_counter() - started)
        records = dataset.catalog.records(ids[order.rows].tolist())
        results = [
            Result(rank, record.image_id, record.path, float(similarities[at]), float(distances[at]), record, scores)
            for rank, (at, record, scores) in enumerate(
                zip(order.rows, records, order.scores or repeat({}, len(records)), strict=True), start=1
            )
        ]
        return SearchOutcome(
            gallery=str(chosen),
            encoder=chosen.encoder,
            index=name,
            timings_ms={"decode": encoded.decode_ms, "encode": encoded.encode_ms, "search": search_ms},
            n_searched=n_searched,
            results=results,
            knobs=dict(knobs),
            cached=encoded.cached,
            is_approximate=store.is_approximate,
            steering=steering,
            n_candidates=len(ids) if steering.weighs or steering.variety else 0,
        )

    def explain(
        self, address: str, query: Query, outcome: SearchOutcome, where: Mapping[str, Any] | None = None
    ) -> Xray:
        """Look into a search: which lists were probed, and where each missed neighbour was lost.

        Args:
            where: the conditions that it was done with.

        Raises:
            UnavailableError: the index has no lists and codes of ours, or no picture passes the conditions.
        """
        store = self.vectors(address)
        return xray(
            self.load_index(address, outcome.index),
            self.encode(address, query),
            store.vectors,
            store.ids,
            k=max(1, len(outcome.results)),
            n_probe=None if "n_probe" not in outcome.knobs else int(outcome.knobs["n_probe"]),
            n_rerank=int(outcome.knobs.get("n_rerank", 0)),
            allowed=self.allowed(address, where),
        )

    def _address(self, text: str) -> Address:
        return parse_address(text, self.settings)

    def _info(self, address: Address) -> GalleryInfo:
        facts = tuple(sorted(self.dataset(str(address)).catalog.meta().items()))
        stamp = (facts, stamps(address, self.settings))
        return self._infos.get(address, stamp, lambda: gallery_info(address, self.settings))

    def _view(self, address: Address) -> tuple[FeatureStore, list[str]]:
        """Return the features that are searched now, and the indexes that go with them."""
        stamp = stamps(address, self.settings)
        return self._views.get(address, stamp, lambda: searchable(address, self.settings))

    def _index(self, address: Address, name: str, store: FeatureStore) -> Index:
        indexes.describe(name)
        stamp = (stamp_of(str(address.index(self.settings, name) / CURRENT)), store.state)
        return self._indexes.get((address, name), stamp, lambda: open_index(address, name, store, self.settings))
