"""Random training crops from pictures held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from core.codec.shape import BLOCK
from core.types import Image

CROP_SIDE = 128  # pixels; pictures smaller than this are used in crops of SMALL_SIDE
SMALL_SIDE = 64
_SHRINK_SHARE, _SHRINK_MOST = 0.3, 1.6  # so many crops are taken from up to so much larger a window


@dataclass(frozen=True)
class CropSource:
    """Pictures of one kind and how often they are drawn.

    Attributes:
        pictures: (H, W, 3) uint8 each, at least SMALL_SIDE wide and high.
        weight: relative share of the batches.
    """

    pictures: Sequence[Image]
    weight: float

    @property
    def side(self) -> int:
        """Side of the crops, the same for every picture of the source."""
        return CROP_SIDE if min(min(p.shape[:2]) for p in self.pictures) >= CROP_SIDE else SMALL_SIDE


def draw_batch(sources: Sequence[CropSource], n_pixels: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (B, side, side, 3) crops with B * side**2 = n_pixels; all of one batch have one side.

    Sources with the same side are mixed within a batch in proportion to their weights.
    """
    weights = np.array([source.weight for source in sources])
    first = sources[rng.choice(len(sources), p=weights / weights.sum())]
    same = [source for source in sources if source.side == first.side]
    share = np.array([source.weight for source in same])
    count = max(1, n_pixels // first.side**2)
    drawn = rng.choice(len(same), size=count, p=share / share.sum())
    crops = []
    for number in drawn:
        pictures = same[number].pictures
        crops.append(_crop(pictures[rng.integers(len(pictures))], first.side, rng))
    return np.stack(crops)


def _crop(picture: Image, side: int, rng: np.random.Generator) -> Image:
    window = side
    if side >= 4 * BLOCK and rng.random() < _SHRINK_SHARE:
        window = int(side * rng.uniform(1, min(_SHRINK_MOST, min(picture.shape[:2]) / side)))
    row = rng.integers(picture.shape[0] - window + 1)
    column = rng.integers(picture.shape[1] - window + 1)
    crop = picture[row : row + window, column : column + window]
    if window > side:
        shrunk = PIL.Image.fromarray(crop).resize((side, side), PIL.Image.Resampling.BICUBIC)
        crop = np.asarray(shrunk)
    crop = np.rot90(crop, int(rng.integers(4)))
    return np.ascontiguousarray(crop[::-1] if rng.random() < 0.5 else crop)
