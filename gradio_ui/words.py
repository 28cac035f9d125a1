"""Words on the page: what a request asks in words, and what the results say about it.

A request may have "words" (a text), "by" ("labels" or "meaning") and "mix" (the words' weight beside a picture).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import Json
from gradio_ui import present

if TYPE_CHECKING:
    from core.search import Engine, Query, SearchOutcome

_TITLES = {"title": "Title", "label": "Label", "path": "File"}


def asked(request: Mapping[str, Any]) -> str:
    """Return the text that a request has, or nothing."""
    return str(request.get("words") or "").strip()


def by_meaning(request: Mapping[str, Any]) -> bool:
    """Say whether the text is to be found by meaning; otherwise in the labels."""
    return bool(asked(request)) and request.get("by") == "meaning"


def alone(request: Mapping[str, Any], picture: Path | None) -> bool:
    """Say whether words are looked for in the labels and no picture is given."""
    return bool(asked(request)) and not by_meaning(request) and picture is None and request.get("id") is None


def outcome(engine: "Engine", address: str, request: Mapping[str, Any], k: int) -> "SearchOutcome":
    """Search the labels for the words alone; see `core.search.words.by_labels`."""
    from core.search import words

    return words.by_labels(engine, address, asked(request), k=k, where=dict(request.get("where") or {}))


def conditions(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a request's filters; words to find in the labels are one of them."""
    from core.datasets.catalog import WORDS
    from core.search.words import checked

    where = dict(request.get("where") or {})
    if asked(request) and not by_meaning(request):
        where[WORDS] = checked(asked(request))
    return where or None


def meant(engine: "Engine", address: str, request: Mapping[str, Any], query: "Query | None") -> "Query":
    """Return the query for the meaning of the text, mixed with a query by picture where there is one."""
    from core.search import words

    mix = request.get("mix")
    return words.meaning(engine, address, asked(request), query, mix=0.5 if mix is None else float(mix))


def told(engine: "Engine", request: Mapping[str, Any], found: "SearchOutcome", answer: Json) -> Json:
    """Return the answer with what is to be said about the words: how they were read, and where they stand."""
    from core.search import words
    from core.search.marking import matched

    if not asked(request):
        return answer
    if by_meaning(request):
        said = {"by": "meaning", "notes": [], "marks": []}
        if answer["query"] is None and not request.get("path"):
            kind = engine.dataset(found.gallery).kind
            nouns = present.noun(kind, len(found.results))
            sentence = words.shortened(asked(request))
            answer = answer | {"headline": f"{len(found.results):,} {nouns} nearest to “{sentence}”"}
        return answer | {"confidence": None, "words": said}
    dataset = engine.dataset(found.gallery)
    read = words.understood(engine, found.gallery, asked(request), request.get("where"))
    titles = _TITLES | {field.name: field.title for field in dataset.catalog.fields()}
    marks: dict[str, None] = {}
    cards = []
    for card, result in zip(answer["results"], found.results, strict=True):
        why = matched(result.record, read.read)
        marks.update(dict.fromkeys(why.words))
        caption = card["caption"]  # its second line is in sight only where there is no artist
        shown = " ".join((caption["lead"], caption["title"], caption["date"] if caption["lead"] else caption["second"]))
        elsewhere = bool(why.field) and not any(word in shown for word in why.words)
        line = {"label": titles.get(why.field, why.field.replace("_", " ").capitalize()), "parts": why.parts}
        cards.append(card | {"matched": line if elsewhere else None})
    said = {"by": "labels", "notes": words.notes(read), "marks": list(marks)}
    if alone(request, None) and found.index == words.INDEX:
        cards = [
            {name: value for name, value in card.items() if name not in ("similarity", "distance")} for card in cards
        ]
        account = f"Found in the labels in {present.milliseconds(found.timings_ms['search'])}" if read.total else ""
        answer = answer | {"headline": _headline(read.total, dataset.kind, dataset.title), "account": account}
    return answer | {"confidence": None, "results": cards, "words": said}


def readiness(engine: "Engine", address: str) -> Json:
    """Return {"reason", "other"}: why not by meaning in a gallery, and a gallery of the same pictures that can."""
    from core.search import words

    reason, other = words.why_not_by_meaning(engine, address)
    return {"reason": reason, "other": other}


def _headline(total: int, kind: str, title: str) -> str:
    return f"{total:,} {present.noun(kind, total)} in {title}" if total else f"Nothing found in {title}"
