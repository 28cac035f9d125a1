"""How sure the best match is, in the words of `core.search.calibrate`; each gallery is measured once."""

import math
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING

from core.types import Json

if TYPE_CHECKING:
    from core.features import FeatureStore
    from core.search import Engine, SearchOutcome
    from core.search.calibrate import Calibration

_AT_ONCE = 5_000  # vectors that are measured before answering; more are measured in the background
_MOST = 200_000  # vectors that are measured at all


class Calibrations:
    """Keeps the calibration of each gallery's current features. Safe for concurrent callers."""

    def __init__(self) -> None:
        self._known: dict[Path, Calibration] = {}
        self._measuring: set[Path] = set()
        self._lock = Lock()
        self._one_by_one = Lock()

    def of(self, engine: "Engine", outcome: "SearchOutcome", query_id: int | None) -> Json | None:
        """Return {"is_match", "percentile", "sentence"} of the best result that is not among the query.

        Returns None where there is no such result, where a filter left too little to expect a match in, and while a
        large gallery is being measured.
        """
        asked = {query_id, *outcome.steering.plus, *(one.image_id for one in outcome.steering.also)}
        others = [result for result in outcome.results if result.image_id not in asked]
        best = max(others, key=lambda result: result.similarity, default=None)  # steered results have another order
        store = engine.vectors(outcome.gallery)
        if best is None or outcome.n_searched < len(store) or len(store) > _MOST:
            return None
        known = self._calibration(store)
        if known is None:
            return None
        found = known.of(best.similarity)
        return {"is_match": found.is_match, "percentile": found.percentile, "sentence": found.sentence}

    def known(self, engine: "Engine", address: str) -> "Calibration | None":
        """Return a gallery's calibration; None for one that is too large, and while a large one is being measured."""
        store = engine.vectors(address)
        return self._calibration(store) if len(store) <= _MOST else None

    def percentiles(self, engine: "Engine", outcome: "SearchOutcome") -> list[float | None]:
        """Return, for each result, the share of the gallery's random pairs that are less alike, 0..100, if known."""
        known = self.known(engine, outcome.gallery)
        if known is None or not len(known.pairs):
            return [None] * len(outcome.results)
        return [None if math.isnan(one.similarity) else known.of(one.similarity).percentile for one in outcome.results]

    def is_measuring(self, engine: "Engine", address: str) -> bool:
        """Say whether a large gallery is being measured right now, so that asking again soon is worth while."""
        return engine.vectors(address).folder in self._measuring

    def _calibration(self, store: "FeatureStore") -> "Calibration | None":
        known = self._known.get(store.folder)
        if known is not None:
            return known
        if len(store) <= _AT_ONCE:
            with self._one_by_one:  # who asks meanwhile waits for the same answer
                return self._known.get(store.folder) or self._measure(store)
        with self._lock:
            if store.folder in self._measuring:
                return None
            self._measuring.add(store.folder)
        Thread(target=self._measure, args=(store,), daemon=True).start()
        return None

    def _measure(self, store: "FeatureStore") -> "Calibration":
        from core.search.calibrate import calibrate

        measured = calibrate(store.vectors)
        with self._lock:
            self._known[store.folder] = measured
            self._measuring.discard(store.folder)
        return measured
