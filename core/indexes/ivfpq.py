"""IVFPQ: coarse lists over product-quantised residuals.

H. Jegou, M. Douze, C. Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 2011, section IV.

A vector x is stored in the list of its nearest centroid c, as the product-quantiser code of its residual x - c. A query
q probes the n_probe lists with the nearest centroids and estimates |q - x|^2 by |q - c - r|^2, where r is the decoded
residual (section III, asymmetric distances). To read the search in 40 lines, see `reference_search`; what is done
here gives the same answers by compiled kernels, see `scan`.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes import ivfpq_files
from core.indexes.base import Index, Knob, Mask, Rows, SearchResult, Segment
from core.indexes.effort import Effort
from core.indexes.inverted import InvertedLists
from core.indexes.ivfpq_model import Model, RotationKind, train_model
from core.indexes.prepared import Options, Prepared
from core.indexes.refine import Kind, VectorStore
from core.indexes.scan_vbmi import permutes_bytes
from core.types import Codes, Distances, Ids, Json, Vectors

if TYPE_CHECKING:
    import faiss

_log = logging.getLogger(__name__)
_MOST_LISTS = 65_536
_MOST_RERANKED = 100_000
_ROWS = 65_536  # vectors that are viewed and encoded together, to bound the memory


class IVFPQ(Index):
    """Inverted lists of product-quantiser codes, with rotations of residuals and finer vectors to re-rank with.

    Attributes:
        model: what training learned.
        n_lists, n_bits: as they are after training.
        permute: whether scans use byte permutes (AVX-512 VBMI) rather than single look-ups; the answers are the same.
    """

    name = "ivfpq"
    needs_training = True
    keeps_vectors = False
    filters = True
    # Measured on 500k SIFT, 512 lists, one thread: a scan of all lists for 250, 2,000 and 8,000 allowed rows takes 405,
    # 523 and 949 us, a probe of 8 lists 285, 294 and 391. Up to 2,000 the scan, which misses nothing, costs less than
    # twice as much.
    scan_below = 0.002
    scan_rows = 2_000
    knobs: ClassVar[Mapping[str, Knob]] = {
        "n_probe": Knob(8, 1, _MOST_LISTS, "lists that are scanned"),
        "n_rerank": Knob(
            0,
            0,
            _MOST_RERANKED,
            "candidates that are compared again with stored vectors; only where `store` keeps them",
        ),
    }

    def __init__(
        self,
        dim: int,
        *,
        n_lists: int | None = None,
        n_subspaces: int = 16,
        n_bits: int = 8,
        rotation: RotationKind | None = None,
        own_codewords: bool = False,
        store: Kind | None = None,
        seed: int = 0,
    ) -> None:
        """Make an untrained index.

        Args:
            dim: D, a multiple of n_subspaces.
            n_lists: lists; None: chosen at training, about 4 sqrt(N).
            n_subspaces: M, codes per vector, 1 to 64.
            n_bits: bits of a code, 4 or 8.
            rotation: of residuals before they are coded: None; "opq", one for all; "shared", one for each of 32 groups
                of near lists; "local", one for each list (LOPQ). With one, vectors of more than 256 dimensions are
                first reduced to 256 principal components, and distances leave out the rest.
            own_codewords: with "shared" or "local", codewords of their own for each rotation, too.
            store: finer vectors for re-ranking (`n_rerank`): "sq8", D bytes each, or "float16", 2 D bytes each.
            seed: of all random choices in training.

        Raises:
            ValueError, TypeError: an argument out of range.
        """
        if n_lists is not None:
            as_count(n_lists, what="n_lists", most=_MOST_LISTS)
        as_count(n_subspaces, what="n_subspaces", most=64)
        if n_bits not in (4, 8):
            raise ValueError(f"n_bits must be 4 or 8, got {n_bits!r}")
        if as_count(dim, what="dim") % n_subspaces:
            raise ValueError(f"dim must be a multiple of n_subspaces={n_subspaces}, got {dim}")
        if rotation not in (None, "opq", "shared", "local"):
            raise ValueError(f"rotation must be None, 'opq', 'shared' or 'local', got {rotation!r}")
        if store not in (None, "sq8", "float16"):
            raise ValueError(f"store must be None, 'sq8' or 'float16', got {store!r}")
        as_count(seed, what="seed", least=0)
        super().__init__(
            dim, n_lists=n_lists, n_subspaces=n_subspaces, n_bits=n_bits, rotation=rotation,
            own_codewords=bool(own_codewords), store=store, seed=seed,
        )  # fmt: skip
        if store is None:  # of this object, not of the class: what cannot be done is not offered
            vars(self)["knobs"] = {"n_probe": type(self).knobs["n_probe"]}
        self.n_lists, self.n_bits = n_lists, n_bits
        self.permute = permutes_bytes()
        self.model: Model
        self.store: VectorStore | None = None

    @classmethod
    def from_faiss(cls, source: "faiss.Index | str | Path") -> Self:
        """Return an index with the quantizers, codes and ids of a FAISS IndexIVFPQ, or of the .index file of one.

        It may stand behind an IndexPreTransform of linear transforms.

        Raises:
            ValueError: it is of another kind, or has parameters that this class does not know.
        """
        from core.indexes import faiss_adapter_ivfpq

        index: Self = faiss_adapter_ivfpq.imported(cls, source)
        return index

    def to_faiss(self) -> "faiss.Index":
        """Return a FAISS index with the same quantizers, codes and ids.

        Raises:
            ValueError: it has rotations by list, which FAISS has not.
        """
        from core.indexes import faiss_adapter_ivfpq

        exported: faiss.Index = faiss_adapter_ivfpq.exported(self)
        return exported

    def search(self, queries: Any, k: int, *, allowed: Any = None, **knobs: Any) -> SearchResult:
        """Do what `Index.search` does; a plain search takes a short way, which saves 30 microseconds of checks.

        Raises:
            ValueError: candidates shall be re-ranked, and no vectors are stored.
        """
        found = self._plain(queries, k, **knobs) if allowed is None else None
        if found is not None:
            return found
        given = 0 if "n_rerank" in self.knobs else knobs.pop("n_rerank", 0)
        if type(self).knobs["n_rerank"].check("n_rerank", given):
            raise ValueError(f"n_rerank needs stored vectors: make {self.name} with store='sq8' or store='float16'")
        return super().search(queries, k, allowed=allowed, **knobs)

    def _plain(self, queries: Any, k: Any, n_probe: Any = 8, n_rerank: Any = 0, **others: Any) -> SearchResult | None:
        """Search one segment without filter or tombstones; None if it is anything else, or an argument is wrong."""
        segments = self._snapshot.segments
        if (
            others
            or len(segments) != 1
            or segments[0].alive is not None
            or type(queries) is not np.ndarray
            or queries.dtype != np.float32
            or queries.ndim != 2
            or queries.shape[1] != self.dim
            or not queries.flags.carray  # contiguous, aligned and writeable: the kind that the kernel is compiled for
            or type(k) is not int
            or type(n_probe) is not int
            or type(n_rerank) is not int
            or not 0 < k <= len(segments[0].ids)
            or not 0 < n_probe <= _MOST_LISTS
            or not 0 <= n_rerank <= (0 if self.store is None else _MOST_RERANKED)
            or len(queries) == 0
        ):
            return None
        prepared = self._prepared(segments[0])
        return prepared.search(queries, k, Options(n_probe, n_rerank, self.permute, self.threads))

    def _prepared(self, segment: Segment) -> Prepared:
        """Return what the kernels need; it is gathered once for each structure."""
        held: InvertedLists = segment.structure
        if held.prepared is None:
            held.prepared = Prepared.of(self.model, held.lists, segment.ids, self.store, held.stored)
        return held.prepared

    # The hooks of the base class -------------------------------------------------------------------------------------

    def _train(self, vectors: Vectors) -> None:
        self.n_lists, self.n_bits = self._sizes(len(vectors))
        rng = np.random.default_rng(self.params["seed"])
        self.model = train_model(
            vectors, self.n_lists, self.params["n_subspaces"], self.n_bits, self.params["rotation"],
            self.params["own_codewords"], rng,
        )  # fmt: skip
        self.store = VectorStore.trained(self.params["store"], vectors) if self.params["store"] else None

    def _sizes(self, n_training: int) -> tuple[int, int]:
        """Return the lists and bits that so many training vectors can fill, and say so if they are fewer than asked."""
        if n_training < 16:
            raise UnavailableError(f"{self.name} needs 16 vectors to train, got {n_training}; use flat")
        wanted_lists, wanted_bits = self.params["n_lists"], self.params["n_bits"]
        suited = max(1, min(round(4 * n_training**0.5), n_training // 39, _MOST_LISTS))
        n_lists = suited if wanted_lists is None else min(wanted_lists, n_training)
        n_bits = wanted_bits if n_training >= 1 << wanted_bits else 4
        if n_bits != wanted_bits or (wanted_lists or n_lists) != n_lists:
            _log.warning("%s: %d lists of %d-bit codes, for %d vectors are few", self.name, n_lists, n_bits, n_training)
        return n_lists, n_bits

    def _build(self, vectors: Vectors) -> InvertedLists:
        labels = np.empty(len(vectors), dtype=np.int64)
        codes = np.empty((len(vectors), self.params["n_subspaces"]), dtype=np.uint8)
        for start in range(0, len(vectors), _ROWS):
            piece = slice(start, start + _ROWS)
            labels[piece], codes[piece] = self.model.encode(self.model.frame.view(vectors[piece]))
        stored = None if self.store is None else self.store.encode(vectors)
        return InvertedLists.of(self.model, labels, codes, stored)

    def _merge(self, segments: Sequence[Segment], kept: Sequence[Rows]) -> InvertedLists:
        parts = [segment.structure.content(rows) for segment, rows in zip(segments, kept, strict=True)]
        labels, codes = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        stored = None if self.store is None else np.concatenate([part[2] for part in parts])
        return InvertedLists.of(self.model, labels, codes, stored)

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        return self._probe(segment, queries, k, mask, knobs["n_probe"], knobs.get("n_rerank", 0))

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        mask = np.zeros(len(segment), dtype=bool)
        mask[rows] = True
        n_rerank = 0 if self.store is None else min(len(rows), max(10 * k, 100))
        return self._probe(segment, queries, k, mask, len(self.model.centroids), n_rerank)

    def _probe(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, n_probe: int, n_rerank: int
    ) -> tuple[Rows, Distances]:
        """Search n_probe lists, and re-rank n_rerank candidates where vectors are stored."""
        eligible, usable = segment.structure.eligible(mask, segment.alive)
        options = Options(n_probe, n_rerank, self.permute, self.threads)
        return self._prepared(segment).find(queries, k, options, eligible, usable)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        centroids = self.model.centroids
        nearest = np.argsort(((self.model.frame.view(query) - centroids) ** 2).sum(axis=1), kind="stable")
        scanned = int(segment.structure.sizes[nearest[: knobs["n_probe"]]].sum())
        reranked = 0 if self.store is None else min(max(k, knobs["n_rerank"]), scanned) * bool(knobs["n_rerank"])
        return Effort(codes=scanned, vectors=reranked, centroids=len(centroids))

    def _reconstruct(self, segment: Segment, rows: Rows) -> Vectors:
        labels, codes, stored = segment.structure.content(rows)
        if self.store is not None:
            return self.store.decode(stored)
        return self.model.frame.restore(self.model.decode(labels, codes))

    def _structure_nbytes(self, structure: InvertedLists) -> int:
        return structure.nbytes

    def _model_nbytes(self) -> int:
        scales = 0 if self.store is None else self.store.low.nbytes + self.store.step.nbytes
        return scales + (self.model.nbytes if self._trained else 0)

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        return ivfpq_files.write(folder, self.model, self.store, None if segment is None else segment.structure)

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> InvertedLists | None:
        self.model, self.store, held = ivfpq_files.read(
            folder, facts, self.dim, self.params["n_subspaces"], self.params["store"], None if ids is None else len(ids)
        )
        self.n_lists, self.n_bits = len(self.model.centroids), self.model.n_bits
        return held

    # What the paper speaks of ----------------------------------------------------------------------------------------

    def encode(self, vectors: Vectors) -> tuple[NDArray[np.int64], Codes]:
        """Return for (N, D) vectors the list (N,) and the code (N, M) of each, without adding them."""
        return self.model.encode(self.model.frame.view(vectors))
