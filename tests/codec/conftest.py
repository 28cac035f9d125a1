"""Fixtures of the codec's tests."""

import numpy as np
import pytest

from core.codec import LearnedCodec
from core.types import Image


@pytest.fixture(scope="session")
def codec() -> LearnedCodec:
    """The codec that is shipped."""
    return LearnedCodec()


@pytest.fixture(scope="session")
def pictures() -> list[Image]:
    """Six smooth pictures with edges, of three sizes."""
    return [scene(height, width, seed) for seed, (height, width) in enumerate([(64, 64), (48, 80), (33, 47)] * 2)]


def scene(height: int, width: int, seed: int) -> Image:
    """Return waves, a disc and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(x * rng.uniform(0.02, 0.2) + y * rng.uniform(0.02, 0.2) + c) * 60 + 120 for c in range(3)]
    picture = np.stack(waves, axis=2)
    disc = (x - width * rng.uniform()) ** 2 + (y - height * rng.uniform()) ** 2 < (min(height, width) / 4) ** 2
    picture[disc] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
