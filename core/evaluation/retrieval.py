"""How well a gallery's search finds pictures of the same label: the protocol, and all its figures.

Asked with: fold 0 (or the official test split). Searched: folds 1 to 4. The query and its exact duplicates never count.
Held-out against held-out pictures is measured as well, since a trained encoder has seen the database's labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import datasets, encoders
from core.datasets.base import ImageRecord
from core.datasets.folds import part_of
from core.errors import RetrievalError
from core.evaluation import metrics, pairs
from core.evaluation.bootstrap import bootstrap_interval
from core.evaluation.metrics import PerQuery
from core.evaluation.ranking import Ranking, n_ignored, rank
from core.features import FeatureStore
from core.indexes import Index
from core.search.engine import Engine
from core.search.prepare import prepare_gallery
from core.settings import Settings
from core.types import Ids, Json, Progress, Vectors, no_progress

PROTOCOL = (
    "queries: fold 0, database: folds 1 to 4 (sha256 of the published file name modulo 5), or the official test and "
    "training splits; the query and its exact duplicates never counted"
)
_AT = 10
_BATCH = 256


class NothingToMeasureError(RetrievalError):
    """There are no labels, no queries or no database."""


@dataclass(frozen=True)
class Options:
    """What to measure and how.

    Attributes:
        field: "label" or one of the set's own fields; values of several labels are joined by `|`.
        group: field whose equal values stay in one part, and whose queries are resampled together.
        k: depth of mAP@k, precision@k and recall@k beside those at 10.
        min_class: classes with fewer pictures in the database are neither asked with nor searched.
        limit: queries at most, drawn at random; 0: all.
        earlier: also measure as the earlier projects did: every picture is a query and counts as its own hit.
        queries_from: another gallery of the same encoder whose pictures ask, all of them.
    """

    field: str = "label"
    group: str = ""
    k: int = 100
    min_class: int = 2
    limit: int = 0
    seed: int = 0
    earlier: bool = False
    queries_from: str = ""


@dataclass(frozen=True)
class Judged:
    """One comparison of queries with a database.

    Attributes:
        queries: (Q,) rows of the labelled pictures.
        values: measure -> (Q,) one value for each query.
        predicted: (Q,) class by the majority of ten, -1 for none.
    """

    queries: Ids
    ranking: Ranking
    values: dict[str, PerQuery]
    predicted: Ids


@dataclass(frozen=True)
class Report:
    """All figures of a gallery.

    Attributes:
        main: fold 0 against folds 1 to 4.
        facts: the JSON form, see `evaluate`.
        records: (N,) the labelled pictures, whose rows `main` speaks of.
        classes: names of the classes by number.
        labels: (N,) class numbers.
    """

    main: Judged
    facts: Json
    records: list[ImageRecord]
    classes: list[str]
    labels: Ids


@dataclass(frozen=True)
class _Labelled:
    records: list[ImageRecord]
    vectors: Vectors
    ids: Ids
    labels: Ids
    classes: list[str]
    hot: NDArray[np.bool_] | None  # (N, L) where pictures have several labels
    groups: Ids
    parts: NDArray[np.str_]
    clusters: Ids | None

    @property
    def relevance(self) -> NDArray[np.generic]:
        return self.labels if self.hot is None else self.hot


def evaluate(
    address: str, settings: Settings, index: str, options: Options | None = None, progress: Progress = no_progress
) -> Report:
    """Measure a gallery's index; features and the index are made first if they are missing.

    Raises:
        NothingToMeasureError: there are no labels, no queries or no database.
        UnavailableError: the index cannot be built for this gallery.
    """
    options = options or Options()
    prepare_gallery(address, settings, indexes=[index], progress=progress)
    engine = Engine(settings)
    full = engine.gallery(address).address
    searcher = engine.load_index(full, index)
    here = _labelled(full, engine.vectors(full), settings, options)
    rng, protocol = np.random.default_rng(options.seed), PROTOCOL
    if options.queries_from:
        here, queries, database = _joined(here, options, engine, settings)
        protocol = f"queries: all of {options.queries_from}, database: all of {full}; duplicates never counted"
    else:
        queries, database = np.flatnonzero(here.parts == "test"), np.flatnonzero(here.parts != "test")
    for part, rows in (("test", queries), ("training", database)):
        if not len(rows):
            raise NothingToMeasureError(f"no picture of {full} is in the {part} part; nothing can be measured")
    queries, database = _of_large_classes(here, queries, database, options.min_class)
    if not len(queries) or not len(database):
        raise NothingToMeasureError(
            f"{full} has {len(queries)} queries and {len(database)} pictures to search with classes of at least "
            f"{options.min_class}; nothing can be measured"
        )
    if here.hot is None and len(set(here.labels[database])) < 2:
        raise NothingToMeasureError(f"all pictures of {full} that are searched have one label; any answer is right")
    if options.limit and len(queries) > options.limit:
        queries = np.sort(rng.choice(queries, options.limit, replace=False))
    main = _judge(here, queries, database, searcher, options, progress)
    encoder = encoders.load(full.split("@")[1], settings)
    facts: Json = {
        "dataset": full.split("@")[0], "encoder": full.split("@")[1], "index": index, "protocol": protocol,
        "input_size": encoder.input_size, "field": options.field, "queries": len(queries), "database": len(database),
        "classes": len(here.classes), **_means(main), "interval_95": _intervals(main, here, rng),
    }  # fmt: skip
    held = np.flatnonzero(here.parts == "test")
    if not options.queries_from and len(held) > 1:
        facts["held_out"] = _means(_judge(here, queries, held, searcher, options, progress))
    facts |= _verification(here, queries, rng)
    facts["per_class"] = _per_class(here, main)
    if options.earlier:
        everything = np.arange(len(here.records))
        facts["as_earlier_projects"] = {
            "protocol": "every picture asked with and searched, the query counted as a hit",
            **_means(_judge(here, everything, everything, searcher, options, progress, count_the_query=True)),
        }
    return Report(main, facts, here.records, here.classes, here.labels)


def _labelled(address: str, store: FeatureStore, settings: Settings, options: Options) -> _Labelled:
    dataset = datasets.open(address.split("@")[0], settings)
    rows, records, words = [], [], []
    for record in dataset:
        value = record.label if options.field == "label" else str(record.fields.get(options.field) or "")
        row = int(store.row_of(np.array([record.image_id]))[0])
        if value and row >= 0:
            rows.append(row)
            records.append(record)
            words.append(value)
    if not records:
        known = ", ".join(["label", *(spec.name for spec in dataset.catalog.fields())])
        raise NothingToMeasureError(f"no picture of {address} has a value for {options.field!r}; there are: {known}")
    if options.group and not any(record.fields.get(options.group) for record in records):
        raise NothingToMeasureError(f"no picture of {address} has a value for {options.group!r}, the group")
    names, labels = np.unique(words, return_inverse=True)
    hot = None
    if any("|" in word for word in words):
        single = sorted({part for word in words for part in word.split("|")})
        hot = np.array([[part in word.split("|") for part in single] for word in names])[labels]
    _, groups = np.unique([record.sha256 for record in records], return_inverse=True)
    clusters = None
    if options.group:
        _, clusters = np.unique([str(record.fields.get(options.group)) for record in records], return_inverse=True)
    return _Labelled(
        records, np.asarray(store.vectors)[rows], store.ids[rows], labels.astype(np.int64), list(map(str, names)), hot,
        groups.astype(np.int64), np.array([part_of(record, options.group) for record in records]), clusters,
    )  # fmt: skip


def _joined(here: _Labelled, options: Options, engine: Engine, settings: Settings) -> tuple[_Labelled, Ids, Ids]:
    """Return both galleries' pictures in one numbering: those that ask come after those that are searched."""
    address = engine.gallery(options.queries_from).address
    other = _labelled(address, engine.vectors(address), settings, options)
    if other.vectors.shape[1] != here.vectors.shape[1]:
        raise ValueError(f"{address} must have the same encoder as the gallery that is searched")
    names, labels = np.unique(
        [a.classes[n] for a in (here, other) for n in a.labels], return_inverse=True
    )  # a class is the same in both where it has the same name
    _, groups = np.unique([record.sha256 for a in (here, other) for record in a.records], return_inverse=True)
    both = _Labelled(
        here.records + other.records, np.concatenate([here.vectors, other.vectors]),
        np.concatenate([here.ids, np.full(len(other.ids), -1)]), labels.astype(np.int64), list(map(str, names)), None,
        groups.astype(np.int64), np.concatenate([here.parts, other.parts]), None,
    )  # fmt: skip
    return both, np.arange(len(here.records), len(both.records)), np.arange(len(here.records))


