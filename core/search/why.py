"""Why a result was put beside the query: regions that match, and separate scores for content, colour and texture."""

import io
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from core.encoders.feature_maps import FeatureMaps, load_feature_maps
from core.errors import RetrievalError, UnavailableError
from core.search.calibrate import Calibration, share_in_words
from core.search.colours import SharedColour, shared_colours
from core.search.heat import Explanation, explain_pair, overlay
from core.search.loaded import Recent
from core.search.query import Query
from core.types import Json, Vectors

if TYPE_CHECKING:
    from core.search.appearance import Appearance
    from core.search.engine import Engine

Name = Literal["content", "colour", "texture"]
_WORDS = {"content": "what they show", "colour": "their colours", "texture": "their textures"}
_STRONG, _SOME, _CHANCE = 95.0, 80.0, 60.0  # percentiles among random pairs
MATCH_COLOURS = ("#F2B134", "#4FC3E8", "#F07CA8")  # told apart also by those who see few colours, on any picture
_GAP = 12  # pixels between two pictures
_REMEMBERED = 128  # feature maps, 250 kB each


@dataclass(frozen=True)
class Aspect:
    """One way in which two pictures are alike or not.

    Attributes:
        name: "content" (the cosine of the embeddings), "colour" or "texture" (shares in common).
        score: content -1..1, the others 0..1.
        percentile: share of random pairs of the gallery that are less alike in this, 0..100; None if it is not known.
    """

    name: Name
    score: float
    percentile: float | None

    @property
    def sentence(self) -> str:
        """The percentile in words; empty if it is not known."""
        if self.percentile is None:
            return ""
        return f"More alike than {share_in_words(self.percentile)} of random pairs in this gallery."


@dataclass(frozen=True)
class Why:
    """Why two pictures were put side by side.

    Attributes:
        picture: which of the pictures in `compared` it is about.
        similarities: cosine of the result to each of them.
        aspects: content, and colour and texture where the gallery's were measured.
        colours: that both have most in common.
        heat: which regions match; None where `no_heat` says why not.
        heat_of: the encoder that the heat is of, where it is the one below the gallery's; else empty.
        spent_ms: what it took.
    """

    image_id: int
    picture: int
    similarities: list[float]
    aspects: list[Aspect]
    colours: list[SharedColour]
    heat: Explanation | None
    no_heat: str
    heat_of: str
    spent_ms: float

    @property
    def sentence(self) -> str:
        """What connects the two, in plain words."""
        return in_words(self.aspects)

    def to_json(self) -> Json:
        """Return what `why --json` prints; the maps' rows from the top, their cells from the left."""
        heat = self.heat
        return {
            "image_id": self.image_id,
            "picture": self.picture,
            "similarities": self.similarities,
            "sentence": self.sentence,
            "aspects": [
                {"name": one.name, "score": one.score, "percentile": one.percentile, "sentence": one.sentence}
                for one in self.aspects
            ],
            "colours": [{"name": one.name, "rgb": list(one.rgb), "share": one.share} for one in self.colours],
            "heat": heat
            and {
                "here": heat.here.tolist(),
                "there": heat.there.tolist(),
                "matches": [
                    {"here": one.here, "there": one.there, "similarity": one.similarity} for one in heat.matches
                ],
            },
            "no_heat": self.no_heat,
            "heat_of": self.heat_of,
            "spent_ms": round(self.spent_ms, 2),
        }


