"""Every registered index keeps the contract of `core.indexes.base`; generated input against a slow reference."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import indexes
from core.indexes import Index, SearchResult

DIM = 16
NAMES = indexes.names()
FEW = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Make = Callable[[], Index]


@pytest.fixture(scope="module", params=NAMES)
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A function that returns a trained, empty index (opened from a file, which is faster than training each)."""
    path = tmp_path_factory.mktemp("trained") / request.param
    rng = np.random.default_rng(0)
    trained = indexes.create(request.param, DIM).train(rng.standard_normal((300, DIM)))
    trained.save(path)
    return lambda: indexes.load(path)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, np.random.Generator]:
    """Vectors with and without duplicates, queries near and far, and k below and above N."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([0, 1, 2, 15, 40, 70]))
    vectors = rng.standard_normal((n, DIM)).astype(np.float32)
    if draw(st.booleans()) and n:
        vectors = vectors[rng.integers(0, n, n)]
    queries = rng.standard_normal((draw(st.integers(0, 3)), DIM)).astype(np.float32)
    if n and len(queries):
        queries[0] = vectors[rng.integers(n)]
    return vectors, queries, draw(st.sampled_from([1, 2, 10, 100])), rng


def exhaustive(index: Index) -> dict[str, Any]:
    """Knobs with which an index looks at all that it holds, for the sizes of these tests."""
    return {name: type(knob.default)(min(knob.high, 1000)) for name, knob in index.knobs.items()}


def distances_to_all(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    differences = queries[:, None].astype(np.float64) - vectors[None]
    return np.sum(differences**2, axis=2)


def assert_well_formed(found: SearchResult, n_queries: int, k: int, present: np.ndarray) -> None:
    assert found.ids.shape == found.distances.shape == (n_queries, k)
    assert found.ids.dtype == np.int64
    assert found.distances.dtype == np.float32
    for ids, distances in zip(found.ids, found.distances, strict=True):
        filled = ids >= 0
        assert (np.sort(filled)[::-1] == filled).all(), "empty slots come last"
        assert np.isinf(distances[~filled]).all()
        assert (ids[~filled] == -1).all()
        assert np.isfinite(distances[filled]).all()
        assert (np.diff(distances[filled]) >= 0).all()
        assert len(set(ids[filled])) == filled.sum()
        assert np.isin(ids[filled], present).all()


def assert_same_distances(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare to 1e-4, ten times float32's error over 16 differences of this size, and twice FAISS's expansion's."""
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@FEW
@given(case=cases())
def test_results_are_well_formed_and_exact_where_promised(make: Make, case: Any) -> None:
    vectors, queries, k, rng = case
    ids = rng.permutation(1000)[: len(vectors)]
    index = make().add(vectors, ids)
    found = index.search(queries, k)
    assert len(index) == len(vectors)
    assert_well_formed(found, len(queries), k, ids)
    if index.is_exact:
        expected = np.full((len(queries), k), np.inf)
        nearest = np.sort(distances_to_all(queries, vectors), axis=1)[:, :k]
        expected[:, : nearest.shape[1]] = nearest
        assert_same_distances(found.distances, expected)


@FEW
@given(case=cases(), pieces=st.integers(2, 5))
def test_adding_in_pieces_equals_adding_at_once(make: Make, case: Any, pieces: int) -> None:
    vectors, queries, k, _ = case
    whole, parts = make().add(vectors), make()
    for piece in np.array_split(vectors, pieces):
        parts.add(piece)
    assert np.array_equal(whole.ids, parts.ids)
    knobs = exhaustive(whole)
    expected, found = whole.search(queries, k, **knobs), parts.search(queries, k, **knobs)
    assert_well_formed(found, len(queries), k, whole.ids)
    assert_same_distances(found.distances, expected.distances)


