"""Every verdict of the X-ray is recomputed by brute force, and doing what it says brings the neighbour back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arrays import normalize
from core.errors import UnavailableError
from core.indexes import create
from core.indexes.ivfpq import IVFPQ
from core.search.course import replay
from core.search.explain import Xray, xray
from core.types import Ids, Vectors

D, N, K = 16, 600, 10


def built(seed: int, **params: object) -> tuple[IVFPQ, Vectors, Ids]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((12, D))
    vectors = normalize((centres[rng.integers(0, 12, N)] + 0.7 * rng.standard_normal((N, D))).astype(np.float32))
    ids = rng.permutation(5 * N)[:N].astype(np.int64)
    index = IVFPQ(D, n_lists=12, n_subspaces=4, n_bits=4, seed=seed, **params)  # type: ignore[arg-type]
    return index.train(vectors).add(vectors[:400], ids[:400]).add(vectors[400:], ids[400:]), vectors, ids


def looked_into(
    seed: int, n_probe: int, n_rerank: int = 0, **params: object
) -> tuple[Xray, IVFPQ, Vectors, Ids, Vectors]:
    index, vectors, ids = built(seed, **params)
    query = normalize(np.random.default_rng(seed + 1).standard_normal((1, D)).astype(np.float32))
    return xray(index, query[0], vectors, ids, k=K, n_probe=n_probe, n_rerank=n_rerank), index, vectors, ids, query


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 30), n_probe=st.integers(1, 12), rotation=st.sampled_from([None, "opq", "local"]),
    n_rerank=st.sampled_from([0, 20]),
)  # fmt: skip
def test_verdicts_equal_brute_force(seed: int, n_probe: int, rotation: str | None, n_rerank: int) -> None:
    store = "float16" if n_rerank else None
    shown, index, vectors, ids, query = looked_into(seed, n_probe, n_rerank, rotation=rotation, store=store)
    found = index.search(query, K, n_probe=n_probe, n_rerank=n_rerank).ids[0]
    assert shown.results.tolist() == found[found >= 0].tolist()
    exact = ((query - vectors) ** 2).sum(axis=1)
    true = np.argsort(exact, kind="stable")[:K]
    assert [lost.id for lost in shown.neighbours] == ids[true].tolist()
    np.testing.assert_allclose([lost.exact for lost in shown.neighbours], exact[true], rtol=1e-5)
    assert shown.recall == pytest.approx(len(set(found) & set(ids[true])) / K)

    view = index.model.frame.view(query)
    to_lists = ((view - index.model.centroids) ** 2).sum(axis=1)
    labels, codes = index.encode(vectors)
    approximate = ((view - index.model.decode(labels, codes)) ** 2).sum(axis=1)
    kept = max(K, n_rerank)
    for lost, row in zip(shown.neighbours, true, strict=True):
        assert lost.list_number == labels[row]
        assert lost.list_rank == 1 + int((to_lists < to_lists[labels[row]]).sum())
        assert lost.approximate == pytest.approx(approximate[row], rel=1e-4)
        if lost.verdict == "found":
            continue
        # Probing up to its list: does its code get in?
        probes = max(n_probe, lost.list_rank)
        back = index.search(query, kept, n_probe=probes, n_rerank=0).ids[0]
        if lost.verdict == "list":
            assert lost.list_rank > n_probe
            assert lost.id in back
        elif lost.verdict == "code":
            assert lost.list_rank <= n_probe
            assert lost.id not in back
            assert lost.approximate > lost.cutoff
            # Compared again by stored vectors, the same probes bring it back.
            finer = built(seed, rotation=rotation, store="float16")[0]
            assert lost.id in finer.search(query, K, n_probe=n_probe, n_rerank=N).ids[0]
        elif lost.verdict == "list and code":
            assert lost.list_rank > n_probe
            assert lost.id not in back
        else:
            assert n_rerank
            assert lost.id in back


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 30), n_probe=st.integers(1, 12), rotation=st.sampled_from([None, "opq", "local"]),
    share=st.floats(0.05, 0.9), store=st.sampled_from([None, "float16"]), n_rerank=st.sampled_from([0, 20]),
)  # fmt: skip
def test_verdicts_under_a_filter_equal_brute_force(
    seed: int, n_probe: int, rotation: str | None, share: float, store: str | None, n_rerank: int
) -> None:
    index, vectors, ids = built(seed, rotation=rotation, store=store)
    index.scan_below, index.scan_rows = 0.0, 150  # type: ignore[misc]  # more are probed, fewer are scanned
    rng = np.random.default_rng(seed + 2)
    query = normalize(rng.standard_normal((1, D)).astype(np.float32))
    rows = np.flatnonzero(rng.random(N) < share)
    n_rerank = n_rerank if store else 0
    shown = xray(index, query[0], vectors, ids, k=K, n_probe=n_probe, n_rerank=n_rerank, allowed=ids[rows])
    is_scanned = len(rows) <= 150
    assert shown.is_filtered
    assert shown.is_scanned == is_scanned
    found = index.search(query, K, n_probe=n_probe, n_rerank=n_rerank, allowed=ids[rows]).ids[0]
    assert shown.results.tolist() == found[found >= 0].tolist()
    exact = ((query - vectors[rows]) ** 2).sum(axis=1)
    true = rows[np.argsort(exact, kind="stable")[:K]]
    assert [lost.id for lost in shown.neighbours] == ids[true].tolist()

    view = index.model.frame.view(query)
    to_lists = ((view - index.model.centroids) ** 2).sum(axis=1)
    labels, _ = index.encode(vectors)
    counting = np.unique(labels[rows])  # only lists that hold something allowed are counted
    probed = sorted(counting, key=lambda number: to_lists[number])[: None if is_scanned else n_probe]
    assert shown.probed.tolist() == probed
    assert shown.n_scanned == np.isin(labels[rows], probed).sum()
    assert (str(shown.n_scanned) in shown.sentence) and ("so few" in shown.sentence) == is_scanned
    for lost, row in zip(shown.neighbours, true, strict=True):
        assert lost.list_rank == 1 + int((to_lists[counting] < to_lists[labels[row]]).sum())
        assert (lost.verdict == "found") == (lost.id in found)
        if lost.verdict == "list":
            assert labels[row] not in probed
            back = index.search(query, max(K, n_rerank), n_probe=lost.list_rank, allowed=ids[rows])
            assert lost.id in back.ids[0]
        elif lost.verdict == "list and code":
            back = index.search(query, K, n_probe=lost.list_rank, allowed=ids[rows])
            assert labels[row] not in probed
            assert store or lost.id not in back.ids[0]
        elif lost.verdict == "code":
            assert labels[row] in probed
            assert lost.approximate > lost.cutoff
            if store and not is_scanned:
                back = index.search(query, K, n_probe=n_probe, n_rerank=lost.place, allowed=ids[rows])
                assert lost.id in back.ids[0]
    assert is_scanned or shown.course.n_kept == max(K, n_rerank)
    course = shown.course
    best = np.sort(course.distances)[:K]
    np.testing.assert_allclose(np.sort(course.distances[course.is_entered])[:K], best)


def test_a_filter_that_keeps_little_is_scanned_however_few_lists_are_probed() -> None:
    index, vectors, ids = built(4)
    query = vectors[7]
    allowed = np.concatenate([ids[::9], [10**6]])  # one that is unknown
    shown = xray(index, query, vectors, ids, k=K, n_probe=1, allowed=allowed)
    assert shown.is_scanned
    assert shown.n_scanned == shown.to_json()["n_allowed"] == len(ids[::9])
    assert shown.n_probe == shown.n_counting == len(shown.probed)
    assert {lost.verdict for lost in shown.neighbours} <= {"found", "code"}
    assert shown.results.tolist() == xray(index, query, vectors, ids, k=K, n_probe=9, allowed=allowed).results.tolist()


def test_removed_vectors_are_left_out_of_the_x_ray_as_of_the_search() -> None:
    index, vectors, ids = built(6)
    index.scan_below, index.scan_rows = 0.0, 0  # type: ignore[misc]
    index.remove(ids[:40])
    query = normalize(np.random.default_rng(3).standard_normal((1, D)).astype(np.float32))
    shown = xray(index, query[0], vectors[40:], ids[40:], k=K, n_probe=2)
    assert shown.results.tolist() == index.search(query, K, n_probe=2).ids[0].tolist()
    assert not shown.is_filtered
    assert {lost.id for lost in shown.neighbours if lost.verdict == "found"} <= set(shown.results.tolist())


def test_a_filter_that_nothing_passes_leaves_no_search_to_look_into() -> None:
    index, vectors, ids = built(2)
    with pytest.raises(UnavailableError, match="no picture passes"):
        xray(index, vectors[0], vectors, ids, allowed=np.array([10**7]))


def test_probing_everything_loses_nothing_to_the_lists() -> None:
    shown, *_ = looked_into(3, 12)
    assert {lost.verdict for lost in shown.neighbours} <= {"found", "code"}
    assert shown.n_scanned == N
    assert shown.list_sizes.sum() == N


def test_the_tables_give_the_distances_of_codes_in_the_nearest_list() -> None:
    shown, index, vectors, _, query = looked_into(5, 4, rotation="local")
    labels, codes = index.encode(vectors)
    inside = np.flatnonzero(labels == shown.probed[0])
    view = index.model.frame.view(query)
    expected = ((view - index.model.decode(labels[inside], codes[inside])) ** 2).sum(axis=1)
    from_tables = shown.tables[np.arange(codes.shape[1]), codes[inside]].sum(axis=1)
    np.testing.assert_allclose(from_tables, expected, rtol=1e-3, atol=1e-5)


def test_the_json_says_where_each_neighbour_was_lost() -> None:
    shown, *_ = looked_into(1, 1)
    report = shown.to_json()
    assert report["n_probe"] == len(report["probed"]) == 1
    assert report["n_pruned"] == replay(shown.measured, 1, K).n_pruned == shown.n_scanned - shown.course.is_summed.sum()
    assert all(one["sentence"] for one in report["neighbours"])
    assert any(one["verdict"] != "found" for one in report["neighbours"])


def test_an_index_without_lists_cannot_be_looked_into() -> None:
    vectors = np.eye(4, dtype=np.float32)
    with pytest.raises(UnavailableError, match="choose ivfpq"):
        xray(create("flat", 4).add(vectors), vectors[0], vectors, np.arange(4))
