"""Quality measures against slow references written from their definitions."""

import numpy as np
import pytest

from core.codec.quality import LARGEST_PSNR, bd_rate, difference_picture, ms_ssim, psnr, ssim

from .conftest import scene


def test_psnr_is_that_of_the_definition() -> None:
    first, second = scene(20, 30, 0), scene(20, 30, 1)
    error = np.mean([(int(a) - int(b)) ** 2 for a, b in zip(first.ravel(), second.ravel(), strict=True)])
    assert psnr(first, second) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)
    assert psnr(first, first) == LARGEST_PSNR


def test_ssim_equals_a_loop_over_windows() -> None:
    first = scene(18, 16, 0)
    second = np.clip(first + np.random.default_rng(0).normal(0, 12, first.shape), 0, 255).astype(np.uint8)
    assert ssim(first, second) == pytest.approx(_slow_ssim(first, second), abs=1e-9)
    assert ssim(first, first) == pytest.approx(1)


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_noise_at_any_size() -> None:
    rng = np.random.default_rng(1)
    for height, width in ((200, 180), (128, 128), (40, 60), (9, 7), (2, 2)):
        picture = scene(height, width, 2)
        values = [
            ms_ssim(picture, np.clip(picture + rng.normal(0, s, picture.shape), 0, 255).astype(np.uint8))
            for s in (0.0, 8.0, 60.0)
        ]
        assert values[0] == pytest.approx(1, abs=1e-9) or min(height, width) < 40
        assert values[0] >= values[1] >= values[2] or min(height, width) < 9


def test_half_the_rate_at_every_quality_is_a_bd_rate_of_minus_a_half() -> None:
    anchor = [(100.0, 25.0), (200.0, 28.0), (400.0, 31.0), (800.0, 33.5)]
    assert bd_rate(anchor, [(rate / 2, value) for rate, value in anchor]) == pytest.approx(-0.5, abs=1e-6)
    assert bd_rate(anchor, anchor) == pytest.approx(0)


def test_curves_without_a_common_quality_have_no_bd_rate() -> None:
    with pytest.raises(ValueError, match="no quality in common"):
        bd_rate([(1.0, 10.0), (2.0, 11.0)], [(1.0, 20.0), (2.0, 21.0)])
    with pytest.raises(ValueError, match="two points"):
        bd_rate([(1.0, 10.0)], [(1.0, 20.0), (2.0, 21.0)])


def test_the_difference_of_equal_pictures_is_grey() -> None:
    picture = scene(10, 10, 0)
    assert (difference_picture(picture, picture) == 128).all()
    with pytest.raises(ValueError, match="one size"):
        difference_picture(picture, picture[:5])


def _slow_ssim(first: np.ndarray, second: np.ndarray) -> float:
    place = np.arange(11) - 5
    window = np.exp(-(place[:, None] ** 2 + place[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for channel in range(3):
        x, y = first[:, :, channel].astype(float), second[:, :, channel].astype(float)
        for row in range(x.shape[0] - 10):
            for column in range(x.shape[1] - 10):
                a, b = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a, var_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
                both = (window * a * b).sum() - mean_a * mean_b
                above = (2 * mean_a * mean_b + c1) * (2 * both + c2)
                values.append(above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return float(np.mean(values))
