"""Steering on the page: what a request says of it, the colours and textures it needs, and the pictures of its trail.

A request may have "steer": {"also": [{"id": 3} or {"path": "..."}], "plus": [ids], "minus": [ids],
"weights": {"content", "colour", "texture"}, "variety": 0..1, "hide_duplicates": bool}, each part of it optional.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import DamagedFileError, NotPreparedError, StaleError
from core.types import Json
from gradio_ui.jobs import Jobs
from gradio_ui.shelf import uploaded

if TYPE_CHECKING:
    from core.search import Engine, Query
    from core.search.steering import Steering

_ASPECTS = ("content", "colour", "texture")
_MOST_CARDS = 200


def steered(query: "Query", request: Mapping[str, Any]) -> "Query":
    """Return the query as the request steers it.

    Raises:
        ValueError, TypeError: what is asked makes no sense.
        NotPreparedError: an upload has been deleted meanwhile.
    """
    asked = _object(request.get("steer"), "steer")
    if not asked:
        return query
    weights = _object(asked.get("weights"), "weights")
    if unknown := set(weights) - set(_ASPECTS):
        raise ValueError(f"weights are for {', '.join(_ASPECTS)}; got {sorted(unknown)[0]!r}")
    return query.steered(
        also=tuple(_picture(one) for one in _list(asked.get("also"), "also")),
        plus=tuple(int(one) for one in _list(asked.get("plus"), "plus")),
        minus=tuple(int(one) for one in _list(asked.get("minus"), "minus")),
        variety=float(asked.get("variety") or 0),
        hide_duplicates=bool(asked.get("hide_duplicates")),
        **{name: float(weight) for name, weight in weights.items()},
    )


def weighs(request: Mapping[str, Any]) -> bool:
    """Say whether a request asks for colour or texture."""
    weights = _object(_object(request.get("steer"), "steer").get("weights"), "weights")
    return any(float(weights.get(name) or 0) > 0 for name in ("colour", "texture"))


def said(steering: "Steering") -> str:
    """Return how a search was steered, to be put behind what was searched; empty if it was not."""
    parts = []
    if steering.also:
        parts.append(f"with {1 + len(steering.also)} pictures")
    if steps := len(steering.plus) + len(steering.minus):
        parts.append(f"steered by {steps} picture{'s' * (steps > 1)}")
    if steering.weighs:
        *others, last = steering.weights()
        parts.append(f"weighing {' and '.join([', '.join(others), last]) if others else last}")
    if steering.variety:
        parts.append("varied")
    if steering.hide_duplicates:
        parts.append("near-duplicates hidden")
    return "".join(f", {part}" for part in parts)


class Measuring:
    """Measures the colours and textures of galleries in the background, once, when they are first needed."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._jobs = Jobs("Measuring colours and textures")

    def under_way(self, address: str) -> Json | None:
        """Return None if a gallery's are there; else begin, and return {"done", "total", "left"} for people to wait by.

        Raises:
            ValueError: measuring failed; the message says why.
        """
        from core.search.looks import measure

        engine = self._engine
        try:
            engine.looks(address)
        except (NotPreparedError, StaleError, DamagedFileError):
            chosen = engine.vectors(address).address
            state = self._jobs.state(chosen.dataset)
            if state.get("error"):
                raise ValueError(state["error"]) from None
            self._jobs.start(chosen.dataset, lambda progress: measure(chosen, engine.settings, progress))
            state = self._jobs.state(chosen.dataset)
            return {name: state.get(name) for name in ("done", "total", "left")}
        return None


def cards(engine: "Engine", request: Mapping[str, Any]) -> Json:
    """Return {"cards"} of the stored pictures `request["ids"]` of a gallery, those that are there, for the trail.

    Raises:
        UnknownNameError, NotPreparedError: there is no such gallery.
    """
    from gradio_ui.handlers import card

    dataset = engine.dataset(str(request.get("gallery") or engine.default_address()))
    ids = [int(one) for one in _list(request.get("ids"), "ids")][:_MOST_CARDS]
    present = set(dataset.catalog.select({}).tolist())
    return {"cards": [card(dataset, one) for one in dataset.catalog.records([one for one in ids if one in present])]}


def _picture(one: Any) -> "Query":
    from core.search import Query

    value = _object(one, "a further picture")
    if value.get("path"):
        return Query.picture(uploaded(str(value["path"])))
    if value.get("id") is None:
        raise ValueError(f"a further picture must have an id or a path, got {one!r}")
    return Query.stored(int(value["id"]))


def _object(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be an object, got {value!r}")
    return dict(value)


def _list(value: Any, what: str) -> Sequence[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} must be a list, got {value!r}")
    return value
