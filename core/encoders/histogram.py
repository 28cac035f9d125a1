"""Colour histogram in CIELAB: what a picture's colours are, not what it shows; needs no network.

M. Swain, D. Ballard, "Color Indexing", IJCV 1991. Square roots of the shares are compared (R. Arandjelovic,
A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012); they have norm 1 already.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.encoders.base import PictureEncoder, Preparation
from core.settings import Settings
from core.storage import digest
from core.types import Image, Vectors

_BINS = (8, 10, 10)  # L*, a*, b*
_LOW = np.array([0.0, -60.0, -60.0], np.float32)
_HIGH = np.array([100.0, 60.0, 60.0], np.float32)  # beyond these a* and b* are rare: they fall into the last bins
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    np.float32,
)  # IEC 61966-2-1, white point D65
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)


@dataclass(frozen=True)
class Histogram:
    """The back end."""

    name: str = "histogram"
    title: str = "Colour histogram (CIELAB)"
    dim: int = int(np.prod(_BINS))

    def missing(self, settings: Settings) -> str:
        """Return nothing: it works everywhere."""
        return ""

    def load(self, settings: Settings) -> PictureEncoder:
        """Return the encoder."""
        return HistogramEncoder(settings.threads)


class HistogramEncoder(PictureEncoder):
    """Encodes a picture by the shares of its colours; each pixel is divided among the eight bins around it."""

    def __init__(self, threads: int = 1) -> None:
        preparation = Preparation(96, fit="squash")
        fingerprint = digest("histogram", 1, _BINS, preparation.size)
        super().__init__("histogram", Histogram().dim, preparation, fingerprint, threads=threads)

    def _embed(self, squares: Image) -> Vectors:
        return np.stack([np.sqrt(colour_shares(square)) for square in squares])


def back_end(name: str) -> Histogram:
    """Return the back end; `name` is the only one there is."""
    return Histogram(name)


def colour_shares(image: Image) -> Vectors:
    """Return the (800,) shares of the colours of an (H, W, 3) picture; they add up to 1."""
    return _shares(_lab(image).reshape(-1, 3))


def bin_centres() -> NDArray[np.float32]:
    """Return (800, 3) the CIELAB colour in the middle of each bin of `colour_shares`."""
    steps = [np.linspace(low, high, count) for low, high, count in zip(_LOW, _HIGH, _BINS, strict=True)]
    return np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)


def to_srgb(lab: NDArray[np.float32]) -> Image:
    """Return (..., 3) CIELAB colours as sRGB; what a screen cannot show is clipped."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    levels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * levels).astype(np.uint8)


def _lab(pixels: Image) -> NDArray[np.float32]:
    """Convert (..., 3) sRGB pixels to CIELAB: L* in 0..100, a* and b* about -128..127."""
    levels = np.arange(256, dtype=np.float32) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)[pixels]
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab: NDArray[np.float32] = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    ).astype(np.float32)
    return lab


def _shares(lab: NDArray[np.float32]) -> Vectors:
    """Return the (dim,) shares of (P, 3) colours, interpolated linearly between neighbouring bins; they add up to 1."""
    bins = np.array(_BINS)
    place = np.clip((lab - _LOW) / (_HIGH - _LOW), 0, 1) * (bins - 1)  # (P, 3): bin centres are the whole numbers
    lower = np.minimum(place.astype(np.int64), bins - 2)
    upper_share = place - lower
    shares = np.zeros(int(bins.prod()))
    for corner in np.ndindex(2, 2, 2):
        at = lower + np.array(corner)
        weight = np.where(np.array(corner) == 1, upper_share, 1 - upper_share).prod(axis=1)
        flat = (at[:, 0] * bins[1] + at[:, 1]) * bins[2] + at[:, 2]
        shares += np.bincount(flat, weight, minlength=len(shares))
    return (shares / len(lab)).astype(np.float32)
