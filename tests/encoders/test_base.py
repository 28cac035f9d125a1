"""Preparation of pictures, and what all encoders have in common."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders import PictureEncoder, Preparation
from core.types import Image, Vectors


class Means(PictureEncoder):
    """The mean colour of each picture."""

    def __init__(self, threads: int = 1, batch: int = 1) -> None:
        super().__init__("means", 3, Preparation(8), "means", threads=threads, batch=batch)

    def _embed(self, squares: Image) -> Vectors:
        return squares.mean(axis=(1, 2)).astype(np.float32)


def picture(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(st.integers(2, 300), st.integers(2, 300), st.sampled_from(["squash", "crop"]))
def test_a_prepared_picture_is_a_square_and_preparing_twice_changes_nothing(height: int, width: int, fit: str) -> None:
    preparation = Preparation(32, fit)  # type: ignore[arg-type]
    square = preparation(picture(height, width))
    assert square.shape == (32, 32, 3)
    assert square.dtype == np.uint8
    np.testing.assert_array_equal(preparation(square), square)


def test_squashing_keeps_the_edges_and_cropping_the_middle() -> None:
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, :20] = 255  # a white left third
    assert Preparation(20, "squash")(image)[10, 2].tolist() == [255, 255, 255]
    assert Preparation(20, "crop")(image).max() < 60  # the filter reaches over the edge of the cut a little


def test_scaling_down_averages_instead_of_picking() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = Preparation(40)(stripes)[:, 2:-2].astype(int)
    assert np.abs(inner - 127).max() <= 8  # it is reduced by a whole number first, here an odd one; measured 4


@given(st.floats(0, 0.9), st.floats(0.05, 1))
def test_what_is_decoded_for_a_region_is_large_enough(start: float, length: float) -> None:
    end = min(1.0, start + length)
    side = Preparation(224).min_side((start, 0, end, 1))
    assert side * (end - start) >= 223.999


@pytest.mark.parametrize(("threads", "batch"), [(1, 1), (1, 4), (3, 1), (2, 3)])
def test_threads_and_batches_change_nothing_and_rows_have_norm_one(threads: int, batch: int) -> None:
    pictures = [picture(10 + number, 20, number) for number in range(11)]
    vectors = Means(threads, batch).encode(pictures)
    np.testing.assert_array_equal(vectors, np.concatenate([Means().encode([image]) for image in pictures]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert Means().encode([]).shape == (0, 3)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), "u1")]
)
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8"):
        Means().encode([image])
