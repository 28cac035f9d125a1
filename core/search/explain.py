"""The X-ray of an IVFPQ search: which lists were probed, what was scanned, and where each missed neighbour was lost.

It is computed beside the search, from the index's own quantizers and codes, so that a search that nobody looks into
costs nothing more. Ranks count from 1.

Under a filter everything is relative to it, as in the search: the true neighbours are the nearest that pass, and
n_probe counts lists that hold something that passes. A filter that keeps little is not worth probing: all that passes
is scanned then, whatever n_probe says (see `core.indexes.filtering`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.indexes import Index
from core.search.course import Course, replay
from core.search.lost import Lost, Verdict
from core.search.measured import Measured, measure
from core.types import Ids, Json, Vectors


@dataclass(frozen=True, eq=False)
class Xray:
    """What one search did.

    Attributes:
        index: its registered name.
        n_lists, n_probe, n_rerank, k: sizes and settings that counted; where all that passes a filter was scanned,
            n_probe is the number of lists that hold it.
        probed: (n_probe,) numbers of the probed lists, nearest first.
        list_distances: (n_lists,) squared L2 of the query to each centroid.
        list_sizes: (n_lists,) vectors in each list.
        n_scanned: codes in the probed lists; under a filter those that pass it.
        n_below: of these, codes whose approximate distance is not beyond the cut-off.
        results: (r,) ids that the search returned.
        tables: (M, Ks) squared distances of the query's residual to every codeword, for the nearest list.
        neighbours: the k true neighbours, nearest first.
        n_kept: best codes that the scan keeps: k, or more where they are ranked again.
        measured: what all this was read off.
    """

    index: str
    n_lists: int
    n_probe: int
    n_rerank: int
    k: int
    probed: NDArray[np.int64]
    list_distances: NDArray[np.float32]
    list_sizes: NDArray[np.int64]
    n_scanned: int
    n_below: int
    results: Ids
    result_distances: NDArray[np.float32]  # (r,) by the codes
    result_exact: NDArray[np.float32]  # (r,) by the vectors
    tables: NDArray[np.float32]
    neighbours: list[Lost]
    n_kept: int
    measured: Measured

    @property
    def recall(self) -> float:
        """Share of the true neighbours that were returned."""
        return sum(lost.verdict == "found" for lost in self.neighbours) / max(1, len(self.neighbours))

    @property
    def n_counting(self) -> int:
        """Lists that n_probe counts: all, or with a filter those that hold something that passes."""
        return len(self.measured.order)

    @property
    def is_filtered(self) -> bool:
        """Whether a filter held."""
        return self.measured.whole is not None

    @property
    def is_scanned(self) -> bool:
        """Whether the filter kept so few that all of them were scanned, whatever n_probe said."""
        return self.measured.is_scanned

    @property
    def sentence(self) -> str:
        """What was scanned, in words."""
        what = f"{self.n_scanned} codes in the nearest {self.n_probe} of {self.n_lists} lists"
        if self.is_scanned:
            what = (
                f"the filter keeps so few that all {self.n_scanned} allowed codes were scanned, whatever n_probe says"
            )
        elif self.is_filtered:
            what = (
                f"{self.n_scanned} of {len(self.measured.ids)} allowed codes, in the nearest {self.n_probe} of "
                f"{self.n_counting} lists that hold one"
            )
        return f"{what}; {self.course.n_pruned} were put aside by their bytes"

    @cached_property
    def course(self) -> Course:
        """The scan code by code, replayed."""
        return replay(self.measured, self.n_probe, self.n_kept)

    def to_json(self) -> Json:
        """Return it without its large arrays."""
        return {
            "index": self.index,
            "n_lists": self.n_lists,
            "n_probe": self.n_probe,
            "n_rerank": self.n_rerank,
            "is_filtered": self.is_filtered,
            "is_scanned": self.is_scanned,
            "n_lists_counted": self.n_counting,
            "n_allowed": len(self.measured.ids),
            "probed": self.probed.tolist(),
            "probed_sizes": self.list_sizes[self.probed].tolist(),
            "n_scanned": self.n_scanned,
            "n_below_cutoff": self.n_below,
            "n_pruned": self.course.n_pruned,
            "recall": self.recall,
            "neighbours": [lost.to_json() for lost in self.neighbours],
        }


def xray(
    index: Index,
    query: Vectors,
    vectors: Vectors,
    ids: Ids,
    *,
    k: int = 10,
    n_probe: int | None = None,
    n_rerank: int = 0,
    allowed: Ids | None = None,
) -> Xray:
    """Search one query and say what happened.

    Args:
        index: an IVFPQ, of any rotation.
        query: (D,).
        vectors: (N, D) the vectors that are in the index, for the true neighbours.
        ids: (N,) their ids.
        k: neighbours asked for.
        n_probe, n_rerank: as for the index's search; by default its own.
        allowed: ids that may be found, or None for all.

    Raises:
        UnavailableError: the index has no lists and codes of ours, or nothing in it is allowed.
        ValueError: an argument out of range.
    """
    measured = measure(index, query, vectors, ids)
    return look_into(measured if allowed is None else measured.among(allowed), k=k, n_probe=n_probe, n_rerank=n_rerank)


def look_into(measured: Measured, *, k: int = 10, n_probe: int | None = None, n_rerank: int = 0) -> Xray:
    """Do what `xray` does, with what was measured already; arguments as there."""
    index, ids, labels, reach = measured.index, measured.ids, measured.labels, measured.reach
    approximate, exact = measured.approximate, measured.exact
    k = min(as_count(k, what="k"), len(ids))
    asked = as_count(index.knobs["n_probe"].default if n_probe is None else n_probe, what="n_probe")
    found = index.search(measured.query, k, n_probe=asked, n_rerank=n_rerank, allowed=measured.allowed)
    results = found.ids[0][found.ids[0] >= 0]

    probes = len(measured.order) if measured.is_scanned else min(asked, len(measured.order))
    if measured.is_scanned:  # as `IVFPQ._scan` does
        n_rerank = 0 if index.store is None else min(len(ids), max(10 * k, 100))
    scanned = reach <= probes
    kept = k if index.store is None else max(k, n_rerank)
    inside = np.sort(approximate[scanned])
    cutoff = float(inside[kept - 1]) if len(inside) >= kept else float("inf")
    row_of = {int(image): row for row, image in enumerate(ids)}
    rows = np.array([row_of[int(image)] for image in results], np.int64)
    returned = set(results.tolist())
    true = np.argsort(exact, kind="stable")[:k]
    neighbours = []
    for rank, row in enumerate(true, start=1):
        needed = max(probes, int(reach[row]))
        own_cutoff = cutoff if reach[row] <= probes else _cutoff(approximate, reach, needed, kept, int(row))
        place = int(((reach <= needed) & (approximate <= approximate[row])).sum())
        neighbours.append(
            Lost(
                int(ids[row]), rank, float(exact[row]), float(approximate[row]), int(labels[row]),
                int(measured.list_rank[labels[row]]), own_cutoff,
                _verdict(int(ids[row]) in returned, needed > probes, bool(approximate[row] > own_cutoff)),
                place, measured.whole is not None and not measured.is_scanned,
            )
        )  # fmt: skip
    return Xray(
        index=index.name,
        n_lists=measured.n_lists,
        n_probe=probes,
        n_rerank=n_rerank,
        k=k,
        probed=measured.order[:probes],
        list_distances=measured.to_lists,
        list_sizes=np.bincount(labels, minlength=measured.n_lists),
        n_scanned=int(scanned.sum()),
        n_below=int((approximate[scanned] <= cutoff).sum()),
        results=results,
        result_distances=approximate[rows].astype(np.float32),
        result_exact=exact[rows].astype(np.float32),
        tables=measured.tables(int(measured.order[0])),
        neighbours=neighbours,
        n_kept=kept,
        measured=measured,
    )


def reranked_recalls(measured: Measured, *, k: int = 10, n_probe: int) -> list[tuple[int, float]]:
    """Return what re-ranking by exact vectors would bring: (candidates, recall) for more and more candidates.

    The candidates are the nearest codes in the probed lists: at first k of them, which is no re-ranking at all, at
    last all that were scanned.
    """
    k = min(as_count(k, what="k"), len(measured.ids))
    scanned = np.flatnonzero(measured.reach <= as_count(n_probe, what="n_probe"))
    by_code = scanned[np.argsort(measured.approximate[scanned], kind="stable")]
    true = np.argsort(measured.exact, kind="stable")[:k]
    within = np.sort(np.flatnonzero(np.isin(by_code, true)))  # places of the neighbours among the candidates
    steps = [step for step in (k * factor for factor in (1, 2, 5, 10, 20, 50, 100)) if step < len(by_code)]
    return [(step, float((within < step).sum()) / max(1, k)) for step in (*steps, len(by_code))]


def _verdict(found: bool, unprobed: bool, coarse: bool) -> Verdict:
    if found:
        return "found"
    if unprobed:
        return "list and code" if coarse else "list"
    return "code" if coarse else "re-ranking"


def _cutoff(approximate: NDArray[np.floating], ranks: NDArray[np.int64], probes: int, kept: int, row: int) -> float:
    """Return the distance that `row` has to beat when so many lists are probed: the kept-th of the other codes."""
    others = ranks <= probes
    others[row] = False
    inside = np.sort(approximate[others])
    return float(inside[kept - 1]) if len(inside) >= kept else float("inf")
