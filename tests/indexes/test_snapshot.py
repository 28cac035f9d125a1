"""Segments merge geometrically, drop their dead, and know the rows of their ids."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import indexes
from core.indexes.flat import Flat
from core.indexes.snapshot import Segment


class Counting(Flat):
    """Counts the vectors that are built into structures."""

    built = 0

    def _build(self, vectors: np.ndarray) -> np.ndarray:
        self.built += len(vectors)
        return super()._build(vectors)


def test_adding_in_small_pieces_builds_every_vector_a_few_times_only() -> None:
    index = Counting(2)
    for start in range(0, 10_000, 10):
        index.add(np.full((10, 2), start))
        assert len(index._snapshot.segments) <= 14  # log2 of 10,000
    assert index.built < 10_000 * 14
    assert np.array_equal(index.ids, np.arange(10_000))


def test_dead_rows_are_dropped_when_they_are_many() -> None:
    index = indexes.create("flat", 2).add(np.zeros((1000, 2)))
    index.remove(np.arange(200))
    assert len(index._snapshot.segments[0]) == 1000
    index.remove(np.arange(200, 300))
    assert len(index._snapshot.segments[0]) == 700
    index.remove(np.arange(1000))
    assert index._snapshot.segments == ()


def test_a_snapshot_never_changes() -> None:
    index = indexes.create("flat", 2).add(np.zeros((100, 2)))
    before = index._snapshot
    index.remove([3])
    index.add(np.ones((100, 2)))
    assert len(before) == 100
    assert before.segments[0].live_ids.tolist() == list(range(100))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(0, 60), unique=True),
    st.lists(st.integers(0, 70), unique=True),
    st.lists(st.integers(-(2**62), 2**62)),
    st.sampled_from([0, 2**31 - 40, 2**50]),
)
def test_rows_of_ids_are_those_of_a_dictionary(
    ids: list[int], removed: list[int], asked: list[int], offset: int
) -> None:
    ids, removed = [i + offset for i in ids], [i + offset for i in removed]
    segment = Segment.of(np.array(ids, dtype=np.int64), None, None)
    assert segment.ids.dtype == (np.int32 if max(ids, default=0) < 2**31 else np.int64)
    gone = segment.rows_of(np.array(removed, dtype=np.int64))
    segment = segment.without(gone[gone >= 0])
    rows = {number: row for row, number in enumerate(ids) if number not in removed}
    everything = [*asked, *range(-3, 75), *range(offset - 3, offset + 75)]
    assert segment.rows_of(np.array(everything, dtype=np.int64)).tolist() == [rows.get(i, -1) for i in everything]
    assert segment.live_rows.tolist() == sorted(rows.values())
    assert segment.n_alive == len(rows)
