"""A contact sheet: originals beside what was restored."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from core.types import Image

_CELL, _GAP, _TEXT = 256, 8, 18  # pixels
_GROUND, _INK = (250, 248, 244), (27, 27, 26)


def contact_sheet(rows: Sequence[tuple[str, Image, Image]]) -> Image:
    """Return one picture with a row for each (caption, original, restored), scaled down to fit where needed.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one picture")
    width = 2 * _CELL + 3 * _GAP
    height = len(rows) * (_CELL + _TEXT + _GAP) + _GAP
    sheet = PillowImage.new("RGB", (width, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    for number, (caption, *pictures) in enumerate(rows):
        top = _GAP + number * (_CELL + _TEXT + _GAP)
        for column, pixels in enumerate(pictures):
            picture = PillowImage.fromarray(pixels)
            picture.thumbnail((_CELL, _CELL), PillowImage.Resampling.LANCZOS)
            sheet.paste(picture, (_GAP + column * (_CELL + _GAP), top))
        pen.text((_GAP, top + _CELL + 2), caption, fill=_INK)
    return np.array(sheet)
