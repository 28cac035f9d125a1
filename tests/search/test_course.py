"""The replay of a scan keeps what the index returns, and puts nothing aside that belonged to it."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arrays import normalize
from core.indexes.ivfpq import IVFPQ
from core.search.cells import MOST, lay_out
from core.search.course import replay
from core.search.explain import look_into, reranked_recalls
from core.search.measured import Measured, measure
from core.types import Ids, Vectors

D, N, K = 32, 900, 10


def built(seed: int, n_lists: int = 12, n_bits: int = 4, **params: object) -> tuple[IVFPQ, Vectors, Ids]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((12, D))
    vectors = normalize((centres[rng.integers(0, 12, N)] + 0.7 * rng.standard_normal((N, D))).astype(np.float32))
    ids = np.sort(rng.permutation(5 * N)[:N]).astype(np.int64)
    index = IVFPQ(D, n_lists=n_lists, n_subspaces=4, n_bits=n_bits, seed=seed, **params)  # type: ignore[arg-type]
    return index.train(vectors).add(vectors, ids), vectors, ids


def measured(seed: int, **params: object) -> Measured:
    index, vectors, ids = built(seed, **params)  # type: ignore[arg-type]
    query = normalize(np.random.default_rng(seed + 1).standard_normal((1, D)).astype(np.float32))
    return measure(index, query[0], vectors, ids)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 30), n_probe=st.integers(1, 12), rotation=st.sampled_from([None, "opq", "local"]),
    n_bits=st.sampled_from([4, 8]), n_kept=st.sampled_from([1, K, 40]),
)  # fmt: skip
def test_the_course_equals_a_plain_heap_and_ends_with_the_results(
    seed: int, n_probe: int, rotation: str | None, n_bits: int, n_kept: int
) -> None:
    seen = measured(seed, rotation=rotation, n_bits=n_bits)
    course = replay(seen, n_probe, n_kept)
    order = [
        row for label in seen.order[:n_probe] for row in np.flatnonzero(seen.labels == label)
    ]  # list by list, nearest first; in a list, as they are stored
    assert course.rows.tolist() == order
    heap: list[float] = []
    for at, row in enumerate(order):
        distance = float(seen.approximate[row])
        enters = len(heap) < n_kept or distance < -heap[0]
        assert course.is_entered[at] == enters
        if enters:
            heapq.heappush(heap, -distance)
            if len(heap) > n_kept:
                heapq.heappop(heap)
        expected = -heap[0] if len(heap) == n_kept else np.inf
        assert course.cutoffs[at] == pytest.approx(expected, rel=1e-6)
    kept = course.rows[np.argsort(course.distances, kind="stable")[:n_kept]]
    found = seen.index.search(seen.query, n_kept, n_probe=n_probe)
    n_found = int((found.ids >= 0).sum())
    np.testing.assert_allclose(seen.approximate[kept], found.distances[0, :n_found], rtol=1e-4, atol=1e-6)
    # What bytes put aside is beyond the worst that was kept at that moment, so it could not have entered.
    before = np.concatenate([[np.inf], course.cutoffs[:-1]])
    aside = ~course.is_summed
    assert (course.distances[aside] >= before[aside]).all()
    assert course.n_pruned == aside.sum()
    assert not (course.is_entered & aside).any()


def test_bytes_put_most_codes_aside() -> None:
    seen = measured(1, n_bits=8)
    course = replay(seen, 12, K)
    # 900 codes, of which some K ln(N / K) = 45 enter and few more have a bound below the cut-off.
    assert course.n_pruned > N / 2
    assert course.is_entered.sum() < 150


def test_lists_stand_in_the_order_of_their_distance_and_apart() -> None:
    seen = measured(2, n_lists=60)
    cells = lay_out(seen)
    distances = ((seen.view - seen.index.model.centroids) ** 2).sum(axis=1)
    assert cells.numbers.tolist() == np.argsort(distances, kind="stable").tolist()
    radius = np.linalg.norm(cells.places, axis=1)
    assert (np.diff(radius) > 0).all()
    assert radius[-1] < 1
    inside = (radius < np.sqrt(15 / 60)).sum()
    assert inside == 15  # 15 of 60 lists are a quarter of the area
    assert cells.sizes.tolist() == [int((seen.labels == number).sum()) for number in cells.numbers]
    gaps = np.linalg.norm(cells.places[:, None] - cells.places[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    # Sixty points on a grid would be sqrt(pi / 60) = 0.23 apart; thrown at random, the nearest two are 0.02.
    assert gaps.min() > 0.07


@pytest.mark.parametrize("n_lists", [1, 2, 3, 450])
def test_few_and_many_lists_can_be_laid_out(n_lists: int) -> None:
    cells = lay_out(measured(0, n_lists=n_lists))
    assert len(cells.numbers) == min(n_lists, MOST)
    assert np.isfinite(cells.places).all()


@pytest.mark.parametrize("rotation", [None, "opq", "local"])
def test_what_re_ranking_would_bring_is_what_it_brings(rotation: str | None) -> None:
    seen = measured(4, rotation=rotation, n_lists=6)
    finer, _, _ = built(4, rotation=rotation, n_lists=6, store="float16")
    curve = reranked_recalls(seen, k=K, n_probe=3)
    true = set(seen.ids[np.argsort(seen.exact, kind="stable")[:K]].tolist())
    assert curve[0][0] == K
    assert curve[-1][0] == int((seen.list_rank[seen.labels] <= 3).sum())
    assert [recall for _, recall in curve] == sorted(recall for _, recall in curve)
    for candidates, recall in curve:
        found = finer.search(seen.query, K, n_probe=3, n_rerank=candidates).ids[0]
        assert recall == pytest.approx(len(true & set(found.tolist())) / K)
    assert curve[0][1] == look_into(seen, k=K, n_probe=3).recall


def test_a_table_and_what_the_rotation_leaves_out_give_the_distance() -> None:
    rng = np.random.default_rng(0)
    vectors = normalize(rng.standard_normal((400, 160)).astype(np.float32))
    index = IVFPQ(160, n_lists=3, n_subspaces=16, n_bits=4, rotation="local").train(vectors).add(vectors)
    seen = measure(index, vectors[7], vectors, np.arange(400))
    for number in range(3):
        inside = np.flatnonzero(seen.labels == number)
        summed = seen.tables(number)[np.arange(16), seen.codes[inside]].sum(axis=1)
        assert seen.left_out(number) > 0  # 160 dimensions, of which rotations keep 128
        np.testing.assert_allclose(summed + seen.left_out(number), seen.approximate[inside], rtol=1e-3)
    assert measured(0).left_out(0) == 0
