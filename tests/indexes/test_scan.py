"""Every way through the search kernel equals the plain NumPy search."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.indexes import scan_vbmi
from core.indexes.inverted import InvertedLists
from core.indexes.ivfpq_model import Model
from core.indexes.lists import codes_at, pack, unpack
from core.indexes.plan import plan_of, without_ids
from core.indexes.reference import reference_search
from core.indexes.rotation import Frame
from core.indexes.scan import search

PROJECT = Path(__file__).resolve().parents[2]
PATHS = [False, True] if scan_vbmi.AVAILABLE else [False]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    M=st.sampled_from([1, 2, 3, 8, 16, 21, 22, 48, 64]),
    Ds=st.sampled_from([1, 2, 5]),
    n_bits=st.sampled_from([4, 8]),
    k=st.sampled_from([1, 2, 10, 100]),
    n_probe=st.sampled_from([1, 2, 5, 7]),
    spread=st.sampled_from([0.0, 1.0, 1000.0]),
    share=st.sampled_from([None, 0.02, 0.5]),
)
def test_both_scans_equal_the_plain_search(
    seed: int, M: int, Ds: int, n_bits: int, k: int, n_probe: int, spread: float, share: float | None
) -> None:
    """Over lists of 0, 1, 63, 64, 65 and more codes; lists far apart make the terms large beside the tables."""
    rng = np.random.default_rng(seed)
    counts = np.array([0, 1, 63, 64, 65, 300, 7])
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    codewords = rng.standard_normal((1, M, 1 << n_bits, Ds)).astype(np.float32)
    centroids = (spread * rng.standard_normal((len(counts), M * Ds))).astype(np.float32)
    codes = rng.integers(0, 1 << n_bits, (len(labels), M)).astype(np.uint8)
    if rng.random() < 0.3:  # duplicates: more equal distances than there is room for candidates
        codes[:] = codes[0]
    dim = M * Ds
    model = Model(
        Frame(None, np.zeros(dim, np.float32)), centroids, np.zeros(len(counts), np.int32),
        np.zeros((0, dim, dim), np.float32), codewords,
    )  # fmt: skip
    held = InvertedLists.of(model, labels, codes, None)
    mask = None if share is None else rng.random(len(labels)) < share
    eligible, usable = held.eligible(mask, None)
    queries = (centroids[rng.integers(0, len(counts), 9)] + rng.standard_normal((9, dim))).astype(np.float32)
    _, expected = reference_search(
        queries, k, n_probe, centroids=centroids, codewords=codewords[0], labels=labels, codes=codes, eligible=mask
    )
    for permute in PATHS:
        rows, distances = np.empty((9, k), np.int64), np.empty((9, k), np.float32)
        plan = plan_of(model.quantizers, held.lists, model.frame.offset, eligible, usable, np.arange(len(labels)))
        assert search(queries, without_ids(plan).numbers, n_bits, n_probe, k, permute, True, np.inf, rows, distances)
        # float32 differences of coordinates of size `spread`; distances, not rows: there are ties
        np.testing.assert_allclose(distances, expected, rtol=2e-4, atol=2e-4 * max(1.0, spread))
        assert ((rows >= 0) == np.isfinite(distances)).all()
        for found, distance in zip(rows, distances, strict=True):
            filled = found[found >= 0]
            assert len(set(filled)) == len(filled)
            assert mask is None or mask[filled].all()
            assert (np.diff(distance[np.isfinite(distance)]) >= 0).all()

        as_ids, again = np.empty_like(rows), np.empty_like(distances)
        for kind in (np.int32, np.int64):  # in any order and without exact distances, the same rows away from ties
            names = (3 * np.arange(len(labels)) + 7).astype(kind)
            named = plan_of(model.quantizers, held.lists, model.frame.offset, eligible, usable, names)
            assert search(queries, named.numbers, n_bits, n_probe, k, permute, False, np.inf, as_ids, again)
            np.testing.assert_allclose(np.sort(again), expected, rtol=1e-3, atol=1e-3 * max(1.0, spread**2))
            assert ((as_ids >= 0) == np.isfinite(again)).all()
            assert (np.isin(as_ids, names) | (as_ids < 0)).all()


@given(seed=st.integers(0, 2**32 - 1), M=st.integers(1, 9), n_bits=st.sampled_from([4, 8]))
@settings(max_examples=20, derandomize=True, deadline=None)
def test_codes_come_back_from_their_packed_and_sorted_form(seed: int, M: int, n_bits: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 1 << n_bits, (150, M)).astype(np.uint8)
    assert np.array_equal(unpack(pack(codes, n_bits), M, n_bits), codes)
    labels = rng.integers(0, 3, 150)
    model = Model(
        Frame(None, np.zeros(M, np.float32)), rng.standard_normal((3, M)).astype(np.float32), np.zeros(3, np.int32),
        np.zeros((0, M, M), np.float32), rng.standard_normal((1, M, 1 << n_bits, 1)).astype(np.float32),
    )  # fmt: skip
    held = InvertedLists.of(model, labels, codes, None)
    rows = rng.permutation(150)[:40]
    found_labels, found_codes, _ = held.content(rows)
    assert np.array_equal(found_labels, labels[rows])
    assert np.array_equal(found_codes, codes[rows])
    assert codes_at(held.lists, np.array([0]), np.array([0])).shape == (1, held.lists.codes.shape[1])


def test_the_scan_can_be_forced_to_single_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_SCAN", "portable")
    assert not scan_vbmi.permutes_bytes()
    monkeypatch.delenv("PENTIMENTO_SCAN")
    assert scan_vbmi.permutes_bytes() == scan_vbmi.AVAILABLE


def test_kernels_are_kept_elsewhere_where_the_sources_folder_is_read_only(tmp_path: Path) -> None:
    """A file in the place of `__pycache__` cannot be written into, even by root."""
    package = tmp_path / "package" / "core"
    (package / "indexes").mkdir(parents=True)
    for source in ["core/__init__.py", "core/indexes/jit.py"]:
        (tmp_path / "package" / source).write_text((PROJECT / source).read_text())
    (package / "indexes" / "__init__.py").write_text("")
    (package / "indexes" / "__pycache__").write_text("")
    (package / "indexes" / "tiny.py").write_text(
        "from core.indexes import jit\njit.KERNEL_FILES = ('tiny.py',)\n@jit.kernel\ndef tiny(x):\n    return x + 1\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = "from core.indexes.tiny import tiny; print(tiny(1), sum(tiny.stats.cache_hits.values()))"
    runs = [
        subprocess.run(
            [sys.executable, "-B", "-c", command], cwd=tmp_path / "package", env=environment,
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert runs == [["2", "0"], ["2", "1"]]
