"""The cheapest setting of a gallery's indexes that recalls enough, from its measured curves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.evaluation.curves import Curve, Curves, Point
from core.types import Json

Cheapest = Literal["time", "memory"]


@dataclass(frozen=True)
class Recommendation:
    """A setting, and what it was measured to do.

    Attributes:
        key: of its curve.
        k: of the recall that was asked for.
        reached: whether it has the recall that was asked for; if not, it is the most exact within the limits.
    """

    key: str
    curve: Curve
    point: Point
    k: int
    target: float
    reached: bool

    @property
    def sentence(self) -> str:
        """Say it in a line, as in "for .95 recall@10: ivfpq, n_probe 12: 0.3 ms, 1.2 MB (measured .957 ± .004)"."""
        setting = ", ".join([self.key, *(f"{name} {value:g}" for name, value in self.point.knobs.items())])
        recall = f"measured {share(self.point.recall[self.k])} ± {share(self.point.error[self.k])}"
        facts = f"{self.point.p50_ms:.2g} ms, {_megabytes(self.point.nbytes)} ({recall})"
        if self.reached:
            return f"for {share(self.target)} recall@{self.k}: {setting}: {facts}"
        missing = f"nothing measured reaches {share(self.target)} recall@{self.k} within these limits"
        return f"{missing}; nearest is {setting}: {facts}"

    def to_json(self) -> Json:
        """Return it as JSON."""
        return {
            "key": self.key, "index": self.curve.index, "params": dict(self.curve.params),
            "knobs": dict(self.point.knobs), "k": self.k,
            "target": self.target, "reached": self.reached, "recall": self.point.recall[self.k],
            "error": self.point.error[self.k], "p50_ms": self.point.p50_ms, "bytes": self.point.nbytes,
            "is_built": not self.curve.is_variant, "sentence": self.sentence,
        }  # fmt: skip


def recommend(
    curves: Curves,
    target: float,
    *,
    k: int = 10,
    most_bytes: int | None = None,
    most_ms: float | None = None,
    cheapest: Cheapest = "time",
    keys: Sequence[str] | None = None,
) -> Recommendation | None:
    """Return the cheapest setting whose recall@k is at least `target`, within the limits.

    Where none reaches it, the one of the highest recall within the limits is returned, and says so; None where nothing
    at all was measured within them.

    Args:
        target: recall@k, 0..1.
        most_bytes: memory of the index.
        most_ms: median time of a query.
        cheapest: by time, then memory; or by memory, then time.
        keys: curves to choose from; None for all.

    Raises:
        ValueError: a target that is no share, or a k at which recall was not measured.
    """
    if not 0 <= target <= 1:
        raise ValueError(f"the recall that is asked for must lie between 0 and 1, got {target:g}")
    within = [
        (key, curve, one)
        for key, curve in curves.curves.items()
        if keys is None or key in keys
        for one in curve.points
        if (most_bytes is None or one.nbytes <= most_bytes) and (most_ms is None or one.p50_ms <= most_ms)
    ]
    if not within:
        return None
    known = sorted({depth for _, _, one in within for depth in one.recall})
    if k not in known:
        raise ValueError(f"recall was measured at {', '.join(map(str, known))} neighbours here, not at {k}")
    cost: Callable[[Point], tuple[float, float]] = (
        (lambda one: (one.p50_ms, one.nbytes)) if cheapest == "time" else (lambda one: (one.nbytes, one.p50_ms))
    )
    enough = [entry for entry in within if entry[2].recall[k] >= target]
    if enough:
        key, curve, one = min(enough, key=lambda entry: cost(entry[2]))
    else:
        key, curve, one = min(within, key=lambda entry: (-entry[2].recall[k], cost(entry[2])))
    return Recommendation(key, curve, one, k, target, bool(enough))


def frontier(points: Sequence[Point], k: int, *, by: Callable[[Point], float]) -> list[Point]:
    """Return the points that no other beats in both recall@k and cost, from the cheapest to the most exact."""
    best: list[Point] = []
    for one in sorted(points, key=lambda one: (by(one), -one.recall[k])):
        if not best or one.recall[k] > best[-1].recall[k]:
            best.append(one)
    return best


def share(value: float) -> str:
    """Return a share as in ".95", "1" or ".957"."""
    return f"{value:.3f}".rstrip("0").rstrip(".").removeprefix("0") or "0"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
