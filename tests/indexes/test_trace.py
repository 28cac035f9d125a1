"""Tracing costs a search nothing: it is worked out beside it, and no function that a search runs knows of it."""

import ast
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from core import indexes
from core.arrays import normalize
from core.indexes import Index, SearchResult
from core.indexes.ivfpq import IVFPQ
from core.indexes.trace import Trace, scans_all, trace
from core.search.explain import xray
from core.types import Vectors

CODE = Path(indexes.__file__).parents[1]
BESIDE = {  # files that look into searches
    "indexes/trace.py", "indexes/effort.py", "search/measured.py", "search/course.py", "search/cells.py",
    "search/explain.py", "search/lost.py", "search/misses.py",
}  # fmt: skip
D, N, K = 32, 1200, 10
NAMES = [name for name in indexes.names() if not indexes.is_served(name)]


@cache
def gallery() -> Vectors:
    return normalize(np.random.default_rng(1).standard_normal((N, D)).astype(np.float32))


@cache
def built(name: str) -> Index:
    index = indexes.create(name, D)
    index.scan_below, index.scan_rows = 0.0, 0  # type: ignore[misc]
    return index.train(gallery()).add(gallery())


def run(index: Index, allowed: Any) -> tuple[SearchResult, Counter[tuple[str, str]]]:
    """Return what a search finds, and how often it calls which of our Python functions: (file, name)."""
    calls: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(CODE)):  # not those of a garbage collection
            calls[frame.f_code.co_filename, frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = index.search(gallery()[:1], K, allowed=allowed)
    finally:
        sys.setprofile(before)
    return found, calls


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_search_runs_the_same_functions_however_often_it_was_looked_into(name: str, is_filtered: bool) -> None:
    index, query, ids = built(name), gallery()[0], np.arange(N)
    allowed = ids[::2] if is_filtered else None
    index.search(query[None], K, allowed=allowed)  # compiles and opens what is needed once
    found, calls = run(index, allowed)
    assert calls
    assert not {Path(file).relative_to(CODE).as_posix() for file, _ in calls} & BESIDE
    assert not {function for _, function in calls if "trace" in function.lower() or "effort" in function}
    trace(index, query, K, allowed=allowed)
    if isinstance(index, IVFPQ):
        xray(index, query, gallery(), ids, k=K, allowed=allowed)
    again, later = run(index, allowed)
    assert later == calls
    assert again.ids.tobytes() == found.ids.tobytes()
    assert again.distances.tobytes() == found.distances.tobytes()


def test_only_the_tracer_asks_an_index_for_its_trace() -> None:
    users = set()
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = (isinstance(node, ast.Attribute) and node.attr == "_trace") or (
                isinstance(node, ast.Constant) and node.value == "_trace"
            )
            if named:
                users.add(path.relative_to(CODE).as_posix())
    assert users == {"indexes/trace.py"}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_by_a_trace_holds_all_that_a_search_returns(name: str) -> None:
    index = built(name)
    for row in range(0, N, 300):
        seen = trace(index, gallery()[row], K)
        if seen is None:
            return
        found = index.search(gallery()[row][None], K)
        assert isinstance(seen, Trace)
        assert (np.diff(seen.distances) >= 0).all()
        within = [int(image) for image in found.ids[0]]
        assert all(seen.distance(image) <= seen.cutoff for image in within)
        assert all(seen.place(image) <= (seen.distances <= seen.cutoff).sum() for image in within)


def test_a_row_that_was_not_compared_has_no_distance_by_code() -> None:
    seen = Trace("bits", np.array([4, 2]), np.array([1.0, 3.0], np.float32), 1)
    assert (seen.cutoff, seen.distance(2), seen.place(2)) == (1.0, 3.0, 2)
    with pytest.raises(ValueError, match="row 5 was not compared"):
        seen.distance(5)


def test_where_nothing_is_told_there_is_no_trace() -> None:
    vectors = gallery()
    assert trace(indexes.create("flat", D).add(vectors), vectors[0], K) is None
    assert trace(built("lsh"), vectors[0], K, allowed=np.array([10**9])) is None
    assert not scans_all(built("lsh"), None)
    parts = indexes.create("lsh", D).train(vectors).add(vectors[:1000]).add(vectors[1000:1010])
    assert len(parts._snapshot.segments) == 2
    assert trace(parts, vectors[0], K) is None
