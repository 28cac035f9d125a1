"""What the Benchmark tab and the recall dial ask for: plain functions of plain values."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import NotPreparedError, StaleError, UnavailableError
from core.indexes import is_served
from core.settings import Settings
from core.types import Json
from gradio_ui import handlers
from gradio_ui.jobs import Jobs
from gradio_ui.shelf import Shelf
from gradio_ui.static_files import file_url, publish

if TYPE_CHECKING:
    from core.evaluation.curves import Curve, Curves
    from core.evaluation.dial import Dial
    from core.search import Engine

RESULTS = Path("bench-results")  # where `python -m core bench` writes
_LARGEST_RESULT = 4_000_000  # bytes; ours have some thousands


def open_curves(engine: "Engine", settings: Settings, gallery: str) -> Json:
    """Return {"state": "ready", ...} with every measured point, or "missing" with what measuring would take."""
    from core.evaluation.curve_measuring import planned, seconds_expected

    info = engine.gallery(gallery)
    if not info.ready:
        return {"state": "missing", "count": info.count, "message": info.message}
    ready = [index.name for index in info.indexes if index.available and not is_served(index.name)]
    store = engine.vectors(gallery)
    expected = seconds_expected(len(store), store.dim, len(ready))
    blank: Json = {"gallery": info.address, "count": info.count, "indexes": len(ready), "expected_s": expected}
    try:
        measured, gone = known(engine, settings, gallery)
    except StaleError:
        return {**blank, "state": "missing", "message": "", "stale": True}
    except NotPreparedError:
        return {**blank, "state": "missing", "message": "", "stale": False}
    waiting = [key for key in planned(store.dim, ready) if key not in measured.curves]
    parts = {
        "Built again since they were measured": [key for key in waiting if key in gone],
        "Not measured yet": [key for key in waiting if key not in gone],
    }
    notice = " ".join(f"{why}: {', '.join(keys)}." for why, keys in parts.items() if keys)
    points = {key: curve for key, curve in measured.curves.items() if not curve.reason}
    return {
        **blank,
        "state": "ready",
        "notice": notice,
        "plotly": plotly_url(),
        "dim": measured.dim,
        "queries": measured.queries,
        "updated": measured.updated,
        "own_bytes": own_bytes(engine, gallery, ready),
        "curves": [curve_json(key, points[key]) for key in sorted(points, key=_order(points))],
        "unavailable": [
            {"index": key, "reason": curve.reason} for key, curve in measured.curves.items() if curve.reason
        ],
    }


def known(engine: "Engine", settings: Settings, gallery: str) -> "tuple[Curves, set[str]]":
    """Return the curves of a gallery's present indexes, and the keys of those that were measured on earlier ones.

    Raises:
        NotPreparedError, StaleError, DamagedFileError, VersionError: there are none that can be used.
    """
    from core.evaluation import curves
    from core.evaluation.curve_measuring import current
    from core.search import parse_address
    from core.search.galleries import provenance

    address = parse_address(gallery, settings)
    measured = curves.read(address, settings, provenance(engine.vectors(gallery)))
    valid = current(measured, address, settings)
    return valid, set(measured.curves) - set(valid.curves)


def curve_json(key: str, curve: "Curve") -> Json:
    """Return a curve for the browser."""
    return {
        "key": key,
        "index": curve.index,
        "code_bytes": curve.code_bytes,
        "build_s": curve.build_s,
        "points": [
            {
                "knobs": point.knobs, "recall": by_depth(point.recall), "error": by_depth(point.error),
                "p50_ms": point.p50_ms, "p95_ms": point.p95_ms, "bytes": point.nbytes,
            }
            for point in curve.points
        ],
    }  # fmt: skip


def _order(points: "Mapping[str, Curve]") -> Callable[[str], tuple[int, int]]:
    """Return the order in which curves are listed: that of the registry, shorter codes first."""
    from core.indexes import names

    return lambda key: (names().index(points[key].index), points[key].code_bytes or 0)


def by_depth(values: Mapping[int, float]) -> dict[str, float]:
    """Return what was measured at each k as JSON has it: with names for keys."""
    return {str(k): value for k, value in values.items()}


def own_bytes(engine: "Engine", gallery: str, ready: list[str]) -> Json:
    """Return index -> bytes of a code, for those of the gallery's own indexes of which variants are measured."""
    coded = [name for name in ready if name == "ivfpq"]  # the index of which there are variants
    return {name: int(engine.load_index(gallery, name).params["n_subspaces"]) for name in coded}


def plotly_url() -> str:
    """Let the page serve plotly.js out of the installed package, and return its URL; empty where that is absent."""
    found = importlib.util.find_spec("plotly")
    script = None if found is None or not found.origin else Path(found.origin).parent / "package_data" / "plotly.min.js"
    if script is None or not script.is_file():
        return ""
    publish(script)  # the one file: what is beside it stays private
    return file_url(script)


