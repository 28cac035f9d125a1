"""Sprite atlases: all thumbnails of a map on a few WebP pages, at several sizes, loaded as one zooms in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.types import Image, Json, Progress

PAGE = 1024  # side of a page in pixels
_SIZES = (32, 64, 128)
_QUALITY = 78
NO_SLOT = 2**32 - 1
_MOST_SLOTS = 200_000
_MOST_SLOTS_OF_SIZE = {32: _MOST_SLOTS, 64: 100_000, 128: 20_000}


class AtlasWriter:
    """Takes pictures in the order of their slots and writes pages as they fill."""

    def __init__(self, folder: Path, n_slots: int) -> None:
        self._folder = folder
        self._pages: dict[int, Image] = {}
        self.sizes = [size for size in _SIZES if n_slots <= _MOST_SLOTS_OF_SIZE[size]]
        self._n_slots = n_slots
        for size in self.sizes:
            (folder / str(size)).mkdir(parents=True, exist_ok=True)

    def put(self, slot: int, picture: Image | None) -> None:
        """Draw a picture into its slot at every size; None leaves the slot empty."""
        for size in self.sizes:
            across = PAGE // size
            per_page = across * across
            page = self._pages.setdefault(size, np.zeros((PAGE, PAGE, 3), np.uint8))
            if picture is not None:
                sprite = _fit(picture, size)
                row, column = divmod(slot % per_page, across)
                page[row * size : row * size + len(sprite), column * size : column * size + sprite.shape[1]] = sprite
            if slot % per_page == per_page - 1 or slot == self._n_slots - 1:
                self._write(size, slot // per_page, page)
                del self._pages[size]

    def _write(self, size: int, number: int, page: Image) -> None:
        last = min(self._n_slots - number * (PAGE // size) ** 2, (PAGE // size) ** 2) - 1
        height = (last // (PAGE // size) + 1) * size
        target = self._folder / str(size) / f"{number}.webp"
        Pillow.fromarray(page[:height]).save(target, "WEBP", quality=_QUALITY, method=2)

    def describe(self) -> Json:
        return {"page": PAGE, "sizes": self.sizes, "n_slots": self._n_slots}


def shape_code(width: int, height: int) -> int:
    """Return one byte for a picture's aspect ratio: 128 is square, 32 steps double the width."""
    return int(np.clip(round(128 + 32 * np.log2(width / height)), 1, 255))


def sprite_size(code: int, size: int) -> tuple[int, int]:
    """Return (width, height) in pixels of a picture of that shape in a square cell of side `size`."""
    aspect = 2.0 ** ((code - 128) / 32)
    return max(1, round(size * min(1.0, aspect))), max(1, round(size * min(1.0, 1 / aspect)))


def write_atlas(
    folder: Path,
    positions: NDArray[np.int64],
    picture_of: Callable[[int], Image | None],
    progress: Progress,
) -> tuple[Json, NDArray[np.uint32], NDArray[np.uint8], NDArray[np.float32]]:
    """Write the pages of a map's pictures.

    Args:
        folder: to write into.
        positions: (N,) place of each point along a curve that keeps near points together.
        picture_of: gives a point's thumbnail, or None where it has none.
        progress: told after every picture.

    Returns:
        A description, each point's slot (N,) or NO_SLOT, each point's shape code (N,), and its mean brightness (N,) in
        0..1 (NaN without a picture).
    """
    n = len(positions)
    along = np.argsort(positions)
    if n > _MOST_SLOTS:  # a page cannot show them all anyway: every so many-th along the curve has a picture
        along = along[np.linspace(0, n - 1, _MOST_SLOTS).astype(np.int64)]
    writer = AtlasWriter(folder, len(along))
    slots = np.full(n, NO_SLOT, np.uint32)
    shapes = np.full(n, 128, np.uint8)
    brightness = np.full(n, np.nan, np.float32)
    for slot, point in enumerate(along):
        picture = picture_of(int(point))
        writer.put(slot, picture)
        if picture is not None:
            slots[point] = slot
            shapes[point] = shape_code(picture.shape[1], picture.shape[0])
            brightness[point] = picture[::4, ::4].mean() / 255
        progress(slot + 1, len(along), "drawing thumbnails")
    return writer.describe(), slots, shapes, brightness


def _fit(picture: Image, size: int) -> Image:
    """Return the picture scaled into a cell, its aspect ratio kept to the precision of its shape code."""
    target = sprite_size(shape_code(picture.shape[1], picture.shape[0]), size)
    scaled = Pillow.fromarray(picture).resize(target, Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(scaled, np.uint8)
