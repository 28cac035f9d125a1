"""Percentiles and verdicts mean what they say."""

import numpy as np
import pytest

from core.arrays import normalize
from core.search.calibrate import calibrate


def test_random_pairs_have_uniform_percentiles() -> None:
    rng = np.random.default_rng(5)
    vectors = normalize(np.abs(rng.standard_normal((400, 24))).astype(np.float32))
    calibration = calibrate(vectors, seed=1)
    first, second = rng.integers(0, 400, 4000), rng.integers(1, 400, 4000)
    cosines = np.einsum("nd,nd->n", vectors[first], vectors[(first + second) % 400])
    percentiles = np.sort([calibration.of(float(c)).percentile for c in cosines])
    # Kolmogorov-Smirnov: with 4,000 against 20,000 samples the distance exceeds .033 once in ten thousand times.
    assert np.abs(percentiles / 100 - (np.arange(4000) + 0.5) / 4000).max() < 0.033


def test_a_gallery_of_equal_pictures_puts_every_pair_in_the_middle() -> None:
    vectors = np.tile(normalize(np.ones((1, 8), np.float32)), (10, 1))
    calibration = calibrate(vectors)
    assert calibration.of(float(calibration.pairs[0])).percentile == pytest.approx(50)
    assert calibration.of(float(calibration.pairs[-1])).is_match


def test_a_member_of_the_gallery_matches_and_noise_does_not() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 64))
    vectors = normalize((centres[rng.integers(0, 20, 600)] + 0.3 * rng.standard_normal((600, 64))).astype(np.float32))
    calibration = calibrate(vectors)
    inside = normalize((centres[:1] + 0.3 * rng.standard_normal((1, 64))).astype(np.float32))
    outside = normalize(rng.standard_normal((1, 64)).astype(np.float32))
    assert calibration.of(float((vectors @ inside[0]).max())).is_match
    verdict = calibration.of(float((vectors @ outside[0]).max()))
    assert not verdict.is_match
    assert verdict.sentence.startswith("No good match")


def test_the_best_matches_equal_brute_force() -> None:
    vectors = normalize(np.random.default_rng(2).standard_normal((50, 8)).astype(np.float32))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    np.testing.assert_allclose(calibrate(vectors).best, np.sort(cosines.max(axis=1)), atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_gallery_too_small_says_so(n: int) -> None:
    assert "too small" in calibrate(np.eye(3, dtype=np.float32)[:n]).of(0.5).sentence
