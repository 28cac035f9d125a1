"""Tables of indexes against brute force."""

import numpy as np
import pytest

from core.evaluation import index_tables
from core.evaluation.index_tables import Candidate


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 16)).astype(np.float32)


def test_an_exact_index_recalls_everything_and_a_coarse_one_less(vectors: np.ndarray) -> None:
    candidates = [
        Candidate("flat"),
        Candidate("ivfpq", {"n_lists": 8, "n_subspaces": 2}, ({"n_probe": 1}, {"n_probe": 8})),
    ]
    rows = index_tables.recall_table(vectors, candidates)
    assert rows[0]["recall_at_5"] == 1.0
    assert rows[1]["recall_at_5"] <= rows[2]["recall_at_5"] < 1.0
    assert all(row["bytes"] > 0 and row["us_per_query"] > 0 for row in rows)
    assert "| ivfpq | n_probe 8 |" in index_tables.markdown(rows)


def test_precision_by_label_is_the_share_of_like_results(vectors: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    labels, asked = rng.integers(0, 3, 400), rng.integers(0, 3, 20)
    queries = rng.normal(size=(20, 16)).astype(np.float32)
    (row,) = index_tables.precision_table(vectors, labels, queries, asked, [Candidate("flat")], k=7)
    order = ((queries[:, None, :] - vectors[None]) ** 2).sum(axis=2).argsort(axis=1)[:, :7]
    assert row["precision_at_7"] == pytest.approx((labels[order] == asked[:, None]).mean())


def test_an_index_that_cannot_be_built_is_listed_with_its_reason() -> None:
    few = np.eye(4, dtype=np.float32)
    rows = index_tables.recall_table(few, [Candidate("faiss-ivfpq", {"n_lists": 2})], at=1)
    assert rows[0]["unavailable"]
    assert rows[0]["unavailable"] in index_tables.markdown(rows)


def test_principal_components_keep_distances_as_well_as_they_can(vectors: np.ndarray) -> None:
    assert index_tables.reduced(vectors, 0).shape == (400, 16)
    whole = index_tables.reduced(vectors @ np.diag([5.0] * 4 + [1e-3] * 12).astype(np.float32), 4)
    before = vectors[:, :4] * 5
    assert whole.shape == (400, 4)
    np.testing.assert_allclose(
        np.linalg.norm(whole[0] - whole[1:9], axis=1), np.linalg.norm(before[0] - before[1:9], axis=1), rtol=1e-2
    )


def test_labels_of_another_number_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(ValueError, match="need labels"):
        index_tables.precision_table(vectors, np.zeros(3), vectors[:2], np.zeros(2), [Candidate("flat")])
