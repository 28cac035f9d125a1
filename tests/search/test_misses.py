"""What a miss is said to be lost to equals brute force, and the setting that is named brings the neighbour back."""

from functools import cache

import numpy as np
import pytest

from core import indexes
from core.arrays import normalize
from core.indexes import Index
from core.indexes.trace import scans_all, trace
from core.search.explain import xray
from core.search.misses import Miss, misses, misses_of
from core.types import Ids, Vectors

D, N, K = 32, 1500, 10
CASES: dict[str, tuple[dict[str, object], dict[str, int | float]]] = {  # parameters, and knobs that miss a lot
    "faiss-ivfflat": ({"n_lists": 30}, {"n_probe": 1}),
    "faiss-ivfpq": ({"n_lists": 30, "n_subspaces": 16}, {"n_probe": 2}),
    "faiss-ivfpqfs": ({"n_lists": 30, "n_subspaces": 8}, {"n_probe": 6, "k_factor": 1.0}),
    "lsh": ({"n_bits": 64}, {"n_candidates": 30}),
    "hash": ({"n_bits": 64}, {"n_candidates": 30}),
    "faiss-lsh": ({"n_bits": 64}, {"n_candidates": 30}),
    "minhash-lsh": ({"n_permutations": 32, "n_trees": 4}, {"n_candidates": 60}),
    "faiss-hnsw": ({"n_links": 4, "ef_construction": 8}, {"ef_search": 10}),
    "ivfpq": ({"n_lists": 30, "n_subspaces": 16}, {"n_probe": 2}),
    "lopq": ({"n_lists": 30, "n_subspaces": 16}, {"n_probe": 2}),
}  # fmt: skip


@cache
def gallery() -> tuple[Vectors, Ids, Vectors]:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((20, D))
    vectors = normalize((centres[rng.integers(0, 20, N)] + 0.9 * rng.standard_normal((N, D))).astype(np.float32))
    queries = normalize(rng.standard_normal((8, D)).astype(np.float32))  # between the clusters
    return vectors, rng.permutation(5 * N)[:N].astype(np.int64), queries


@cache
def built(name: str) -> Index:
    vectors, ids, _ = gallery()
    index = indexes.create(name, D, **CASES[name][0]) if name in CASES else indexes.create(name, D)
    index.scan_below, index.scan_rows = 0.0, 40  # type: ignore[misc]  # so that filters are probed, too
    return index.train(vectors).add(vectors, ids)


def missed(name: str, query: Vectors, allowed: Ids | None) -> list[Miss]:
    """Return what an index misses of the true neighbours by brute force."""
    vectors, ids, _ = gallery()
    rows = np.arange(N) if allowed is None else np.flatnonzero(np.isin(ids, allowed))
    exact = ((vectors[rows] - query) ** 2).sum(axis=1)
    true = rows[np.argsort(exact, kind="stable")[:K]]
    found = built(name).search(query[None], K, allowed=allowed, **CASES[name][1]).ids[0]
    gone = np.array([row for row in true if ids[row] not in found], np.int64)
    if name in ("ivfpq", "lopq"):
        shown = xray(built(name), query, vectors, ids, k=K, n_probe=int(CASES[name][1]["n_probe"]), allowed=allowed)
        return misses_of(shown, ids[gone].tolist())
    far = ((vectors[gone] - query) ** 2).sum(axis=1)
    return misses(built(name), query, ids[gone], far, K, allowed, CASES[name][1])


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("name", list(CASES))
def test_the_setting_that_is_named_brings_the_neighbour_back_and_one_less_does_not(
    name: str, is_filtered: bool
) -> None:
    _, ids, queries = gallery()
    allowed = ids[np.random.default_rng(9).random(N) < 0.6] if is_filtered else None
    index, knobs = built(name), CASES[name][1]
    n_missed = n_back = 0
    for query in queries:
        for miss in missed(name, query, allowed):
            n_missed += 1
            assert miss.verdict != "unknown"
            assert miss.sentence
            if not miss.remedy:
                assert miss.verdict in ("code", "list and code", "graph")  # codes alone; or no links lead there
                continue
            n_back += 1
            found = index.search(query[None], K, allowed=allowed, **{**knobs, **miss.remedy}).ids[0]
            assert miss.id in found
            assert all(f"{value:g}" in miss.sentence for value in miss.remedy.values())
            if miss.verdict == "list":
                fewer = {**knobs, "n_probe": miss.remedy["n_probe"] - 1}
                assert miss.id not in index.search(query[None], K, allowed=allowed, **fewer).ids[0]
            if "n_candidates" in miss.remedy and miss.numbers["distance"] != miss.numbers["cutoff"]:
                fewer = {**knobs, "n_candidates": miss.numbers["n_kept"]}
                assert miss.id not in index.search(query[None], K, allowed=allowed, **fewer).ids[0]
            if miss.verdict == "graph":
                fewer = {**knobs, "ef_search": miss.numbers["not_with"]}
                assert miss.id not in index.search(query[None], K, allowed=allowed, **fewer).ids[0]
    assert n_missed >= 5
    assert n_back >= 1