def _of_large_classes(here: _Labelled, queries: Ids, database: Ids, least: int) -> tuple[Ids, Ids]:
    counts = np.bincount(here.labels[database], minlength=len(here.classes))
    large = counts[here.labels] >= least
    return queries[large[queries]], database[large[database]]


def _judge(
    here: _Labelled,
    queries: Ids,
    database: Ids,
    searcher: Index,
    options: Options,
    progress: Progress,
    *,
    count_the_query: bool = False,
) -> Judged:
    spare = 0 if count_the_query else n_ignored(here.groups, queries, database)
    sizes = np.bincount(here.labels[database], minlength=len(here.classes))
    deepest = int(sizes[here.labels[queries]].max()) if here.hot is None else len(database)
    depth = min(len(database), max(options.k, _AT, deepest))
    asked = min(len(database), depth + spare)
    allowed = here.ids[database]
    order = np.argsort(allowed)
    found = np.full((len(queries), asked), -1, dtype=np.int64)
    for start in range(0, len(queries), _BATCH):
        batch = queries[start : start + _BATCH]
        ids = searcher.search(here.vectors[batch], asked, allowed=allowed).ids
        at = np.minimum(np.searchsorted(allowed[order], ids), len(order) - 1)
        found[start : start + len(batch)] = np.where(ids >= 0, database[order[at]], -1)
        progress(start + len(batch), len(queries), "searching")
    depth = max(depth, _AT)
    ranking = rank(found, here.relevance, here.groups, queries, database, depth=depth, count_the_query=count_the_query)
    k = min(options.k, depth)
    hits, wanted = ranking.hits, ranking.n_relevant
    predicted = metrics.majority_of_k(np.where(ranking.rows >= 0, here.labels[ranking.rows], -1), _AT)
    values = {
        "precision_at_1": metrics.precision_at_k(hits, 1),
        "precision_at_10": metrics.precision_at_k(hits, _AT),
        f"precision_at_{k}": metrics.precision_at_k(hits, k),
        f"recall_at_{k}": metrics.recall_at_k(hits, k, wanted),
        f"map_at_{k}": metrics.average_precision_at_k(hits, k, wanted),
        "map_at_r": metrics.average_precision_at_r(hits, wanted),
        "r_precision": metrics.r_precision(hits, wanted),
        "accuracy_by_majority_of_10": (predicted == here.labels[queries]).astype(np.float64),
    }
    return Judged(queries, ranking, values, predicted)


