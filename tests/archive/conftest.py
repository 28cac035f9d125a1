"""Fixtures of the archive's tests."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.codec import LearnedCodec
from core.types import Image


@pytest.fixture(scope="session")
def codec() -> LearnedCodec:
    """The codec that is shipped."""
    return LearnedCodec()


def scene(height: int, width: int, seed: int) -> Image:
    """Return a gradient with blocks, different for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * rng.uniform(0, 2) + y * rng.uniform(0, 2) + rng.uniform(0, 60) for _ in range(3)], axis=2)
    blocks = rng.uniform(-40, 40, (height // 16 + 1, width // 16 + 1, 3)).repeat(16, 0).repeat(16, 1)[:height, :width]
    return np.clip(base + blocks, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes and kinds in sub-folders, and one file that is no picture."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "fields" / "north").mkdir(parents=True)
    for seed in range(5):
        PillowImage.fromarray(scene(48, 64, seed)).save(root / "fields" / f"field{seed}.png")
    PillowImage.fromarray(scene(33, 50, 9)).save(root / "fields" / "north" / "river.jpg", quality=95)
    PillowImage.fromarray(scene(20, 20, 10)[:, :, 0]).save(root / "grey.png")
    PillowImage.fromarray(np.dstack([scene(20, 20, 11), scene(20, 20, 12)[:, :, :1]])).save(root / "glass.png")
    (root / "notes.png").write_text("not a picture")
    return root
