"""Regions, turns and thumbnails of pictures are what they say."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageOps

from core import imaging
from core.types import Image

H, W = 40, 60


def scene(height: int = H, width: int = W) -> Image:
    """A smooth picture of which no turned or mirrored version looks the same."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], axis=2).astype(np.uint8)


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@settings(deadline=None)
@given(
    region=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2, *[st.floats(0, 1, exclude_min=True)] * 2),
    height=st.integers(2, 50),
    width=st.integers(2, 50),
)
def test_a_region_is_cropped_at_the_pixels_that_it_touches(
    region: tuple[float, float, float, float], height: int, width: int
) -> None:
    x0, y0, x1, y1 = region
    if x0 >= x1 or y0 >= y1:
        with pytest.raises(ValueError, match="region"):
            imaging.crop(scene(height, width), region)
        return
    part = imaging.crop(scene(height, width), region)
    assert part.shape[0] >= 2
    assert part.shape[1] >= 2
    assert (x1 - x0) * width - 1e-9 <= part.shape[1] <= max(2, (x1 - x0) * width + 2)


def test_the_whole_region_is_the_picture_and_a_quarter_is_a_quarter() -> None:
    assert np.array_equal(imaging.crop(scene(), (0, 0, 1, 1)), scene())
    assert np.array_equal(imaging.crop(scene(), (0.5, 0, 1, 0.5)), scene()[: H // 2, W // 2 :])


@pytest.mark.parametrize(
    "region", [(0, 0, 1), (0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1.1, 1), (0, float("nan"), 1, 1)]
)
def test_an_impossible_region_is_a_value_error(region: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="region"):
        imaging.crop(scene(), region)  # type: ignore[arg-type]


@settings(deadline=None)
@given(turns=st.integers(-9, 9), mirrored=st.booleans())
def test_turning_is_clockwise_and_mirroring_comes_after_it(turns: int, mirrored: bool) -> None:
    expected = PillowImage.fromarray(scene()).rotate(-90 * turns, expand=True)
    if mirrored:
        expected = ImageOps.mirror(expected)
    assert np.array_equal(imaging.turn(scene(), turns, mirrored), np.asarray(expected))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 800), (400, 320)),
        ((100, 80), (100, 80)),
        ((20_000, 500), (1280, 32)),
        ((20_000, 2), (1280, 1)),
        ((3, 4000), (1, 320)),
    ],
)
def test_thumbnails_are_bounded_and_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    data = imaging.thumbnail(scene(size[1], size[0]))
    with PillowImage.open(io.BytesIO(data)) as picture:
        assert picture.format == "WEBP"
        assert picture.size == expected
    with pytest.raises(ValueError, match="height"):
        imaging.thumbnail(scene(), 0)


def test_a_thumbnail_looks_like_the_picture() -> None:
    small = imaging.open_image(imaging.thumbnail(scene(640, 960)))
    reference = np.asarray(PillowImage.fromarray(scene(640, 960)).resize((480, 320), PillowImage.Resampling.BOX))
    assert difference(small, reference) < 4  # WebP at quality 82 with half the colour resolution


def test_importing_the_module_decodes_nothing_and_is_silent() -> None:
    code = "import core.imaging, sys; print('torch' in sys.modules, 'PIL.JpegImagePlugin' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert not done.stderr
