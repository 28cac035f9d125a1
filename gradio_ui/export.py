"""Results as files: a table (CSV), everything (JSON), or the pictures with a manifest (ZIP)."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import Json
from gradio_ui import handlers
from gradio_ui.shelf import Shelf

if TYPE_CHECKING:
    from core.datasets import Dataset
    from core.search import Engine, SearchOutcome

KINDS = ("csv", "json", "zip")
_COLUMNS = ("rank", "image_id", "path", "title", "label", "similarity", "distance", "width", "height")


def export(engine: "Engine", shelf: Shelf, request: Mapping[str, Any], picture: Path | None) -> Json:
    """Search again as `request` says and return {"file": URL, "name"} of the results in the form `request["kind"]`.

    Raises:
        ValueError: an unknown kind.
        RetrievalError: as for `handlers.outcome_of`.
    """
    kind = str(request.get("kind"))
    if kind not in KINDS:
        raise ValueError(f"export must be one of {', '.join(KINDS)}, got {kind!r}")
    outcome = handlers.outcome_of(engine, request, picture)
    name = f"pentimento-{outcome.gallery.replace('@', '-')}.{kind}"
    if kind == "csv":
        data = as_csv(outcome).encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8
    elif kind == "json":
        data = as_json(outcome).encode()
    else:
        data = as_zip(outcome, engine.dataset(outcome.gallery))
    return {"file": shelf.put(data, name), "name": name}


def as_csv(outcome: "SearchOutcome") -> str:
    """Return one row per result; the gallery's own fields follow the fixed columns."""
    fields = sorted({name for result in outcome.results for name in result.record.fields} - set(_COLUMNS))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_COLUMNS, *fields])
    for result in outcome.results:
        record = result.record
        fixed = (
            result.rank,
            result.image_id,
            result.path,
            record.title,
            record.label,
            f"{result.similarity:.6f}",
            f"{result.distance:.6f}",
            record.width,
            record.height,
        )
        writer.writerow([_cell(value) for value in (*fixed, *(record.fields.get(name) for name in fields))])
    return text.getvalue()


def as_json(outcome: "SearchOutcome") -> str:
    """Return the same object as `python -m core search --json` prints."""
    return json.dumps(outcome.to_json(), indent=1, ensure_ascii=False) + "\n"


def as_zip(outcome: "SearchOutcome", dataset: "Dataset") -> bytes:
    """Return an archive of the original pictures, named by rank, with manifest.json and manifest.csv."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        manifest = outcome.to_json()
        for result, entry in zip(outcome.results, manifest["results"], strict=True):
            source = dataset.source_path(result.record)
            entry["file"] = f"pictures/{result.rank:03d}-{result.image_id}{source.suffix.lower()}"
            archive.write(source, entry["file"])
        archive.writestr("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        archive.writestr("manifest.csv", as_csv(outcome))
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """Return a cell that a spreadsheet will not take for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
