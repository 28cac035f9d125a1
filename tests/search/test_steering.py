"""A steered query is checked once, and says what is steered."""

from typing import Any

import pytest

from core.search import Query
from core.search.steering import MOST, NONE, Steering


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variety": 1.5}, "variety must be within"),
        ({"colour": -1.0}, "must not be negative"),
        ({"content": 0.0}, "one must be positive"),
        ({"texture": float("nan")}, "must not be negative"),
        ({"plus": (3,), "minus": (3,)}, "picture 3 cannot be a plus and a minus"),
        ({"plus": tuple(range(MOST + 1))}, "at most 64 pictures"),
        ({"plus": (-1,)}, "image_id must be at least 0"),
    ],
)
def test_steering_without_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Query.stored(1).steered(**changes)


def test_a_further_picture_cannot_be_steered_by_itself() -> None:
    with pytest.raises(ValueError, match="cannot be steered by itself"):
        Query.stored(1).steered(also=(Query.stored(2).steered(plus=(3,)),))


def test_steering_again_adds_to_what_was_steered() -> None:
    query = Query.stored(1).steered(plus=(3,)).steered(variety=0.5)
    assert query.steering == Steering(plus=(3,), variety=0.5)
    assert query.steering.moves
    assert query.steering.reorders


def test_what_is_not_steered_is_not_mentioned() -> None:
    assert NONE.to_json() == {}
    assert not NONE.moves
    assert not NONE.reorders
    assert Steering(minus=(4,), colour=0.5).to_json() == {"minus": [4], "weights": {"content": 1.0, "colour": 0.5}}
