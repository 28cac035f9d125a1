"""A contact sheet: originals beside what was restored."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from core.archive.reader import Archive
from core.archive.unpack import restore
from core.codec.model import LearnedCodec
from core.codec.pixels import Pixels, to_pillow
from core.errors import DamagedFileError, ImageError
from core.imaging import open_image
from core.settings import Settings
from core.storage import atomic_path
from core.types import Image

SHEET = "contact-sheet.png"
_CELL, _GAP, _TEXT = 256, 8, 18  # pixels
_GROUND, _INK = (250, 248, 244), (27, 27, 26)


def contact_sheet(rows: Sequence[tuple[str, Sequence[Image]]]) -> Image:
    """Return one picture with a row for each (caption, pictures), scaled down to fit where needed.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one picture")
    n_columns = max(len(pictures) for _, pictures in rows)
    width = n_columns * (_CELL + _GAP) + _GAP
    height = len(rows) * (_CELL + _TEXT + _GAP) + _GAP
    sheet = PillowImage.new("RGB", (width, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    for number, (caption, pictures) in enumerate(rows):
        top = _GAP + number * (_CELL + _TEXT + _GAP)
        for column, pixels in enumerate(pictures):
            picture = PillowImage.fromarray(pixels)
            picture.thumbnail((_CELL, _CELL), PillowImage.Resampling.LANCZOS)
            sheet.paste(picture, (_GAP + column * (_CELL + _GAP), top))
        pen.text((_GAP, top + _CELL + 2), caption, fill=_INK)
    return np.array(sheet)


def write_sheet(
    archive: Archive, codec: LearnedCodec, target: Path, count: int, originals: Mapping[str, Path], settings: Settings
) -> Path:
    """Write a sheet of `count` records spread over the archive, and return its path.

    Args:
        target: the PNG file to write.
        originals: files by the records' names; where one is missing or unreadable only the restored is shown.
    """
    chosen = sorted({round(row) for row in np.linspace(0, len(archive) - 1, min(count, len(archive)))})
    rows: list[tuple[str, Sequence[Image]]] = []
    for row, picture in zip(chosen, restore(archive, codec, chosen, settings), strict=True):
        if isinstance(picture, DamagedFileError):
            continue
        name = archive.names[row]
        pictures = [_as_rgb(picture)]
        if originals:
            try:
                pictures.insert(0, open_image(originals[name], max_pixels=settings.max_pixels))
            except (KeyError, ImageError):
                name += " (no original)"
        rows.append((f"{name}  {int(archive.lengths[row])} bytes", pictures))
    with atomic_path(target) as temporary:
        PillowImage.fromarray(contact_sheet(rows)).save(temporary, "PNG")
    return target


def _as_rgb(pixels: Pixels) -> Image:
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return np.array(to_pillow(pixels).convert("RGB"))
