"""Scores of how alike two pictures look, apart from what they show: colour and texture, and their weighing.

Colour: histogram intersection in CIELAB (M. Swain, D. Ballard, "Color Indexing", IJCV 1991). Texture: intersection of
histograms of uniform local binary patterns (T. Ojala, M. Pietikainen, T. Maenpaa, TPAMI 2002) of 8 neighbours at radius
1 and 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.encoders.histogram import colour_shares
from core.types import Image

ASPECTS = ("content", "colour", "texture")
_SIDE = 128  # pixels of the longer side at which both are measured
_RINGS = (1, 2)
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def _uniform_bins() -> NDArray[np.intp]:
    """Return (256,) the bin of each pattern: 58 uniform ones (at most two changes round the ring), one for the rest."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    bins = np.full(256, 58)
    bins[changes <= 2] = np.arange(58)
    return bins


_BINS = _uniform_bins()


MIN_SIDE = 2 * _SIDE  # a picture may be decoded with its shorter side scaled down to this


@dataclass(frozen=True)
class Appearance:
    """What one picture looks like.

    Attributes:
        colour: shares of colours, adding up to 1.
        texture: shares of local patterns, adding up to 1.
    """

    colour: NDArray[np.float32]
    texture: NDArray[np.float32]


def appearance(image: Image) -> Appearance:
    """Measure a picture of any size, scaled so that its longer side has 128 pixels."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    small = np.asarray(Pillow.fromarray(np.ascontiguousarray(image)).resize(size, Pillow.Resampling.BOX))
    return Appearance(colour_shares(small), _texture(small))


def alike(first: Appearance, second: Appearance) -> dict[str, float]:
    """Return the scores `colour` and `texture`, each within 0..1: the share that both have in common."""
    return {
        "colour": float(np.minimum(first.colour, second.colour).sum()),
        "texture": float(np.minimum(first.texture, second.texture).sum()),
    }


def shared(shares: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n,) the share that (B,) `shares` have in common with each row of (n, B) `others`, within 0..1."""
    common: NDArray[np.float32] = np.minimum(shares, others).sum(axis=1)
    return common


def weighed(scores: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return (n,) weighted means of the aspects' ranks among these results, 1 for the best.

    Ranks, because a cosine of embeddings, an intersection of colours and one of textures have different spreads: with
    plain sums the one with the widest spread would decide alone.

    Args:
        scores: for each aspect that has a weight, (n,) values of the results.
        weights: aspect -> weight, none negative, at least one positive.

    Raises:
        ValueError: an unknown aspect, a negative weight, or no positive one.
    """
    if unknown := set(weights) - set(ASPECTS):
        raise ValueError(f"aspects are {', '.join(ASPECTS)}; got {sorted(unknown)[0]!r}")
    if min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0:
        raise ValueError(f"weights must not be negative, and one must be positive, got {dict(weights)}")
    total = np.zeros(len(next(iter(scores.values()))))
    for aspect, weight in weights.items():
        if weight:
            values = scores[aspect]  # 1 for the largest, equal for equals
            total += weight * np.searchsorted(np.sort(values), values, "right") / max(1, len(values))
    return total / sum(weights.values())


def _texture(image: Image) -> NDArray[np.float32]:
    grey = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma
    histograms = []
    for radius in _RINGS:
        height, width = grey.shape
        centre = grey[radius : height - radius, radius : width - radius]
        code = np.zeros(centre.shape, np.uint8)
        for bit, (dy, dx) in enumerate(_NEIGHBOURS):
            top, left = radius + dy * radius, radius + dx * radius
            around = grey[top : top + centre.shape[0], left : left + centre.shape[1]]
            code |= (around >= centre).astype(np.uint8) << bit
        histograms.append(np.bincount(_BINS[code.ravel()], minlength=59) / code.size)
    shares: NDArray[np.float32] = (np.concatenate(histograms) / len(_RINGS)).astype(np.float32)
    return shares
