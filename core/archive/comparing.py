"""A gallery's archive beside its indexes: what the 16-byte codes of a .pent file find for the same query."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UnavailableError
from core.indexes.effort import Effort
from core.search import Engine, Query
from core.search.compare import Column, Comparison, column_beside, compare
from core.search.loaded import Loaded
from core.search.lost import ordinal
from core.search.misses import Miss, missed_by
from core.settings import Address
from core.types import Codes, Vectors

if TYPE_CHECKING:
    from core.archive.search_codes import SearchCoder

ARCHIVE = "archive-codes"
SUMMARY = "The 16-byte codes that a .pent archive keeps of each picture, all of them compared; no vectors."
_REPEATS = 3


class GalleryCodes:
    """The search codes of galleries, made once for each generation of features. Safe for concurrent callers."""

    def __init__(self) -> None:
        self._known: Loaded[str, tuple[SearchCoder, Codes]] = Loaded()

    def compare(
        self,
        engine: Engine,
        address: str,
        query: Query,
        *,
        k: int = 10,
        names: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        knobs: Mapping[str, Mapping[str, int | float]] | None = None,
    ) -> Comparison:
        """Do what `core.search.compare.compare` does; `names` may hold "archive-codes", and None includes it.

        Raises:
            UnknownNameError, NotPreparedError, ImageError, ValueError: as there.
        """
        chosen = None if names is None else [name for name in names if name != ARCHIVE]
        found = compare(engine, address, query, k=k, names=chosen, where=where, knobs=knobs)
        if names is not None and ARCHIVE not in names:
            return found
        columns = list(found.columns)
        columns.insert(len(columns) if names is None else list(names).index(ARCHIVE), self._column(engine, found))
        return replace(found, columns=columns)

    def _column(self, engine: Engine, found: Comparison) -> Column:
        try:
            coder, codes = self._codes(engine, found.gallery)
        except UnavailableError as error:
            return Column(ARCHIVE, SUMMARY, reason=str(error))
        store = engine.vectors(found.gallery)
        rows = store.row_of(found.ids)
        some = codes if len(rows) == len(codes) else codes[rows]
        ids = store.ids if len(rows) == len(codes) else found.ids
        best_ms = np.inf
        for _ in range(_REPEATS):
            started = time.perf_counter()
            similarities = coder.similarities(found.vector, some)
            order = np.lexsort((ids, -similarities))[: found.k]
            best_ms = min(best_ms, 1000 * (time.perf_counter() - started))
        return column_beside(
            found, engine, ARCHIVE, SUMMARY, ids[order], 2 - 2 * similarities[order], search_ms=float(best_ms),
            nbytes=codes.nbytes + len(coder.data), effort=Effort(codes=len(some)),
        )  # fmt: skip

    def explain(
        self, engine: Engine, found: Comparison, *, where: Mapping[str, Any] | None = None
    ) -> dict[str, list[Miss]]:
        """Return what each column of a comparison missed, and what it was lost to.

        Args:
            where: the conditions that were compared with.
        """
        told = {}
        for column in found.columns:
            if not column.missed:
                continue
            if column.index == ARCHIVE:
                told[ARCHIVE] = self.misses(engine, found.gallery, found.vector, column.missed, k=found.k, where=where)
                continue
            told[column.index] = missed_by(
                engine, found.gallery, column.index, found.vector, column.missed, k=found.k, where=where,
                knobs=column.knobs,
            )  # fmt: skip
        return told

    def misses(
        self,
        engine: Engine,
        address: str,
        vector: Vectors,
        missed: Sequence[int],
        *,
        k: int,
        where: Mapping[str, Any] | None = None,
    ) -> list[Miss]:
        """Return why the codes alone missed true neighbours; arguments as of `core.search.misses.missed_by`.

        Raises:
            UnavailableError: no codebook for the gallery's encoder comes with the program.
        """
        coder, codes = self._codes(engine, engine.gallery(address).address)
        store, allowed = engine.vectors(address), engine.allowed(address, where)
        distances = 2 - 2 * coder.similarities(vector, codes)
        seen = np.sort(distances if allowed is None else distances[store.row_of(allowed)])
        cutoff = float(seen[min(k, len(seen)) - 1])
        answers = []
        for image, own in zip(missed, distances[store.row_of(np.array(missed, np.int64))].tolist(), strict=True):
            place = int((seen <= own).sum())
            sentence = (
                f"its 16-byte code is {own - cutoff:.4f} beyond the cut-off of {cutoff:.4f}, "
                f"the {ordinal(place)} nearest of {len(seen)}"
            )
            numbers = {"unit": "distance", "distance": own, "cutoff": cutoff, "place": place, "n_kept": k}
            answers.append(Miss(image, "code", sentence, numbers))
        return answers

    def _codes(self, engine: Engine, address: str) -> tuple["SearchCoder", Codes]:
        """Return the codebook for a gallery and the (N, 16) codes of its pictures, by row.

        Raises:
            UnavailableError: no codebook for its encoder comes with the program.
        """
        from core.archive.search_codes import shipped_search_coder  # compiles kernels: not before they are needed

        store = engine.vectors(address)

        def made() -> tuple["SearchCoder", Codes]:
            encoder = Address(*address.split("@")).encoder
            coder = shipped_search_coder(encoder)
            if coder is None or coder.dim != store.dim:
                raise UnavailableError(
                    f"no codebook for {encoder} comes with the program; an archive of this gallery would learn its own"
                )
            return coder, coder.encode(store.vectors)

        stamp: Path = store.folder
        return self._known.get(address, stamp, made)
