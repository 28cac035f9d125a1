"""Measuring the curves of a gallery: every index that is built, and IVFPQ with codes of other lengths.

What is finished is kept after each index, so that a measurement can be stopped and continued, and an index that was
built again is measured again alone. Queries are stored vectors, each left out of its own answer; the truth is a
comparison with all vectors. Everything runs in one thread.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import Timeout
from threadpoolctl import threadpool_limits

from core import indexes
from core.errors import DamagedFileError, NotPreparedError, StaleError, UnavailableError
from core.evaluation import curves as curves_file
from core.evaluation.curve_points import Questions, point
from core.evaluation.curves import Curve, Curves, Point, folder_of, key_of, variant_folder
from core.evaluation.index_building import Candidate, build
from core.evaluation.sweeps import Knobs, series, variants
from core.features import FeatureStore
from core.indexes import Index
from core.search import parse_address
from core.search.galleries import provenance, searchable
from core.settings import Address, Settings
from core.storage import MANIFEST, Generations, digest, lock, read_json
from core.types import Progress, no_progress

QUERIES = 200
_STEPS = 20  # in which progress counts one index: a quarter for building it
_BUILDING = 5
_WARMING = 256  # vectors: as many as the largest codebook of a sub-quantizer has entries
_LIKE_VARIANTS = 8  # indexes that take as long as the variants of IVFPQ, which have more settings
_log = logging.getLogger(__name__)


def measure(
    address: Address | str,
    settings: Settings,
    *,
    only: Sequence[str] | None = None,
    queries: int = QUERIES,
    rebuild: bool = False,
    progress: Progress = no_progress,
) -> Curves:
    """Measure what has not been measured yet of a gallery, keep it, and return all there is.

    Args:
        only: keys (`key_of`): names of indexes, or of variants such as "ivfpq-32"; None for all.
        queries: how many stored vectors to search with; another number measures everything again.
        rebuild: measure again what is there, too.

    Raises:
        UnknownNameError, NotPreparedError: there is no such gallery, index or variant, or it has no features.
        UnavailableError: it has fewer than two pictures.
        StorageError, Cancelled: what is finished is kept.
    """
    chosen = address if isinstance(address, Address) else parse_address(address, settings)
    store, ready = searchable(chosen, settings)
    if len(store) < 2:
        raise UnavailableError(f"{chosen} has {len(store)} pictures; measuring recall needs at least 2")
    plan = _plan(store.dim, ready, only)
    folder = folder_of(chosen, settings)
    try:
        with lock(folder / ".lock", timeout_s=0), threadpool_limits(1):
            found = _begin(chosen, store, settings, min(queries, len(store)), rebuild=rebuild)
            return _all(found, plan, chosen, store, settings, progress, rebuild=rebuild)
    except Timeout:
        raise UnavailableError(f"{chosen} is being measured by another process; wait until it has ended") from None


def current(curves: Curves, address: Address, settings: Settings) -> Curves:
    """Return the curves without those of indexes that were built again, or removed, since they were measured."""
    return replace(
        curves,
        curves={
            key: curve
            for key, curve in curves.curves.items()
            if curve.is_variant or curve.stamp == _own_stamp(address, curve.index, settings)
        },
    )


def planned(dim: int, ready: Sequence[str]) -> list[str]:
    """Return the keys of all curves that a gallery of D dimensions with these indexes should have."""
    return [key_of(one.name, one.params) for one in _plan(dim, ready, None)]


def seconds_expected(count: int, dim: int, n_indexes: int) -> float:
    """Return about how long measuring takes, from the processor time that it took on a two-core machine.

    174 x 1280 with 14 indexes took 10 s, and 9,800 x 160 with 14 indexes took 48 s.
    """
    return (n_indexes + _LIKE_VARIANTS) * (0.17 + count * dim / 7.8e5)


def _plan(dim: int, ready: Sequence[str], only: Sequence[str] | None) -> list[Candidate]:
    everything = [*(Candidate(name) for name in ready), *variants(dim)]
    if only is None:
        return everything
    by_key = {key_of(one.name, one.params): one for one in everything}
    for key in only:
        if key not in by_key:
            indexes.describe(key.rpartition("-")[0] if key.rpartition("-")[2].isdecimal() else key)
            raise NotPreparedError(f"there is no index {key} here to measure; there are: {', '.join(by_key)}")
    return [by_key[key] for key in dict.fromkeys(only)]


def _begin(address: Address, store: FeatureStore, settings: Settings, queries: int, *, rebuild: bool) -> Curves:
    """Return the curves to go on with: those on disk, if they are of these features."""
    built_from = provenance(store)
    try:
        known = curves_file.read(address, settings, built_from)
        if known.queries == queries:
            return known
    except (NotPreparedError, StaleError):
        pass
    except DamagedFileError as error:
        if not rebuild:
            raise
        _log.warning("%s; it is replaced", error)
    shutil.rmtree(variant_folder(address, settings, ""), ignore_errors=True)  # of other features
    return Curves(str(address), built_from, len(store), store.dim, queries)


def _all(
    found: Curves,
    plan: Sequence[Candidate],
    address: Address,
    store: FeatureStore,
    settings: Settings,
    progress: Progress,
    *,
    rebuild: bool,
) -> Curves:
    questions: Questions | None = None
    what = f"measuring {address.dataset}"
    for at, candidate in enumerate(plan):
        key = key_of(candidate.name, candidate.params)
        progress(_STEPS * at, _STEPS * len(plan), f"{what}: {key}")
        stamp = _stamp(address, candidate, store, settings)
        known = found.curves.get(key)
        if known is not None and known.stamp == stamp and not rebuild:
            continue
        if questions is None:
            questions = Questions.of(store.vectors, store.ids, found.queries)

        def report(step: int, doing: str, at: int = at) -> None:
            progress(_STEPS * at + step, _STEPS * len(plan), f"{what}: {doing}")

        found = found.with_curve(key, _curve(key, candidate, stamp, questions, address, store, settings, report))
        curves_file.write(address, settings, found)
    progress(_STEPS * len(plan), _STEPS * len(plan), what)
    return found


def _curve(
    key: str,
    candidate: Candidate,
    stamp: str,
    questions: Questions,
    address: Address,
    store: FeatureStore,
    settings: Settings,
    report: Callable[[int, str], None],
) -> Curve:
    """Build one index for the time that takes, and measure the gallery's own, or for a variant the one just built."""
    blank = Curve(candidate.name, dict(candidate.params), stamp)
    try:
        report(0, f"{key}, building")
        build(candidate, store.vectors[:_WARMING])  # loads and compiles what is timed below
        index, seconds = build(candidate, store.vectors, ids=store.ids)
        if candidate.params:
            index.save(variant_folder(address, settings, key), built_from=provenance(store))
        else:
            index = indexes.load(_generation(address, candidate.name, settings), built_from=provenance(store))
    except UnavailableError as error:
        return replace(blank, reason=str(error))
    index.threads = 1
    points: list[Point] = []
    planned = list(series(index))
    total, done = sum(map(len, planned)), 0
    for settings_of_one in planned:
        measured: list[Point] = []
        for at, knobs in enumerate(settings_of_one):
            doing = ", ".join([key, *(f"{name} {value:g}" for name, value in knobs.items())])
            report(_BUILDING + (_STEPS - _BUILDING) * (done + at) // total, doing)
            measured.append(point(index, knobs, questions, store.vectors, store.ids, _nbytes(index, knobs)))
            if len(measured) > 2 and measured[-1].recall == measured[-2].recall == measured[-3].recall:
                break  # it has found all that it can
        done += len(settings_of_one)
        points += measured
    return replace(blank, build_s=seconds, points=points)


def _nbytes(index: Index, knobs: Knobs) -> int:
    """Return the memory that a setting needs: without re-ranking none of the vectors that are stored for it."""
    spare = getattr(index, "store", None) if not knobs.get("n_rerank") else None
    if spare is None:
        return index.nbytes
    stored = spare.encode(np.zeros((1, index.dim), np.float32))
    return index.nbytes - len(index) * int(stored.nbytes) - int(spare.low.nbytes + spare.step.nbytes)


def _stamp(address: Address, candidate: Candidate, store: FeatureStore, settings: Settings) -> str:
    """Return what changes when the index is another one."""
    if candidate.params:
        return digest(candidate.name, candidate.params, provenance(store))
    return _own_stamp(address, candidate.name, settings)


def _own_stamp(address: Address, name: str, settings: Settings) -> str:
    """Return the digest of the files of a gallery's own index; empty when there is none."""
    folder = Generations(address.index(settings, name)).current()
    if folder is None:
        return ""
    manifest = read_json(folder / MANIFEST)
    return digest(manifest["params"], manifest["files"])


def _generation(address: Address, name: str, settings: Settings) -> Path:
    """Return the folder of an index that was said to be ready.

    Raises:
        NotPreparedError: it has been removed meanwhile.
    """
    current = Generations(address.index(settings, name)).current()
    if current is None:
        raise NotPreparedError(f"{address} has no index {name} any more; run: python -m core index {address}")
    return current
