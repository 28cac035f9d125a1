"""The files of a map that a browser reads: binary columns in grid order, texts in chunks, atlases, and map.json."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.projection.atlas import write_atlas
from core.projection.base import Coordinates
from core.projection.clusters import Cluster
from core.projection.columns import Column, ranged
from core.projection.grid import Grid, grid_order, morton
from core.storage import write_json
from core.types import Ids, Image, Json, Progress, no_progress

PUBLIC = "public"
CHUNK = 4096  # points whose texts lie in one file
MOST_POINTS = 2_000_000  # a page holds no more; of larger galleries an even sample is shown


@dataclass(frozen=True)
class Frame:
    """How layout coordinates become those of the page: scaled into -1..1, y growing downwards."""

    x: float
    y: float
    scale: float

    @classmethod
    def around(cls, layout: Coordinates) -> "Frame":
        """Return the frame into whose square the layout just fits."""
        if len(layout) == 0:
            return cls(0.0, 0.0, 1.0)
        low, high = layout.min(axis=0), layout.max(axis=0)
        half = float((high - low).max()) / 2
        return cls(float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2, 1 / half if half > 0 else 1.0)

    def to_page(self, layout: Coordinates) -> Coordinates:
        """Return (N, 2) page coordinates."""
        shifted = (layout - np.array([self.x, self.y])) * np.array([self.scale, -self.scale])
        page: Coordinates = shifted.astype(np.float32)
        return page


@dataclass(frozen=True)
class Point:
    """The texts of a point, in the order of its line in a text file.

    Attributes:
        title, byline, label: for people.
        thumbnail: path below the data set's thumbnails folder; empty without one.
    """

    title: str
    byline: str = ""
    label: str = ""
    thumbnail: str = ""

    def line(self) -> str:
        return "\t".join(" ".join(text.split()) for text in (self.title, self.byline, self.label, self.thumbnail))


def publish(
    folder: Path,
    layout: Coordinates,
    ids: Ids,
    *,
    frame: Frame,
    points: Callable[[int], Point],
    columns: Sequence[Column],
    clusters: Sequence[Cluster],
    trust: NDArray[np.float32],
    picture_of: Callable[[int], Image | None] | None,
    facts: Json,
    progress: Progress = no_progress,
) -> Json:
    """Write everything that a browser needs into `folder` and return what map.json says.

    Args:
        folder: an empty folder.
        layout: (N, 2) coordinates.
        ids: (N,) image ids.
        frame: how coordinates become those of the page.
        points: texts of a row of the layout.
        columns: fields, in the order of the layout; trust and brightness are added here.
        clusters: named, in coordinates of the layout.
        trust: (N,) point scores; better ones are drawn on top and get their thumbnails first.
        picture_of: thumbnail of a row, or None for a map without pictures.
        facts: further entries of map.json.
        progress: told as thumbnails are drawn.

    Raises:
        ValueError: an id does not fit in 32 bits, which is what a browser's arrays hold.
    """
    if len(ids) and ids.max() >= 2**32:
        raise ValueError(f"image ids on a map must be below 2**32, got {ids.max()}")
    folder.mkdir(parents=True, exist_ok=True)
    shown = np.arange(len(ids))
    if len(ids) > MOST_POINTS:
        shown = np.linspace(0, len(ids) - 1, MOST_POINTS).astype(np.int64)
    places = frame.to_page(layout[shown])
    grid = grid_order(places, trust[shown])
    rows = shown[grid.order]  # row of the layout of each published point
    places[grid.order].astype("<f4").tofile(folder / "xy.f32")
    ids[rows].astype("<u4").tofile(folder / "ids.u32")
    grid.starts.astype("<u4").tofile(folder / "grid.u32")
    columns = [*columns, ranged("trust", "Trust in the place", trust, low=0.0, high=1.0)]
    described: Json = {"sizes": [], "page": 0, "n_slots": 0}
    if picture_of is not None and len(rows):
        described, brightness = _write_pictures(folder, grid, rows, picture_of, progress)
        light = np.full(len(ids), np.nan, np.float32)
        light[rows] = brightness
        columns.append(ranged("brightness", "Brightness", light, low=0.0, high=1.0))
    (folder / "fields").mkdir()
    for number, column in enumerate(columns):
        column.codes[rows].tofile(folder / "fields" / f"{number}.u8")
    (folder / "text").mkdir()
    for first in range(0, len(rows), CHUNK):
        lines = [points(int(row)).line() for row in rows[first : first + CHUNK]]
        (folder / "text" / f"{first // CHUNK}.txt").write_text("\n".join(lines), encoding="utf-8")
    names = [
        {"name": c.name, "level": c.level, "count": c.count, "x": float(x), "y": float(y)}
        for c in clusters
        for x, y in frame.to_page(np.array([[c.x, c.y]], np.float32))
    ]
    summary = {
        **facts,
        "format": 1,
        "n": len(rows),
        "n_total": len(ids),
        "chunk": CHUNK,
        "grid": grid.describe(),
        "spacing": _spacing(grid),
        "fields": [column.describe() for column in columns],
        "clusters": names,
        "atlas": described,
    }
    write_json(folder / "map.json", summary)
    return summary


def _write_pictures(
    folder: Path, grid: Grid, rows: Ids, picture_of: Callable[[int], Image | None], progress: Progress
) -> tuple[Json, NDArray[np.float32]]:
    """Write atlases, slots and shapes; return the atlas's description and the points' brightness."""
    described, slots, shapes, brightness = write_atlas(
        folder / "atlas", morton(grid), lambda point: picture_of(int(rows[point])), progress
    )
    slots.astype("<u4").tofile(folder / "slots.u32")
    shapes.tofile(folder / "shapes.u8")
    return described, brightness


def _spacing(grid: Grid) -> float:
    """Return the side of the square that a point has to itself where there are points, in page units."""
    if not len(grid.cells):
        return 1.0
    x0, y0, x1, y1 = grid.bounds
    occupied = len(np.unique(grid.cells)) / grid.side**2 * (x1 - x0) * (y1 - y0)
    return float(np.sqrt(max(occupied, 1e-6) / len(grid.cells)))
