"""Queries: what is accepted, and what makes two of them the same."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ImageError
from core.search import Query

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_the_same_picture_and_cut_have_the_same_digest_and_others_another(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    same = {
        Query.picture(path).content()[1],
        Query.picture(b"content").content()[1],
        Query.picture(str(path)).content()[1],
    }
    others = [
        Query.picture(b"other"),
        Query.picture(b"content", region=(0, 0, 0.5, 1)),
        Query.picture(b"content", quarter_turns=1),
        Query.picture(b"content", mirrored=True),
        Query.picture(PIXELS),
        Query.picture(PIXELS.reshape(6, 4, 3)),
    ]
    assert len(same) == 1
    assert len({query.content()[1] for query in others} | same) == len(others) + 1


@given(st.integers(-9, 9))
def test_turns_count_modulo_four_and_no_turn_is_the_whole_picture(turns: int) -> None:
    query = Query.stored(3, region=(0, 0, 1, 1), quarter_turns=turns)
    assert query.quarter_turns == turns % 4
    assert query.is_whole is (turns % 4 == 0)


@pytest.mark.parametrize(
    "region", [(0, 0, 0, 1), (0.5, 0, 0.2, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (0, 0, 1), (0, 0, 1, float("nan"))]
)
def test_regions_outside_the_picture_are_refused(region: tuple[float, ...]) -> None:
    for make in (lambda: Query.picture(PIXELS, region), lambda: Query.stored(1, region)):
        with pytest.raises(ValueError, match="region must"):
            make()


def test_what_is_no_picture_id_or_vector_is_refused() -> None:
    with pytest.raises(TypeError, match="a path, bytes or an array"):
        Query.picture(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="image_id"):
        Query.stored(-1)
    with pytest.raises(ValueError, match="one vector that is not zero"):
        Query.vector(np.eye(2))
    with pytest.raises(ImageError, match="does not exist"):
        Query.picture("absent.png").content()
    with pytest.raises(ImageError, match="cannot be read"):
        Query.picture(Path(__file__).parent).content()


def test_vectors_are_scaled_to_length_one() -> None:
    values = Query.vector([3, 4]).values
    assert values is not None
    np.testing.assert_allclose(values, [0.6, 0.8], atol=1e-6)