@FEW
@given(case=cases(), share=st.sampled_from([0.1, 0.5, 1.0]))
def test_what_was_removed_is_never_returned_and_the_rest_is_found_as_before(
    make: Make, case: Any, share: float
) -> None:
    vectors, queries, k, rng = case
    removed = np.flatnonzero(rng.random(len(vectors)) < share)
    kept = np.setdiff1d(np.arange(len(vectors)), removed)
    index = make().add(vectors)
    assert index.remove(np.append(removed, 12345)) == len(removed)
    assert index.remove(removed) == 0
    assert len(index) == len(kept)
    knobs = exhaustive(index)
    found = index.search(queries, k, **knobs)
    assert_well_formed(found, len(queries), k, kept)
    assert_same_distances(found.distances, make().add(vectors[kept], kept).search(queries, k, **knobs).distances)
    again = index.add(vectors[removed], removed).search(queries, k, **knobs)
    assert_same_distances(again.distances, make().add(vectors).search(queries, k, **knobs).distances)


@FEW
@given(case=cases(), share=st.sampled_from([0.0, 0.05, 0.4, 0.9, 1.0]), may_scan=st.booleans())
def test_a_filter_equals_filtering_the_exhaustive_answer(make: Make, case: Any, share: float, may_scan: bool) -> None:
    vectors, queries, k, rng = case
    index = make().add(vectors)
    if not may_scan:  # so that the structure's own filter is used for a few rows, too
        index.scan_below, index.scan_rows = 0.0, 0
    index.remove(np.arange(0, len(vectors), 9))
    allowed = np.append(np.flatnonzero(rng.random(len(vectors)) < share), [777, 777])  # unknown and repeated: no harm
    knobs = exhaustive(index)
    found = index.search(queries, k, allowed=allowed, **knobs)
    assert_well_formed(found, len(queries), k, allowed)
    everything = index.search(queries, max(len(vectors), 1), **knobs)
    passing = np.where(np.isin(everything.ids, allowed), everything.distances, np.inf)
    expected = np.full((len(queries), max(k, passing.shape[1])), np.inf)
    expected[:, : passing.shape[1]] = np.sort(passing, axis=1)
    assert_same_distances(found.distances, expected[:, :k])


@FEW
@given(case=cases())
def test_a_saved_index_gives_identical_results_and_lives_on(
    make: Make, case: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    vectors, queries, k, rng = case
    index = make().add(vectors, rng.permutation(1000)[: len(vectors)])
    index.remove(index.ids[:3])
    path = tmp_path_factory.mktemp("saved") / "index"
    index.save(path, built_from={"features": "abc"})
    opened = indexes.load(path, built_from={"features": "abc"})
    assert (opened.name, opened.dim, opened.params, len(opened)) == (index.name, DIM, index.params, len(index))
    assert np.array_equal(opened.ids, index.ids)
    for allowed in (None, index.ids[::2]):
        expected, found = (i.search(queries, k, allowed=allowed) for i in (index, opened))
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.distances, expected.distances)
    assert np.array_equal(opened.add(np.ones((2, DIM))).ids, index.add(np.ones((2, DIM))).ids)
    opened.save(path)
    assert len(indexes.load(path)) == len(index)


def test_default_ids_continue_from_the_largest_ever_used(make: Make, tmp_path: Path) -> None:
    index = make().add(np.eye(3, DIM)).add(np.eye(2, DIM), [40, 7])
    index.remove([40])
    index.save(tmp_path / "index")
    for each in (index, indexes.load(tmp_path / "index")):
        assert each.add(np.eye(2, DIM)).ids.tolist() == [0, 1, 2, 7, 41, 42]


def test_ids_are_not_given_beyond_the_largest_integer(make: Make) -> None:
    index = make().add(np.eye(1, DIM), [2**63 - 1])
    with pytest.raises(ValueError, match="ids are used up"):
        index.add(np.eye(1, DIM))
    assert index.add(np.eye(1, DIM), [0]).search(np.eye(1, DIM), 2).ids.max() == 2**63 - 1


