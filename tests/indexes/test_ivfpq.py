"""IVFPQ: FAISS's answers with FAISS's quantizers, the properties of the method, filters, files and threads."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import indexes
from core.errors import DamagedFileError, UnavailableError
from core.indexes.ivfpq import IVFPQ
from core.indexes.reference import reference_search

PROJECT = Path(__file__).resolve().parents[2]


def clustered(n: int, dim: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((20, dim)) * 3
    mixing = np.random.default_rng(98).standard_normal((dim // 2, dim))
    spread = rng.standard_normal((n, dim // 2)) @ mixing / 3
    return (centres[rng.integers(0, 20, n)] + spread).astype(np.float32)


VECTORS, QUERIES = clustered(4000, 32), clustered(60, 32, seed=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread_of_faiss() -> None:
    """Its threads wait by spinning, which on a busy machine takes minutes."""
    pytest.importorskip("faiss").omp_set_num_threads(1)


@pytest.fixture(scope="module")
def index() -> IVFPQ:
    return IVFPQ(32, n_lists=24, n_subspaces=8).train(VECTORS).add(VECTORS)


def assert_same_answers(found: Any, distances: np.ndarray, ids: np.ndarray) -> None:
    """Distances within 1e-4 (float32 sums in another order), and equal ids wherever no neighbour is that near."""
    np.testing.assert_allclose(found.distances, distances, rtol=1e-4, atol=1e-3)
    gaps = np.diff(distances, axis=1) > 1e-3 * distances[:, 1:]
    apart = np.ones(distances.shape, dtype=bool)
    apart[:, 1:] &= gaps
    apart[:, :-1] &= gaps
    apart[:, -1] = False  # the one after it is not known
    assert np.array_equal(found.ids[apart], ids[apart])


def nearest_of(queries: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    return np.sort(((queries[:, None].astype(np.float64) - vectors[None]) ** 2).sum(axis=2), axis=1)[:, :k]


@pytest.mark.parametrize("factory", ["IVF24,PQ8np", "IVF24,PQ8x4", "RR32,IVF24,PQ8np", "PCA16,IVF24,PQ8np"])
def test_an_index_of_faiss_is_imported_with_its_answers(factory: str, tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    theirs = faiss.index_factory(32, factory)
    theirs.train(VECTORS)
    if not factory.startswith(("RR", "PCA")):
        ids = np.random.default_rng(0).permutation(9000)[: len(VECTORS)]
        theirs.add_with_ids(VECTORS, ids)
    else:
        theirs.add(VECTORS)
    faiss.write_index(theirs, str(tmp_path / "theirs.index"))
    for source in (theirs, tmp_path / "theirs.index"):
        ours = IVFPQ.from_faiss(source)
        assert len(ours) == len(VECTORS)
        for n_probe in (1, 4, 24):
            faiss.extract_index_ivf(theirs).nprobe = n_probe
            distances, expected = theirs.search(QUERIES, 10)
            found = ours.search(QUERIES, 10, n_probe=n_probe)
            assert_same_answers(found, distances, expected)


def test_lists_and_codes_equal_those_of_faiss_with_its_quantizers() -> None:
    faiss = pytest.importorskip("faiss")
    theirs = faiss.index_factory(32, "IVF24,PQ8np")
    theirs.train(VECTORS)
    theirs.add(VECTORS)
    ours = IVFPQ.from_faiss(theirs)
    labels, codes = ours.encode(VECTORS)
    held = ours._snapshot.segments[0].structure.content(np.arange(len(VECTORS)))
    assert (labels == held[0]).mean() > 0.999  # the rest are ties
    assert (codes == held[1]).mean() > 0.999


@pytest.mark.parametrize("rotation", [None, "opq"])
def test_an_index_is_exported_to_faiss_with_its_answers(rotation: Any) -> None:
    pytest.importorskip("faiss")
    ours = IVFPQ(32, n_lists=10, n_subspaces=8, rotation=rotation).train(VECTORS).add(VECTORS, np.arange(4000) * 2)
    ours.remove(np.arange(0, 4000, 10))
    distances = ours.search(QUERIES, 10, n_probe=10).distances
    theirs = ours.to_faiss()
    import faiss

    faiss.extract_index_ivf(theirs).nprobe = 10
    found, found_ids = theirs.search(QUERIES, 10)
    assert_same_answers(ours.search(QUERIES, 10, n_probe=10), found, found_ids)
    back = IVFPQ.from_faiss(theirs).search(QUERIES, 10, n_probe=10)
    np.testing.assert_allclose(back.distances, distances, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("factory", ["IVF4,Flat", "IVF4,PQ8x6", "Flat"])
def test_what_cannot_be_imported_is_refused(factory: str) -> None:
    faiss = pytest.importorskip("faiss")
    other = faiss.index_factory(32, factory)
    with pytest.raises(ValueError, match="can be imported"):
        IVFPQ.from_faiss(other)


def test_a_file_that_is_no_index_of_faiss_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    (tmp_path / "x.index").write_bytes(b"not an index")
    with pytest.raises(DamagedFileError, match=r"x\.index cannot be read"):
        IVFPQ.from_faiss(tmp_path / "x.index")


def test_training_adding_and_searching_never_import_faiss() -> None:
    code = (
        "import sys; sys.modules['faiss'] = None\n"
        "import numpy as np\nfrom core import indexes\n"
        "x = np.random.default_rng(0).standard_normal((400, 16)).astype('f4')\n"
        "index = indexes.create('ivfpq', 16, n_lists=4, n_subspaces=4).train(x).add(x)\n"
        "print((index.search(x[:5], 1, n_probe=4).ids >= 0).all())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=280
    )
    assert done.stdout.split() == ["True"]


def test_recall_of_own_training_is_that_of_faiss() -> None:
    faiss = pytest.importorskip("faiss")
    truth = np.argsort(((QUERIES[:, None] - VECTORS[None]) ** 2).sum(axis=2), axis=1)[:, :10]
    theirs = faiss.index_factory(32, "IVF24,PQ8np")
    theirs.train(VECTORS)
    theirs.add(VECTORS)
    theirs.nprobe = 8
    ours = IVFPQ(32, n_lists=24, n_subspaces=8).train(VECTORS).add(VECTORS)
    recalls = [
        (found[:, :, None] == truth[:, None]).any(axis=1).mean()
        for found in (theirs.search(QUERIES, 10)[1], ours.search(QUERIES, 10, n_probe=8).ids)
    ]
    assert recalls[1] > recalls[0] - 0.06  # 600 neighbours: the standard error of the difference is about .025


def test_every_search_equals_the_plain_one(index: IVFPQ) -> None:
    labels, codes = index.encode(VECTORS)
    views = index.model.frame.view(QUERIES)
    for k, n_probe in ((1, 1), (10, 3), (200, 24)):
        _, expected = reference_search(
            views, k, n_probe, centroids=index.model.centroids, codewords=index.model.codewords[0],
            labels=labels, codes=codes,
        )  # fmt: skip
        found = index.search(QUERIES, k, n_probe=n_probe)
        np.testing.assert_allclose(found.distances, expected, rtol=1e-4)


def test_probing_every_list_equals_scanning_all_reconstructions(index: IVFPQ) -> None:
    expected = nearest_of(QUERIES, index.reconstruct(np.arange(len(VECTORS))), 10)
    np.testing.assert_allclose(index.search(QUERIES, 10, n_probe=24).distances, expected, rtol=1e-4)


def test_more_probes_never_make_the_kth_distance_larger(index: IVFPQ) -> None:
    last = np.full(len(QUERIES), np.inf, dtype=np.float32)
    for n_probe in range(1, 25):
        distances = index.search(QUERIES, 10, n_probe=n_probe).distances[:, -1]
        assert (distances <= last * np.float32(1.00001)).all()
        last = distances


def test_two_threads_give_the_answers_of_one(index: IVFPQ) -> None:
    one = index.search(QUERIES, 10, n_probe=5)
    index.threads = 2
    try:
        two = index.search(QUERIES, 10, n_probe=5)
    finally:
        index.threads = 1
    assert np.array_equal(one.ids, two.ids) and np.array_equal(one.distances, two.distances)


def test_single_queries_give_the_answers_of_the_batch(index: IVFPQ) -> None:
    batch = index.search(QUERIES, 10, n_probe=5)
    for i in range(len(QUERIES)):
        single = index.search(QUERIES[i : i + 1], 10, n_probe=5)
        np.testing.assert_allclose(single.distances[0], batch.distances[i], rtol=1e-5)


def test_lists_without_allowed_ids_do_not_count_as_probed(index: IVFPQ) -> None:
    labels, codes = index.encode(VECTORS)
    allowed = np.flatnonzero(labels % 6 == 0)  # four lists
    index.scan_below, index.scan_rows = 0.0, 0  # type: ignore[misc]
    found = index.search(QUERIES, 10, n_probe=2, allowed=allowed)
    _, expected = reference_search(
        index.model.frame.view(QUERIES), 10, 2, centroids=index.model.centroids, codewords=index.model.codewords[0],
        labels=labels, codes=codes, eligible=np.isin(np.arange(len(labels)), allowed),
    )  # fmt: skip
    np.testing.assert_allclose(found.distances, expected, rtol=1e-4)


@pytest.mark.parametrize(("store", "error"), [("sq8", 0.05), ("float16", 0.002)])
def test_reranking_gives_the_distances_of_the_stored_vectors(store: Any, error: float, tmp_path: Path) -> None:
    index = indexes.create("ivfpq", 32, n_lists=24, n_subspaces=4, store=store).train(VECTORS).add(VECTORS)
    expected = nearest_of(QUERIES, VECTORS, 10)
    found = index.search(QUERIES, 10, n_probe=24, n_rerank=1000)
    np.testing.assert_allclose(found.distances, expected, rtol=error, atol=error)
    assert found.distances.mean() < 1.01 * expected.mean()
    assert np.abs(index.reconstruct(np.arange(9)) - VECTORS[:9]).max() < 0.1
    index.remove([0, 1])
    index.save(tmp_path / "index")
    again = indexes.load(tmp_path / "index").search(QUERIES, 10, n_probe=24, n_rerank=1000)
    np.testing.assert_allclose(again.distances, index.search(QUERIES, 10, n_probe=24, n_rerank=1000).distances)


def test_reranking_without_stored_vectors_is_refused(index: IVFPQ) -> None:
    assert "n_rerank" not in index.knobs
    assert "n_rerank" in IVFPQ(32, n_subspaces=8, store="sq8").knobs
    queries = np.zeros((2, index.dim), dtype=np.float32)
    for allowed in (None, [0, 1, 2]):
        with pytest.raises(ValueError, match="n_rerank needs stored vectors"):
            index.search(queries, 1, n_rerank=10, allowed=allowed)
    assert (index.search(queries, 1, n_rerank=0).ids >= 0).all()


def test_few_training_vectors_make_fewer_lists_and_bits_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    index = IVFPQ(32, n_lists=50, n_subspaces=8).train(VECTORS[:40]).add(VECTORS[:40])
    assert (index.n_lists, index.n_bits) == (40, 4)
    assert "40 lists of 4-bit codes, for 40 vectors are few" in caplog.text
    assert (index.search(VECTORS[:5], 1, n_probe=50).ids >= 0).all()
    with pytest.raises(UnavailableError, match="needs 16 vectors to train, got 15"):
        IVFPQ(32).train(VECTORS[:15])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 30}, "multiple of n_subspaces=16, got 30"),
        ({"dim": 130, "n_subspaces": 65}, "n_subspaces must be between 1 and 64"),
        ({"dim": 32, "n_bits": 6}, "n_bits must be 4 or 8"),
        ({"dim": 32, "rotation": "some"}, "rotation must be"),
        ({"dim": 32, "store": "pq"}, "store must be"),
        ({"dim": 32, "n_lists": 0}, "n_lists must be"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IVFPQ(**arguments)


def test_bad_queries_give_the_same_errors_by_the_short_way(index: IVFPQ) -> None:
    bad = QUERIES[:1].copy()
    bad[0, 3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        index.search(bad, 1)
    with pytest.raises(ValueError, match="dimension 32"):
        index.search(np.zeros((1, 31), np.float32), 1)
    with pytest.raises(ValueError, match="k must be"):
        index.search(QUERIES[:1], 0)
    with pytest.raises(ValueError, match="n_probe must be"):
        index.search(QUERIES[:1], 1, n_probe=0)
    with pytest.raises(TypeError, match="no knob"):
        index.search(QUERIES[:1], 1, probes=3)
    flipped = np.asfortranarray(QUERIES)
    assert np.array_equal(index.search(flipped, 3).ids, index.search(QUERIES, 3).ids)
    assert index.search(QUERIES[:0], 3).ids.shape == (0, 3)


def test_searches_during_changes_see_the_state_before_or_after() -> None:
    index = IVFPQ(32, n_lists=8, n_subspaces=8).train(VECTORS).add(VECTORS[:2000])
    expected = index.search(VECTORS[:20], 1, n_probe=8).ids
    faults: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            found = index.search(VECTORS[:20], 1, n_probe=8).ids
            if not np.array_equal(found, expected):
                faults.append(str(found))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    far = VECTORS[2000:2300] + 1000
    for turn in range(15):
        index.add(far, np.arange(10_000 + 300 * turn, 10_300 + 300 * turn))
        index.remove(np.arange(10_000 + 300 * turn, 10_300 + 300 * turn, 2))
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults


def test_memory_is_28_bytes_per_vector_at_16_codes() -> None:
    """In lists of the length that 500,000 vectors in 512 lists have; the model is counted apart."""
    vectors = np.random.default_rng(0).standard_normal((10_000, 16)).astype(np.float32)
    index = IVFPQ(16, n_lists=10, n_subspaces=16).train(vectors).add(vectors)
    assert (index.nbytes - index._model_nbytes()) / len(index) < 28


def test_a_large_index_opens_in_50_milliseconds(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((2000, 16)).astype(np.float32)
    index = indexes.create("ivfpq", 16, n_lists=64, n_subspaces=16).train(vectors)
    index.add(np.tile(vectors, (250, 1)))
    index.save(tmp_path / "large")
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        indexes.load(tmp_path / "large")
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.05
