"""Colour and texture are told apart."""

import numpy as np
import pytest

from core.search.appearance import _uniform_bins, alike, appearance, weighed


def picture(colour: tuple[int, int, int], period: int) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:128]
    pattern = 0.5 + 0.5 * np.sign(np.sin(x * 2 * np.pi / period) * np.sin(y * 2 * np.pi / period))
    return (np.array(colour) * (0.3 + 0.7 * pattern[..., None])).astype(np.uint8)


def test_a_picture_is_wholly_like_itself_at_any_size() -> None:
    image = picture((200, 60, 30), 24)
    scores = alike(appearance(image), appearance(image))
    assert scores == {"colour": pytest.approx(1, abs=1e-4), "texture": pytest.approx(1, abs=1e-4)}
    larger = alike(appearance(image), appearance(np.repeat(np.repeat(image, 2, 0), 2, 1)))
    assert min(larger.values()) > 0.95


def test_colour_and_texture_judge_what_they_are_named_after() -> None:
    red, red_fine, blue = picture((200, 60, 30), 32), picture((200, 60, 30), 6), picture((30, 60, 200), 32)
    same_colour = alike(appearance(red), appearance(red_fine))
    same_texture = alike(appearance(red), appearance(blue))
    assert same_colour["colour"] > same_texture["colour"] + 0.3
    assert same_texture["texture"] > same_colour["texture"] + 0.1


def test_there_are_58_uniform_patterns() -> None:
    bins = _uniform_bins()
    assert sorted(set(bins)) == list(range(59))
    assert (np.bincount(bins)[:58] == 1).all()


SCORES = {"content": np.array([0.9, 0.8, 0.2]), "colour": np.array([0.1, 0.7, 0.9])}


def test_weights_choose_the_aspect() -> None:
    assert weighed(SCORES, {"content": 1.0}).argmax() == 0
    assert weighed(SCORES, {"colour": 1.0}).argmax() == 2
    assert weighed({"content": np.empty(0)}, {"content": 1.0}).shape == (0,)


def test_weighing_looks_at_ranks_not_at_spreads() -> None:
    # (3 + 1) / 3, (2 + 2) / 3, (1 + 3) / 3: all equal, however far apart the values lie
    np.testing.assert_allclose(weighed(SCORES, {"content": 2.0, "colour": 2.0}), 2 / 3)
    stretched = {**SCORES, "colour": SCORES["colour"] ** 5 * 1000}
    np.testing.assert_allclose(weighed(stretched, {"content": 1.0, "colour": 1.0}), 2 / 3)


@pytest.mark.parametrize("weights", [{}, {"content": 0.0}, {"content": -1.0, "colour": 2.0}, {"smell": 1.0}])
def test_weights_without_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"aspects are|weights must"):
        weighed(SCORES, weights)


def test_a_tiny_picture_has_an_appearance() -> None:
    tiny = appearance(np.full((1, 3, 3), 7, np.uint8))
    assert tiny.colour.sum() == pytest.approx(1, abs=1e-4)
    assert tiny.texture.sum() == pytest.approx(1, abs=1e-4)
