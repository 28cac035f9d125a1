"""FAISS's indexes under our contract; the only file that imports FAISS.

M. Douze et al., "The Faiss library", 2024, https://arxiv.org/abs/2401.08281; https://github.com/facebookresearch/faiss

A segment's structure is a FAISS index whose ids are the segment's rows. Knobs and filters go with each call as FAISS's
search parameters, never into the shared index, so that callers with different knobs do not disturb each other.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes import exact, store
from core.indexes.base import Index, Knob, Mask, Rows, Segment
from core.indexes.effort import Effort
from core.indexes.trace import Trace, among
from core.types import Distances, Ids, Json, Vectors


def import_faiss() -> Any:
    """Import FAISS at its first use."""
    try:
        import faiss
    except ImportError as error:
        raise UnavailableError(f"FAISS is not installed ({error}); run: pip install faiss-cpu") from error
    return faiss


class FaissIndex(Index):
    """What all of FAISS's indexes share: building, searching and files."""

    keeps_vectors = False  # FAISS holds them, where they are kept at all
    filters = True
    scan_below = 0.03
    scan_rows = 1000

    def __init__(self, dim: int, **params: Any) -> None:
        super().__init__(dim, **params)
        self._template: Any = None if self.needs_training else self._empty(0)
        self._folder: Path | None = None  # from which it was loaded

    @abstractmethod
    def _empty(self, n_training: int) -> Any:
        """Return a FAISS index without vectors, its sizes chosen for that many training vectors."""

    @abstractmethod
    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        """Return FAISS's search parameters for one call."""

    def _vectors(self, index: Any) -> Vectors:
        """Return a view of the (n, D) vectors inside a FAISS index, valid while that index lives."""
        faiss = import_faiss()
        inner = {"IndexHNSWFlat": "storage", "IndexRefineFlat": "refine_index"}.get(type(index).__name__)
        holder = index if inner is None else faiss.downcast_index(getattr(index, inner))
        flat: NDArray[np.float32] = faiss.rev_swig_ptr(holder.get_xb(), index.ntotal * self.dim)
        return flat.reshape(index.ntotal, self.dim)

    def _train(self, vectors: Vectors) -> None:
        template = self._empty(len(vectors))
        import_faiss().omp_set_num_threads(self.threads)
        template.train(vectors)
        self._template = template

    def _build(self, vectors: Vectors) -> Any:
        faiss = import_faiss()
        faiss.omp_set_num_threads(self.threads)  # of this thread only: OpenMP keeps the number for each
        index = faiss.clone_index(self._template)
        index.add(vectors)
        return index

    def _merge(self, segments: Sequence[Segment], kept: Sequence[Rows]) -> Any:
        parts = [self._vectors(s.structure)[rows] for s, rows in zip(segments, kept, strict=True)]
        return self._build(np.concatenate(parts))

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        faiss = import_faiss()
        faiss.omp_set_num_threads(min(self.threads, len(queries)))
        selector = None if mask is None else faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        parameters = self._parameters(faiss, segment.structure, selector, knobs)
        try:
            distances, rows = segment.structure.search(queries, k, params=parameters)
        except RuntimeError as error:  # FAISS found its own data to be inconsistent
            if self._folder is None:
                raise
            raise store.damaged(self._folder, str(error)) from error
        empty = rows < 0
        if empty.any():
            distances[empty] = np.inf  # FAISS puts the largest float there
        return rows, distances

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        return exact.nearest(queries, self._vectors(segment.structure), k, rows=rows)

    def _reconstruct(self, segment: Segment, rows: Rows) -> Vectors:
        return self._vectors(segment.structure)[rows]

    def _structure_nbytes(self, structure: Any) -> int:
        return int(structure.ntotal) * self.dim * 4

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        faiss = import_faiss()
        faiss.write_index(self._template, str(folder / "empty.faiss"))
        if segment is not None:
            faiss.write_index(segment.structure, str(folder / "index.faiss"))
        return {"type": type(self._template).__name__}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        faiss = import_faiss()
        self._folder = folder
        self._template = faiss.read_index(str(folder / "empty.faiss"))
        found = [(self._template, 0)]
        if ids is not None:
            found.append((faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC), len(ids)))
        for index, count in found:
            if (type(index).__name__, index.d, index.ntotal) != (facts["type"], self.dim, count):
                raise ValueError(f"{folder} holds a {type(index).__name__} of D={index.d} with {index.ntotal} vectors")
        return None if ids is None else found[1][0]


