"""Fits the symbol tables to what the trained model really meets, and writes the weights file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.codec.coder import StreamCoder
from core.codec.context import Context
from core.codec.crops import CropSource, draw_batch
from core.codec.tables import MEAN_PARTS, N_SCALES, N_SYMBOLS, mixed_with_observed
from core.codec.transforms import Transforms
from core.codec.weights import load_weights, save_weights

_BATCHES = 60
_BATCH_PIXELS = 16 * 128 * 128


def calibrate(
    network: Any, sources: Sequence[CropSource], rng: np.random.Generator, path: Path, *, n_batches: int = _BATCHES
) -> None:
    """Write `network`'s weights to `path` with tables counted on crops of `sources` at all qualities.

    The logistic shapes that the model was trained with are the prior; what is seen more often than rarely replaces
    them, which takes 1 to 2 % off the streams.
    """
    save_weights(path, network)
    weights = load_weights(path)
    coder = StreamCoder(Context(weights.context), weights.counts)
    transforms = Transforms(weights)
    observed = np.zeros((N_SCALES * MEAN_PARTS, N_SYMBOLS), np.int64)
    for _ in range(n_batches):
        crops = draw_batch(sources, _BATCH_PIXELS, rng)
        positions = rng.integers(weights.shape.n_positions, size=len(crops))
        coder.encode(transforms.analyse(crops, positions), positions, observed)
    save_weights(path, network, mixed_with_observed(observed.reshape(N_SCALES, MEAN_PARTS, N_SYMBOLS)))