def test_an_index_without_vectors_answers_with_empty_slots(make: Make) -> None:
    index = make()
    found = index.search(np.ones((2, DIM)), 3)
    assert (found.ids == -1).all()
    assert np.isinf(found.distances).all()
    assert index.search(np.empty((0, DIM)), 3).ids.shape == (0, 3)
    assert (index.ids.shape, len(index), index.remove([1])) == ((0,), 0, 0)
    index.add(np.empty((0, DIM)))
    assert index.add(np.ones((2, DIM))).remove([0, 1]) == 2
    assert (index.search(np.ones((1, DIM)), 1).ids == -1).all()


def test_any_real_numbers_in_any_layout_are_taken(make: Make) -> None:
    vectors = np.random.default_rng(3).integers(-9, 9, (40, DIM))
    expected = make().add(vectors.astype(np.float32)).search(vectors[:3].astype(np.float32), 5)
    layouts = [vectors, vectors.astype(np.float64), np.asfortranarray(vectors), vectors.tolist()]
    layouts.append(np.repeat(vectors, 2, axis=0)[::2].astype(np.float16))
    for layout in layouts:
        found = make().add(layout).search(layout[:3], 5)
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.distances, expected.distances)


def test_the_callers_array_may_change_after_it_was_added(make: Make) -> None:
    vectors = np.random.default_rng(3).standard_normal((40, DIM)).astype(np.float32)
    mine, ids = vectors.copy(), np.arange(40)
    index = make().add(mine, ids)
    mine[:], ids[:] = 0, 5
    found, expected = (i.search(vectors[:3], 5) for i in (index, make().add(vectors)))
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.distances, expected.distances)


