"""`worldstrat`: large pictures (of WorldStrat: 1054 x 1054 pixels) cut into tiles of 128 x 128.

J. Cornebise, I. Orsolic, F. Kalaitzis, "Open High-Resolution Satellite Imagery: The WorldStrat Dataset", NeurIPS 2022.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image as Pillow

from core import imaging
from core.datasets.base import FieldSpec
from core.datasets.builder import Entry, PrepareReport, build
from core.datasets.folds import FOLD_FIELD, fold_of, part_of_fold
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError, ImageError, NotPreparedError
from core.settings import Settings
from core.types import Image, Progress

TILE = 128
_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
_FIELDS = [
    FieldSpec("parent", "Cut from", "text"),
    FieldSpec("row", "Row", "range"),
    FieldSpec("column", "Column", "range"),
    FOLD_FIELD,
]


class WorldStrat:
    """The set; tiles of one picture are always in one part."""

    name = "worldstrat"
    title = "WorldStrat tiles"
    kind = "satellite"
    licence = "CC BY-NC 4.0 (Airbus SPOT imagery), CC BY 4.0 (labels and Sentinel-2)"
    citation = "J. Cornebise, I. Orsolic, F. Kalaitzis, The WorldStrat Dataset, NeurIPS 2022"
    homepage = "https://www.kaggle.com/datasets/jucor1/worldstrat"
    size = "3,928 pictures of 1054 x 1054 pixels, 64 tiles of each; 107 GB in all to download by hand"
    needs_source = True

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Cut every picture of a folder or archive; what is smaller than a tile is listed.

        Raises:
            NotPreparedError: no source was given.
            DamagedFileError: it holds no picture.
        """
        if source is None:
            raise NotPreparedError(
                f"{self.title} must be downloaded by hand from {self.homepage}; then run: python -m core data get "
                f"{self.name} --from FOLDER"
            )
        meta = {
            "title": self.title, "kind": self.kind, "note": "One pixel covers 1.5 m, one tile about 190 m.",
            "licence": self.licence, "citation": self.citation, "homepage": self.homepage, "layout": "1",
        }  # fmt: skip
        strange: list[tuple[str, str]] = []
        with open_source(source) as opened:
            names = [name for name in opened.names() if PurePosixPath(name).suffix.lower() in _SUFFIXES]
            composites = [name for name in names if PurePosixPath(name).stem.endswith("_rgb")]
            chosen = composites or names  # the set has single bands beside its composites
            if not chosen:
                raise DamagedFileError(
                    f"{source} holds no picture: looked for *_rgb.png, or any {', '.join(_SUFFIXES)}"
                )
            report = build(
                self.name, settings, _entries(opened, chosen, strange), meta=meta, fields=_FIELDS, progress=progress
            )
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + strange)


DATASET = WorldStrat()


def tiles(picture: Image) -> Iterator[tuple[int, int, Image]]:
    """Yield (row, column, tile) of a grid without overlap, with equal margins on opposite sides."""
    height, width = picture.shape[:2]
    top, left = height % TILE // 2, width % TILE // 2
    for row in range(height // TILE):
        for column in range(width // TILE):
            y, x = top + row * TILE, left + column * TILE
            yield row, column, picture[y : y + TILE, x : x + TILE]


def _entries(source: Source, names: list[str], strange: list[tuple[str, str]]) -> Iterator[Entry]:
    for name in names:
        stem = PurePosixPath(name).stem.removesuffix("_rgb")
        try:
            picture = imaging.open_image(source.read(name))
        except ImageError as error:
            strange.append((name, str(error).replace("the picture", name, 1)))
            continue
        if min(picture.shape[:2]) < TILE:
            strange.append((name, f"is smaller than a tile of {TILE} pixels"))
            continue
        fold = fold_of(PurePosixPath(name).name)
        kind = re.match(r"[A-Za-z]+", stem)
        for row, column, tile in tiles(picture):
            yield Entry(
                path=f"{stem}/r{row:02d}_c{column:02d}.png", data=lambda tile=tile: _png(tile),  # type: ignore[misc]
                title=f"{stem}, row {row + 1}, column {column + 1}", label=kind[0] if kind else "",
                split=part_of_fold(fold),
                fields={"parent": stem, "row": row, "column": column, FOLD_FIELD.name: fold},
            )  # fmt: skip


def _png(tile: Image) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(tile)).save(buffer, "PNG")
    return buffer.getvalue()
