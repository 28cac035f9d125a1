"""Colours have the names that people give them."""

import numpy as np
import pytest

from core.encoders.histogram import bin_centres, colour_shares, to_srgb
from core.search.colours import colour_name, shared_colours


def shares(*colours: tuple[int, int, int]) -> np.ndarray:
    """Of a picture with stripes of these colours."""
    return colour_shares(np.repeat(np.array([colours], np.uint8), 8, axis=0))


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((5, 5, 5), "black"), ((128, 128, 128), "grey"), ((252, 252, 252), "white"), ((200, 20, 20), "red"),
        ((40, 90, 200), "blue"), ((10, 20, 70), "dark blue"), ((60, 140, 60), "green"), ((100, 60, 30), "brown"),
        ((60, 35, 20), "dark brown"), ((240, 200, 30), "yellow"), ((190, 140, 60), "ochre"), ((240, 225, 195), "cream"),
    ],
)  # fmt: skip
def test_a_plain_picture_has_one_named_colour(rgb: tuple[int, int, int], name: str) -> None:
    from core.encoders.histogram import _lab

    assert colour_name(_lab(np.array([rgb], np.uint8))[0]) == name


def test_bins_are_where_the_histogram_counts_them_and_convert_back() -> None:
    own = shares((170, 60, 60))
    red, green, blue = to_srgb((own[:, None] * bin_centres()).sum(axis=0))
    assert np.abs(np.array([red, green, blue], int) - [170, 60, 60]).max() <= 2


def test_what_both_have_is_said_with_its_share() -> None:
    found = shared_colours(shares((200, 20, 20), (40, 70, 130)), shares((40, 70, 130), (250, 250, 250)))
    assert found
    assert "blue" in found[0].name
    assert sum(colour.share for colour in found) == pytest.approx(0.5, abs=0.02)
    assert not shared_colours(shares((200, 20, 20)), shares((240, 240, 30)))
