"""What a person searches with: a picture, one of the gallery's own, or a vector."""

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.arrays import as_count, as_vectors
from core.errors import ImageError
from core.search.steering import NONE, Steering
from core.storage import digest
from core.types import Image, Vectors

Region = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Query:
    """A query; make it by `picture`, `stored` or `values`.

    Attributes:
        region: (x0, y0, x1, y1) fractions of the turned picture, from its top left corner; None for all of it.
        quarter_turns: clockwise, applied before mirroring and before the region is cut out.
        steering: more pictures, pluses and minuses, weights and variety; see `steered`.
        pictured: of a vector that was made from a query by picture, that query: its colours count, its minuses are left
            out.
    """

    kind: Literal["picture", "stored", "vector"]
    source: Path | bytes | Image | None = None
    image_id: int | None = None
    values: Vectors | None = None
    region: Region | None = None
    quarter_turns: int = 0
    mirrored: bool = False
    steering: Steering = NONE
    pictured: "Query | None" = None

    @staticmethod
    def picture(
        source: Path | str | bytes | Image,
        region: Region | None = None,
        quarter_turns: int = 0,
        mirrored: bool = False,
    ) -> "Query":
        """Search with a picture: a path, a file's bytes, or (H, W, 3) pixels.

        Raises:
            ValueError: the region is not 0 <= x0 < x1 <= 1, 0 <= y0 < y1 <= 1.
        """
        chosen = Path(source) if isinstance(source, str) else source
        if not isinstance(chosen, Path | bytes | np.ndarray):
            raise TypeError(f"a picture must be a path, bytes or an array, got {type(source).__name__}")
        return Query(
            "picture", source=chosen, region=_checked(region), quarter_turns=quarter_turns % 4, mirrored=bool(mirrored)
        )

    @staticmethod
    def stored(image_id: int, region: Region | None = None, quarter_turns: int = 0, mirrored: bool = False) -> "Query":
        """Search with a picture of the gallery, by its id; without a region or a turn nothing is encoded."""
        return Query(
            "stored",
            image_id=as_count(image_id, what="image_id", least=0),
            region=_checked(region),
            quarter_turns=quarter_turns % 4,
            mirrored=bool(mirrored),
        )

    @staticmethod
    def vector(values: Any) -> "Query":
        """Search with a (D,) vector; it is scaled to length 1.

        Raises:
            ValueError: not (D,), not finite, or zero.
        """
        array = as_vectors(np.atleast_2d(np.asarray(values)), what="vector")
        norm = float(np.linalg.norm(array))
        if len(array) != 1 or not norm:
            raise ValueError(f"a query must be one vector that is not zero, got shape {np.asarray(values).shape}")
        return Query("vector", values=array[0] / norm)

    def steered(self, **changes: Any) -> "Query":
        """Return this query steered as `core.search.steering.Steering` describes: `query.steered(plus=(3, 9))`.

        Raises:
            ValueError, TypeError: see there; a query in `also` that is steered itself.
        """
        steering = replace(self.steering, **changes)
        if any(one.steering != NONE for one in steering.also):
            raise ValueError("a further query picture cannot be steered by itself")
        return replace(self, steering=steering)

    @property
    def look(self) -> "Query":
        """The query whose pictures say what colours and textures are looked for."""
        return self.pictured or self

    def unsteered(self) -> "Query":
        """Return this query's first picture alone."""
        return replace(self, steering=NONE)

    @property
    def is_whole(self) -> bool:
        """Whether the picture is used as it is: not turned, mirrored or cut."""
        return self.region is None and not self.quarter_turns and not self.mirrored

    def content(self) -> tuple[bytes | Image, str]:
        """Return what to decode and a digest of it that also says what is cut out; reads a file once.

        Raises:
            ImageError: the file cannot be read.
        """
        if self.source is None:
            raise ValueError("only a query by picture has content")
        source = _read(self.source) if isinstance(self.source, Path) else self.source
        if isinstance(source, bytes):
            content, shape = hashlib.sha256(source), None
        else:
            content, shape = hashlib.sha256(np.ascontiguousarray(source).data), list(source.shape)
        return source, digest(content.hexdigest(), shape, self.region, self.quarter_turns, self.mirrored)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error


def _checked(region: Region | None) -> Region | None:
    """Return the region as floats, None for the whole picture."""
    if region is None:
        return None
    numbers = tuple(float(value) for value in region)
    if len(numbers) != 4 or not all(math.isfinite(value) for value in numbers):
        raise ValueError(f"region must be four numbers (x0, y0, x1, y1), got {region!r}")
    x0, y0, x1, y1 = numbers
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise ValueError(f"region must have 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1, got {numbers}")
    return None if numbers == (0, 0, 1, 1) else (x0, y0, x1, y1)
