"""What the page asks of the engine: plain values in, plain values out."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.arrays import as_count
from core.errors import NotPreparedError, RetrievalError
from core.settings import Settings
from core.types import Ids, Image, Json
from gradio_ui import present, steering, words
from gradio_ui.confidence import Calibrations
from gradio_ui.shelf import Shelf
from gradio_ui.static_files import file_url

if TYPE_CHECKING:
    from core.datasets import Dataset, Facet, ImageRecord
    from core.search import Engine, Query, SearchOutcome

MOST_RESULTS = 500
_EXAMPLES = 8
_LARGE = 1600  # pixels of the longer side of the large picture
_PLAIN_BYTES = 2 * 2**20
_BROWSER_KINDS = {".jpg", ".jpeg", ".png", ".webp", ".gif"}


def galleries(engine: "Engine") -> list[Json]:
    """Return what there is to choose: one entry for each gallery, with its indexes, knobs, facets and examples."""
    return [_gallery(engine, info) for info in engine.galleries()]


def search(
    engine: "Engine", request: Mapping[str, Any], picture: Path | None = None, calibrations: Calibrations | None = None
) -> Json:
    """Search and return everything that the results need.

    Args:
        engine: answers.
        request: {"gallery", "id": int or None, "index", "k", "where", "knobs", "region", "quarter_turns", "mirrored"},
            words, see `gradio_ui.words`, and "steer", see `gradio_ui.steering`; all but "gallery" may be absent.
        picture: an uploaded file; without it the stored picture `request["id"]` is the query.
        calibrations: say how sure the best match is; nothing is said without them.

    Raises:
        RetrievalError, ValueError, TypeError: see `outcome_of`.
    """
    outcome = outcome_of(engine, request, picture)
    dataset = engine.dataset(outcome.gallery)
    kind = dataset.kind
    is_stored = picture is None and request.get("id") is not None
    stored = engine.record(outcome.gallery, int(request["id"])) if is_stored else None
    percentiles = calibrations.percentiles(engine, outcome) if calibrations else [None] * len(outcome.results)
    answer = {
        "query": card(dataset, stored) if stored else None,
        **{name: value for name, value in outcome.to_json().items() if name != "results"},
        "confidence": calibrations.of(engine, outcome, stored and stored.image_id)
        if calibrations and not words.asked(request)
        else None,
        "index": outcome.index,
        "n_searched": outcome.n_searched,
        "headline": present.headline(len(outcome.results), dataset.title),
        "account": present.account(outcome.timings_ms, outcome.n_searched, kind, outcome.index, cached=outcome.cached)
        + steering.said(outcome.steering),
        "n_candidates": outcome.n_candidates,
        "results": [
            {
                "rank": result.rank,
                "similarity": result.similarity,
                "distance": result.distance,
                "scores": dict(result.scores) or None,
                "percentile": percentile,
                **card(dataset, result.record),
            }
            for result, percentile in zip(outcome.results, percentiles, strict=True)
        ],
    }
    return words.told(engine, request, outcome, answer)


def outcome_of(engine: "Engine", request: Mapping[str, Any], picture: Path | None = None) -> "SearchOutcome":
    """Search and return the engine's own answer; arguments as for `search`.

    Raises:
        RetrievalError: unknown gallery or index, an unreadable picture, a stale file.
        ValueError, TypeError: k, region, knobs or filters that make no sense.
    """
    address = str(request.get("gallery") or engine.default_address())
    k = as_count(request.get("k", 20), what="number of results", least=1, most=MOST_RESULTS)
    if words.alone(request, picture):
        return words.outcome(engine, address, request, k)
    return engine.search(
        address,
        query_of(engine, address, request, picture),
        k=k,
        index=request.get("index") or None,
        where=words.conditions(request),
        knobs=dict(request.get("knobs") or {}) or None,
    )


def query_of(engine: "Engine", address: str, request: Mapping[str, Any], picture: Path | None) -> "Query":
    """Return the query that a request describes: an upload, or a stored picture, turned and cut as asked."""
    from core.search import Query

    if words.by_meaning(request):
        has_picture = picture is not None or request.get("id") is not None
        given = {name: value for name, value in request.items() if name != "words"}
        return words.meant(engine, address, request, query_of(engine, address, given, picture) if has_picture else None)
    region = request.get("region")
    box: Any = tuple(region) if region else None  # Query checks it
    turns = int(request.get("quarter_turns") or 0) % 4
    mirrored = bool(request.get("mirrored"))
    if picture is not None:
        query = Query.picture(picture, region=box, quarter_turns=turns, mirrored=mirrored)
    elif request.get("id") is None:
        raise ValueError("choose a picture to search with")
    else:
        query = Query.stored(int(request["id"]), region=box, quarter_turns=turns, mirrored=mirrored)
    return steering.steered(query, request)


def card(dataset: "Dataset", record: "ImageRecord") -> Json:
    """Return what a thumbnail needs: id, URL, pixels of the picture (for its shape), caption."""
    caption = present.caption(record)
    return {
        "id": record.image_id,
        "thumbnail": file_url(dataset.thumbnail_path(record)),
        "width": record.width,
        "height": record.height,
        "caption": caption,
        "alt": present.spoken(caption),
    }


def browse(engine: "Engine", request: Mapping[str, Any]) -> Json:
    """Return up to `request["k"]` pictures spread evenly over those of a gallery that pass `request["where"]`.

    Raises:
        RetrievalError: no such gallery, or it has not been prepared.
        ValueError, TypeError: filters that make no sense.
    """
    info = engine.gallery(str(request.get("gallery") or engine.default_address()))
    if not info.ready:
        raise NotPreparedError(info.message)
    count = as_count(request.get("k", 20), what="number of pictures", least=1, most=MOST_RESULTS)
    catalog = engine.dataset(info.address).catalog
    where = dict(request.get("where") or {})
    ids = catalog.select(where) if where else catalog.ids()
    return {
        "headline": f"{len(ids):,} {present.noun(info.kind, len(ids))}" + (f" of {info.count:,}" if where else ""),
        "account": "Choose one to see what resembles it, or bring a picture of your own." if len(ids) else "",
        "n_searched": len(ids),
        "results": spread(engine, info.address, ids, count),
    }


def knobs(engine: "Engine", request: Mapping[str, Any]) -> Json:
    """Return {"knobs": [{"name", "default", "low", "high", "doc", "whole"}]} that an index of a gallery understands.

    Raises:
        RetrievalError: no such gallery or index, or it has not been built.
    """
    index = engine.load_index(str(request["gallery"]), str(request["index"]))
    return {
        "knobs": [
            {
                "name": name,
                "default": knob.default,
                "low": knob.low,
                "high": knob.high,
                "doc": knob.doc,
                "whole": isinstance(knob.default, int),
            }
            for name, knob in index.knobs.items()
        ]
    }


def details(engine: "Engine", shelf: Shelf, request: Mapping[str, Any]) -> Json:
    """Return what the details panel shows of the stored picture `request["id"]` in `request["gallery"]`.

    Raises:
        RetrievalError: no such gallery or picture, or its file cannot be read.
    """
    address = str(request.get("gallery") or engine.default_address())
    record = engine.record(address, int(request["id"]))
    dataset = engine.dataset(address)
    source = dataset.source_path(record)
    original = shelf.put_copy(source)
    plain = source.suffix.lower() in _BROWSER_KINDS and source.stat().st_size <= _PLAIN_BYTES
    return {
        **card(dataset, record),
        **present.rights(record, dataset.licence),
        "gallery": address,
        "picture": original if plain else shelf.put(_rendition(dataset.load(record, min_side=_LARGE)), "large.webp"),
        "original": original,
        "file": source.name,
        "metadata": present.metadata(record, {field.name: field.title for field in dataset.catalog.fields()}),
    }


def preview(settings: Settings, shelf: Shelf, picture: Path) -> Json:
    """Return {"picture": URL} of an upload in a form that every browser shows, for those it cannot show itself.

    Raises:
        ImageError: the file is no picture that we can read.
    """
    from core import imaging

    image = imaging.open_image(picture, min_side=_LARGE, max_pixels=settings.max_pixels)
    return {"picture": shelf.put(_rendition(image), "preview.webp")}


def answered(work: Callable[[], Json]) -> Json:
    """Return the work's answer, or {"error": sentence, "kind": name} when the world or the request is at fault."""
    try:
        return work()
    except (RetrievalError, ValueError, TypeError) as error:
        return {"error": present.sentence(error), "kind": type(error).__name__}


