"""The benchmark of Milvus measures what it says, against exact answers."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pymilvus", reason="pymilvus is not installed: make setup-scale")
pytest.importorskip("milvus_lite", reason="milvus-lite is not installed: make setup-scale")

from core.evaluation.bench_milvus import bench_markdown, bench_milvus, doubled
from core.indexes.milvus_client import MilvusServer
from core.indexes.milvus_schema import MilvusOptions


def test_vectors_are_repeated_with_noise_of_a_twentieth_of_their_deviation() -> None:
    base = np.random.default_rng(0).integers(0, 255, (1000, 16)).astype(np.uint8)
    vectors = doubled(base, 2500)
    assert vectors.shape == (2500, 16)
    assert (vectors[:1000] == base).all()
    noise = (vectors[1000:2000] - base).std()
    assert noise == pytest.approx(0.05 * base.std(), rel=0.05)  # 16,000 numbers: a standard error of 0.6 %


def test_an_exact_index_finds_every_true_neighbour_under_every_filter(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((600, 8)).astype(np.float32)
    server = MilvusServer(str(tmp_path / "lite.db"))
    found = bench_milvus(server, vectors, vectors[:5], MilvusOptions("FLAT"))
    assert server.call(lambda client, left: client.list_collections()) == []
    server.close()
    assert found["count"] == 600
    assert {row["filter"] for row in found["searches"]} == {
        "none", "half of the values", "one value of a hundred", "a range"
    }  # fmt: skip
    assert all(row["recall_at_10"] == 1 for row in found["searches"])
    assert bench_markdown(found).count("\n") == 2 + 1 + len(found["searches"])
