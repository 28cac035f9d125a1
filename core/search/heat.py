"""Which regions make two pictures alike: heat maps of a similarity, and the regions that match best.

Both pictures are grids of feature vectors whose mean is the embedding, so their cosine is the sum, over all pairs of a
cell here and a cell there, of a contribution (A. Stylianou, R. Souvenir, R. Pless, "Visualizing Deep Similarity
Networks", WACV 2019, section 3.1). A heat map shows what each cell contributes to that sum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.arrays import normalize
from core.types import Image, Vectors

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as fractions of width and height


@dataclass(frozen=True)
class Match:
    """Two regions that are alike.

    Attributes:
        here, there: their places in the query and in the result.
        similarity: cosine of their features.
    """

    here: Box
    there: Box
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """Why two pictures are alike.

    Attributes:
        similarity: cosine of the pooled features, the sum of either map.
        here, there: (rows, columns) contribution of each cell of the query and of the result.
        matches: regions that stand out of either picture and are mutually most alike, best first.
    """

    similarity: float
    here: NDArray[np.float32]
    there: NDArray[np.float32]
    matches: list[Match]


def explain_pair(here: Vectors, there: Vectors, *, n_matches: int = 3, window: int = 2) -> Explanation:
    """Return the contributions of cells and the best matching regions.

    Args:
        here: (R, C, D) features of the query's cells, before pooling.
        there: (R', C', D) features of the result's cells.
        n_matches: at most so many pairs of regions.
        window: cells of a region's side.

    Raises:
        ValueError: shapes do not fit, or a picture has no features at all.
    """
    if here.ndim != 3 or there.ndim != 3 or here.shape[2] != there.shape[2]:
        raise ValueError(f"feature maps must have shape (R, C, D) with one D, got {here.shape} and {there.shape}")
    cells, others = here.reshape(-1, here.shape[2]), there.reshape(-1, there.shape[2])
    mean, other_mean = cells.mean(axis=0), others.mean(axis=0)
    scale = float(np.linalg.norm(mean) * np.linalg.norm(other_mean))
    if scale == 0:
        raise ValueError("a picture without any features cannot be explained")
    contributions = (cells @ other_mean / (scale * len(cells))).reshape(here.shape[:2])
    other_contributions = (others @ mean / (scale * len(others))).reshape(there.shape[:2])
    similarity = float(mean @ other_mean / scale)
    return Explanation(similarity, contributions, other_contributions, _matches(here, there, n_matches, window))


def overlay(image: Image, heat: NDArray[np.float32], *, strength: float = 0.6) -> Image:
    """Return the picture with cold regions faded to grey and darkened, so that what contributes keeps its colours.

    Args:
        image: (H, W, 3).
        heat: (R, C) contributions of a regular grid over the picture.
        strength: 0 leaves the picture as it is, 1 leaves the coldest cell dark grey.
    """
    low, high = float(heat.min()), float(heat.max())
    warmth = (heat - low) / (high - low) if high > low else np.ones_like(heat)
    small = Pillow.fromarray((warmth * 255).astype(np.uint8))
    height, width = image.shape[:2]
    mask = np.asarray(small.resize((width, height), Pillow.Resampling.BICUBIC), np.float32)[..., None] / 255
    grey = image.mean(axis=2, keepdims=True)
    faded = grey * (1 - 0.5 * strength)
    mixed = image * (1 - strength * (1 - mask)) + faded * strength * (1 - mask)
    shown: Image = np.clip(mixed, 0, 255).astype(np.uint8)
    return shown


def _matches(here: Vectors, there: Vectors, count: int, window: int) -> list[Match]:
    """Return pairs of regions that are each other's nearest, best first, no two of them overlapping.

    Regions are compared by how they differ from the mean of their own picture, and ranked by the product of these
    differences: a dark corner is like any dark corner, and would otherwise be the best match of most paintings.
    """
    a, b = _windows(here, window), _windows(there, window)
    columns, other_columns = a.shape[1], b.shape[1]
    products = _flat(a - here.mean(axis=(0, 1))) @ _flat(b - there.mean(axis=(0, 1))).T  # (R*C, R'*C')
    cosines = _unit(a - here.mean(axis=(0, 1))) @ _unit(b - there.mean(axis=(0, 1))).T
    plain = _unit(a) @ _unit(b).T
    nearest, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    mutual = np.flatnonzero(back[nearest] == np.arange(len(nearest)))
    gains = products[mutual, nearest[mutual]]
    matches: list[Match] = []
    taken: list[tuple[int, int, int, int]] = []
    for region in mutual[np.argsort(-gains, kind="stable")]:
        other = int(nearest[region])
        place = (*divmod(int(region), columns), *divmod(other, other_columns))
        apart = all(
            max(abs(place[0] - one[0]), abs(place[1] - one[1])) >= window
            and max(abs(place[2] - one[2]), abs(place[3] - one[3])) >= window
            for one in taken
        )
        if len(matches) == count or not apart or products[region, other] <= 0:
            continue
        taken.append(place)
        boxes = _box(place[:2], here.shape, window), _box(place[2:], there.shape, window)
        matches.append(Match(*boxes, float(plain[region, other])))
    return matches


def _windows(cells: Vectors, window: int) -> Vectors:
    """Return (R - w + 1, C - w + 1, D) means of the square regions of w cells' side; of a smaller grid, all of it."""
    sides = min(window, cells.shape[0]), min(window, cells.shape[1])
    views = np.lib.stride_tricks.sliding_window_view(cells, sides, axis=(0, 1))
    means: Vectors = views.mean(axis=(3, 4), dtype=np.float32)
    return means


def _flat(cells: Vectors) -> Vectors:
    return cells.reshape(-1, cells.shape[2])


def _unit(cells: Vectors) -> Vectors:
    """Return (R*C, D) cells of norm 1; a cell of zeros stays zero."""
    return normalize(_flat(cells))


def _box(place: tuple[int, int], shape: tuple[int, ...], window: int) -> Box:
    """Return the region whose first cell is in that row and column, as fractions of the picture's sides."""
    (row, column), (rows, columns) = place, shape[:2]
    return column / columns, row / rows, min(column + window, columns) / columns, min(row + window, rows) / rows