def or_gradio_error(work: Callable[[], Json]) -> Json:
    """Return the work's answer, or raise gr.Error with a sentence, for programs that call the page."""
    try:
        return work()
    except (RetrievalError, ValueError, TypeError) as error:
        raise gr.Error(present.sentence(error), print_exception=False) from error


def _rendition(image: Image) -> bytes:
    """Return the picture as WebP, at most _LARGE pixels high and wide."""
    from PIL import Image as Pillow

    scaled = Pillow.fromarray(image)
    scaled.thumbnail((_LARGE, _LARGE), Pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    scaled.save(buffer, "WEBP", quality=88, method=2)
    return buffer.getvalue()


def _gallery(engine: "Engine", info: Any) -> Json:
    entry: Json = {
        "address": info.address,
        "dataset": info.dataset,
        "encoder": info.encoder,
        "title": info.title,
        "kind": info.kind,
        "noun": present.noun(info.kind, info.count),
        "note": info.note,
        "count": info.count,
        "ready": info.ready,
        "message": info.message,
        "default_index": info.default_index,
        "indexes": [
            {"name": index.name, "available": index.available, "reason": index.reason, "bytes": index.nbytes}
            for index in info.indexes
        ],
        "facets": [_facet(facet) for facet in info.facets],
        "examples": [],
        "meaning": words.readiness(engine, info.address) if info.ready else None,
    }
    if info.ready:
        entry["examples"] = spread(engine, info.address, engine.dataset(info.address).catalog.ids(), _EXAMPLES)
    return entry


def spread(engine: "Engine", address: str, ids: Sequence[int] | Ids, count: int) -> list[Json]:
    """Return up to `count` cards spread evenly over `ids`."""
    dataset = engine.dataset(address)
    count = min(count, len(ids))
    chosen = [int(ids[(2 * i + 1) * len(ids) // (2 * count)]) for i in range(count)]
    return [card(dataset, record) for record in dataset.catalog.records(chosen)]


def _facet(facet: "Facet") -> Json:
    return {
        "name": facet.name,
        "title": facet.title,
        "kind": facet.kind,
        "values": [[value, count] for value, count in facet.values or []],
        "low": facet.low,
        "high": facet.high,
    }
