"""The colour histogram against a loop, and what it is blind to."""

import numpy as np
import pytest

from core import encoders
from core.encoders.histogram import _BINS, _HIGH, _LOW, _lab, _shares
from core.settings import Settings


def test_lab_has_the_published_values_of_the_primaries() -> None:
    # Of sRGB under D65, to the digits commonly tabulated (for example by B. Lindbloom).
    expected = {
        (255, 255, 255): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
    }
    for rgb, lab in expected.items():
        np.testing.assert_allclose(_lab(np.array(rgb, np.uint8)), lab, atol=0.03)


def test_shares_are_those_of_a_loop_over_pixels_and_corners() -> None:
    lab = np.random.default_rng(0).uniform((-5, -80, -80), (105, 80, 80), (50, 3)).astype(np.float32)
    expected = np.zeros(_BINS)
    for colour in lab:
        place = np.clip((colour - _LOW) / (_HIGH - _LOW), 0, 1) * (np.array(_BINS) - 1)
        for corner in np.ndindex(2, 2, 2):
            at = np.minimum(np.floor(place), np.array(_BINS) - 2).astype(int) + corner
            weight = np.prod(1 - np.abs(place - at))
            expected[tuple(at)] += weight / len(lab)
    np.testing.assert_allclose(_shares(lab), expected.ravel(), atol=1e-6)
    assert _shares(lab).sum() == pytest.approx(1, abs=1e-5)


def test_it_sees_colours_and_not_where_they_are(settings: Settings) -> None:
    encoder = encoders.load("histogram", settings)
    image = np.random.default_rng(1).integers(0, 256, (96, 96, 3), np.uint8)
    original, flipped, dark = encoder.encode([image, image[::-1, ::-1].copy(), image // 3])
    assert original @ flipped == pytest.approx(1, abs=1e-5)
    assert original @ dark < 0.8
