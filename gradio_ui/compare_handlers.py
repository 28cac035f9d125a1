"""What the Compare tab asks: one query in every index, why each missed what it missed, and the table as a file."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.arrays import as_count
from core.types import Json
from gradio_ui import handlers
from gradio_ui.shelf import Shelf
from gradio_ui.xray_handlers import XRAYED, Looking

if TYPE_CHECKING:
    from core.archive.comparing import GalleryCodes
    from core.search import Engine
    from core.search.compare import Column, Comparison

MOST_NEIGHBOURS = 50
_COLUMNS = ("index", "recall", "search_ms", "bytes", "codes", "vectors", "knobs", "reason")


def compare(engine: "Engine", codes: "GalleryCodes", request: Mapping[str, Any], picture: Path | None) -> Json:
    """Return columns, true neighbours and the cards of all pictures in them.

    Args:
        request: as for `handlers.search`, and "names": indexes to ask, or None for all.
        picture: an uploaded file; without it the stored picture `request["id"]` is the query.

    Raises:
        RetrievalError, ValueError, TypeError: see `comparison_of`.
    """
    found = comparison_of(engine, codes, request, picture)
    dataset = engine.dataset(found.gallery)
    shown = sorted({*found.truth, *(one.image_id for column in found.columns for one in column.results)})
    likeness = dict(zip(found.ids.tolist(), found.cosines.tolist(), strict=True))
    stored = None if picture is not None else engine.record(found.gallery, int(request["id"]))
    return {
        "gallery": found.gallery,
        "title": dataset.title,
        "k": found.k,
        "n_searched": found.n_searched,
        "encode_ms": found.encode_ms,
        "query": handlers.card(dataset, stored) if stored else None,
        "truth": [{"id": image, "similarity": likeness[image]} for image in found.truth],
        "columns": [
            {**column.to_json(), "summary": column.summary, "is_xrayed": column.index in XRAYED}
            for column in found.columns
        ],
        "pictures": {str(one.image_id): handlers.card(dataset, one) for one in dataset.catalog.records(shown)},
        "similarities": {str(image): likeness[image] for image in shown},
    }


def comparison_of(
    engine: "Engine", codes: "GalleryCodes", request: Mapping[str, Any], picture: Path | None
) -> "Comparison":
    """Compare and return the engine's own answer; arguments as for `compare`.

    Raises:
        RetrievalError: unknown gallery or index, an unreadable picture, a stale file.
        ValueError, TypeError: k, region or filters that make no sense.
    """
    address = str(request.get("gallery") or engine.default_address())
    names = request.get("names")
    return codes.compare(
        engine,
        address,
        handlers.query_of(engine, address, request, picture),
        k=_count(engine, address, request),
        names=None if names is None else [str(name) for name in names],
        where=dict(request.get("where") or {}) or None,
        knobs=dict(request.get("knobs") or {}) or None,
    )


def reasons(
    engine: "Engine", codes: "GalleryCodes", looking: Looking, request: Mapping[str, Any], picture: Path | None
) -> Json:
    """Return {"reasons": {index: {image_id: sentence}}} for what indexes missed.

    Args:
        request: as for `compare`, and "missed": {index: ids}, "settings": {index: its knobs}.

    Raises:
        RetrievalError, ValueError, TypeError: as `compare`.
    """
    from core.archive.comparing import ARCHIVE
    from core.search.misses import missed_by, misses_of

    address = str(request.get("gallery") or engine.default_address())
    vector = engine.encode(address, handlers.query_of(engine, address, request, picture))
    k, where = _count(engine, address, request), dict(request.get("where") or {}) or None
    found: Json = {}
    for name, given in dict(request.get("missed") or {}).items():
        knobs = dict((request.get("settings") or {}).get(name) or {})
        missed = [int(image) for image in given]
        if not missed:
            continue
        if name == ARCHIVE:
            told = codes.misses(engine, address, vector, missed, k=k, where=where)
        elif name in XRAYED:
            seen = looking.xray(engine, {**request, "index": name, "n_probe": knobs.get("n_probe")}, picture)
            told = misses_of(seen, missed)
        else:
            told = missed_by(engine, address, name, vector, missed, k=k, where=where, knobs=knobs)
        found[name] = {str(miss.id): miss.sentence for miss in told}
    return {"reasons": found}


def save(
    engine: "Engine", codes: "GalleryCodes", shelf: Shelf, request: Mapping[str, Any], picture: Path | None
) -> Json:
    """Compare again as `request` says and return {"file": URL, "name"} of the table as `request["kind"]`, csv or json.

    Raises:
        ValueError: an unknown kind.
        RetrievalError, ValueError, TypeError: as `compare`.
    """
    kind = str(request.get("kind"))
    if kind not in ("csv", "json"):
        raise ValueError(f"export must be one of csv, json, got {kind!r}")
    found = comparison_of(engine, codes, request, picture)
    name = f"pentimento-compare-{found.gallery.replace('@', '-')}.{kind}"
    if kind == "csv":
        data = as_csv(found).encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8
    else:
        data = (json.dumps(found.to_json(), indent=1) + "\n").encode()
    return {"file": shelf.put(data, name), "name": name}


def as_csv(found: "Comparison") -> str:
    """Return one row per index: its numbers, then the ids that it found, best first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_COLUMNS, *(f"result_{rank}" for rank in range(1, found.k + 1)), "missed"])
    writer.writerow(["exact", *[""] * (len(_COLUMNS) - 1), *found.truth, *[""] * (found.k - len(found.truth)), ""])
    for column in found.columns:
        ids = [result.image_id for result in column.results]
        writer.writerow(
            [*_numbers(column), *ids, *[""] * (found.k - len(ids)), " ".join(str(image) for image in column.missed)]
        )
    return text.getvalue()


def _numbers(column: "Column") -> list[Any]:
    if column.reason:
        return [column.index, *[""] * (len(_COLUMNS) - 2), column.reason]
    codes, vectors = column.effort[:2] if column.effort else ("", "")
    knobs = " ".join(f"{name}={value}" for name, value in column.knobs.items())
    return [column.index, column.recall, f"{column.search_ms:.4f}", column.nbytes, codes, vectors, knobs, ""]


def _count(engine: "Engine", address: str, request: Mapping[str, Any]) -> int:
    k = as_count(request.get("k", 10), what="number of neighbours", least=1, most=MOST_NEIGHBOURS)
    return min(k, max(1, engine.gallery(address).count))
