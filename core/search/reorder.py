"""Choosing the results among more candidates: what counts how much, without repetition, with variety."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.search.appearance import Appearance, shared, weighed
from core.search.steer import diversified, without_near_duplicates
from core.search.steering import Steering
from core.types import Ids, Vectors

_WEIGHED = 1000  # candidates, at least, that are put in a new order
_VARIED = 300  # of these, at least, variety chooses among


@dataclass(frozen=True)
class Candidates:
    """Pictures that an index found, best first.

    Attributes:
        ids: (n,).
        similarities: (n,) cosines to the query, falling.
        vectors: (n, D) of L2 norm 1.
        colour: (n,) share of colours in common with the query; None where colour and texture are not asked for.
        texture: (n,) likewise.
    """

    ids: Ids
    similarities: NDArray[np.float32]
    vectors: Vectors
    colour: NDArray[np.float32] | None = None
    texture: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Order:
    """Which candidates are shown, best first.

    Attributes:
        rows: of the candidates.
        scores: for each row, "content", "colour", "texture" and "weighed"; empty where nothing was weighed.
    """

    rows: list[int]
    scores: list[dict[str, float]] = field(default_factory=list)


def how_many(steering: Steering, k: int) -> int:
    """Return how many candidates must be found so that k results can be chosen among them."""
    if steering.weighs or steering.variety or steering.hide_duplicates:
        return max(_WEIGHED, 5 * k)
    return k


def reorder(candidates: Candidates, steering: Steering, k: int, near: float, excluded: Sequence[int] = ()) -> Order:
    """Return up to k candidates as `steering` says.

    Args:
        excluded: ids that are no results.
        near: cosine from which two pictures are near-duplicates.
    """
    rows = np.flatnonzero(~np.isin(candidates.ids, np.asarray(excluded, np.int64)))
    relevance: NDArray[np.floating] = candidates.similarities[rows]
    scores: dict[str, NDArray[np.floating]] = {}
    if steering.weighs and candidates.colour is not None and candidates.texture is not None:
        scores = {"content": relevance, "colour": candidates.colour[rows], "texture": candidates.texture[rows]}
        relevance = weighed(scores, steering.weights())
        best = np.lexsort((candidates.ids[rows], -scores["content"], -relevance))
        rows, relevance, scores = rows[best], relevance[best], {name: value[best] for name, value in scores.items()}
    places = np.arange(len(rows))
    if steering.variety:
        places = places[: max(_VARIED, 5 * k)]
    if steering.hide_duplicates:
        most = None if steering.variety else k
        places = places[without_near_duplicates(candidates.vectors[rows[places]], near, most)]
    if steering.variety:
        vectors = candidates.vectors[rows[places]]
        places = places[diversified(vectors, relevance[places], k, variety=steering.variety)]
    places = places[:k]
    shown = [
        {**{name: float(value[place]) for name, value in scores.items()}, "weighed": float(relevance[place])}
        for place in places
    ]
    return Order(rows[places].tolist(), shown if scores else [])


def overlap(query: Appearance, others: Appearance) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (n,) shares of colours and of patterns that (n, ...) others have in common with the query."""
    return shared(query.colour, others.colour), shared(query.texture, others.texture)
