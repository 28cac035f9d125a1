"""What a query looks like: the colours and textures of its pictures, moved by its pluses and minuses."""

import numpy as np
from numpy.typing import NDArray

from core.search.appearance import MIN_SIDE, Appearance, appearance
from core.search.encoding import QueryEncoder
from core.search.loaded import Recent
from core.search.looks import Looks
from core.search.query import Query
from core.search.steer import ALPHA, BETA, GAMMA
from core.settings import Address

_REMEMBERED = 128  # appearances of uploads, 4 kB each


class QueryLooks:
    """Measures queries, remembering what was measured. Safe for concurrent callers."""

    def __init__(self, queries: QueryEncoder) -> None:
        self._queries = queries
        self._remembered: Recent[str, Appearance] = Recent(_REMEMBERED)

    def one(self, address: Address, query: Query, looks: Looks) -> Appearance:
        """Return the (800,) and (118,) shares of one query picture, as it is turned and cut.

        Raises:
            ValueError: it is no picture.
            ImageError, UnknownNameError: it cannot be read.
        """
        if query.kind == "stored" and query.is_whole and (looks.ids == query.image_id).any():
            found = looks.of([query.image_id])
            return Appearance(found.colour[0], found.texture[0])
        query = self._queries.by_picture(address, query)
        if query.source is None:
            raise ValueError("colour and texture can be compared with a picture only, not with a vector or with words")
        key = query.content()[1]
        known = self._remembered.get(key)
        if known is None:
            x0, y0, x1, y1 = query.region or (0, 0, 1, 1)
            min_side = round(MIN_SIDE / min(1, max(x1 - x0, y1 - y0)))
            known = appearance(self._queries.picture(address, query, min_side))
            self._remembered.put(key, known)
        return known

    def whole(self, address: Address, query: Query, looks: Looks) -> Appearance:
        """Return the shares of a query with all its pictures, pluses and minuses; what falls below 0 becomes 0.

        Raises:
            ValueError: there is neither a picture nor a plus.
            ImageError, UnknownNameError: a picture cannot be read.
        """
        query = query.look
        pictures = [one for one in (query, *query.steering.also) if one.kind in ("picture", "stored")]
        own = [self.one(address, one, looks) for one in pictures]
        plus, minus = looks.of(query.steering.plus), looks.of(query.steering.minus)
        if not own and not len(plus.colour):
            raise ValueError("colour and texture need a picture to compare with; add one, or a plus")
        return Appearance(
            _moved([one.colour for one in own], plus.colour, minus.colour),
            _moved([one.texture for one in own], plus.texture, minus.texture),
        )


def _moved(
    own: list[NDArray[np.float32]], plus: NDArray[np.float32], minus: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return shares moved as `steer.rocchio` moves vectors, adding up to 1."""
    moved = np.zeros(plus.shape[1], np.float32)
    for rows, weight in ((own, ALPHA), (plus, BETA), (minus, -GAMMA)):
        if len(rows):
            moved = moved + weight * np.mean(rows, axis=0)
    moved = np.maximum(moved, 0)
    total = float(moved.sum())
    return np.asarray(moved / total if total else moved, np.float32)
