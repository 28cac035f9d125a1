"""FAISS's inverted files: whole vectors, product-quantised residuals, and 4-bit codes with exact refinement."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes.base import Knob, Mask, Rows, Segment
from core.indexes.effort import Effort
from core.indexes.faiss_adapter import FaissIndex, import_faiss
from core.indexes.trace import Trace, among
from core.types import Distances, Vectors

_N_PROBE = Knob(8, 1, 1 << 20, "inverted lists that are visited; more of them find more and take longer")


class FaissIVF(FaissIndex):
    """What the inverted files share: k-means lists, of which a search visits the `n_probe` nearest to the query."""

    needs_training = True
    knobs: ClassVar[Mapping[str, Knob]] = {"n_probe": _N_PROBE}

    def __init__(self, dim: int, *, n_lists: int | None = None, **params: Any) -> None:
        self.n_lists = None if n_lists is None else as_count(n_lists, what="n_lists")
        super().__init__(dim, n_lists=n_lists, **params)

    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(knobs["n_probe"], index.nlist))

    def _merge(self, segments: Sequence[Segment], kept: Sequence[Rows]) -> Any:
        """Copy codes from list to list, which keeps them as they were encoded."""
        faiss = import_faiss()
        merged = faiss.clone_index(self._template)
        size, first = merged.code_size, 0
        for segment, rows in zip(segments, kept, strict=True):
            new_row = np.full(len(segment), -1)
            new_row[rows] = np.arange(first, first + len(rows))
            lists = segment.structure.invlists
            for number in range(merged.nlist):
                if n := lists.list_size(number):
                    here = new_row[faiss.rev_swig_ptr(lists.get_ids(number), n)]
                    codes = faiss.rev_swig_ptr(lists.get_codes(number), n * size).reshape(n, size)[here >= 0]
                    here = here[here >= 0]
                    merged.invlists.add_entries(number, len(here), faiss.swig_ptr(here), faiss.swig_ptr(codes))
            first += len(rows)
        merged.ntotal = first
        return merged

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        mask = np.zeros(len(segment), dtype=bool)
        mask[rows] = True
        return self._search(segment, queries, k, mask, {"n_probe": segment.structure.nlist})

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(codes=_probed(segment.structure, query, knobs["n_probe"]), centroids=segment.structure.nlist)

    def _trace(self, segment: Segment, query: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]) -> Trace:
        return _traced(segment.structure, query, k, mask, knobs["n_probe"])

    def _reconstruct(self, segment: Segment, rows: Rows) -> Vectors:
        everything: Vectors = segment.structure.reconstruct_n(0, len(segment))  # FAISS decodes list by list
        return everything[rows]

    def _structure_nbytes(self, structure: Any) -> int:
        return int(structure.ntotal * (structure.code_size + 8) + structure.nlist * self.dim * 4)


class FaissIVFFlat(FaissIVF):
    """Inverted lists of whole vectors."""

    name = "faiss-ivfflat"

    def __init__(self, dim: int, *, n_lists: int | None = None) -> None:
        """Make an untrained index; `n_lists` is chosen from N when it is None."""
        super().__init__(dim, n_lists=n_lists)

    def _empty(self, n_training: int) -> Any:
        faiss = import_faiss()
        n_lists = _lists(self.name, self.n_lists, n_training)
        return _owning(faiss.IndexIVFFlat, faiss.IndexFlatL2(self.dim), self.dim, n_lists)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(vectors=_probed(segment.structure, query, knobs["n_probe"]), centroids=segment.structure.nlist)


class FaissIVFPQ(FaissIVF):
    """Inverted lists of product-quantised residuals (Jegou, Douze, Schmid, IEEE TPAMI 2011), by FAISS."""

    name = "faiss-ivfpq"

    def __init__(
        self, dim: int, *, n_lists: int | None = None, n_subspaces: int | None = None, n_bits: int | None = None
    ) -> None:
        """Make an untrained index; what is None is chosen from D and N.

        Args:
            dim: D.
            n_lists: lists.
            n_subspaces: M, by default the largest divisor of D up to 16.
            n_bits: 4 or 8; by default 8 where there are the 256 vectors that FAISS wants for it.
        """
        self.n_subspaces = _subspaces(dim, n_subspaces, 16)
        if n_bits not in (None, 4, 8):
            raise ValueError(f"n_bits must be 4 or 8, got {n_bits}")
        self.n_bits = n_bits
        super().__init__(dim, n_lists=n_lists, n_subspaces=n_subspaces, n_bits=n_bits)

    def _empty(self, n_training: int) -> Any:
        n_bits = self.n_bits or (8 if n_training >= 256 else 4)
        _need_training(self.name, n_training, n_bits)
        faiss = import_faiss()
        quantizer, n_lists = faiss.IndexFlatL2(self.dim), _lists(self.name, self.n_lists, n_training)
        index = _owning(faiss.IndexIVFPQ, quantizer, self.dim, n_lists, self.n_subspaces, n_bits)
        index.pq.cp.min_points_per_centroid = 1
        return index

    def _structure_nbytes(self, structure: Any) -> int:
        tables = structure.pq.centroids.size() + structure.precomputed_table.size()
        return super()._structure_nbytes(structure) + 4 * int(tables)


class FaissFastScan(FaissIndex):
    """4-bit product quantisation scanned in registers, and the best `k_factor` * k compared again exactly.

    F. Andre, A.-M. Kermarrec, N. Le Scouarnec, "Quicker ADC: unlocking the hidden potential of product quantization
    with SIMD", IEEE TPAMI 2021, as in FAISS's IndexIVFPQFastScan and IndexRefineFlat.
    """

    name = "faiss-ivfpqfs"
    needs_training = True
    knobs: ClassVar[Mapping[str, Knob]] = {
        "n_probe": _N_PROBE,
        "k_factor": Knob(8.0, 1.0, 1000.0, "how many times k candidates are compared exactly"),
    }

    def __init__(self, dim: int, *, n_lists: int | None = None, n_subspaces: int | None = None) -> None:
        """Make an untrained index; `n_lists` is chosen from N, M is the largest divisor of D up to 64."""
        self.n_lists = None if n_lists is None else as_count(n_lists, what="n_lists")
        self.n_subspaces = _subspaces(dim, n_subspaces, 64)
        super().__init__(dim, n_lists=n_lists, n_subspaces=n_subspaces)

    def _empty(self, n_training: int) -> Any:
        _need_training(self.name, n_training, 4)
        faiss = import_faiss()
        quantizer, n_lists = faiss.IndexFlatL2(self.dim), _lists(self.name, self.n_lists, n_training)
        scanned = _owning(faiss.IndexIVFPQFastScan, quantizer, self.dim, n_lists, self.n_subspaces, 4)
        scanned.pq.cp.min_points_per_centroid = 1
        refined = faiss.IndexRefineFlat(scanned)
        refined.own_fields = True
        scanned.this.disown()
        return refined

    def _parameters(self, faiss: Any, index: Any, selector: Any, knobs: Mapping[str, Any]) -> Any:
        n_lists = faiss.downcast_index(index.base_index).nlist
        lists = faiss.SearchParametersIVF(sel=selector, nprobe=min(knobs["n_probe"], n_lists))
        return faiss.IndexRefineSearchParameters(k_factor=knobs["k_factor"], base_index_params=lists)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        scanned = import_faiss().downcast_index(segment.structure.base_index)
        codes = _probed(scanned, query, knobs["n_probe"])
        return Effort(codes, min(codes, int(k * knobs["k_factor"])), scanned.nlist)

    def _trace(self, segment: Segment, query: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]) -> Trace:
        scanned = import_faiss().downcast_index(segment.structure.base_index)
        return _traced(scanned, query, int(k * knobs["k_factor"]), mask, knobs["n_probe"])

    def _structure_nbytes(self, structure: Any) -> int:
        scanned = import_faiss().downcast_index(structure.base_index)
        lists = structure.ntotal * (scanned.code_size + 8) + scanned.nlist * self.dim * 4
        return super()._structure_nbytes(structure) + int(lists) + 4 * int(scanned.pq.centroids.size())


def _probed(index: Any, query: Vectors, n_probe: int) -> int:
    """Return how many codes are in the lists of a FAISS inverted file that one query (1, D) probes."""
    _, lists = index.quantizer.search(query, min(n_probe, index.nlist))
    return sum(index.invlists.list_size(int(number)) for number in lists[0])


def _traced(index: Any, query: Vectors, n_kept: int, mask: Mask | None, n_probe: int) -> Trace:
    """Return where a FAISS inverted file draws its lines; distances by code are those that FAISS itself returns."""
    faiss = import_faiss()
    n_probe = min(n_probe, index.nlist)
    _, order = index.quantizer.search(query, index.nlist)
    ranks = np.zeros(index.ntotal, np.int64)
    for place, number in enumerate(order[0].tolist(), start=1):
        if n := index.invlists.list_size(number):
            ranks[faiss.rev_swig_ptr(index.invlists.get_ids(number), n)] = place
    selector = None if mask is None else faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    inside = int(((ranks <= n_probe) & (True if mask is None else mask)).sum())
    parameters = faiss.SearchParametersIVF(sel=selector, nprobe=n_probe)
    distances, rows = index.search(query, max(1, inside), params=parameters)
    found = rows[0] >= 0
    ordered, nearest = among(rows[0][found], distances[0][found], None)
    return Trace("distance", ordered, nearest, min(n_kept, len(ordered)), ranks, n_probe, index.nlist)


def _lists(name: str, wanted: int | None, n_training: int) -> int:
    """Return n_lists: 2 sqrt(N) balances choosing lists against scanning them; k-means wants 39 vectors for each."""
    if n_training < (wanted or 1):
        raise UnavailableError(f"{name} needs {wanted or 1} vectors to train, got {n_training}; use flat")
    return wanted or max(1, min(round(2 * math.sqrt(n_training)), n_training // 39))


def _subspaces(dim: int, wanted: int | None, most: int) -> int:
    """Return M: `wanted` if it divides D, by default the largest divisor of D up to `most`."""
    dim = as_count(dim, what="dim")
    if wanted is None:
        return max(m for m in range(1, min(dim, most) + 1) if dim % m == 0)
    if dim % as_count(wanted, what="n_subspaces"):
        raise ValueError(f"dim must be a multiple of n_subspaces={wanted}, got {dim}")
    return wanted


def _need_training(name: str, n_training: int, n_bits: int) -> None:
    """Refuse fewer training vectors than a sub-quantizer has centroids, as FAISS would."""
    if n_training < 1 << n_bits:
        raise UnavailableError(f"{name} needs {1 << n_bits} vectors to train, got {n_training}; use flat")


def _owning(kind: Any, quantizer: Any, *arguments: int) -> Any:
    """Return an inverted file that frees its quantizer, and whose k-means does not warn about small galleries."""
    index = kind(quantizer, *arguments)
    index.own_fields = True
    quantizer.this.disown()
    index.cp.min_points_per_centroid = 1
    return index