def _means(judged: Judged) -> dict[str, float]:
    return {name: round(float(np.nanmean(values)), 5) for name, values in judged.values.items()}


def _intervals(judged: Judged, here: _Labelled, rng: np.random.Generator) -> dict[str, list[float]]:
    clusters = None if here.clusters is None else here.clusters[judged.queries]
    return {
        name: [round(bound, 5) for bound in bootstrap_interval(values, rng, groups=clusters, n_resamples=1000)]
        for name, values in judged.values.items()
        if np.isfinite(values).any()
    }


def _verification(here: _Labelled, queries: Ids, rng: np.random.Generator) -> dict[str, float]:
    scores, same = pairs.sample_pairs(here.vectors[queries], here.labels[queries], here.groups[queries], rng)
    if not same.any() or same.all():
        return {}
    return {
        "auc": round(pairs.area_under_curve(scores, same), 5),
        "eer": round(pairs.equal_error_rate(scores, same), 5),
    }


def _per_class(here: _Labelled, main: Judged) -> dict[str, Json]:
    classes: dict[str, Json] = {}
    for number, name in enumerate(here.classes):
        of = here.labels[main.queries] == number
        if of.any():
            shown: Sequence[str] = ("precision_at_10", "map_at_r", "accuracy_by_majority_of_10")
            classes[name] = {"queries": int(of.sum())} | {
                measure: round(float(np.nanmean(main.values[measure][of])), 5) for measure in shown
            }
    return classes
