"""Contributions add up to the cosine, and a pasted patch is found where it was pasted."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders.feature_maps import load_feature_maps
from core.errors import UnavailableError
from core.search.heat import explain_pair, overlay
from core.settings import Settings


@given(seed=st.integers(0, 1000), rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_either_map_adds_up_to_the_cosine_of_the_means(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    here = np.abs(rng.standard_normal((rows, columns, 12))).astype(np.float32)
    there = np.abs(rng.standard_normal((4, 3, 12))).astype(np.float32)
    explanation = explain_pair(here, there)
    a, b = here.mean(axis=(0, 1)), there.mean(axis=(0, 1))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert explanation.similarity == pytest.approx(cosine, abs=1e-5)
    assert explanation.here.sum() == pytest.approx(cosine, abs=1e-4)
    assert explanation.there.sum() == pytest.approx(cosine, abs=1e-4)


@pytest.mark.parametrize("window", [1, 2])
def test_a_region_that_both_have_is_the_best_match(window: int) -> None:
    rng = np.random.default_rng(0)
    here, there = (rng.standard_normal((6, 6, 16)).astype(np.float32) for _ in range(2))
    here[1 : 1 + window, 4 : 4 + window] *= 3  # it stands out
    there[3 : 3 + window, 1 : 1 + window] = here[1 : 1 + window, 4 : 4 + window]
    best = explain_pair(here, there, window=window).matches[0]
    assert best.similarity == pytest.approx(1, abs=1e-5)
    assert best.here == pytest.approx((4 / 6, 1 / 6, (4 + window) / 6, (1 + window) / 6))
    assert best.there == pytest.approx((1 / 6, 3 / 6, (1 + window) / 6, (3 + window) / 6))


@given(seed=st.integers(0, 300), rows=st.integers(1, 7), columns=st.integers(1, 7), count=st.integers(0, 5))
def test_matches_never_overlap_and_stay_within_the_pictures(seed: int, rows: int, columns: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    here = np.abs(rng.standard_normal((rows, columns, 12))).astype(np.float32)
    there = np.abs(rng.standard_normal((5, 4, 12))).astype(np.float32)
    matches = explain_pair(here, there, n_matches=count).matches
    assert len(matches) <= count
    for side in ("here", "there"):
        boxes = [getattr(match, side) for match in matches]
        for x0, y0, x1, y1 in boxes:
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1
        for one, other in itertools.combinations(boxes, 2):
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert min(across, down) < 1e-9


def test_maps_of_another_dimension_and_empty_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="feature maps"):
        explain_pair(np.ones((2, 2, 3), np.float32), np.ones((2, 2, 4), np.float32))
    with pytest.raises(ValueError, match="without any features"):
        explain_pair(np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32))


def test_overlay_keeps_the_warmest_and_fades_the_coldest() -> None:
    image = np.tile(np.array([200, 40, 40], np.uint8), (64, 64, 1))
    heat = np.zeros((8, 8), np.float32)
    heat[0, 0] = 1
    shown = overlay(image, heat)
    assert np.abs(shown[2, 2].astype(int) - [200, 40, 40]).max() < 30
    cold = shown[60, 60].astype(int)
    assert cold.max() - cold.min() == pytest.approx(0.4 * (200 - 40), abs=2)  # 1 - strength of the colour is left
    assert cold.max() < 130


def test_a_pasted_patch_is_found_where_it_was_pasted(tmp_path_factory: pytest.TempPathFactory) -> None:
    maps = load_feature_maps("efficientnet_lite0", Settings(root=tmp_path_factory.mktemp("maps"), threads=1))
    images = _textures()
    query = images[0][64:160, 64:160]  # a patch of a patterned picture ...
    target = np.array(images[1])
    target[128:224, 0:96] = query  # ... pasted at the lower left of another
    explanation = explain_pair(maps.cells(query), maps.cells(target))
    row, column = np.unravel_index(int(explanation.there.argmax()), explanation.there.shape)
    rows, columns = explanation.there.shape
    assert 128 / 224 <= (row + 0.5) / rows <= 1
    assert 0 <= (column + 0.5) / columns <= 96 / 224


def test_an_encoder_without_cells_says_so(settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="no feature maps"):
        load_feature_maps("histogram", settings)


def _textures() -> list[np.ndarray]:
    """Return a checkerboard of warm colours and a smooth blue gradient, both 224 x 224."""
    y, x = np.mgrid[0:224, 0:224]
    board = ((x // 12 + y // 12) % 2).astype(np.float32)
    first = np.stack([230 * board + 20, 120 * board, 40 * (1 - board)], axis=-1)
    second = np.stack([x / 8 + 40, y / 8 + 80, 160 + x / 6], axis=-1)
    return [first.astype(np.uint8), second.astype(np.uint8)]
