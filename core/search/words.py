"""Searching with words: in the text of the pictures, or by meaning, alone or together with a picture.

In the labels (always possible, offline): the words narrow, the picture ranks. Without a picture the results are those
whose text has the words, by relevance; with one they are the same pictures by their similarity to it. `where` may hold
the words under `WORDS`, and so do they combine with filters, pluses and minuses.

By meaning (with an encoder that understands words): the words become a vector beside those of pictures. Together with
a picture the query is (1 - mix) * picture + mix * spread * words, with the words' vector scaled by the ratio of the
spreads (standard deviations) of both similarities over the gallery: similarities to a sentence lie much closer together
than those to a picture, so that without it even a small share of the picture would decide alone. At mix 0.5 both move
the ranking alike.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.arrays import as_count
from core.datasets.catalog import WORDS
from core.encoders import texts
from core.errors import UnavailableError
from core.search.outcome import Result, SearchOutcome
from core.search.query import Query
from core.types import Json, Vectors

LABELS, MEANING = "labels", "meaning"

if TYPE_CHECKING:
    from core.datasets.word_index import WordsFound
    from core.search.engine import Engine

INDEX = "words"  # what an outcome says instead of the name of an index
MOST_CHARACTERS = 10_000
_SAMPLE = 2_000  # vectors of the gallery from which spreads are measured


def search(
    engine: "Engine",
    address: str,
    text: str,
    query: Query | None = None,
    *,
    by: str = LABELS,
    mix: float = 0.5,
    k: int = 20,
    index: str | None = None,
    where: Mapping[str, Any] | None = None,
    knobs: Mapping[str, int | float] | None = None,
) -> SearchOutcome:
    """Search with words, and a picture where there is one; the other arguments are those of `Engine.search`.

    Args:
        text: words to find in the labels, or a sentence to find by meaning.
        by: LABELS or MEANING, which of the two.
        mix: weight of the words against the picture, 0..1; only by meaning.

    Raises:
        ValueError: `by` is neither; more as `by_labels` and `meaning` say.
    """
    if by not in (LABELS, MEANING):
        raise ValueError(f"words are searched by labels or by meaning, got {by!r}")
    if by == LABELS and query is None:
        return by_labels(engine, address, text, k=k, where=where)
    if by == LABELS and query is not None:
        return engine.search(
            address, query, k=k, index=index, where={**(where or {}), WORDS: checked(text)}, knobs=knobs
        )
    started = time.perf_counter()
    query = meaning(engine, address, text, query, mix=mix)
    encode_ms = 1000 * (time.perf_counter() - started)
    outcome = engine.search(address, query, k=k, index=index, where=where, knobs=knobs)
    return replace(outcome, timings_ms={**outcome.timings_ms, "encode": encode_ms})


def by_labels(
    engine: "Engine", address: str, text: str, *, k: int = 20, where: Mapping[str, Any] | None = None
) -> SearchOutcome:
    """Return the k pictures whose text fits the words best; similarity and distance are nan, as nothing is compared.

    Raises:
        ValueError: an unknown field, or more than MOST_CHARACTERS characters.
        UnknownNameError, NotPreparedError: there is no such gallery.
        UnavailableError: this Python's SQLite has no full-text search.
    """
    info = engine.gallery(address)
    catalog = engine.dataset(address).catalog
    started = time.perf_counter()
    found = catalog.search_words(checked(text), where or {}, as_count(k, what="k"))
    spent_ms = 1000 * (time.perf_counter() - started)
    records = catalog.records(found.ids.tolist())
    return SearchOutcome(
        gallery=info.address,
        encoder=info.encoder,
        index=INDEX,
        timings_ms={"decode": 0.0, "encode": 0.0, "search": spent_ms},
        n_searched=found.total,
        results=[
            Result(rank, record.image_id, record.path, math.nan, math.nan, record)
            for rank, record in enumerate(records, start=1)
        ],
    )


def understood(engine: "Engine", address: str, text: str, where: Mapping[str, Any] | None = None) -> "WordsFound":
    """Return how the words are read in a gallery, and how many pictures have them; `ids` holds at most one."""
    others = {name: value for name, value in (where or {}).items() if name != WORDS}
    return engine.dataset(address).catalog.search_words(checked(text), others, 1)


def meaning(engine: "Engine", address: str, text: str, query: Query | None = None, *, mix: float = 0.5) -> Query:
    """Return the query that finds pictures by the meaning of a sentence, mixed with a picture where there is one.

    Args:
        text: what the picture shows.
        query: a picture, also a steered one: its pluses and minuses count with it.
        mix: weight of the words, 0..1; without a picture it does not matter.

    Raises:
        ValueError: an empty text, a mix outside 0..1, or a sum that is zero.
        UnavailableError: the gallery's encoder does not understand words, or its weights are not here.
        StaleError: the gallery was encoded with other weights.
    """
    if not 0 <= mix <= 1:
        raise ValueError(f"mix must be within 0..1, got {mix}")
    if not checked(text).strip():
        raise ValueError("say in words what the picture shows")
    info = engine.gallery(address)
    if info.encoder not in texts.understanding():
        raise UnavailableError(why_not_by_meaning(engine, address)[0])
    encoder = engine.texts.get(info.encoder, None, lambda: texts.load_text(info.encoder, engine.settings))
    store = engine.vectors(address)
    store.require_encoder(encoder.fingerprint)
    sentence: Vectors = encoder.encode([text])[0]
    if query is None:
        return Query.vector(sentence)
    picture = engine.encode(address, query)
    scaled = sentence * spread_ratio(store.vectors, picture, sentence)
    mixed = Query.vector((1 - mix) * picture + mix * scaled)
    steering = replace(query.steering, also=(), plus=(), minus=())  # they are in the vector already
    return replace(mixed, steering=steering, pictured=query)


def why_not_by_meaning(engine: "Engine", address: str) -> tuple[str, str]:
    """Return why a gallery cannot be searched by meaning and what to do, or nothing; and the address of one that can.

    The second is another gallery of the same pictures whose encoder understands words, or empty.
    """
    info = engine.gallery(address)
    reason = texts.why_not(info.encoder)
    if info.encoder in texts.understanding() or not reason:
        return reason, ""
    for name in texts.understanding():
        other = f"{info.dataset}@{name}"
        if any(entry.address == other and entry.ready for entry in engine.galleries()):
            return f"{other} understands words", other
    name = texts.understanding()[0]
    missing = texts.why_not(name)
    run = f"python -m core index {info.dataset}@{name}"
    steps = f"{missing}; then run: {run}" if missing else f"run: {run}"
    return f"the network of this gallery knows pictures, but no words. {name} knows both: {steps}", ""


def spread_ratio(vectors: Vectors, picture: Vectors, sentence: Vectors) -> float:
    """Return how many times as much similarities to the picture vary over a gallery as those to the sentence."""
    sample = vectors[:: max(1, len(vectors) // _SAMPLE)]  # (n, D)
    to_picture, to_sentence = (float(np.std(sample @ one)) for one in (picture, sentence))
    return to_picture / to_sentence if to_picture > 0 and to_sentence > 1e-9 else 1.0


def checked(text: str) -> str:
    """Return the text.

    Raises:
        ValueError: it has more than MOST_CHARACTERS characters.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"words may have {MOST_CHARACTERS:,} characters, got {len(text):,}")
    return text


