"""What a search returns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.datasets import ImageRecord
from core.search.steering import NONE, Steering
from core.types import Json


@dataclass(frozen=True)
class Result:
    """One picture that was found.

    Attributes:
        rank: from 1.
        similarity: exact cosine from the stored vectors, -1..1; nan where only words were searched, as is the distance.
        distance: the index's own, squared L2; approximate where the index is.
        scores: where the query weighs colour or texture: "content", "colour", "texture", and "weighed", the mean of the
            ranks among the candidates that results are sorted by, 0..1; else empty.
    """

    rank: int
    image_id: int
    path: str
    similarity: float
    distance: float
    record: ImageRecord
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchOutcome:
    """The results of one search, best first, and how they were found.

    Attributes:
        gallery: full address, `dataset@encoder`.
        timings_ms: milliseconds for "decode", "encode" and "search"; 0 for what was not needed.
        n_searched: pictures that could have been found: those of the gallery that pass the filter.
        knobs: the index's settings that were given.
        cached: whether the query's vector was remembered from an earlier search.
        is_approximate: the gallery came from an archive, and its vectors from search codes: so are the similarities.
        steering: how the query was steered.
        n_candidates: pictures that weighing or variety chose among; 0 where neither did.
        notice: what a person must know about how it was found, such as that a server is away; else empty.
    """

    gallery: str
    encoder: str
    index: str
    timings_ms: Mapping[str, float]
    n_searched: int
    results: list[Result]
    knobs: Mapping[str, int | float] = field(default_factory=dict)
    cached: bool = False
    is_approximate: bool = False
    steering: Steering = NONE
    n_candidates: int = 0
    notice: str = ""

    def to_json(self) -> Json:
        """Return what `search --json` prints."""
        return {
            "gallery": self.gallery,
            "encoder": self.encoder,
            "index": self.index,
            "knobs": dict(self.knobs),
            "timings_ms": {name: round(value, 3) for name, value in self.timings_ms.items()},
            "n_searched": self.n_searched,
            "is_approximate": self.is_approximate,
            **({"notice": self.notice} if self.notice else {}),
            **({"steering": self.steering.to_json()} if self.steering != NONE else {}),
            "results": [
                {
                    "rank": result.rank,
                    "image_id": result.image_id,
                    "path": result.path,
                    "similarity": None if math.isnan(result.similarity) else result.similarity,
                    "distance": None if math.isnan(result.distance) else result.distance,
                    **({"scores": dict(result.scores)} if result.scores else {}),
                    "metadata": metadata(result.record),
                }
                for result in self.results
            ],
        }


def metadata(record: ImageRecord) -> Json:
    """Return a record's facts as JSON: the set's own fields, and those that every picture has."""
    return {
        **record.fields,
        "title": record.title,
        "label": record.label,
        "split": record.split,
        "width": record.width,
        "height": record.height,
    }
