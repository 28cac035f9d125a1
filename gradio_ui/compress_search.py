"""What compression does to search, and archives opened in the page: shown and searched."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image as Pillow

from core.errors import DamagedFileError, UnavailableError
from core.types import Image, Json, Vectors
from gradio_ui.compress_handlers import Workbench, lossless_preview
from gradio_ui.handlers import card
from gradio_ui.present import sentence

if TYPE_CHECKING:
    from core.archive.reader import Archive
    from core.search import Engine, Query

_RESULTS = 10
_LISTED_AT_ONCE, _FOUND = 48, 24
_RESTORED_AT_ONCE = 12
_THUMBNAIL_PIXELS = (720, 360)  # at most, wide and high


def compare_search(bench: Workbench, gallery: str, key: str, position: int) -> Json:
    """Search a gallery with the original, with the record's 16-byte code, and with the restored picture.

    Returns:
        {"rows": [{"title", "results": cards, "shared": how many of the original's are among them}], "count"}.

    Raises:
        UnavailableError: there is no codebook for the gallery's encoder.
    """
    from core.archive.search_codes import CODE_BYTES, shipped_search_coder
    from core.search import Query

    engine = bench.engine
    info = engine.gallery(gallery)
    coder = shipped_search_coder(info.encoder)
    if coder is None:
        raise UnavailableError(
            f"the codebook that comes with the program is not for {info.encoder}; choose another gallery"
        )
    original, restored = bench.restored(key, position)
    vector = engine.encode(gallery, Query.picture(original))
    decoded = coder.vectors(coder.encode(vector[None]))[0]
    rows = [
        ("The original", Query.vector(vector)),
        (f"Its search code, {CODE_BYTES} bytes", Query.vector(decoded)),
        ("The restored picture", Query.picture(restored)),
    ]
    count = min(_RESULTS, max(1, info.count))
    found = [_row(engine, gallery, title, query, count) for title, query in rows]
    wanted = {one["id"] for one in found[0]["results"]}
    for row in found:
        row["shared"] = sum(one["id"] in wanted for one in row["results"])
        for one in row["results"]:
            one["is_shared"] = one["id"] in wanted
    return {"rows": found, "count": count, "gallery": info.title}


def open_archive(path: Path, name: str, first: int = 0) -> Json:
    """Return what an archive holds and what it says of up to 48 of its pictures from `first` on; see `restored`.

    Raises:
        DamagedFileError, StaleError, VersionError: it cannot be opened, or needs another model.
    """
    from core.archive.reader import Archive

    with Archive.open(path) as archive:
        rows = range(max(0, first), min(len(archive), max(0, first) + _LISTED_AT_ONCE))
        size = path.stat().st_size
        return {
            "name": name,
            "title": str(archive.directory.get("title") or name),
            "note": archive.note,
            "count": len(archive),
            "bytes": size,
            "bytes_each": size / max(1, len(archive)),
            "is_searchable": archive.search is not None,
            "encoder": str(archive.search["encoder"]) if archive.search else "",
            "first": rows.start,
            "pictures": _listed(archive, list(rows)),
        }


def search_archive(bench: Workbench, path: Path, query: Path | int) -> Json:
    """Search an archive by its codes, with an upload or one of its own rows; see `restored` for the pictures."""
    from core.archive.reader import Archive
    from core.archive.searching import search_archive as search
    from core.archive.unpack import restore

    with Archive.open(path) as archive:
        source: Any = query
        if isinstance(query, int):
            if not 0 <= query < len(archive):
                raise ValueError(f"the archive has {len(archive)} pictures, there is no number {query}")
            restored = restore(archive, bench.codec, [query], bench.settings)[0]
            if isinstance(restored, DamagedFileError):
                raise restored
            source = _own_vector(archive, query)
        outcome = search(archive, source, bench.settings, k=_FOUND)
        pictures = _listed(archive, [hit.row for hit in outcome.hits])
    for picture, hit in zip(pictures, outcome.hits, strict=True):
        picture["similarity"] = hit.similarity
    return {
        "pictures": pictures,
        "timings_ms": outcome.timings_ms,
        "n_searched": outcome.n_searched,
        "note": outcome.note,
    }


def restored(bench: Workbench, path: Path, rows: list[int]) -> Json:
    """Return {"pictures": for each of up to 12 rows {"url"} of the restored picture, or {"error"}}.

    Raises:
        ValueError: a row that the archive does not have, or too many.
        DamagedFileError, StaleError, VersionError: it cannot be opened, or needs another model.
    """
    from core.archive.reader import Archive
    from core.archive.unpack import restore

    if len(rows) > _RESTORED_AT_ONCE:
        raise ValueError(f"up to {_RESTORED_AT_ONCE} pictures are restored at once, got {len(rows)}")
    with Archive.open(path) as archive:
        if missing := [row for row in rows if not 0 <= row < len(archive)]:
            raise ValueError(f"the archive has {len(archive)} pictures, there is no number {missing[0]}")
        shown: list[Json] = []
        for row, picture in zip(rows, restore(archive, bench.codec, rows, bench.settings), strict=True):
            if isinstance(picture, DamagedFileError):
                shown.append({"error": sentence(picture)})
            else:
                thumbnail = _thumbnail(lossless_preview(archive.record(row), picture))
                shown.append({"url": bench.shelf.put(thumbnail, "picture.webp")})
    return {"pictures": shown}


def _own_vector(archive: "Archive", row: int) -> Vectors:
    """Return the embedding that a record's code stands for, of length 1."""
    from core.archive.search_codes import find_search_coder

    made_with = archive.search or {}
    coder = find_search_coder(str(made_with["encoder"]), made_with["sha256"].hex(), archive.codebook())
    codes = archive.codes()
    coder.check(codes)
    vector: Vectors = coder.vectors(codes[row : row + 1])[0]
    return vector


def _listed(archive: "Archive", rows: list[int]) -> list[Json]:
    """Return what the archive says of its pictures, without decoding any."""
    fields = _fields(archive)
    return [
        {
            "row": row, "name": archive.names[row], "title": str(fields[row].get("title") or ""),
            "bytes": int(archive.lengths[row]), "width": int(archive.widths[row]), "height": int(archive.heights[row]),
        }
        for row in rows
    ]  # fmt: skip


def _fields(archive: "Archive") -> list[Json]:
    """Return each record's metadata; where they are damaged the pictures are shown without."""
    try:
        return archive.fields()
    except DamagedFileError:
        return [{} for _ in archive.names]


def _thumbnail(image: Image) -> bytes:
    picture = Pillow.fromarray(image)
    picture.thumbnail(_THUMBNAIL_PIXELS, Pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=90, method=2)
    return buffer.getvalue()


def _row(engine: "Engine", gallery: str, title: str, query: "Query", count: int) -> Json:
    dataset = engine.dataset(gallery)
    outcome = engine.search(gallery, query, k=count, index="flat")
    results = [{"similarity": result.similarity, **card(dataset, result.record)} for result in outcome.results]
    return {"title": title, "results": results}
