"""Results are chosen among candidates as asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.arrays import normalize
from core.search.appearance import weighed
from core.search.reorder import Candidates, how_many, reorder
from core.search.steering import Steering


def candidates(count: int = 40, seed: int = 0) -> Candidates:
    rng = np.random.default_rng(seed)
    vectors = normalize(np.abs(rng.standard_normal((count, 16))).astype(np.float32))
    similarities = vectors @ vectors[0]
    best = np.argsort(-similarities)
    colour, texture = rng.random((2, count)).astype(np.float32)
    return Candidates(np.arange(100, 100 + count), similarities[best], vectors[best], colour, texture)


@given(seed=st.integers(0, 50), colour=st.floats(0, 2), texture=st.floats(0, 2))
def test_weighing_sorts_by_the_weighed_ranks(seed: int, colour: float, texture: float) -> None:
    found = candidates(seed=seed)
    steering = Steering(colour=colour, texture=texture)
    order = reorder(found, steering, 10, near=1.0)
    if not steering.weighs:
        assert order.rows == list(range(10))
        assert order.scores == []
        return
    scores = {"content": found.similarities, "colour": found.colour, "texture": found.texture}
    expected = weighed(scores, steering.weights())
    assert [score["weighed"] for score in order.scores] == pytest.approx(np.sort(expected)[::-1][:10].tolist())
    for row, score in zip(order.rows, order.scores, strict=True):
        assert score["weighed"] == pytest.approx(expected[row])
        assert score["colour"] == pytest.approx(float(found.colour[row]))
        assert score["content"] == pytest.approx(float(found.similarities[row]))


def test_what_is_excluded_is_no_result() -> None:
    order = reorder(candidates(), Steering(), 5, near=1.0, excluded=(100, 103))
    assert order.rows == [1, 2, 4, 5, 6]


@pytest.mark.parametrize("variety", [0.0, 0.4])
def test_of_near_duplicates_only_the_best_is_shown(variety: float) -> None:
    found = candidates()
    twice = Candidates(np.arange(80), found.similarities.repeat(2), found.vectors.repeat(2, axis=0))
    order = reorder(twice, Steering(hide_duplicates=True, variety=variety), 12, near=0.9999)
    assert len(order.rows) == 12
    assert all(row % 2 == 0 for row in order.rows)


def test_variety_makes_the_results_less_alike() -> None:
    found = candidates(200)

    def spread(variety: float) -> float:
        rows = reorder(found, Steering(variety=variety), 10, near=1.0).rows
        assert rows[0] == 0
        return float((found.vectors[rows] @ found.vectors[rows].T).mean())

    assert spread(0.8) < spread(0.3) < spread(0.0)


def test_more_candidates_than_results_are_asked_for_only_when_there_is_a_choice() -> None:
    assert how_many(Steering(), 24) == 24
    assert how_many(Steering(plus=(1, 2)), 24) == 24
    assert how_many(Steering(colour=0.1), 24) == how_many(Steering(hide_duplicates=True), 24) == 1000
    assert how_many(Steering(variety=0.1), 400) == 2000
