"""The recall dial: what a setting does to one query beside the exact answer, and making a setting the gallery's.

The measured curves say what a setting does on average; a single query may fare better or worse.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core import indexes
from core.errors import NotPreparedError, StaleError, UnavailableError
from core.evaluation.curve_points import Questions, shares_found, single_query_ms
from core.evaluation.curves import Curve, Point, key_of, variant_folder
from core.evaluation.index_building import Candidate, build
from core.features import FeatureStore
from core.indexes import Index
from core.search import Engine, Query, parse_address
from core.search.galleries import provenance
from core.search.loaded import Loaded
from core.settings import Settings
from core.storage import MANIFEST, Generations, lock, read_json
from core.types import Json, Progress, no_progress


@dataclass(frozen=True)
class Reading:
    """What a setting did to one query.

    Attributes:
        recall: k -> share of the k true neighbours that are among the k found, the query itself left out.
        search_ms: of the index alone, the quicker of two.
        exact_ms: of comparing with every vector.
    """

    recall: dict[int, float]
    search_ms: float
    exact_ms: float

    def to_json(self) -> Json:
        """Return it as JSON."""
        return {"recall": self.recall, "search_ms": self.search_ms, "exact_ms": self.exact_ms}


class Dial:
    """Reads settings of one engine's galleries; keeps what it opened. Safe for concurrent callers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._variants: Loaded[str, Index] = Loaded()

    def read(self, address: str, query: Query, curve: Curve, knobs: Mapping[str, int | float]) -> Reading:
        """Search with a setting and compare with the exact answer, over the whole gallery.

        Raises:
            UnknownNameError, NotPreparedError, StaleError, DamagedFileError, ImageError: as for a search.
            UnavailableError: the gallery has fewer than two pictures.
            TypeError, ValueError: knobs that the index does not have, or out of range.
        """
        store = self.engine.vectors(address)
        if len(store) < 2:
            raise UnavailableError(f"{address} has {len(store)} pictures; comparing needs at least 2")
        index = self._index(address, curve, store)
        vector = np.ascontiguousarray(self.engine.encode(address, query)[None])
        own = query.image_id if query.kind == "stored" and query.is_whole and query.image_id is not None else -1
        questions = Questions.about(vector, np.array([own], np.int64), store.vectors, store.ids)
        flat = self._exact(address)
        return Reading(
            recall={k: float(shares_found(index, knobs, questions, store.vectors, store.ids, k)[0])
                    for k in questions.thresholds},
            search_ms=float(single_query_ms(index, knobs, vector)[0]),
            exact_ms=float(single_query_ms(flat, {}, vector)[0]),
        )  # fmt: skip

    def _index(self, address: str, curve: Curve, store: FeatureStore) -> Index:
        if not curve.is_variant:
            return self.engine.load_index(address, curve.index)
        chosen = parse_address(address, self.engine.settings)
        key = key_of(curve.index, curve.params)
        folder = variant_folder(chosen, self.engine.settings, key)
        built_from = provenance(store)
        command = f"python -m core bench curves {chosen} --index {key} --rebuild"
        if not (folder / MANIFEST).is_file():
            raise NotPreparedError(f"the index {key} of {chosen} is not kept any more; run: {command}")
        return self._variants.get(
            f"{folder}", (curve.stamp, store.state), lambda: indexes.load(folder, built_from=built_from)
        )

    def _exact(self, address: str) -> Index:
        """Return an index that compares with all: the gallery's own, or one made of its features."""
        with contextlib.suppress(NotPreparedError, StaleError):
            return self.engine.load_index(address, "flat")
        store = self.engine.vectors(address)
        return self._variants.get(
            f"{store.folder}",
            store.state,
            lambda: indexes.create("flat", store.dim).add(store.vectors, store.ids),
        )


def adopt(gallery: str, curve: Curve, point: Point, settings: Settings, progress: Progress = no_progress) -> bool:
    """Let a gallery's own index have the parameters of a measured setting; return whether it had to be built.

    A variant becomes the gallery's index of that name, with vectors for re-ranking only if the setting re-ranks. To
    have the index as it was: `python -m core index GALLERY --index NAME --rebuild`.

    Raises:
        UnknownNameError, NotPreparedError, UnavailableError, StorageError, Cancelled: the index is as it was.
    """
    if not curve.is_variant:
        return False
    address = parse_address(gallery, settings)
    store = FeatureStore.open(address, settings)
    params = {**curve.params, "store": curve.params.get("store") if point.knobs.get("n_rerank") else None}
    folder = address.index(settings, curve.index)
    what = f"building {curve.index} of {address.dataset}"
    with lock(folder / ".build.lock"):
        before = Generations(folder).current()
        if before is not None:
            manifest = read_json(before / MANIFEST)
            if manifest["built_from"] == provenance(store) and params.items() <= manifest["params"]["params"].items():
                return False
        progress(0, None, what)
        index, _ = build(Candidate(curve.index, params), store.vectors, ids=store.ids)
        progress(1, None, what)
        with Generations(folder).new() as generation:
            index.save(generation, built_from=provenance(store))
    return True
