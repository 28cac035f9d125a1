"""FAISS's indexes answer through the contract as they do by themselves."""

import builtins
import threading
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from core import indexes
from core.errors import DamagedFileError, UnavailableError

DIM = 32
RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((2000, DIM)).astype(np.float32)
QUERIES = RNG.standard_normal((15, DIM)).astype(np.float32)
APPROXIMATE = ["faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs"]


def flat() -> Any:
    return faiss.IndexFlatL2(DIM)


def inverted(kind: Any, *arguments: int) -> Any:
    index = kind(flat(), DIM, *arguments)
    index.train(VECTORS)
    return index


def test_exact_search_is_that_of_faiss() -> None:
    theirs = flat()
    theirs.add(VECTORS)
    distances, ids = theirs.search(QUERIES, 10)
    ours = indexes.create("faiss-flat", DIM).add(VECTORS).search(QUERIES, 10)
    assert np.array_equal(ours.ids, ids)
    assert np.array_equal(ours.distances, distances)


@pytest.mark.parametrize("n_probe", [1, 4, 16])
def test_inverted_files_are_those_of_faiss_at_every_n_probe(n_probe: int) -> None:
    pairs = [
        ("faiss-ivfflat", {"n_lists": 16}, inverted(faiss.IndexIVFFlat, 16)),
        ("faiss-ivfpq", {"n_lists": 16, "n_subspaces": 8}, inverted(faiss.IndexIVFPQ, 16, 8, 8)),
    ]
    for name, params, theirs in pairs:
        ours = indexes.create(name, DIM, **params).train(VECTORS).add(VECTORS)
        theirs.add(VECTORS)
        theirs.nprobe = n_probe
        distances, ids = theirs.search(QUERIES, 10)
        found = ours.search(QUERIES, 10, n_probe=n_probe)
        assert np.array_equal(found.ids, ids)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "coarse", "fine"),
    [
        ("faiss-ivfflat", {"n_probe": 1}, {"n_probe": 40}),
        ("faiss-ivfpqfs", {"n_probe": 40, "k_factor": 1.0}, {"n_probe": 40, "k_factor": 30.0}),
        ("faiss-hnsw", {"ef_search": 10}, {"ef_search": 400}),
        ("faiss-lsh", {"n_candidates": 10}, {"n_candidates": 1000}),
    ],
)
def test_every_knob_trades_recall(name: str, coarse: dict[str, Any], fine: dict[str, Any]) -> None:
    index = indexes.create(name, DIM).train(VECTORS).add(VECTORS)
    exact = indexes.create("flat", DIM).add(VECTORS).search(QUERIES, 10).ids
    recall = [np.mean([np.isin(a, b) for a, b in zip(exact, index.search(QUERIES, 10, **knobs).ids, strict=True)])
              for knobs in (coarse, fine)]  # fmt: skip
    assert recall[1] > recall[0]
    assert recall[1] > 0.95


@pytest.mark.parametrize("name", APPROXIMATE)
def test_merging_and_compacting_keeps_every_code(name: str) -> None:
    whole = indexes.create(name, DIM).train(VECTORS).add(VECTORS)
    parts = indexes.create(name, DIM).train(VECTORS)
    for piece in np.array_split(VECTORS, 7):
        parts.add(piece)
    assert len(parts._snapshot.segments) < 7
    for index in (whole, parts):
        index.remove(np.arange(0, 2000, 3))
    expected, found = (index.search(QUERIES, 10, n_probe=4) for index in (whole, parts))
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(parts.reconstruct(parts.ids[:50]), whole.reconstruct(whole.ids[:50]))


@pytest.mark.parametrize(
    ("name", "count"), [("faiss-ivfpq", 15), ("faiss-ivfpqfs", 15), ("faiss-ivfflat", 0), ("faiss-lsh", 1)]
)
def test_a_gallery_that_is_too_small_is_told_so(name: str, count: int) -> None:
    with pytest.raises(UnavailableError, match=f"{name} needs .* to train, got {count or '(none|0)'}"):
        indexes.create(name, DIM).train(VECTORS[:count])


@pytest.mark.parametrize("name", [name for name in indexes.names() if name.startswith("faiss")])
@pytest.mark.parametrize("count", [16, 40, 174, 300])
def test_sizes_are_chosen_so_that_small_galleries_work(
    name: str, count: int, capfd: pytest.CaptureFixture[str]
) -> None:
    index = indexes.create(name, DIM).train(VECTORS[:count]).add(VECTORS[:count])
    found = index.search(VECTORS[:5], 10)
    assert (found.ids >= 0).all()
    assert (found.ids[:, 0] == np.arange(5)).mean() >= 0.6
    assert "WARNING" not in "".join(capfd.readouterr())


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="dim must be a multiple of n_subspaces=5, got 32"):
        indexes.create("faiss-ivfpq", DIM, n_subspaces=5)
    with pytest.raises(ValueError, match="n_bits must be 4 or 8, got 6"):
        indexes.create("faiss-ivfpq", DIM, n_bits=6)
    with pytest.raises(UnavailableError, match="faiss-ivfflat needs 50 vectors to train, got 40"):
        indexes.create("faiss-ivfflat", DIM, n_lists=50).train(VECTORS[:40])


def test_threads_are_bounded_in_the_calling_thread_only() -> None:
    faiss.omp_set_num_threads(1)
    index = indexes.create("faiss-flat", DIM).add(VECTORS)
    index.threads = 2
    seen = []

    def search() -> None:
        index.search(QUERIES, 1)
        seen.append(faiss.omp_get_max_threads())

    worker = threading.Thread(target=search)
    worker.start()
    worker.join()
    assert seen == [2]
    assert faiss.omp_get_max_threads() == 1


def test_without_faiss_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def blocked(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "faiss":
            raise ImportError("No module named 'faiss'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(UnavailableError, match=r"FAISS is not installed .* pip install faiss-cpu"):
        indexes.create("faiss-flat", DIM)


def test_bytes_count_vectors_codes_and_links() -> None:
    sizes = {}
    for name in ("faiss-flat", "faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs", "faiss-hnsw", "faiss-lsh"):
        sizes[name] = indexes.create(name, DIM).train(VECTORS).add(VECTORS).nbytes
    plain = VECTORS.nbytes + 4 * len(VECTORS)  # ids that fit in 32 bits
    assert sizes["faiss-flat"] == plain
    assert sizes["faiss-hnsw"] > plain + 2000 * 32 * 4
    assert sizes["faiss-ivfflat"] > plain + 2000 * 8
    assert sizes["faiss-ivfpqfs"] > plain + 2000 * (DIM // 2 // 2)
    assert sizes["faiss-lsh"] > plain + 2000 * 256 // 8


def test_damage_that_faiss_finds_while_searching_is_told_with_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes.create("faiss-flat", DIM).add(VECTORS).save(tmp_path / "index")
    index = indexes.load(tmp_path / "index")

    def fail(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("Error in search: labels out of range")

    monkeypatch.setattr(index._snapshot.segments[0].structure, "search", fail, raising=False)
    with pytest.raises(DamagedFileError, match="labels out of range; run: python -m core index GALLERY --rebuild"):
        index.search(QUERIES, 1)
