"""How sure the best match is, in the words of `core.search.calibrate`; each gallery is measured once."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from core.types import Json

if TYPE_CHECKING:
    from core.search import Engine, SearchOutcome
    from core.search.calibrate import Calibration

_MOST_VECTORS = 50_000  # measuring more would take longer than a person waits


class Calibrations:
    """Keeps the calibration of each gallery's current features. Safe for concurrent callers."""

    def __init__(self) -> None:
        self._known: dict[Path, Calibration] = {}
        self._lock = Lock()

    def of(self, engine: "Engine", outcome: "SearchOutcome", query_id: int | None) -> Json | None:
        """Return {"is_match", "percentile", "sentence"} of the best result that is not the query itself.

        Returns None where there is no such result, or where a filter left too little to expect a match in, or the
        gallery is too large to be measured in passing.
        """
        from core.search.calibrate import calibrate

        best = next((result for result in outcome.results if result.image_id != query_id), None)
        store = engine.vectors(outcome.gallery)
        if best is None or outcome.n_searched < len(store) or len(store) > _MOST_VECTORS:
            return None
        with self._lock:
            if store.folder not in self._known:
                self._known[store.folder] = calibrate(store.vectors)
            found = self._known[store.folder].of(best.similarity)
        return {"is_match": found.is_match, "percentile": found.percentile, "sentence": found.sentence}
