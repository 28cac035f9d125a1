"""Between our IVFPQ and FAISS's: the same quantizers, codes and ids on either side."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import DamagedFileError
from core.indexes.faiss_adapter import import_faiss
from core.indexes.inverted import InvertedLists
from core.indexes.ivfpq import IVFPQ
from core.indexes.ivfpq_model import Model
from core.indexes.lists import pack, unpack
from core.indexes.rotation import Frame

Kind = TypeVar("Kind", bound=IVFPQ)


def imported(kind: type[Kind], source: Any) -> Kind:
    """Do what `IVFPQ.from_faiss` says."""
    faiss = import_faiss()
    if isinstance(source, str | Path):
        try:
            source = faiss.read_index(str(source))
        except RuntimeError as error:
            raise DamagedFileError(f"{source} cannot be read as a FAISS index: {error}") from error
    matrix, offset, ivf = _before_lists(faiss, faiss.downcast_index(source))
    if type(ivf) is not faiss.IndexIVFPQ:
        raise ValueError(f"only an IndexIVFPQ can be imported, got {type(ivf).__name__}")
    if ivf.metric_type != faiss.METRIC_L2 or not ivf.by_residual:
        raise ValueError("only an IndexIVFPQ with L2 distances of residuals can be imported")
    if ivf.pq.nbits not in (4, 8) or ivf.pq.M > 64:
        raise ValueError(f"only codes of 4 or 8 bits, at most 64, can be imported, got {ivf.pq.M} of {ivf.pq.nbits}")
    dim, M, n_bits = int(source.d), int(ivf.pq.M), int(ivf.pq.nbits)
    if dim % M:
        raise ValueError(f"dim must be a multiple of n_subspaces={M}, got {dim}")
    index = kind(dim, n_lists=int(ivf.nlist), n_subspaces=M, n_bits=n_bits)
    centroids = faiss.downcast_index(ivf.quantizer).reconstruct_n(0, ivf.nlist)
    origin = centroids.mean(axis=0)
    codewords = faiss.vector_to_array(ivf.pq.centroids).reshape(1, M, 1 << n_bits, -1)
    none = np.zeros((0, ivf.d, ivf.d), dtype=np.float32)
    frame = Frame(matrix, offset - origin)
    index.model = Model(frame, centroids - origin, np.zeros(ivf.nlist, dtype=np.int32), none, codewords)
    labels, ids, packed = _contents(faiss, ivf)
    order = np.argsort(ids, kind="stable")
    labels, ids, packed = labels[order], ids[order], packed[order]
    if len(ids) and (ids[0] < 0 or (ids[1:] == ids[:-1]).any()):
        raise ValueError("ids must be distinct and not negative")
    index.n_lists, index.n_bits = int(ivf.nlist), n_bits
    codes = np.ascontiguousarray(unpack(packed, M, n_bits))
    index._adopt(ids, InvertedLists.of(index.model, labels, codes, None) if len(ids) else None)
    return index


def exported(index: IVFPQ) -> Any:
    """Do what `IVFPQ.to_faiss` says."""
    if not index.is_trained:
        raise ValueError("the index must be trained before it can be exported")
    model = index.model
    if len(model.rotations):
        raise ValueError("rotations by list have no counterpart in FAISS; use rotation=None or 'opq'")
    faiss = import_faiss()
    n_lists, width = model.centroids.shape
    origin = np.zeros(width, dtype=np.float32) if model.frame.matrix is not None else model.frame.offset
    quantizer = faiss.IndexFlatL2(width)
    quantizer.add(np.ascontiguousarray(model.centroids - origin))
    ivf = faiss.IndexIVFPQ(quantizer, width, n_lists, model.codewords.shape[1], model.n_bits)
    quantizer.this.disown()
    ivf.own_fields = True
    faiss.copy_array_to_vector(np.ascontiguousarray(model.codewords[0]).reshape(-1), ivf.pq.centroids)
    ivf.is_trained = True
    ivf.precompute_table()
    for segment in index._snapshot.segments:
        rows = segment.live_rows
        labels, codes, _ = segment.structure.content(rows)
        packed = np.ascontiguousarray(pack(codes, model.n_bits))
        order = np.argsort(labels, kind="stable")
        ids = np.ascontiguousarray(segment.ids[rows][order], dtype=np.int64)
        present, starts = np.unique(labels[order], return_index=True)
        for label, inside in zip(present, np.split(np.arange(len(order)), starts[1:]), strict=True):
            part = np.ascontiguousarray(packed[order[inside]])
            own = np.ascontiguousarray(ids[inside])
            ivf.invlists.add_entries(int(label), len(own), faiss.swig_ptr(own), faiss.swig_ptr(part))
        ivf.ntotal += len(rows)
    if model.frame.matrix is None:
        return ivf
    transform = faiss.LinearTransform(index.dim, width, True)
    faiss.copy_array_to_vector(np.ascontiguousarray(model.frame.matrix).reshape(-1), transform.A)
    faiss.copy_array_to_vector(model.frame.offset, transform.b)
    transform.is_trained = True
    transform.set_is_orthonormal()
    whole = faiss.IndexPreTransform(transform, ivf)
    transform.this.disown()
    ivf.this.disown()
    whole.own_fields = True
    return whole


def _before_lists(faiss: Any, index: Any) -> tuple[NDArray[np.float32] | None, NDArray[np.float32], Any]:
    """Return the matrix and offset that an index applies to vectors, and the index that then sees them."""
    matrix: NDArray[np.float32] | None = None
    if not isinstance(index, faiss.IndexPreTransform):
        return None, np.zeros(index.d, dtype=np.float32), index
    offset = np.zeros(index.d, dtype=np.float32)
    for i in range(index.chain.size()):
        transform = faiss.downcast_VectorTransform(index.chain.at(i))
        if not isinstance(transform, faiss.LinearTransform):
            raise ValueError(f"only linear transforms can be imported, got {type(transform).__name__}")
        own = faiss.vector_to_array(transform.A).reshape(transform.d_out, transform.d_in)
        offset = own @ offset
        if transform.have_bias:
            offset = offset + faiss.vector_to_array(transform.b)
        matrix = own if matrix is None else own @ matrix
    if matrix is not None and not np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-3):
        raise ValueError("only transforms with orthonormal rows can be imported")
    return matrix, offset.astype(np.float32), faiss.downcast_index(index.index)


def _contents(faiss: Any, ivf: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Return lists (N,), ids (N,) and packed codes (N, bytes) of everything in the inverted lists."""
    size = ivf.code_size
    labels, ids, packed = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty((0, size), np.uint8)]
    for label in range(ivf.nlist):
        count = ivf.invlists.list_size(label)
        if count:
            labels.append(np.full(count, label))
            ids.append(faiss.rev_swig_ptr(ivf.invlists.get_ids(label), count).copy())
            packed.append(faiss.rev_swig_ptr(ivf.invlists.get_codes(label), count * size).reshape(count, size).copy())
    return np.concatenate(labels), np.concatenate(ids), np.concatenate(packed)
