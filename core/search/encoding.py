"""From a query to the vector that is searched with, remembering what was encoded."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import encoders, imaging
from core.datasets import Dataset
from core.encoders import PictureEncoder
from core.errors import UnknownNameError
from core.features import FeatureStore
from core.search.loaded import Loaded, Recent
from core.search.query import Query
from core.search.steer import rocchio
from core.settings import Address, Settings
from core.types import Image, Vectors

_REMEMBERED = 256  # vectors of uploads, 5 kB each


@dataclass(frozen=True)
class Encoded:
    """A query's vector and what it cost.

    Attributes:
        vector: (D,) of L2 norm 1.
        cached: whether what had to be encoded was remembered from an earlier search.
    """

    vector: Vectors
    decode_ms: float = 0.0
    encode_ms: float = 0.0
    cached: bool = False


class QueryEncoder:
    """Encodes queries for any gallery. Safe for concurrent callers.

    Args:
        settings: limits, and where weights are.
        dataset: returns the data set of a gallery's address.
    """

    def __init__(self, settings: Settings, dataset: Callable[[str], Dataset]) -> None:
        self._settings = settings
        self._dataset = dataset
        self._encoders: Loaded[str, PictureEncoder] = Loaded()
        self._remembered: Recent[tuple[str, str], Vectors] = Recent(_REMEMBERED)

    def encoder(self, name: str) -> PictureEncoder:
        """Return an encoder, loaded once."""
        return self._encoders.get(name, None, lambda: encoders.load(name, self._settings))

    def encode(self, address: Address, query: Query, store: FeatureStore) -> Encoded:
        """Return the vector of a query with all its pictures, pluses and minuses.

        Raises:
            UnknownNameError, StaleError, ImageError, ValueError: see `Engine.search`.
        """
        steering = query.steering
        first = self._one(address, query, store)
        if not steering.moves:
            return first
        parts = [first, *(self._one(address, one, store) for one in steering.also)]
        plus, minus = (self._stored(address, ids, store) for ids in (steering.plus, steering.minus))
        return Encoded(
            rocchio(np.stack([part.vector for part in parts]), plus, minus)[0],
            sum(part.decode_ms for part in parts),
            sum(part.encode_ms for part in parts),
            any(part.cached for part in parts) and not any(part.encode_ms for part in parts),
        )

    def picture(self, address: Address, query: Query, min_side: int) -> Image:
        """Return the pixels of a query by picture, turned and cut as it says, scaled down at most to `min_side`.

        Raises:
            ValueError: it is no query by picture.
            UnknownNameError, ImageError: there is no such picture, or it cannot be read.
        """
        query = self.by_picture(address, query)
        return self._decode(query.content()[0], query, min_side)

    def by_picture(self, address: Address, query: Query) -> Query:
        """Return the query by a picture's file that a query by its id stands for; others as they are."""
        if query.kind != "stored" or query.image_id is None:
            return query
        dataset = self._dataset(str(address))
        source = dataset.source_path(dataset.catalog.get(query.image_id))
        return Query.picture(source, query.region, query.quarter_turns, query.mirrored)

    def _one(self, address: Address, query: Query, store: FeatureStore) -> Encoded:
        if query.kind == "vector":
            if query.values is None or query.values.shape != (store.dim,):
                raise ValueError(f"the vector must have {store.dim} numbers for {address}")
            return Encoded(query.values)
        if query.kind == "stored" and query.image_id is not None and query.is_whole:
            return Encoded(self._stored(address, (query.image_id,), store)[0])
        query = self.by_picture(address, query)
        encoder = self.encoder(address.encoder)
        store.require_encoder(encoder.fingerprint)
        started = time.perf_counter()
        source, content = query.content()
        key = (content, encoder.fingerprint)
        remembered = self._remembered.get(key)
        if remembered is not None:
            return Encoded(remembered, cached=True)
        image = encoder.prepare(self._decode(source, query, encoder.preparation.min_side(query.region)))
        decoded = time.perf_counter()
        vector: Vectors = encoder.encode([image])[0]
        encoded = time.perf_counter()
        self._remembered.put(key, vector)
        return Encoded(vector, 1000 * (decoded - started), 1000 * (encoded - decoded))

    def _decode(self, source: bytes | Image, query: Query, min_side: int) -> Image:
        image = imaging.open_image(source, min_side=min_side, max_pixels=self._settings.max_pixels)
        image = imaging.turn(image, query.quarter_turns, query.mirrored)
        return image if query.region is None else imaging.crop(image, query.region)

    def _stored(self, address: Address, ids: tuple[int, ...], store: FeatureStore) -> Vectors:
        """Return the (len(ids), D) stored vectors."""
        rows = store.row_of(list(ids))
        if (rows < 0).any():
            absent = ids[int(np.argmax(rows < 0))]
            self._dataset(str(address)).catalog.get(absent)  # says so if there is no such picture
            raise UnknownNameError(
                f"picture {absent} of {address.dataset} has no features; run: python -m core index {address}"
            )
        return np.array(store.vectors[rows])