@pytest.mark.parametrize("name", ["faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs"])
def test_lists_and_distances_by_code_are_those_of_faiss(name: str) -> None:
    vectors, ids, queries = gallery()
    index, knobs = built(name), CASES[name][1]
    structure = index._snapshot.segments[0].structure
    inverted = (
        structure if name != "faiss-ivfpqfs" else pytest.importorskip("faiss").downcast_index(structure.base_index)
    )
    centroids = inverted.quantizer.reconstruct_n(0, inverted.nlist)
    codes = inverted.reconstruct_n(0, N)
    lists = ((vectors[:, None] - centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
    row_of = {int(image): row for row, image in enumerate(ids)}
    for query in queries:
        seen = trace(index, query, K, **knobs)
        assert seen is not None
        to_lists = ((centroids - query) ** 2).sum(axis=1)
        by_code = ((codes - query) ** 2).sum(axis=1)
        inside = np.flatnonzero(np.isin(lists, np.argsort(to_lists)[: seen.n_probe]))
        assert sorted(seen.rows.tolist()) == inside.tolist()
        # FastScan adds up bytes: a 255th of the widest part of the table, for each part
        tolerance = 2e-5 if name != "faiss-ivfpqfs" else 0.1
        np.testing.assert_allclose(seen.distances, by_code[seen.rows], atol=tolerance)
        for miss in missed(name, query, None):
            row = row_of[miss.id]
            assert miss.numbers["list_rank"] == 1 + int((to_lists < to_lists[lists[row]]).sum())
            assert miss.numbers["distance"] == pytest.approx(by_code[row], abs=tolerance)
            assert ("list" in miss.verdict) == (miss.numbers["list_rank"] > seen.n_probe)
            if miss.verdict == "code":
                assert miss.numbers["cutoff"] == seen.distances[seen.n_kept - 1]
                assert miss.numbers["distance"] >= miss.numbers["cutoff"]
                assert miss.numbers["place"] > seen.n_kept


@pytest.mark.parametrize("name", ["lsh", "hash"])
def test_bits_are_counted_as_by_hand(name: str) -> None:
    vectors, ids, queries = gallery()
    index = built(name)
    sides = (vectors - index.mean) @ index.planes.T > 0  # type: ignore[attr-defined]
    row_of = {int(image): row for row, image in enumerate(ids)}
    for query in queries:
        own = index.planes @ (query - index.mean) > 0  # type: ignore[attr-defined]
        differing = (sides != own).sum(axis=1)
        for miss in missed(name, query, None):
            assert miss.numbers["distance"] == differing[row_of[miss.id]]
            assert miss.numbers["cutoff"] == np.sort(differing)[29]
            assert miss.numbers["place"] == (differing <= differing[row_of[miss.id]]).sum()
            assert f"{differing[row_of[miss.id]]} of 64 bits" in miss.sentence


def test_hashes_in_a_row_are_counted_as_by_hand() -> None:
    vectors, ids, queries = gallery()
    index = built("minhash-lsh")
    hashes = index.hashes(vectors).reshape(N, 4, 8)  # type: ignore[attr-defined]
    row_of = {int(image): row for row, image in enumerate(ids)}
    for query in queries:
        own = index.hashes(query[None]).reshape(4, 8)  # type: ignore[attr-defined]
        shared = np.cumprod(hashes == own, axis=2).sum(axis=2).max(axis=1)  # longest common prefix of any tree
        for miss in missed("minhash-lsh", query, None):
            assert 8 - miss.numbers["distance"] == shared[row_of[miss.id]]  # type: ignore[operator]
            assert miss.numbers["n_kept"] == (shared >= 8 - miss.numbers["cutoff"]).sum()  # type: ignore[operator]


@pytest.mark.parametrize("name", ["flat", "kdtree", "faiss-flat"])
def test_exact_indexes_miss_only_what_is_as_far_as_the_last(name: str) -> None:
    vectors, _, queries = gallery()
    index = built(name)
    for query in queries:
        exact = ((vectors - query) ** 2).sum(axis=1)
        found = index.search(query[None], K)
        np.testing.assert_allclose(np.sort(exact)[:K], found.distances[0], atol=1e-5)
    double = indexes.create(name, D).add(np.repeat(vectors[:1], 30, axis=0), np.arange(30))
    returned = double.search(vectors[:1], K).ids[0]
    other = np.setdiff1d(np.arange(30), returned)[:2]
    told = misses(double, vectors[0], other, np.zeros(2, np.float32), K, None, {})
    assert [one.verdict for one in told] == ["tie", "tie"]
    assert [one.id for one in told] == other.tolist()
    assert told[0].to_json()["numbers"]["last_returned"] == 0


def test_a_filter_that_keeps_little_leaves_nothing_to_lists_and_bits() -> None:
    _, ids, queries = gallery()
    for name in ("faiss-ivfflat", "lsh", "faiss-hnsw", "minhash-lsh", "faiss-ivfpqfs"):
        assert missed(name, queries[0], ids[:40]) == []
        assert scans_all(built(name), ids[:40])
        assert not scans_all(built(name), ids[:400])
    for miss in missed("faiss-ivfpq", queries[0], ids[:40]):
        assert miss.verdict == "code"  # all lists were probed
        assert miss.numbers["n_compared"] == 40
