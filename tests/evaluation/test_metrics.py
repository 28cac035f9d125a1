"""Measures against slow references, loop by loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation import metrics
from core.evaluation.bootstrap import bootstrap_interval
from core.evaluation.pairs import area_under_curve, equal_error_rate, sample_pairs
from core.evaluation.ranking import n_ignored, rank

EXACT = 1e-12  # the same float64 operations in another order


@st.composite
def ranked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Return hits (Q, K) and how many relevant there are, at least the hits."""
    hits = np.array(draw(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=5)))
    unseen = draw(st.lists(st.integers(0, 3), min_size=len(hits), max_size=len(hits)))
    return hits, hits.sum(axis=1) + np.minimum(unseen, 7 - hits.sum(axis=1))


@settings(deadline=None)
@given(ranked())
def test_every_measure_equals_its_definition_written_as_a_loop(case: tuple[np.ndarray, np.ndarray]) -> None:
    hits, n_relevant = case
    for q, row in enumerate(hits.tolist()):
        R = int(n_relevant[q])
        precisions = [sum(row[: i + 1]) / (i + 1) for i in range(7)]
        assert metrics.precision_at_k(hits, 3)[q] == pytest.approx(sum(row[:3]) / 3, abs=EXACT)
        if not R:
            assert np.isnan(metrics.recall_at_k(hits, 3, n_relevant)[q])
            assert np.isnan(metrics.average_precision_at_r(hits, n_relevant)[q])
            continue
        assert metrics.recall_at_k(hits, 3, n_relevant)[q] == pytest.approx(sum(row[:3]) / R, abs=EXACT)
        expected = sum(p for p, hit in zip(precisions[:5], row[:5], strict=True) if hit) / R
        assert metrics.average_precision_at_k(hits, 5, n_relevant)[q] == pytest.approx(expected, abs=EXACT)
        expected = sum(p for p, hit in zip(precisions[:R], row[:R], strict=True) if hit) / R
        assert metrics.average_precision_at_r(hits, n_relevant)[q] == pytest.approx(expected, abs=EXACT)
        assert metrics.r_precision(hits, n_relevant)[q] == pytest.approx(sum(row[:R]) / R, abs=EXACT)


def test_a_perfect_list_scores_one_and_a_hopeless_one_zero() -> None:
    hits = np.array([[True] * 4, [False] * 4])
    for value in (
        metrics.average_precision_at_r(hits, np.array([4, 4])),
        metrics.average_precision_at_k(hits, 4, np.array([4, 4])),
        metrics.r_precision(hits, np.array([4, 4])),
    ):
        assert value.tolist() == [1, 0]


def test_too_short_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and the 4 results"):
        metrics.precision_at_k(np.zeros((2, 4), bool), 5)
    with pytest.raises(ValueError, match="needs 6 results"):
        metrics.r_precision(np.zeros((2, 4), bool), np.array([1, 6]))


def test_the_majority_decides_and_of_equals_the_nearest() -> None:
    found = np.array([[2, 1, 1, 0], [3, 0, 0, 3], [-1, -1, -1, -1], [5, -1, -1, -1]])
    assert metrics.majority_of_k(found, 4).tolist() == [1, 3, -1, 5]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_share_of_pairs_in_order_and_eer_balances_both_errors(case: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in case], float)
    same = np.array([kind for _, kind in case])
    if same.all() or not same.any():
        with pytest.raises(ValueError, match="both kinds"):
            area_under_curve(scores, same)
        return
    wins = [(s > d) + 0.5 * (s == d) for s in scores[same] for d in scores[~same]]
    assert area_under_curve(scores, same) == pytest.approx(np.mean(wins), abs=1e-9)
    error = equal_error_rate(scores, same)
    assert 0 <= error <= 1
    # At some threshold both errors enclose it, for they cross there.
    thresholds = [*np.unique(scores), np.inf]
    accepted = [float((scores[~same] >= t).mean()) for t in thresholds]
    refused = [float((scores[same] < t).mean()) for t in thresholds]
    assert min(max(a, r) for a, r in zip(accepted, refused, strict=True)) >= error - 1e-9
    assert max(min(a, r) for a, r in zip(accepted, refused, strict=True)) <= error + 1e-9


def test_sampled_pairs_are_of_both_kinds_and_never_duplicates() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    vectors = np.eye(4, dtype=np.float32)[labels]
    scores, same = sample_pairs(vectors, labels, np.arange(60), rng, n_pairs=4000)
    assert 0.4 < same.mean() < 0.6
    assert (scores[same] == 1).all() and (scores[~same] == 0).all()
    scores, _ = sample_pairs(vectors, labels, np.zeros(60, int), rng, n_pairs=400)
    assert len(scores) == 0


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        low, high = bootstrap_interval(rng.binomial(1, 0.7, 200).astype(float), rng, n_resamples=300)
        covered += low <= 0.7 <= high
    assert 88 <= covered <= 100  # binomial(100, .95) lies within with probability .998


def test_an_interval_of_groups_is_wider_where_a_group_says_one_thing() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    values = np.repeat(rng.binomial(1, 0.5, 20).astype(float), 10)
    alone = bootstrap_interval(values, np.random.default_rng(1))
    grouped = bootstrap_interval(values, np.random.default_rng(1), groups=groups)
    assert grouped[1] - grouped[0] > 2 * (alone[1] - alone[0])


def test_values_that_are_not_a_number_are_left_out_of_an_interval() -> None:
    assert bootstrap_interval(np.array([1.0, np.nan, 1.0]), np.random.default_rng(0)) == (1.0, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval(np.array([np.nan]), np.random.default_rng(0))


def test_the_query_and_its_duplicates_are_taken_out_before_ranks_are_counted() -> None:
    labels = np.array([0, 0, 1, 0, 1])
    groups = np.array([0, 0, 2, 3, 4])  # rows 0 and 1 are the same file
    queries, database = np.array([0]), np.arange(5)
    found = np.array([[0, 1, 2, 3, 4]])
    ours = rank(found, labels, groups, queries, database, depth=3)
    assert ours.rows.tolist() == [[2, 3, 4]]
    assert ours.hits.tolist() == [[False, True, False]]
    assert ours.n_relevant.tolist() == [1]
    theirs = rank(found, labels, groups, queries, database, depth=3, count_the_query=True)
    assert theirs.hits.tolist() == [[True, True, False]]
    assert theirs.n_relevant.tolist() == [3]
    assert n_ignored(groups, queries, database) == 2
    assert n_ignored(groups, queries, np.array([2, 3])) == 0


def test_empty_slots_are_misses() -> None:
    ranking = rank(np.array([[1, -1, -1]]), np.array([0, 0]), np.array([0, 1]), np.array([0]), np.array([1]), depth=3)
    assert ranking.hits.tolist() == [[True, False, False]]
    assert ranking.rows.tolist() == [[1, -1, -1]]


def test_pictures_with_several_labels_are_relevant_when_they_share_one() -> None:
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    ranking = rank(np.array([[1, 2]]), labels, np.arange(3), np.array([0]), np.array([1, 2]), depth=2)
    assert ranking.hits.tolist() == [[True, False]]
    assert ranking.n_relevant.tolist() == [1]
