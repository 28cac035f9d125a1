"""Whatever is done to an exact index, in whatever order, it answers as a dictionary of vectors would."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core import indexes
from core.indexes import Index

DIM = 3
SEEDS = st.integers(0, 2**32 - 1)


class Life(RuleBasedStateMachine):
    """Adds, removes, saves and opens, and compares with a dictionary after every step."""

    name = ""

    @initialize()
    def begin(self) -> None:
        self.index: Index = indexes.create(self.name, DIM)
        self.model: dict[int, Any] = {}
        self.next_id = 0

    def remember(self, ids: list[int], vectors: np.ndarray) -> None:
        self.model.update(zip(ids, vectors, strict=True))
        self.next_id = max([self.next_id, *(i + 1 for i in ids)])

    @rule(seed=SEEDS, count=st.integers(0, 12))
    def add(self, seed: int, count: int) -> None:
        vectors = np.random.default_rng(seed).integers(-9, 9, (count, DIM)).astype(np.float32)
        self.index.add(vectors)
        self.remember(list(range(self.next_id, self.next_id + count)), vectors)

    @rule(seed=SEEDS, count=st.integers(1, 12))
    def add_under_own_ids(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        vectors, ids = rng.integers(-9, 9, (count, DIM)).astype(np.float32), rng.permutation(60)[:count].tolist()
        if any(i in self.model for i in ids):
            with pytest.raises(ValueError, match="is present already"):
                self.index.add(vectors, ids)
        else:
            self.index.add(vectors, ids)
            self.remember(ids, vectors)

    @rule(ids=st.lists(st.integers(0, 80), unique=True))
    def remove(self, ids: list[int]) -> None:
        assert self.index.remove(ids) == sum(i in self.model for i in ids)
        for i in ids:
            self.model.pop(i, None)

    @rule()
    def save_and_open(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.index.save(Path(folder) / "index")
            self.index = indexes.load(Path(folder) / "index")

    @invariant()
    def answers_as_the_dictionary_does(self) -> None:
        ids = sorted(self.model)
        assert len(self.index) == len(ids)
        assert sorted(self.index.ids.tolist()) == ids
        vectors = np.array([self.model[i] for i in ids], dtype=np.float64).reshape(-1, DIM)
        assert np.array_equal(self.index.reconstruct(ids), vectors)
        for allowed in (None, ids[::3]):
            left = vectors if allowed is None else vectors[::3]
            expected = np.full(5, np.inf)
            nearest = np.sort(np.sum((left - 0.5) ** 2, axis=1))[:5]
            expected[: len(nearest)] = nearest
            found = self.index.search(np.full((1, DIM), 0.5), 5, allowed=allowed)
            np.testing.assert_allclose(found.distances[0], expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["flat", "faiss-flat", "kdtree"])
def test_an_index_answers_as_a_dictionary_after_any_history(name: str) -> None:
    machine = type("Life", (Life,), {"name": name})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=15, derandomize=True, deadline=None)
    )
