"""Finding pictures that are there more than once: equal files by their sums, look-alikes by a perceptual hash.

The hash is the "difference hash" in both directions: signs of the brightness steps of a 9 x 9 picture. N. Krawetz,
"Kind of Like That", hackerfactor.com, 2013.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from core.datasets.base import ImageRecord
from core.types import Image

Hashes = NDArray[np.uint64]  # (N, 2)

HASH_BITS = 128
# Bits that may differ: 99 % of Caltech-101 pictures scaled to two thirds and recompressed at JPEG quality 60 stay
# within 6; of all pairs of 2,064 files, those within 8 were variants of one picture, the first mistakes came at 9.
NEAR = 8
_LEAST_CONTRAST = 4.0  # standard deviation of the 9 x 9 grey values; below, the signs are noise
_BLOCK = 1024  # rows compared at once


def perceptual_hash(image: Image) -> NDArray[np.uint64] | None:
    """Return (2,) words that change little when the picture is scaled, compressed, or slightly recoloured.

    None where the picture is too plain to tell from other plain ones (open sea, a white page).
    """
    grey = PillowImage.fromarray(image).convert("L").resize((9, 9), PillowImage.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float32)  # (9, 9)
    if values.std() < _LEAST_CONTRAST:
        return None
    across = values[:8, 1:] > values[:8, :-1]  # (8, 8)
    down = values[1:, :8] > values[:-1, :8]  # (8, 8)
    bits = np.packbits(np.concatenate([across.ravel(), down.ravel()]))  # (16,)
    return bits.view(np.uint64)


def near_pairs(hashes: Hashes, most: int = NEAR) -> list[tuple[int, int, int]]:
    """Return (row, later row, differing bits) of all pairs that differ in at most that many bits, nearest first."""
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        apart = np.bitwise_count(block[:, None, 0] ^ hashes[None, start:, 0]).astype(np.uint8)  # (block, N - start)
        apart += np.bitwise_count(block[:, None, 1] ^ hashes[None, start:, 1])
        for row, column in zip(*np.nonzero(apart <= most), strict=True):
            if row < column:
                found.append((start + int(row), start + int(column), int(apart[row, column])))
    return sorted(found, key=lambda pair: (pair[2], pair[0], pair[1]))


def equal_files(records: Iterable[ImageRecord]) -> list[list[ImageRecord]]:
    """Return the groups of records whose files are byte for byte the same."""
    groups: dict[str, list[ImageRecord]] = {}
    for record in records:
        groups.setdefault(record.sha256, []).append(record)
    return [group for group in groups.values() if len(group) > 1]
