"""The X-ray of an IVFPQ search: which lists were probed, what was scanned, and where each missed neighbour was lost.

It is computed beside the search, from the index's own quantizers and codes, so that a search that nobody looks into
costs nothing more. Ranks count from 1.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.indexes import Index
from core.search.course import Course, replay
from core.search.measured import Measured, measure
from core.types import Ids, Json, Vectors

Verdict = Literal["found", "list", "code", "list and code", "re-ranking"]


@dataclass(frozen=True)
class Lost:
    """A true neighbour, and what became of it.

    Attributes:
        rank: among the true neighbours.
        exact, approximate: squared L2 by the stored vector and by the code.
        list_rank: how many lists have a centroid nearer to the query, plus one.
        cutoff: approximate distance that a code had to beat: that of the last one kept; inf while there was room.
        verdict: "found"; "list": its list was not probed, and probing up to it brings it back; "code": its list was
            probed, but its code is farther than the cut-off; "list and code": probing its list would not be enough;
            "re-ranking": kept, but the stored vectors put k others before it.
    """

    id: int
    rank: int
    exact: float
    approximate: float
    list_number: int
    list_rank: int
    cutoff: float
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == "found":
            return "found"
        if self.verdict == "list":
            return f"its list is the {_ordinal(self.list_rank)} nearest, not probed; n_probe {self.list_rank} is enough"
        if self.verdict == "re-ranking":
            return "it was a candidate, but the stored vectors put others before it"
        excess = f"its code is {self.approximate - self.cutoff:.4f} beyond the cut-off of {self.cutoff:.4f}"
        if self.verdict == "code":
            return f"its list was probed, but {excess}: re-rank more candidates, or use finer codes"
        return f"its list is the {_ordinal(self.list_rank)} nearest and was not probed, and {excess}"


@dataclass(frozen=True, eq=False)
class Xray:
    """What one search did.

    Attributes:
        index: its registered name.
        n_lists, n_probe, n_rerank, k: sizes and settings that counted.
        probed: (n_probe,) numbers of the probed lists, nearest first.
        list_distances: (n_lists,) squared L2 of the query to each centroid.
        list_sizes: (n_lists,) vectors in each list.
        n_scanned: codes in the probed lists.
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
            "probed": self.probed.tolist(),
            "probed_sizes": self.list_sizes[self.probed].tolist(),
            "n_scanned": self.n_scanned,
            "n_below_cutoff": self.n_below,
            "n_pruned": self.course.n_pruned,
            "recall": self.recall,
            "neighbours": [
                {
                    "image_id": lost.id,
                    "rank": lost.rank,
                    "verdict": lost.verdict,
                    "sentence": lost.sentence,
                    "list": lost.list_number,
                    "list_rank": lost.list_rank,
                    "exact": lost.exact,
                    "approximate": lost.approximate,
                    "cutoff": lost.cutoff if np.isfinite(lost.cutoff) else None,
                }
                for lost in self.neighbours
            ],
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
) -> Xray:
    """Search one query and say what happened.

    Args:
        index: an IVFPQ, of any rotation.
        query: (D,).
        vectors: (N, D) the vectors that are in the index, for the true neighbours.
        ids: (N,) their ids.
        k: neighbours asked for.
        n_probe, n_rerank: as for the index's search; by default its own.

    Raises:
        UnavailableError: the index has no lists and codes of ours.
        ValueError: an argument out of range.
    """
    return look_into(measure(index, query, vectors, ids), k=k, n_probe=n_probe, n_rerank=n_rerank)


def look_into(measured: Measured, *, k: int = 10, n_probe: int | None = None, n_rerank: int = 0) -> Xray:
    """Do what `xray` does, with what was measured already; arguments as there."""
    index, ids, labels = measured.index, measured.ids, measured.labels
    approximate, exact, list_rank = measured.approximate, measured.exact, measured.list_rank
    k = min(as_count(k, what="k"), len(ids))
    n_lists = measured.n_lists
    probes = min(as_count(index.knobs["n_probe"].default if n_probe is None else n_probe, what="n_probe"), n_lists)
    found = index.search(measured.query, k, n_probe=probes, n_rerank=n_rerank)
    results = found.ids[0][found.ids[0] >= 0]

    scanned = list_rank[labels] <= probes
    kept = k if index.store is None else max(k, n_rerank)
    inside = np.sort(approximate[scanned])
    cutoff = float(inside[kept - 1]) if len(inside) >= kept else float("inf")
    row_of = {int(image): row for row, image in enumerate(ids)}
    rows = np.array([row_of[int(image)] for image in results], np.int64)
    returned = set(results.tolist())
    true = np.argsort(exact, kind="stable")[:k]
    neighbours = []
    for rank, row in enumerate(true, start=1):
        nearness = int(list_rank[labels[row]])
        own_cutoff = cutoff if nearness <= probes else _cutoff(approximate, list_rank[labels], nearness, kept, int(row))
        neighbours.append(
            Lost(
                int(ids[row]), rank, float(exact[row]), float(approximate[row]), int(labels[row]), nearness, own_cutoff,
                _verdict(int(ids[row]) in returned, nearness > probes, bool(approximate[row] > own_cutoff)),
            )
        )  # fmt: skip
    return Xray(
        index=index.name,
        n_lists=n_lists,
        n_probe=probes,
        n_rerank=n_rerank,
        k=k,
        probed=measured.order[:probes],
        list_distances=measured.to_lists,
        list_sizes=np.bincount(labels, minlength=n_lists),
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
    scanned = np.flatnonzero(measured.list_rank[measured.labels] <= as_count(n_probe, what="n_probe"))
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


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
