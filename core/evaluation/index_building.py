"""Building an index in memory for a measurement, and how long that took; shared by all that measure indexes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import UnavailableError
from core.indexes import Index, create
from core.types import Ids, Json, Vectors


@dataclass(frozen=True)
class Candidate:
    """An index to be measured.

    Attributes:
        name: registered.
        params: of its constructor.
        knobs: one measurement for each.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    knobs: tuple[Mapping[str, int | float], ...] = ({},)


def build(candidate: Candidate, vectors: Vectors, *, ids: Ids | None = None, threads: int = 1) -> tuple[Index, float]:
    """Train an index on (N, D) vectors, add them, and return it with the seconds that took.

    Seconds are processor time with one thread, which other work on the machine does not lengthen, else wall time.

    Raises:
        UnavailableError: the vectors are too few for it, or what it needs is not installed.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    started = clock()
    index = create(candidate.name, vectors.shape[1], **candidate.params)
    index.threads = threads
    index.train(vectors).add(vectors, ids)
    return index, clock() - started


def build_or_row(candidate: Candidate, vectors: Vectors, *, threads: int = 1) -> tuple[Index, float] | Json:
    """Return what `build` does, or the row of a table that says why the index cannot be built."""
    try:
        return build(candidate, vectors, threads=threads)
    except UnavailableError as error:
        return {"index": candidate.name, "unavailable": str(error)}
