"""A gallery's collection in Milvus, as an index: vectors, ids and the fields that can be filtered by lie there.

What is saved locally is where the collection is. `core.indexes.milvus_loading` fills it; `add` and `remove` change
single rows. Distances of COSINE and IP are given as the squared L2 of vectors of length 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from core.arrays import as_count, as_ids
from core.datasets.base import FieldSpec
from core.errors import ServerSilentError, UnavailableError
from core.indexes.base import Knob, Mask, Rows, SearchResult, Segment
from core.indexes.contract import as_allowed, as_points, check_knobs
from core.indexes.milvus_client import ADMIN_S, LOAD_S, SEARCH_S, MilvusServer, embedded, import_pymilvus
from core.indexes.milvus_filter import expression
from core.indexes.milvus_schema import INDEX_TYPES, MilvusOptions, blank
from core.indexes.served import ServedIndex
from core.settings import Settings
from core.types import Distances, Ids, Json, Vectors

_MOST_NEIGHBOURS = 16_384  # Milvus's own limit
_ROWS_AT_ONCE = 1000
_SEARCHES = 16  # queries of one call


class MilvusIndex(ServedIndex):
    """Finds neighbours in a collection of Milvus.

    Args:
        dim: D.
        collection: its name; "" for an index that is nowhere yet.
        uri: of a server, or "" for the Milvus Lite file under the gallery's own indexes.
        options: what `MilvusOptions` holds, as JSON.
    """

    name = "milvus"
    keeps_vectors = False
    filters = True
    knobs: ClassVar[Mapping[str, Knob]] = {
        "effort": Knob(
            64, 1, 32_768, "ef of HNSW, nprobe of IVF, search_list of DISKANN; more finds more and takes longer"
        )
    }

    def __init__(self, dim: int, *, collection: str = "", uri: str = "", options: Json | None = None) -> None:
        """Describe a collection; nothing is connected before the first call."""
        super().__init__(dim, collection=collection, uri=uri, options=options or {})
        self.collection = collection
        self.options = MilvusOptions(**(options or {}))
        self._uri = uri
        self._folder: Path | None = None
        self._server: MilvusServer | None = MilvusServer(uri) if uri else None

    @property
    def server(self) -> MilvusServer:
        """Where the collection lies.

        Raises:
            UnavailableError: nobody has said where.
        """
        if self._server is None or not self.collection:
            raise UnavailableError("this index is in no Milvus yet; run: python -m core index GALLERY --index milvus")
        return self._server

    @property
    def place(self) -> str:
        """What to call the server in messages."""
        return self.server.place

    def attach(self, settings: Settings) -> None:
        """Take the token, and an address that replaces the saved one, from the settings."""
        if settings.milvus_uri or self._uri:
            self._server = MilvusServer(settings.milvus_uri or self._uri, settings.milvus_token)
        elif self._folder is not None:
            self._server = embedded(self._folder)

    def use(self, server: MilvusServer) -> None:
        """Use this connection."""
        self._server = server

    def __len__(self) -> int:
        """Return N, counted by the server."""
        if not self.collection:
            return 0
        found = self._call(
            lambda client, left: client.query(
                self.collection, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=left
            )
        )
        return int(found[0]["count(*)"])

    @property
    def ids(self) -> Ids:
        """(N,) all ids, ascending, read from the server in batches."""
        return np.sort(np.fromiter((row["image_id"] for row in self.every_row(["image_id"])), dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """0: all arrays are the server's."""
        return 0

    def add(self, vectors: Any, ids: Any = None) -> "MilvusIndex":
        """Add (N, D) vectors under (N,) ids, without fields; a gallery's are loaded by `milvus_loading`.

        Raises:
            ValueError: ids are absent or present already, or an argument has a wrong shape.
        """
        checked = as_points(vectors, self.dim, what="vectors")
        if ids is None:
            raise ValueError("Milvus needs ids of your own")
        own = as_ids(ids, len(checked))
        empty = blank(self.server, self.collection)
        rows = [{**empty, "image_id": int(own[at]), "vector": checked[at]} for at in range(len(own))]
        if len(own) and (present := self.fetch(own, ["image_id"])):
            raise ValueError(f"ids must be new, but {present[0]['image_id']} is present already")
        self.upsert(rows)
        return self

    def upsert(self, rows: Sequence[Json]) -> None:
        """Write rows, replacing those of the same id.

        Raises:
            UnavailableError: the server refuses them.
        """
        if rows:
            self._call(lambda client, left: client.upsert(self.collection, list(rows), timeout=left), LOAD_S)

    def remove(self, ids: Any) -> int:
        """Remove the vectors of these ids and return how many there were."""
        wanted = as_ids(ids)
        present = [int(row["image_id"]) for row in self.fetch(wanted, ["image_id"])]
        for start in range(0, len(present), _ROWS_AT_ONCE):
            part = present[start : start + _ROWS_AT_ONCE]
            self._call(self._deletion(part), LOAD_S)
        return len(present)

    def search(self, queries: Any, k: int, *, allowed: Any = None, **knobs: Any) -> SearchResult:
        """Return the k nearest of each query; see `Index.search`.

        Raises:
            ServerSilentError: the server did not answer within its deadline.
            UnavailableError: it says what is wrong.
        """
        if allowed is None:
            return self._search_among("", queries, k, knobs)
        only = as_allowed(allowed)
        return self._search_among(_listed(only) if len(only) else None, queries, k, knobs)

    def search_where(
        self,
        queries: Any,
        k: int,
        where: Mapping[str, Any],
        fields: Sequence[FieldSpec],
        *,
        without: Ids | None = None,
        **knobs: Any,
    ) -> SearchResult:
        """Search among what passes a filter, which Milvus evaluates."""
        chosen = expression(where, fields, self.options.partition_field)
        if chosen is not None and without is not None and len(without):
            chosen = f"{chosen} and not ({_listed(without)})" if chosen else f"not ({_listed(without)})"
        return self._search_among(chosen, queries, k, knobs)

    def reconstruct(self, ids: Any, *, deadline_s: float = ADMIN_S) -> Vectors:
        """Return (len(ids), D) the vectors of these ids.

        Raises:
            ValueError: an id is not in the collection.
        """
        wanted = as_ids(ids)
        found = {int(row["image_id"]): row["vector"] for row in self.fetch(wanted, ["image_id", "vector"], deadline_s)}
        missing = [int(image_id) for image_id in wanted if int(image_id) not in found]
        if missing:
            raise ValueError(f"id {missing[0]} is not in the index")
        vectors = np.empty((len(wanted), self.dim), dtype=np.float32)
        for row, image_id in enumerate(wanted):
            vectors[row] = found[int(image_id)]
        return vectors

    def fetch(self, ids: Ids, columns: list[str], deadline_s: float = ADMIN_S) -> list[Json]:
        """Return the rows of these ids that there are, in no order."""
        found: list[Json] = []
        wanted = np.unique(ids)
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            part = wanted[start : start + _ROWS_AT_ONCE].tolist()
            found += self._call(
                lambda client, left, part=part: client.get(
                    self.collection, ids=part, output_fields=columns, consistency_level="Strong", timeout=left
                ),
                deadline_s,
            )
        return found

    def every_row(self, columns: list[str]) -> Iterator[Json]:
        """Yield all rows' values of some columns, in batches."""
        rows = self._call(
            lambda client, left: client.query_iterator(
                self.collection, batch_size=_MOST_NEIGHBOURS, output_fields=columns, timeout=LOAD_S
            ),
            LOAD_S,
        )
        try:
            while batch := self._call(lambda client, left: rows.next(), LOAD_S):
                yield from batch
        finally:
            rows.close()

    def finish(self) -> None:
        """Make everything that was written durable and searchable."""
        self._call(lambda client, left: client.flush(self.collection, timeout=left), 10 * LOAD_S)
        self._call(lambda client, left: client.load_collection(self.collection, timeout=left), 10 * LOAD_S)

    def disk_bytes(self) -> int:
        """Return what a Milvus Lite file takes on the disk; 0 of a server, which does not say."""
        if not self.server.is_embedded:
            return 0
        return sum(path.stat().st_size for path in Path(self.server.uri).rglob("*") if path.is_file())

    def drop(self) -> None:
        """Remove the collection from the server."""
        self._call(lambda client, left: client.drop_collection(self.collection, timeout=left), LOAD_S)

    def _build(self, vectors: Vectors) -> Any:
        raise NotImplementedError("Milvus builds its own structures")

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        raise NotImplementedError("Milvus has no segments here")

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        return {"bytes": self.disk_bytes()}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        self._folder = folder.parent.parent  # of .../milvus/generations/<n>

    def _search_among(self, chosen: str | None, queries: Any, k: int, knobs: Mapping[str, Any]) -> SearchResult:
        """Search among what an expression selects; None selects nothing."""
        checked = as_points(queries, self.dim, what="queries")
        k = as_count(k, what="k", most=_MOST_NEIGHBOURS)
        effort = max(int(check_knobs(self.knobs, knobs, self.name)["effort"]), k)
        ids = np.full((len(checked), k), -1, dtype=np.int64)
        distances = np.full((len(checked), k), np.inf, dtype=np.float32)
        key = INDEX_TYPES[self.options.index_type][1]
        how = {"metric_type": self.options.metric, "params": {key: effort} if key else {}}
        for start in range(0, len(checked) if chosen is not None else 0, _SEARCHES):
            part = list(checked[start : start + _SEARCHES])
            found = self._call(self._query(part, k, chosen or "", how), SEARCH_S)
            for row, hits in enumerate(found, start):
                ids[row, : len(hits)] = [hit.id for hit in hits]  # servers before 2.4 do not name the key
                distances[row, : len(hits)] = [hit["distance"] for hit in hits]
        filled = ids >= 0
        if self.options.metric != "L2":
            distances[filled] = 2 - 2 * distances[filled]  # of vectors of length 1
        distances[filled] = np.maximum(distances[filled], 0)
        return SearchResult(ids, distances)

    def _query(self, queries: list[Vectors], k: int, chosen: str, how: Json) -> Any:
        def ask(client: Any, left: float) -> Any:
            return client.search(
                self.collection,
                data=queries,
                limit=k,
                filter=chosen,
                search_params=how,
                anns_field="vector",
                consistency_level=self.options.consistency,
                timeout=left,
            )

        return ask

    def _deletion(self, ids: list[int]) -> Any:
        return lambda client, left: client.delete(self.collection, ids=ids, timeout=left)

    def _call(self, what: Any, deadline_s: float = ADMIN_S) -> Any:
        """Call the server; what it says is wrong becomes an error with what to run."""
        pymilvus = import_pymilvus()
        server = self.server
        try:
            return server.call(what, collection=self.collection, deadline_s=deadline_s)
        except pymilvus.MilvusException as error:
            if error.code in (4, 100):
                raise ServerSilentError(
                    f"{server.place} has no collection {self.collection}; run: python -m core index GALLERY "
                    "--index milvus --rebuild"
                ) from error
            raise UnavailableError(f"{server.place} says: {error.message}") from error


def _listed(ids: Ids) -> str:
    return f"image_id in {ids.tolist()}"