def to_json(text: str, by: str, found: "WordsFound | None") -> Json:
    """Return what a program should know about the words beside the results."""
    read = [{"typed": word.typed, "read_as": list(word.terms), "how": word.how} for word in found.read] if found else []
    return {"text": text, "by": by, "read": read, "notes": notes(found) if found else []}


def notes(found: "WordsFound") -> list[str]:
    """Return what a person should know about how the words were read: one sentence each, none when all is plain."""
    if not found.read:
        return ["There is no word in this: type letters or digits."]
    said = [
        f"“{shortened(word.typed)}” does not occur here; looked for {_either(word.terms)}."
        for word in found.read
        if word.how == "mistyped"
    ]
    absent = [shortened(word.typed) for word in found.read if word.how == "absent"]
    if absent:
        said.append(f"{_either(absent, 'and')} {'does' if len(absent) == 1 else 'do'} not occur here.")
    if found.total and not found.every:
        said.append("No picture has all of these words; these have some of them.")
    if found.left_out:
        said.append(f"Only the first {len(found.read)} words were used.")
    return said


def shortened(text: str, most: int = 40) -> str:
    """Return a text of at most `most` characters, with an ellipsis where some are left out."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _either(terms: Sequence[str], last: str = "or") -> str:
    quoted = [f"“{term}”" for term in terms[:4]] + ([f"{len(terms) - 4} more"] if len(terms) > 4 else [])
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"
