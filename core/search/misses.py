"""Why an index missed a true neighbour: the line that it did not pass, by how much, and the setting that would do.

Inverted lists and codes of ours are explained by the X-ray, indexes that tell where they draw their lines by that
(`core.indexes.trace`), and the walk through a graph by walking farther. Exact indexes miss nothing but one of several
that are equally far.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.indexes import Index, is_served
from core.indexes.trace import Trace, trace
from core.search.explain import Xray, xray
from core.search.lost import Lost, ordinal
from core.types import Ids, Json, Vectors

if TYPE_CHECKING:
    from core.search.engine import Engine

Verdict = Literal["list", "code", "list and code", "re-ranking", "graph", "tie", "unknown"]
Knobs = Mapping[str, int | float]
_SAME = 1e-5  # squared L2 of unit vectors in float32 that is no difference


@dataclass(frozen=True)
class Miss:
    """A true neighbour that an index did not return.

    Attributes:
        verdict: as of `Lost`, a code being bits or hashes, too; "graph": the walk did not come by; "tie": as far as the
            last one that was returned; "unknown": the index does not tell.
        sentence: the verdict in words; empty if it is unknown.
        numbers: what it rests on: list_rank, n_probe, distance and cutoff by code in `unit`, place, n_kept and others.
        remedy: settings of the index with which it is returned; empty where there are none.
    """

    id: int
    verdict: Verdict
    sentence: str = ""
    numbers: Mapping[str, int | float | str | None] = field(default_factory=dict)
    remedy: Knobs = field(default_factory=dict)

    def to_json(self) -> Json:
        """Return it as `compare --explain --json` prints it."""
        return {
            "image_id": self.id,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "numbers": dict(self.numbers),
            "remedy": dict(self.remedy),
        }


def misses(
    index: Index,
    query: Vectors,
    missed: Ids,
    distances: NDArray[np.floating],
    k: int,
    allowed: Ids | None,
    knobs: Knobs,
) -> list[Miss]:
    """Return for each of the ids what it was lost to in a search.

    Args:
        query: (D,).
        missed: (n,) true neighbours that the search did not return.
        distances: (n,) of these, squared L2 by the vectors.
        k, allowed, knobs: as of the search.
    """
    k = as_count(k, what="k")
    found = index.search(np.ascontiguousarray(query[None]), k, allowed=allowed, **knobs)
    last = float(found.distances[0][-1])  # exact in all indexes but those of codes alone, which have a trace
    seen = trace(index, query, k, allowed=allowed, **knobs)
    answers: dict[int, Miss] = {}
    for image, distance in zip(missed.tolist(), distances.tolist(), strict=True):
        own = {"exact": distance, "last_returned": last if np.isfinite(last) else None}
        if seen is not None:
            answers[image] = _by_trace(index, query, image, k, allowed, knobs, seen)
        elif np.isfinite(last) and distance >= last - _SAME:
            answers[image] = Miss(image, "tie", "it is exactly as far as the last one that was returned", own)
        else:
            answers[image] = Miss(image, "unknown", numbers=own)
    far = [image for image, one in answers.items() if one.verdict == "unknown"]
    if far and "ef_search" in index.knobs:
        answers |= _walked(index, query, far, k, allowed, knobs)
    return [answers[image] for image in missed.tolist()]


def missed_by(
    engine: "Engine",
    address: str,
    index: str,
    vector: Vectors,
    missed: Sequence[int],
    *,
    k: int,
    where: Mapping[str, Any] | None = None,
    knobs: Knobs | None = None,
) -> list[Miss]:
    """Return for each of the ids what it was lost to in a gallery's index.

    Args:
        vector: (D,) that was searched with.
        missed: true neighbours that the search did not return.
        k, where, knobs: as of the search.

    Raises:
        UnknownNameError, NotPreparedError, StaleError, DamagedFileError: as `Engine.load_index`.
    """
    from core.indexes.ivfpq import IVFPQ

    if is_served(index):
        return [Miss(image, "unknown") for image in missed]
    structure, store = engine.load_index(address, index), engine.vectors(address)
    allowed, settings = engine.allowed(address, where), dict(knobs or {})
    if isinstance(structure, IVFPQ):
        chosen = {name: int(value) for name, value in settings.items()}
        return misses_of(xray(structure, vector, store.vectors, store.ids, k=k, allowed=allowed, **chosen), missed)
    ids = np.array(missed, np.int64)
    distances = ((store.vectors[store.row_of(ids)] - vector) ** 2).sum(axis=1)
    return misses(structure, vector, ids, distances, k, allowed, settings)


def misses_of(shown: Xray, missed: Sequence[int]) -> list[Miss]:
    """Return the same from an X-ray of the search."""
    known = {lost.id: lost for lost in shown.neighbours if lost.verdict != "found"}
    stores = shown.measured.index.store is not None and not shown.is_scanned
    tie = "it is exactly as far as another that was returned"
    return [_lost(known[image], stores) if image in known else Miss(image, "tie", tie) for image in missed]


def _lost(lost: Lost, stores: bool) -> Miss:
    """Return a neighbour that an IVFPQ lost; `stores`: candidates can be re-ranked."""
    remedy: dict[str, int] = {}
    if lost.verdict in ("list", "list and code"):
        remedy["n_probe"] = lost.list_rank
    if lost.verdict in ("code", "list and code"):
        remedy = {**remedy, "n_rerank": lost.place} if stores else {}
    facts = {name: value for name, value in lost.to_json().items() if name not in ("image_id", "verdict", "sentence")}
    verdict: Verdict = "unknown" if lost.verdict == "found" else lost.verdict
    return Miss(lost.id, verdict, lost.sentence, facts, remedy)


def _by_trace(index: Index, query: Vectors, image: int, k: int, allowed: Ids | None, knobs: Knobs, seen: Trace) -> Miss:
    row = int(index._snapshot.segments[0].rows_of(np.array([image]))[0])
    rank = int(seen.list_ranks[row]) if len(seen.list_ranks) else 0
    is_closed = rank > seen.n_probe
    remedy: dict[str, int | float] = {"n_probe": rank} if is_closed else {}
    probed = trace(index, query, k, allowed=allowed, **{**knobs, **remedy}) if is_closed else seen
    assert probed is not None  # as it told before
    distance, place = probed.distance(row), probed.place(row)
    is_coarse = row not in probed.rows[: probed.n_kept]
    numbers = {
        "unit": seen.unit, "distance": distance, "cutoff": probed.cutoff if np.isfinite(probed.cutoff) else None,
        "place": place, "n_kept": probed.n_kept, "n_compared": len(probed.rows),
        **({"list_rank": rank, "n_probe": seen.n_probe, "n_lists": seen.n_lists} if rank else {}),
    }  # fmt: skip
    nearest = f"its list is the {ordinal(rank)} nearest"
    if not is_coarse:
        if is_closed:
            sentence = f"{nearest}, not probed; n_probe {rank} is enough"
            return Miss(image, "list", sentence, numbers, remedy)
        return Miss(image, "tie", "it is as far as others that were returned, to the precision of the numbers", numbers)
    kept_by = _keeping(index, place, k)
    remedy = {**remedy, **kept_by} if kept_by else {}
    sentence = _too_far(probed, distance, place)
    enough = " and ".join(f"{name} {value:g}" for name, value in kept_by.items())
    advice = f"{enough} is enough" if enough else "use finer codes" if seen.unit == "distance" else ""
    if is_closed:
        whole = f"{nearest} and was not probed, and {sentence}"
        enough = " with ".join(f"{name} {value:g}" for name, value in remedy.items())
        return Miss(image, "list and code", f"{whole}; {enough} is enough" if enough else whole, numbers, remedy)
    before = "its list was probed, but " if rank else ""
    return Miss(image, "code", f"{before}{sentence}{f'; {advice}' if advice else ''}", numbers, remedy)


def _keeping(index: Index, place: int, k: int) -> Knobs:
    """Return the setting that keeps so many candidates, if the index has one that goes so far."""
    for name, value in (("n_candidates", place), ("k_factor", math.ceil(place / k))):
        if name in index.knobs and value <= index.knobs[name].high:
            return {name: float(value) if isinstance(index.knobs[name].default, float) else value}
    return {}


def _too_far(seen: Trace, distance: float, place: int) -> str:
    """Say how the code of a neighbour compares with that of the last one that is kept."""
    cutoff = seen.cutoff
    if seen.unit == "bits":
        candidates = f"the {seen.n_kept} candidates in {cutoff:.0f} at most"
        if distance == cutoff:
            candidates = f"as do more codes than are among the {seen.n_kept} candidates"
        return f"its code differs from the query's in {distance:.0f} of {seen.length} bits, {candidates}"
    if seen.unit == "hashes":
        shared, least = seen.length - distance, seen.length - cutoff
        others = f"the {seen.n_kept} candidates {least:.0f} or more"
        return f"it shares {shared:.0f} hashes in a row with the query, {others}"
    if distance == cutoff:
        return f"its code is as far as the last that is kept, at {cutoff:.4f}"
    return (
        f"its code is {distance - cutoff:.4f} beyond the cut-off of {cutoff:.4f}, the {ordinal(place)} nearest where "
        f"{seen.n_kept} are kept"
    )


def _walked(
    index: Index, query: Vectors, missed: Sequence[int], k: int, allowed: Ids | None, knobs: Knobs
) -> dict[int, Miss]:
    """Walk farther and farther through a graph, until everything is found or every vector could have been visited."""
    queries, tried = np.ascontiguousarray(query[None]), int(knobs.get("ef_search", index.knobs["ef_search"].default))
    most = min(int(index.knobs["ef_search"].high), 2 * max(len(index), tried))
    before = f"the walk through the graph, with ef_search {tried}, did not come by it"
    answers: dict[int, Miss] = {}
    while len(answers) < len(missed) and tried < most:
        passed, tried = tried, min(2 * tried, most)
        wide = {**knobs, "ef_search": tried}
        found = set(index.search(queries, k, allowed=allowed, **wide).ids[0].tolist())
        for image in missed:
            if image in found and image not in answers:
                numbers = {"ef_search": tried, "not_with": passed}
                answers[image] = Miss(image, "graph", f"{before}; with {tried} it does", numbers, {"ef_search": tried})
    for image in missed:
        if image not in answers:
            sentence = f"{before}, nor with {tried}: no links of the graph lead there"
            answers[image] = Miss(image, "graph", sentence, {"ef_search": None, "not_with": tried})
    return answers
