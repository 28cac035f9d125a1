"""A map as a picture for a paper: points by colour, with a legend and the names of the clusters."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from core.projection.columns import MISSING
from core.projection.store import GalleryMap
from core.storage import atomic_path
from core.types import Json

# The page's qualitative colours, on white.
_COLOURS = ("#2B4C9B", "#EE8822", "#448811", "#BB66BB", "#661144", "#6699FF", "#005511", "#885555", "#8E8E8C")
_GREY = "#C9C6BF"


def write_figure(map_: GalleryMap, target: Path, *, by: str = "", title: str = "") -> None:
    """Write the map as a PNG of 2400 x 1800 pixels.

    Args:
        map_: to draw.
        target: file, replaced.
        by: name of the field that colours; the first choice when empty.
        title: above the map.

    Raises:
        ValueError: the map has no such field.
    """
    summary = map_.summary
    number = _field(summary, by)
    public = map_.public
    places = np.fromfile(public / "xy.f32", "<f4").reshape(-1, 2)
    figure = Figure(figsize=(8, 6), dpi=300, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    size = float(np.clip(9000 / max(1, len(places)), 0.3, 16))
    if number is None:
        axes.scatter(places[:, 0], places[:, 1], s=size, c=_COLOURS[0], linewidths=0)
    else:
        codes = np.fromfile(public / "fields" / f"{number}.u8", np.uint8)
        _draw(figure, axes, places, codes, summary["fields"][number], size)
    with matplotlib.rc_context({"font.family": "serif"}):
        for cluster in summary["clusters"]:
            if cluster["level"] == 0:
                axes.annotate(
                    cluster["name"], (cluster["x"], cluster["y"]), ha="center", va="bottom", fontsize=8,
                    bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
                )  # fmt: skip
    axes.set_aspect("equal")
    axes.invert_yaxis()  # page coordinates grow downwards
    axes.set_axis_off()
    if title:
        axes.set_title(title, family="serif")
    with atomic_path(target) as temporary:
        figure.savefig(temporary, format="png", facecolor="white")


def _draw(
    figure: Figure, axes: "matplotlib.axes.Axes", places: "np.ndarray", codes: "np.ndarray", field: Json, size: float
) -> None:
    """Draw points in the colours of a field, those without a value first, and its legend."""
    missing = codes == MISSING
    axes.scatter(places[missing, 0], places[missing, 1], s=size, c=_GREY, linewidths=0)
    if field["kind"] == "range":
        values = field["low"] + codes[~missing] / 254 * (field["high"] - field["low"])
        drawn = axes.scatter(places[~missing, 0], places[~missing, 1], s=size, c=values, cmap="cividis", linewidths=0)
        figure.colorbar(drawn, ax=axes, label=field["title"], shrink=0.6)
        return
    for code, (value, _) in enumerate(field["values"]):
        chosen = codes == code
        label = value if code < len(_COLOURS) - 1 else ("others" if code == len(_COLOURS) - 1 else None)
        colour = _COLOURS[min(code, len(_COLOURS) - 1)]
        axes.scatter(places[chosen, 0], places[chosen, 1], s=size, c=colour, label=label, linewidths=0)
    axes.legend(
        title=field["title"], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=7, markerscale=2
    )


def _field(summary: Json, by: str) -> int | None:
    """Return the number of the field that colours."""
    names = [field["name"] for field in summary["fields"]]
    if by and by not in names:
        raise ValueError(f"the map can be coloured by {', '.join(names)}; got {by!r}")
    if by:
        return names.index(by)
    return next((k for k, field in enumerate(summary["fields"]) if field["kind"] == "choice"), None)
