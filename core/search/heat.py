"""Which regions make two pictures alike: heat maps of a similarity, and the regions that match best.

Both pictures are grids of feature vectors whose mean is the embedding, so their cosine is the sum, over all pairs of a
cell here and a cell there, of a contribution (A. Stylianou, R. Souvenir, R. Pless, "Visualizing Deep Similarity
Networks", WACV 2019, section 3.1). A heat map shows what each cell contributes to that sum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

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
        matches: regions that are mutually most alike, best first.
    """

    similarity: float
    here: NDArray[np.float32]
    there: NDArray[np.float32]
    matches: list[Match]


def explain_pair(here: Vectors, there: Vectors, *, n_matches: int = 3) -> Explanation:
    """Return the contributions of cells and the best matching regions.

    Args:
        here: (R, C, D) features of the query's cells, before pooling.
        there: (R', C', D) features of the result's cells.
        n_matches: at most so many pairs of regions.

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
    return Explanation(similarity, contributions, other_contributions, _matches(here, there, n_matches))


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


def _matches(here: Vectors, there: Vectors, count: int) -> list[Match]:
    """Return pairs of cells that are each other's nearest, best first, no two of them neighbours in the query."""
    a, b = _unit(here), _unit(there)
    cosines = a @ b.T  # (R*C, R'*C')
    nearest, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    mutual = np.flatnonzero(back[nearest] == np.arange(len(a)))
    matches: list[Match] = []
    taken: list[tuple[int, int]] = []
    for cell in mutual[np.argsort(-cosines[mutual, nearest[mutual]], kind="stable")]:
        row, column = divmod(int(cell), here.shape[1])
        if len(matches) == count or any(max(abs(row - r), abs(column - c)) <= 1 for r, c in taken):
            continue
        taken.append((row, column))
        other = int(nearest[cell])
        similarity = float(cosines[cell, other])
        matches.append(Match(_box(int(cell), here.shape[:2]), _box(other, there.shape[:2]), similarity))
    return matches


def _unit(cells: Vectors) -> Vectors:
    """Return (R*C, D) cells of norm 1; a cell of zeros stays zero."""
    flat = cells.reshape(-1, cells.shape[2]).astype(np.float32)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: Vectors = np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 0)
    return unit


def _box(cell: int, grid: tuple[int, ...]) -> Box:
    row, column = divmod(cell, grid[1])
    return column / grid[1], row / grid[0], (column + 1) / grid[1], (row + 1) / grid[0]