class FaissFlat(FaissIndex):
    """Exact search by FAISS."""

    name = "faiss-flat"
    is_exact = True
    scan_below = 0.01
    scan_rows = 0

    def __init__(self, dim: int) -> None:
        """Make an empty index of D = `dim`."""
        super().__init__(dim)

    def _empty(self, n_training: int) -> Any:
        return import_faiss().IndexFlatL2(self.dim)

    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        return None if selector is None else faiss.SearchParameters(sel=selector)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(vectors=len(segment))


class FaissHNSW(FaissIndex):
    """A graph of near neighbours in layers, walked greedily.

    Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
    World graphs", IEEE TPAMI 2020.
    """

    name = "faiss-hnsw"
    scan_below = 0.05
    knobs: ClassVar[Mapping[str, Knob]] = {
        "ef_search": Knob(64, 1, 100_000, "size of the list of candidates; more find more and take longer")
    }

    def __init__(self, dim: int, *, n_links: int = 32, ef_construction: int = 80) -> None:
        """Make an empty index; `n_links` neighbours a vector, chosen among `ef_construction` candidates."""
        self.n_links = as_count(n_links, what="n_links", least=2, most=512)
        self.ef_construction = as_count(ef_construction, what="ef_construction")
        super().__init__(dim, n_links=n_links, ef_construction=ef_construction)

    def _empty(self, n_training: int) -> Any:
        index = import_faiss().IndexHNSWFlat(self.dim, self.n_links)
        index.hnsw.efConstruction = self.ef_construction
        return index

    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        return faiss.SearchParametersHNSW(sel=selector, efSearch=knobs["ef_search"])

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        """Count by FAISS's own statistics; they are of the whole process, so that others can only add to them."""
        statistics, counts = import_faiss().cvar.hnsw_stats, []
        for _ in range(2):
            before = statistics.ndis
            self._search(segment, query, k, None, knobs)
            counts.append(int(statistics.ndis - before))
        return Effort(vectors=min(counts))

    def _structure_nbytes(self, structure: Any) -> int:
        graph = structure.hnsw
        links = 4 * (graph.neighbors.size() + graph.levels.size()) + 8 * graph.offsets.size()
        return super()._structure_nbytes(structure) + int(links)


class FaissLSH(FaissIndex):
    """Binary codes: signs of random rotations, thresholds at the training median; candidates are ranked exactly."""

    name = "faiss-lsh"
    needs_training = True
    keeps_vectors = True
    filters = False
    scan_below = 0.5
    knobs: ClassVar[Mapping[str, Knob]] = {
        "n_candidates": Knob(200, 1, 1_000_000, "nearest codes whose vectors are compared exactly")
    }

    def __init__(self, dim: int, *, n_bits: int = 256) -> None:
        """Make an empty index with codes of `n_bits` bits."""
        self.n_bits = as_count(n_bits, what="n_bits", most=65536)
        super().__init__(dim, n_bits=n_bits)

    def _empty(self, n_training: int) -> Any:
        if self.needs_training and n_training < 2:
            raise UnavailableError(f"{self.name} needs at least 2 vectors to train, got {n_training}")
        return import_faiss().IndexLSH(self.dim, self.n_bits, True, True)

    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        return None

    def _merge(self, segments: Sequence[Segment], kept: Sequence[Rows]) -> Any:
        return Index._merge(self, segments, kept)

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        asked = min(max(k, knobs["n_candidates"]), len(segment))
        candidates, _ = super()._search(segment, queries, asked, None, knobs)
        return exact.rank(queries, segment.vectors, candidates, k)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(codes=len(segment), vectors=min(max(k, knobs["n_candidates"]), len(segment)))

    def _trace(self, segment: Segment, query: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]) -> Trace:
        """Compare codes of all rows, those that a filter drops among them: it is applied to the results (`filters`)."""
        rows, bits = FaissIndex._search(self, segment, query, len(segment), None, knobs)
        ordered, distances = among(rows[0], bits[0], None)
        n_kept = min(max(k, knobs["n_candidates"]), len(segment))
        return Trace("bits", ordered, distances, n_kept, length=self.n_bits)

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        return Index._scan(self, segment, queries, k, rows)

    def _reconstruct(self, segment: Segment, rows: Rows) -> Vectors:
        return Index._reconstruct(self, segment, rows)

    def _structure_nbytes(self, structure: Any) -> int:
        return int(structure.ntotal * structure.code_size)

    def _model_nbytes(self) -> int:
        return 0 if self._template is None else 4 * self.n_bits * (self.dim + 1)
