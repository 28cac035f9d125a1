"""A uniform grid over a map: points sorted by cell, so that what lies in a rectangle is a few runs of points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.projection.base import Coordinates
from core.types import Json

_MOST_CELLS = 512  # along a side


@dataclass(frozen=True)
class Grid:
    """Cells in rows from the top; the points of one row of cells lie behind one another.

    Attributes:
        side: cells along each side.
        bounds: (x0, y0, x1, y1) of the whole grid; no point lies on its far edges.
        order: (N,) rows of the layout in the order of their cells.
        starts: (side * side + 1,) where each cell begins in that order.
        cells: (N,) the cell of each point, in that order.
    """

    side: int
    bounds: tuple[float, float, float, float]
    order: NDArray[np.int64]
    starts: NDArray[np.uint32]
    cells: NDArray[np.int64]

    def describe(self) -> Json:
        return {"side": self.side, "bounds": list(self.bounds)}


def grid_order(layout: Coordinates, rank: NDArray[np.float32] | None = None) -> Grid:
    """Return the grid of a layout, with about two points in a cell if they were spread evenly.

    Args:
        layout: (N, 2) coordinates.
        rank: (N,) the points of a cell come in the order of this, highest first; by row where absent or equal.
    """
    n = len(layout)
    side = int(np.clip(2 ** np.ceil(np.log2(max(1.0, np.sqrt(n / 2)))), 1, _MOST_CELLS))
    low = layout.min(axis=0).astype(np.float64) if n else np.zeros(2)
    high = layout.max(axis=0).astype(np.float64) if n else np.ones(2)
    high = low + np.maximum((high - low) * (1 + 1e-5), 1e-6)
    places = np.clip(((layout - low) / (high - low) * side).astype(np.int64), 0, side - 1)
    cells = places[:, 1] * side + places[:, 0]
    order = np.lexsort((np.arange(n), -rank if rank is not None else np.zeros(n), cells))
    starts = np.zeros(side * side + 1, np.uint32)
    starts[1:] = np.cumsum(np.bincount(cells, minlength=side * side))
    return Grid(side, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), order, starts, cells[order])


def morton(grid: Grid) -> NDArray[np.int64]:
    """Return (N,) positions of the grid's points along a Z-shaped curve, on which what is near on the map is near."""
    x, y = grid.cells % grid.side, grid.cells // grid.side
    code = np.zeros(len(x), np.int64)
    for bit in range(10):
        code |= ((x >> bit) & 1) << (2 * bit) | ((y >> bit) & 1) << (2 * bit + 1)
    positions = np.empty(len(x), np.int64)
    positions[np.lexsort((np.arange(len(x)), code))] = np.arange(len(x))
    return positions
