"""A true neighbour of a query in an IVFPQ, and where a search lost it: with its list, by its code, or in re-ranking."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.types import Json

Verdict = Literal["found", "list", "code", "list and code", "re-ranking"]


@dataclass(frozen=True)
class Lost:
    """A true neighbour, and what became of it.

    Attributes:
        rank: among the true neighbours.
        exact, approximate: squared L2 by the stored vector and by the code.
        list_rank: how many lists have a centroid nearer to the query, plus one; under a filter of those that count.
        cutoff: approximate distance that a code had to beat: that of the last one kept; inf while there was room.
        place: how many of the codes that were scanned, or would be once its list is probed, are not farther than its
            own, itself included: so many candidates must be re-ranked to bring it back.
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
    place: int
    is_filtered: bool = False

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == "found":
            return "found"
        passing = " that hold what passes the filter" if self.is_filtered else ""
        nearest = f"its list is the {ordinal(self.list_rank)} nearest{' of those' if passing else ''}{passing}"
        if self.verdict == "list":
            return f"{nearest}, not probed; n_probe {self.list_rank} is enough"
        if self.verdict == "re-ranking":
            return "it was a candidate, but the stored vectors put others before it"
        excess = f"its code is {self.approximate - self.cutoff:.4f} beyond the cut-off of {self.cutoff:.4f}"
        if self.verdict == "code":
            remedy = f"re-rank {self.place} candidates, where vectors are stored, or use finer codes"
            return f"its list was probed, but {excess}: {remedy}"
        return f"{nearest} and was not probed, and {excess}"

    def to_json(self) -> Json:
        """Return it as `search --explain --json` prints it."""
        return {
            "image_id": self.id,
            "rank": self.rank,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "list": self.list_number,
            "list_rank": self.list_rank,
            "exact": self.exact,
            "approximate": self.approximate,
            "cutoff": self.cutoff if np.isfinite(self.cutoff) else None,
            "place": self.place,
        }


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
