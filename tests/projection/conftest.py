"""Synthetic galleries for maps: groups of vectors with records and flat-coloured thumbnails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from core.arrays import normalize
from core.projection.build import Source
from core.types import Image

GROUPS = 6
NAMES = ("harbour", "orchard", "glacier", "market", "chapel", "desert")


@dataclass(frozen=True)
class Record:
    """What a map needs of core.datasets.ImageRecord."""

    image_id: int
    title: str
    label: str
    path: str = "a.jpg"
    split: str = ""
    width: int = 60
    height: int = 40
    fields: dict[str, Any] = field(default_factory=dict)


def make_source(n: int, *, dim: int = 24, seed: int = 0, first_id: int = 1, identical: bool = False) -> Source:
    """Return a source of n pictures in six groups that lie apart; the groups are the same for every seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(GROUPS, dim))
    group = rng.integers(GROUPS, size=n)
    vectors = normalize((centres[group] + 0.5 * rng.normal(size=(n, dim))).astype(np.float32))
    if identical and n:
        vectors = np.repeat(vectors[:1], n, axis=0)
    records = [
        Record(
            first_id + i,
            f"The {NAMES[g]} number {i}",
            NAMES[g],
            fields={"year": 1500 + i, "side": "left" if g < 3 else "right"},
        )
        for i, g in enumerate(group)
    ]

    def picture(row: int) -> Image:
        return np.full((40, 60, 3), 40 * group[row] + 20, np.uint8)

    ids = np.arange(first_id, first_id + n, dtype=np.int64)
    return Source(vectors, ids, records, picture_of=picture, built_from={"seed": seed, "n": n})


@pytest.fixture(scope="session")
def source() -> Source:
    """300 pictures in six groups."""
    return make_source(300)


@pytest.fixture(scope="session")
def sources() -> Callable[..., Source]:
    """`make_source`, for tests that need others."""
    return make_source
