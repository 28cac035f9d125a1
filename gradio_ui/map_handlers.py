"""What the Map tab asks for: plain functions of plain values."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import NotPreparedError
from core.projection import GalleryMap
from core.settings import Address, Settings
from core.types import Ids, Json
from gradio_ui.shelf import Shelf
from gradio_ui.static_files import file_url, publish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.datasets import ImageRecord
    from core.search import Engine

NEIGHBOURS = 12
_MOST_SELECTED = 5000
_MOST_ZIPPED = 500
_COLUMNS = ("image_id", "path", "title", "label", "width", "height")


def open_map(engine: "Engine", settings: Settings, gallery: str) -> Json:
    """Return where the browser finds a gallery's map, or {"state": "missing"} with what there is to lay out."""
    info = engine.gallery(gallery)
    if not info.ready:
        return {"state": "missing", "count": info.count, "message": info.message}
    address = _address(engine, gallery)
    try:
        found = GalleryMap.open(address, settings)
    except NotPreparedError:
        return {"state": "missing", "count": info.count, "message": ""}
    thumbnails = settings.datasets / address.dataset / "thumbnails"
    publish(found.public)
    summary = found.summary
    notice = found.stale(settings)
    if notice:
        notice = "Pictures or their descriptions have changed since this map was made."
    elif summary["refit_due"]:
        notice = f"This map should be laid out anew: {summary['refit_due']}."
    return {
        "state": "ready",
        "base": file_url(found.public) + "/",
        "version": f"{found.folder.name}-{found.manifest.created}",
        "thumbnails": file_url(thumbnails) + "/",
        "notice": notice,
    }


def neighbours(engine: "Engine", settings: Settings, gallery: str, image_id: int) -> Json:
    """Return the true neighbours of a stored picture: {"neighbours": [{"id", "similarity"}]}."""
    store = engine.vectors(gallery)
    found = GalleryMap.open(_address(engine, gallery), settings)
    ids, similarities = found.neighbours(image_id, store.vectors, store.ids, NEIGHBOURS)
    return {"neighbours": _pairs(ids, similarities)}


def place(engine: "Engine", settings: Settings, gallery: str, picture: Path) -> Json:
    """Return where an uploaded picture falls on the map, its true neighbours, and why not to believe it.

    Raises:
        ImageError: it is no picture that can be read.
        NotPreparedError: there is no map.
    """
    from core.search import Query

    found = GalleryMap.open(_address(engine, gallery), settings)
    store = engine.vectors(gallery)
    placed = found.place(engine.encode(gallery, Query.picture(picture)), store.vectors, store.ids, k=NEIGHBOURS)
    return {
        "x": placed.x,
        "y": placed.y,
        "agreement": placed.agreement,
        "doubts": list(placed.doubts),
        "neighbours": _pairs(placed.ids, placed.similarities),
        "path": str(picture),
    }


def alike(engine: "Engine", gallery: str, ids: Sequence[int]) -> Json:
    """Return what resembles a selection: nearest to the mean of its vectors, the selection itself left out."""
    store = engine.vectors(gallery)
    chosen = np.asarray(list(ids)[:_MOST_SELECTED], np.int64)
    if not len(chosen):
        raise ValueError("select some pictures first")
    mean = store.get(chosen).mean(axis=0)
    similarities = store.vectors @ (mean / (np.linalg.norm(mean) or 1.0))
    similarities[store.row_of(chosen)] = -np.inf
    best = np.argsort(-similarities, kind="stable")[: min(24, len(store) - len(np.unique(chosen)))]
    return {"neighbours": _pairs(store.ids[best], similarities[best])}


def save(engine: "Engine", shelf: Shelf, gallery: str, kind: str, ids: Sequence[int], name: str) -> Json:
    """Return {"file": URL, "name"} of a selection as CSV, JSON, or a ZIP of the pictures with their table.

    Raises:
        ValueError: an unknown kind, an empty selection, or more pictures than a ZIP may hold.
    """
    if kind not in ("csv", "json", "zip"):
        raise ValueError(f"export must be one of csv, json, zip, got {kind!r}")
    if not ids:
        raise ValueError("select some pictures first")
    dataset = engine.dataset(gallery)
    records = dataset.catalog.records([int(image_id) for image_id in ids])
    words = "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())
    file = f"{words or 'selection'}-{gallery.split('@')[0]}.{kind}"
    if kind == "csv":
        data = as_csv(records).encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8
    elif kind == "json":
        data = as_json(gallery, name, records).encode()
    else:
        if len(records) > _MOST_ZIPPED:
            raise ValueError(f"a ZIP may hold {_MOST_ZIPPED} pictures, this selection has {len(records)}; take the CSV")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
            archive.writestr("selection.csv", as_csv(records).encode("utf-8-sig"))
            for record in records:
                source = dataset.source_path(record)
                archive.write(source, f"pictures/{record.image_id}{source.suffix.lower()}")
        data = buffer.getvalue()
    return {"file": shelf.put(data, file), "name": file}


def as_csv(records: "Sequence[ImageRecord]") -> str:
    """Return one row per picture; the gallery's own fields follow the fixed columns."""
    fields = sorted({name for record in records for name in record.fields} - set(_COLUMNS))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_COLUMNS, *fields])
    for record in records:
        fixed = [getattr(record, name) for name in _COLUMNS]
        writer.writerow([_plain(value) for value in (*fixed, *(record.fields.get(name) for name in fields))])
    return text.getvalue()


def as_json(gallery: str, name: str, records: "Sequence[ImageRecord]") -> str:
    """Return the selection with everything that is recorded of each picture."""
    pictures = [{**{column: getattr(r, column) for column in _COLUMNS}, "metadata": dict(r.fields)} for r in records]
    return json.dumps({"gallery": gallery, "name": name, "pictures": pictures}, indent=1, ensure_ascii=False)


def warm_up(engine: "Engine", settings: Settings) -> None:
    """Place a stored vector and encode a blank picture, so that a person's first upload finds everything loaded."""
    from core.errors import RetrievalError
    from core.search import Query

    try:
        gallery = engine.default_address()
        found = GalleryMap.open(_address(engine, gallery), settings)
        store = engine.vectors(gallery)
        found.place(store.vectors[0], store.vectors, store.ids)
        engine.encode(gallery, Query.picture(np.zeros((64, 64, 3), np.uint8)))
    except RetrievalError:
        return  # no gallery, or no map yet: there is nothing to warm


def request_ids(request: Mapping[str, Any]) -> list[int]:
    """Return the ids of a request, as integers."""
    return [int(image_id) for image_id in request.get("ids") or []]


def _address(engine: "Engine", gallery: str) -> Address:
    info = engine.gallery(gallery)
    return Address(info.dataset, info.encoder)


def _pairs(ids: Ids, similarities: "NDArray[np.float32]") -> list[Json]:
    return [{"id": int(i), "similarity": round(float(s), 4)} for i, s in zip(ids, similarities, strict=True)]


def _plain(value: Any) -> Any:
    """Return a cell's value; a text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
