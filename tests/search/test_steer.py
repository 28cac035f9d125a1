"""Steering moves a query the way it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.arrays import normalize
from core.search.steer import Steps, diversified, rocchio, without_near_duplicates
from core.types import Vectors


def random_vectors(seed: int, n: int, dim: int = 16) -> Vectors:
    return normalize(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32))


@given(seed=st.integers(0, 10_000), n_plus=st.integers(1, 4))
def test_rocchio_moves_towards_plus(seed: int, n_plus: int) -> None:
    query, plus = random_vectors(seed, 1), random_vectors(seed + 1, n_plus)
    centre = plus.mean(axis=0)
    moved = rocchio(query, plus, plus[:0])
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-5)
    assert moved[0] @ centre >= query[0] @ centre - 1e-6


@given(seed=st.integers(0, 10_000))
def test_rocchio_moves_away_from_minus(seed: int) -> None:
    query, minus = random_vectors(seed, 1), random_vectors(seed + 1, 3)
    centre = minus.mean(axis=0)
    assert rocchio(query, minus[:0], minus)[0] @ centre <= query[0] @ centre + 1e-6


def test_rocchio_refuses_what_has_no_direction() -> None:
    vectors = random_vectors(0, 1)
    with pytest.raises(ValueError, match="at least one"):
        rocchio(vectors[:0], vectors[:0], vectors)
    with pytest.raises(ValueError, match="cancel"):
        rocchio(vectors, vectors[:0], vectors, gamma=1.0)
    with pytest.raises(ValueError, match="negative"):
        rocchio(vectors, vectors, vectors, beta=-1.0)


@given(seed=st.integers(0, 10_000))
def test_no_variety_keeps_the_order_of_relevance(seed: int) -> None:
    vectors, query = random_vectors(seed, 30), random_vectors(seed + 1, 1)[0]
    relevance = vectors @ query
    assert diversified(vectors, relevance, 10, variety=0.0) == np.argsort(-relevance, kind="stable")[:10].tolist()


@given(seed=st.integers(0, 10_000), variety=st.floats(0, 1))
def test_marginal_relevance_equals_the_definition(seed: int, variety: float) -> None:
    vectors, query = random_vectors(seed, 12, 4), random_vectors(seed + 1, 1, 4)[0]
    relevance = vectors @ query
    chosen = diversified(vectors, relevance, 6, variety=variety)
    assert len(set(chosen)) == 6
    for place, row in enumerate(chosen):
        before = chosen[:place]
        scores = {
            other: (1 - variety) * relevance[other]
            - variety * (max(float(vectors[other] @ vectors[b]) for b in before) if before else 0.0)
            for other in range(12)
            if other not in before
        }
        assert scores[row] >= max(scores.values()) - 1e-5


def test_of_near_duplicates_the_first_is_kept() -> None:
    vectors = random_vectors(3, 4, 64)
    repeated = vectors[[0, 0, 1, 2, 1, 3]]
    assert without_near_duplicates(repeated, 0.99) == [0, 2, 3, 5]


def test_steps_can_be_undone_redone_and_taken_back() -> None:
    steps = Steps().press(3, 1).press(5, -1)
    assert (steps.plus, steps.minus) == ([3], [5])
    assert steps.undo().minus == []
    assert steps.undo().redo() == Steps(steps.done)
    assert steps.press(3, 1).plus == []
    assert steps.press(3, -1).minus == [5, 3]
    assert Steps().undo() == Steps()
