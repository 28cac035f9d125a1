"""Measured curves as rows, as CSV and as a table to read."""

import csv
import io

from core.evaluation.curves import Curves
from core.evaluation.recommend import frontier, share
from core.types import Json

_LEVELS = (0.8, 0.9, 0.95, 0.99)


def rows(curves: Curves) -> list[Json]:
    """Return one row for each setting: index, its parameters and knobs, recall at each depth, times, memory."""
    names = sorted({name for curve in curves.curves.values() for point in curve.points for name in point.knobs})
    return [
        {
            "gallery": curves.gallery, "curve": key, "index": curve.index, "code_bytes": curve.code_bytes or "",
            **{name: point.knobs.get(name, "") for name in names},
            **{f"recall_{k}": value for k, value in point.recall.items()},
            **{f"error_{k}": value for k, value in point.error.items()},
            "p50_ms": point.p50_ms, "p95_ms": point.p95_ms, "bytes": point.nbytes, "build_s": curve.build_s,
        }
        for key, curve in curves.curves.items()
        for point in curve.points
    ]  # fmt: skip


def to_csv(curves: Curves) -> str:
    """Return the rows as comma-separated values with a line of names."""
    everything = rows(curves)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(everything[0]) if everything else ["gallery"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(everything)
    return text.getvalue()


def markdown(curves: Curves, k: int = 10) -> str:
    """Return, for each index, memory, building time and the quickest setting at several levels of recall@k."""
    lines = [
        f"{curves.gallery}: {curves.count:,} vectors of {curves.dim} dimensions, {curves.queries} queries that leave "
        "themselves out, one thread.",
        f"Milliseconds of a single query (median) at the quickest setting that reaches a recall@{k} of",
        "",
        "| index | MB | build s | " + " | ".join(share(level) for level in _LEVELS) + " | highest recall |",
        "|---|---:|---:|" + "---:|" * (len(_LEVELS) + 1),
    ]
    for key, curve in curves.curves.items():
        front = [] if curve.reason else frontier(curve.points, _depth(curves, k), by=lambda one: one.p50_ms)
        if not front:
            lines.append(f"| {key} | | | {curve.reason or 'nothing was measured'} |")
            continue
        depth = _depth(curves, k)
        quickest = [next((one for one in front if one.recall[depth] >= level), None) for level in _LEVELS]
        cells = ["" if one is None else f"{one.p50_ms:.3g}" for one in quickest]
        size = max(one.nbytes for one in curve.points) / 1e6
        best = share(front[-1].recall[depth])
        lines.append(f"| {key} | {size:.2f} | {curve.build_s:.2f} | {' | '.join(cells)} | {best} |")
    return "\n".join(lines)


def _depth(curves: Curves, k: int) -> int:
    """Return k, or the largest depth below it at which a small gallery's recall was measured."""
    known = {depth for curve in curves.curves.values() for point in curve.points for depth in point.recall}
    return max((depth for depth in known if depth <= k), default=k)