def start(settings: Settings, jobs: Jobs, request: Mapping[str, Any]) -> Json:
    """Begin to measure a gallery in the background; `request["rebuild"]`: what is measured already, too."""
    from core.evaluation.curve_measuring import measure
    from core.search import parse_address

    gallery, rebuild = str(request["gallery"]), bool(request.get("rebuild"))
    address = parse_address(gallery, settings)
    jobs.start(gallery, lambda progress: measure(address, settings, rebuild=rebuild, progress=progress))
    return {"state": "building"}


def advice(engine: "Engine", settings: Settings, request: Mapping[str, Any]) -> Json:
    """Return {"best", "built"}: the cheapest setting of all, and of the indexes that are built; each may be None.

    Args:
        engine: knows the gallery.
        settings: where its curves are.
        request: {"gallery", "target", "k", "most_ms", "most_bytes", "cheapest"}; of these all but the first have
            defaults.
    """
    from core.evaluation.recommend import recommend

    measured, _ = known(engine, settings, str(request["gallery"]))
    target = float(request.get("target", 0.95))
    depth = min(int(request.get("k", 10)), max(1, measured.count - 1))
    most_ms, most_bytes = request.get("most_ms"), request.get("most_bytes")

    def one(keys: list[str]) -> Json | None:
        found = recommend(
            measured, target, k=depth, keys=keys,
            most_bytes=None if most_bytes is None else int(most_bytes),
            most_ms=None if most_ms is None else float(most_ms),
            cheapest="memory" if request.get("cheapest") == "memory" else "time",
        )  # fmt: skip
        return None if found is None else found.to_json()

    built = [key for key, curve in measured.curves.items() if not curve.is_variant]
    return {"best": one(list(measured.curves)), "built": one(built)}


def read(engine: "Engine", settings: Settings, dial: "Dial", request: Mapping[str, Any], picture: Path | None) -> Json:
    """Return what a setting does to one query, compared with the exact answer, and the query's card if it is stored.

    Args:
        engine: knows the gallery.
        settings: where its curves are.
        dial: reads.
        request: as for a search, with the "key" of a curve in the place of "index".
        picture: an uploaded file, or None.
    """
    from core.evaluation.curves import Curve

    gallery, key = str(request["gallery"]), str(request["key"])
    if key in {info.name for info in engine.gallery(gallery).indexes}:
        curve = Curve(key)
    else:
        measured, _ = known(engine, settings, gallery)
        if key not in measured.curves:
            raise NotPreparedError(f"{key} has not been measured; run: python -m core bench curves {gallery}")
        curve = measured.curves[key]
    query = handlers.query_of(engine, gallery, request, picture)
    reading = dial.read(gallery, query, curve, dict(request.get("knobs") or {}))
    stored = None if picture is not None else engine.record(gallery, int(request["id"]))
    found = {**reading.to_json(), "recall": by_depth(reading.recall)}
    return {**found, "query": handlers.card(engine.dataset(gallery), stored) if stored else None}


def apply(settings: Settings, engine: "Engine", jobs: Jobs, request: Mapping[str, Any]) -> Json:
    """Begin to build a gallery's index as a measured setting has it."""
    from core.evaluation.dial import adopt

    gallery, key, knobs = str(request["gallery"]), str(request["key"]), dict(request.get("knobs") or {})
    measured, _ = known(engine, settings, gallery)
    curve = measured.curves.get(key)
    point = next((one for one in curve.points if one.knobs == knobs), None) if curve else None
    if curve is None or point is None:
        raise UnavailableError(f"{key} was not measured with this setting; measure again")
    jobs.start(gallery, lambda progress: adopt(gallery, curve, point, settings, progress))
    return {"state": "building"}


def files(engine: "Engine", settings: Settings, shelf: Shelf, gallery: str) -> Json:
    """Return URLs of every measured point, as CSV and as JSON."""
    from core.evaluation.curve_tables import to_csv

    measured, _ = known(engine, settings, gallery)
    name = measured.gallery.replace("@", "-")
    return {
        "csv": {"file": shelf.put(to_csv(measured).encode(), f"curves-{name}.csv"), "name": f"curves-{name}.csv"},
        "json": {
            "file": shelf.put(json.dumps(measured.to_json(), indent=1).encode(), f"curves-{name}.json"),
            "name": f"curves-{name}.json",
        },
    }


def results(folder: Path = RESULTS) -> Json:
    """Return {"results": [{"name", "updated", "content"}]}: what `python -m core bench` wrote, newest first."""
    found = []
    for path in folder.glob("*.json"):
        facts = path.stat()
        if facts.st_size > _LARGEST_RESULT:
            continue
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            continue  # being written by something else, or no JSON: it is none of ours
        if isinstance(content, dict):
            found.append({"name": path.stem, "updated": facts.st_mtime, "content": content})
    return {"results": sorted(found, key=lambda one: -float(str(one["updated"])))}
