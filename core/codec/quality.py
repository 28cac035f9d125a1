"""How near a restored picture is to its original: PSNR, SSIM, MS-SSIM, and BD-rate between two coders.

Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 13(4), 2004;
Z. Wang, E. Simoncelli, A. Bovik, "Multi-scale Structural Similarity for Image Quality Assessment", Asilomar 2003;
G. Bjontegaard, VCEG-M33, 2001, with the piecewise cubic interpolation that is usual since VCEG-AI11.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.types import Image

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_WINDOW, _SIGMA = 11, 1.5
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LARGEST_PSNR = 100.0  # reported for equal pictures


def psnr(original: Image, restored: Image) -> float:
    """Return the peak signal-to-noise ratio in dB over all samples; LARGEST_PSNR for equal pictures."""
    _check(original, restored)
    error = float(np.mean((original.astype(np.float32) - restored.astype(np.float32)) ** 2, dtype=np.float64))
    return LARGEST_PSNR if error == 0 else min(LARGEST_PSNR, float(10 * np.log10(_PEAK**2 / error)))


def ssim(original: Image, restored: Image) -> float:
    """Return the mean structural similarity, at most 1, averaged over the channels.

    The Gaussian window is 11 pixels wide (less where a side is shorter: the largest odd width that fits).
    """
    _check(original, restored)
    similarity, _ = _similarity(original.astype(np.float64), restored.astype(np.float64), _width(original))
    return float(similarity.mean())


def ms_ssim(original: Image, restored: Image) -> float:
    """Return the multi-scale structural similarity, averaged over the channels.

    Five scales as published where the shorter side has 176 pixels or more. On smaller pictures the window shrinks to
    what fits the fifth scale (7 pixels at 128), and below 48 pixels there are fewer scales, with renormalised weights.
    """
    _check(original, restored)
    x, y = original.astype(np.float64), restored.astype(np.float64)
    side = min(original.shape[:2])
    n_scales = next((n for n in range(5, 1, -1) if side >> (n - 1) >= 3), 1)
    width = min(_WINDOW, ((side >> (n_scales - 1)) - 1) // 2 * 2 + 1)
    weights = np.array(_SCALE_WEIGHTS[:n_scales])
    weights /= weights.sum()
    product = np.ones(x.shape[2])
    for number, weight in enumerate(weights):
        similarity, contrast = _similarity(x, y, width)
        last = number == n_scales - 1
        product *= np.maximum(similarity if last else contrast, 0) ** weight
        if not last:
            x, y = _halve(x), _halve(y)
    return float(product.mean())


def bd_rate(anchor: Sequence[tuple[float, float]], tested: Sequence[tuple[float, float]]) -> float:
    """Return the mean difference of rate at equal quality, as a fraction: -0.2 means 20 % fewer bytes than the anchor.

    Args:
        anchor, tested: (rate, quality) points, at least two each.

    Raises:
        ValueError: too few points, or the two have no quality in common.
    """
    (low_a, high_a, curve_a), (low_t, high_t, curve_t) = _log_rate(anchor), _log_rate(tested)
    low, high = max(low_a, low_t), min(high_a, high_t)
    if not low < high:
        raise ValueError(
            f"the curves have no quality in common: {low_a:.4g}..{high_a:.4g} and {low_t:.4g}..{high_t:.4g}"
        )
    grid = np.linspace(low, high, 201)
    difference = curve_t(grid) - curve_a(grid)
    mean = float(np.sum((difference[1:] + difference[:-1]) / 2) / (len(grid) - 1))
    return float(np.exp(mean) - 1)


def difference_picture(original: Image, restored: Image, *, gain: int = 8) -> Image:
    """Return the difference, amplified, around middle grey."""
    _check(original, restored)
    difference = original.astype(np.int16) - restored.astype(np.int16)
    return np.clip(128 + gain * difference, 0, 255).astype(np.uint8)


def _check(original: Image, restored: Image) -> None:
    if original.shape != restored.shape or original.ndim != 3:
        raise ValueError(f"two (H, W, C) pictures of one size are needed, got {original.shape} and {restored.shape}")


def _width(picture: Image) -> int:
    return int(min(_WINDOW, (min(picture.shape[:2]) - 1) // 2 * 2 + 1))


def _similarity(
    x: NDArray[np.float64], y: NDArray[np.float64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (C,) means of the similarity and of its contrast-structure part."""
    mean_x, mean_y = _blur(x, width), _blur(y, width)
    variance_x = _blur(x * x, width) - mean_x**2
    variance_y = _blur(y * y, width) - mean_y**2
    covariance = _blur(x * y, width) - mean_x * mean_y
    contrast = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * contrast).mean(axis=(0, 1)), contrast.mean(axis=(0, 1))


def _blur(x: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return (H, W, C) values under a Gaussian window, only where it fits."""
    from scipy.ndimage import correlate1d

    distance = np.arange(width) - width // 2
    window = np.exp(-(distance**2) / (2 * _SIGMA**2))
    window /= window.sum()
    for axis in (0, 1):
        x = correlate1d(x, window, axis=axis, mode="nearest")
    edge = width // 2
    return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge]


def _halve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = (side // 2 * 2 for side in x.shape[:2])
    x = x[:height, :width]
    return (x[0::2, 0::2] + x[1::2, 0::2] + x[0::2, 1::2] + x[1::2, 1::2]) / 4


def _log_rate(points: Sequence[tuple[float, float]]) -> tuple[float, float, Curve]:
    """Return the range of quality and the logarithm of the rate as a function of it."""
    from scipy.interpolate import PchipInterpolator

    best: list[tuple[float, float]] = []
    for rate, value in sorted(points):
        if not rate > 0:
            raise ValueError(f"a rate must be positive, got {rate}")
        if not best or value > best[-1][1] + 1e-9:  # a point that costs more and gives no more says nothing
            best.append((rate, value))
    if len(best) < 2:
        raise ValueError(f"a curve needs two points of rising quality, got {len(best)}")
    qualities = np.array([value for _, value in best])
    return qualities[0], qualities[-1], PchipInterpolator(qualities, np.log([rate for rate, _ in best]))