BAD = {
    "NaN": (lambda i: i.add([[np.nan] * DIM]), ValueError, "vectors must be finite"),
    "infinity": (lambda i: i.search([[np.inf] + [0] * (DIM - 1)], 1), ValueError, "queries must be finite"),
    "too large": (lambda i: i.add(np.full((1, DIM), 1e17)), ValueError, "vectors must lie within -1e16 and 1e16"),
    "text": (lambda i: i.add(np.full((1, DIM), "a")), TypeError, "vectors must be real numbers"),
    "complex": (lambda i: i.search(np.ones((1, DIM), complex), 1), TypeError, "queries must be real numbers"),
    "one axis": (lambda i: i.search(np.ones(DIM), 1), ValueError, "queries must have shape"),
    "dimension": (lambda i: i.add(np.ones((1, DIM + 1))), ValueError, "vectors must have dimension 16, got 17"),
    "k of 0": (lambda i: i.search(np.ones((1, DIM)), 0), ValueError, "k must be at least 1, got 0"),
    "k of 1.5": (lambda i: i.search(np.ones((1, DIM)), 1.5), TypeError, "k must be an integer"),
    "unknown knob": (lambda i: i.search(np.ones((1, DIM)), 1, speed=3), TypeError, "has no knob 'speed'"),
    "float ids": (lambda i: i.add(np.ones((1, DIM)), [0.5]), TypeError, "ids must be integers"),
    "negative id": (lambda i: i.add(np.ones((1, DIM)), [-2]), ValueError, "ids must not be negative"),
    "id given twice": (lambda i: i.add(np.ones((2, DIM)), [5, 5]), ValueError, "ids must be distinct"),
    "id present": (lambda i: i.add(np.ones((1, DIM)), [1]), ValueError, "ids must be new, but 1 is present"),
    "too few ids": (lambda i: i.add(np.ones((2, DIM)), [5]), ValueError, "one entry for each of 2 vectors"),
    "allowed": (lambda i: i.search(np.ones((1, DIM)), 1, allowed=[0.5]), TypeError, "allowed must be integer ids"),
    "allowed axes": (lambda i: i.search(np.ones((1, DIM)), 1, allowed=[[1]]), ValueError, "allowed must have shape"),
    "reconstruct": (lambda i: i.reconstruct([999]), ValueError, "id 999 is not in the index"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_mistakes_are_told_in_the_same_words_by_every_index(make: Make, mistake: str) -> None:
    index = make().add(np.eye(3, DIM))
    act, kind, message = BAD[mistake]
    with pytest.raises(kind, match=message):
        act(index)
    assert index.ids.tolist() == [0, 1, 2]


def test_every_knob_has_limits_that_are_enforced(make: Make) -> None:
    index = make().add(np.eye(3, DIM))
    for name, knob in index.knobs.items():
        assert knob.low <= knob.default <= knob.high
        assert knob.doc
        for value in (knob.low - 1, knob.high + 1):
            with pytest.raises(ValueError, match=f"{name} must be between"):
                index.search(np.ones((1, DIM)), 1, **{name: value})
        with pytest.raises(TypeError, match=f"{name} must be"):
            index.search(np.ones((1, DIM)), 1, **{name: "many"})


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_refused_before_training_and_training_after_vectors(name: str) -> None:
    index = indexes.create(name, DIM)
    vectors = np.random.default_rng(0).standard_normal((300, DIM))
    assert index.is_trained != index.needs_training
    if index.needs_training:
        with pytest.raises(ValueError, match="must be trained before add"):
            index.add(vectors)
        assert (index.search(vectors[:1], 2).ids == -1).all()
        with pytest.raises(ValueError, match="make a new index to train again"):
            index.train(vectors).add(vectors).train(vectors)
    assert index.train is not None
    assert indexes.create(name, DIM).train(vectors).is_trained


def test_reconstruction_is_the_vector_itself_where_vectors_are_kept(make: Make) -> None:
    vectors = np.random.default_rng(0).standard_normal((60, DIM)).astype(np.float32)
    index = make().add(vectors[:50]).add(vectors[50:])
    index.remove([4])
    back = index.reconstruct([55, 3, 7])
    assert back.shape == (3, DIM)
    if index.is_exact or index.keeps_vectors:
        assert np.array_equal(back, vectors[[55, 3, 7]])
    else:  # codes are nearer to their own vectors than to others
        assert (
            np.linalg.norm(back - vectors[[55, 3, 7]], axis=1) < np.linalg.norm(vectors[[3, 7, 55]] - back, axis=1)
        ).all()
    assert index.nbytes > 0


def test_a_search_sees_the_state_before_or_after_a_change_and_never_between(make: Make) -> None:
    rng = np.random.default_rng(0)
    lasting, passing = rng.standard_normal((60, DIM)), rng.standard_normal((40, DIM))
    index = make().add(lasting)
    knobs = exhaustive(index)
    stop = threading.Event()
    faults: list[str] = []

    def read() -> None:
        while not stop.is_set():
            ids = index.search(lasting[:1], 200, **knobs).ids[0]
            counts = (int((ids >= 1000).sum()), int(((ids >= 0) & (ids < 1000)).sum()))
            if counts not in ((0, 60), (40, 60)):
                faults.append(str(counts))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(25):
        index.add(passing, np.arange(1000, 1040))
        index.remove(np.arange(1000, 1040))
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults


def test_callers_with_different_knobs_do_not_disturb_each_other(make: Make) -> None:
    rng = np.random.default_rng(0)
    index, queries = make().add(rng.standard_normal((300, DIM))), rng.standard_normal((4, DIM))
    choices = [
        {
            name: kind(value)
            for name, value, kind in ((n, getattr(knob, end), type(knob.default)) for n, knob in index.knobs.items())
        }
        for end in ("low", "default")
    ]
    expected = [index.search(queries, 10, **knobs) for knobs in choices]
    faults = []

    def repeat(at: int) -> None:
        for _ in range(30):
            found = index.search(queries, 10, **choices[at])
            if not np.array_equal(found.distances, expected[at].distances):
                faults.append(at)

    threads = [threading.Thread(target=repeat, args=(at,)) for at in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