class Reasons:
    """Explains results, remembering the feature maps of pictures. Safe for concurrent callers."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._cells: Recent[tuple[str, str], Vectors] = Recent(_REMEMBERED)

    def why(
        self,
        address: str,
        query: Query,
        image_id: int,
        *,
        picture: int | None = None,
        calibration: Calibration | None = None,
    ) -> Why:
        """Explain one result of a query by picture.

        Args:
            image_id: of the result.
            picture: which of those in `compared` to look at; None: the most similar one.
            calibration: of the gallery, for the percentile of the content.

        Raises:
            ValueError: the query has no picture, or not so many.
            UnknownNameError, NotPreparedError, ImageError: as for a search.
        """
        started = time.perf_counter()
        engine = self._engine
        pictures = compared(query)
        if not pictures:
            raise ValueError("only a picture can be compared region by region; this query has none")
        if picture is not None and not 0 <= picture < len(pictures):
            raise ValueError(f"picture must be within 0..{len(pictures) - 1}, got {picture}")
        there = Query.stored(image_id)
        vector = engine.encode(address, there)
        vectors = [engine.encode(address, one) for one in pictures]
        similarities = [float(one @ vector) for one in vectors]
        chosen = int(np.argmax(similarities)) if picture is None else picture
        here = pictures[chosen]
        content = similarities[chosen]
        percentile = calibration.of(content).percentile if calibration and len(calibration.pairs) else None
        aspects = [Aspect("content", content, percentile)]
        colours: list[SharedColour] = []
        looks = self._looks(address, here, there)
        if looks is not None:
            own, other, pairs = looks
            aspects.append(Aspect("colour", *_judged(own.colour, other.colour, pairs["colour"])))
            aspects.append(Aspect("texture", *_judged(own.texture, other.texture, pairs["texture"])))
            colours = shared_colours(own.colour, other.colour)
        heat, reason, below = None, "", ""
        try:
            below = self._maps(address).name
            heat = explain_pair(self._cells_of(address, here), self._cells_of(address, there))
        except UnavailableError as error:
            reason = str(error)
        return Why(
            image_id=image_id,
            picture=chosen,
            similarities=similarities,
            aspects=aspects,
            colours=colours,
            heat=heat,
            no_heat=reason,
            heat_of=below if below != engine.vectors(address).address.encoder else "",
            spent_ms=1000 * (time.perf_counter() - started),
        )

    def _looks(
        self, address: str, here: Query, there: Query
    ) -> "tuple[Appearance, Appearance, dict[str, NDArray[np.float32]]] | None":
        engine = self._engine
        try:
            looks = engine.looks(address)
        except RetrievalError:  # not measured yet: the content is explained all the same
            return None
        chosen = engine.vectors(address).address
        return engine.query_looks.one(chosen, here, looks), engine.query_looks.one(chosen, there, looks), looks.pairs

    def _maps(self, address: str) -> FeatureMaps:
        return load_feature_maps(self._engine.vectors(address).address.encoder, self._engine.settings)

    def _cells_of(self, address: str, query: Query) -> Vectors:
        engine = self._engine
        chosen = engine.vectors(address).address
        if query.kind == "stored" and query.is_whole:
            content = engine.record(address, int(query.image_id or 0)).sha256
        else:
            content = engine.queries.by_picture(chosen, query).content()[1]
        key = (content, chosen.encoder)
        known = self._cells.get(key)
        if known is None:
            maps = self._maps(address)
            known = maps.cells(engine.queries.picture(chosen, query, maps.preparation.min_side(query.region)))
            self._cells.put(key, known)
        return known


def compared(query: Query) -> list[Query]:
    """Return the pictures that a result may be there for: the query's, the first one first, and its pluses."""
    pictures = [one for one in (query.unsteered(), *query.steering.also) if one.kind in ("picture", "stored")]
    return [*pictures, *(Query.stored(image_id) for image_id in query.steering.plus)]


def in_words(aspects: Sequence[Aspect]) -> str:
    """Return in which aspects two pictures are alike, from the percentiles; empty if the content's is not known."""
    known = [(one.name, one.percentile) for one in aspects if one.percentile is not None]
    strong = [_WORDS[name] for name, percentile in known if percentile >= _STRONG]
    some = [_WORDS[name] for name, percentile in known if _SOME <= percentile < _STRONG]
    chance = [_WORDS[name] for name, percentile in known if percentile < _CHANCE]
    if "content" not in [name for name, _ in known]:
        return ""
    sentences = []
    if strong:
        sentences.append(f"Side by side for {_listed(strong)}.")
        if some:
            sentences.append(f"{_capital(_listed(some))} agree more than usual, too.")
    elif some:
        sentences.append(f"Side by side for {_listed(some)}, which agree more than usual, though not strikingly.")
    else:
        sentences.append("Little connects these two: nothing that is measured here is much more alike than usual.")
    if chance and (strong or some):
        sentences.append(f"{_capital(_listed(chance))} agree no more than those of two pictures taken at random.")
    return " ".join(sentences)


def side_by_side(engine: "Engine", address: str, query: Query, why: Why, height: int = 480) -> bytes:
    """Return a PNG of the query's picture and the result with their heat maps, matching regions boxed alike.

    Args:
        query: that `why` explains.
        height: of either picture, in pixels.

    Raises:
        UnavailableError: there is no heat map.
        ImageError: a picture cannot be read.
    """
    if why.heat is None:
        raise UnavailableError(why.no_heat)
    chosen = engine.vectors(address).address
    shown = []
    for one, heat, side in (
        (compared(query)[why.picture], why.heat.here, "here"),
        (Query.stored(why.image_id), why.heat.there, "there"),
    ):
        picture = Pillow.fromarray(overlay(engine.queries.picture(chosen, one, height), heat))
        picture = picture.resize((max(1, round(picture.width * height / picture.height)), height))
        draw = ImageDraw.Draw(picture)
        for match, colour in zip(why.heat.matches, MATCH_COLOURS, strict=False):
            x0, y0, x1, y1 = getattr(match, side)
            box = (x0 * picture.width, y0 * height, x1 * picture.width - 1, y1 * height - 1)
            draw.rectangle(box, outline=colour, width=max(2, height // 160))
        shown.append(picture)
    sheet = Pillow.new("RGB", (shown[0].width + _GAP + shown[1].width, height), "white")
    sheet.paste(shown[0], (0, 0))
    sheet.paste(shown[1], (shown[0].width + _GAP, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _judged(
    shares: NDArray[np.float32], others: NDArray[np.float32], pairs: NDArray[np.float32]
) -> tuple[float, float | None]:
    """Return what two have in common, and its percentile among random pairs where there are any."""
    score = float(np.minimum(shares, others).sum())
    if not len(pairs):
        return score, None
    return score, 50 * (bisect_left(pairs, score) + bisect_right(pairs, score)) / len(pairs)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
