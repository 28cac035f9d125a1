"""The files of a saved IVFPQ: one array each, mapped when opened, and checked so that kernels stay within bounds."""

from pathlib import Path
from typing import Any

import numpy as np

from core.indexes.inverted import InvertedLists
from core.indexes.ivfpq_model import Model
from core.indexes.lists import BLOCK, Lists, frozen, n_columns
from core.indexes.refine import Kind, VectorStore
from core.indexes.rotation import Frame
from core.indexes.store import read_array, write_array
from core.types import Json


def write(folder: Path, model: Model, store: VectorStore | None, held: InvertedLists | None) -> Json:
    """Write the model, the scales of stored vectors and one segment; return the sizes that `read` needs."""
    arrays = {
        "offset": model.frame.offset,
        "centroids": model.centroids,
        "groups": model.groups,
        "rotations": model.rotations,
        "codewords": model.codewords,
    }
    if model.frame.matrix is not None:
        arrays["matrix"] = model.frame.matrix
    if store is not None:
        arrays |= {"low": store.low, "step": store.step}
    if held is not None:
        arrays |= {f"list_{name}": array for name, array in held.lists._asdict().items()}
        if held.stored is not None:
            arrays["stored"] = held.stored
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", array)
    return {"has_matrix": model.frame.matrix is not None}


def read(
    folder: Path, facts: Json, dim: int, M: int, store_kind: Kind | None, count: int | None
) -> tuple[Model, VectorStore | None, InvertedLists | None]:
    """Open what `write` wrote.

    Args:
        dim: D of the index.
        M: codes per vector.
        store_kind: of the stored vectors.
        count: rows of the segment, or None if there is none.

    Raises:
        DamagedFileError, ValueError: sizes or contents contradict one another.
    """

    def array(name: str, dtype: Any, *shape: int | None) -> Any:
        return read_array(folder / f"{name}.npy", dtype, shape)

    matrix = array("matrix", np.float32, None, dim) if facts["has_matrix"] else None
    width = dim if matrix is None else len(matrix)
    centroids = array("centroids", np.float32, None, width)
    codewords = array("codewords", np.float32, None, M, None, None)
    n_books, _, n_codewords, part = codewords.shape
    rotations = array("rotations", np.float32, None, None, width)
    groups = array("groups", np.int32, len(centroids))
    turned = rotations.shape[1] if len(rotations) else width
    if n_codewords not in (16, 256) or part * M != turned or n_books not in (1, max(len(rotations), 1)):
        raise ValueError("codewords do not fit the rotations")
    if len(groups) == 0 or groups.min() < 0 or groups.max() >= max(len(rotations), 1):
        raise ValueError("groups of lists are out of range")
    model = Model(Frame(matrix, array("offset", np.float32, width)), centroids, groups, rotations, codewords)
    store = None
    if store_kind is not None:
        store = VectorStore(store_kind, array("low", np.float32, dim), array("step", np.float32, dim))
    if count is None:
        return model, store, None
    n_lists, columns = len(centroids), n_columns(M, model.n_bits)
    lists = Lists(
        starts=array("list_starts", np.int64, n_lists + 1),
        codes=array("list_codes", np.uint8, None, columns, BLOCK),
        terms=array("list_terms", np.uint16, None, BLOCK),
        floors=array("list_floors", np.float32, n_lists),
        steps=array("list_steps", np.float32, n_lists),
        rows=array("list_rows", np.int32, None, BLOCK),
        filled=array("list_filled", np.uint64, None),
    )
    _check(lists, count)
    kind = np.uint16 if store_kind == "float16" else np.uint8
    stored = None if store is None else array("stored", kind, count, dim)
    return model, store, InvertedLists(frozen(lists), M, model.n_bits, stored)


def _check(lists: Lists, count: int) -> None:
    """Raise ValueError if a kernel would read or write outside of the arrays."""
    n_blocks = len(lists.codes)
    if not (len(lists.terms) == len(lists.rows) == len(lists.filled) == n_blocks):
        raise ValueError("lists have different numbers of blocks")
    if lists.starts[0] != 0 or lists.starts[-1] != n_blocks or (np.diff(lists.starts) < 0).any():
        raise ValueError("lists do not follow one another")
    if not (np.isfinite(lists.floors).all() and np.isfinite(lists.steps).all() and (lists.steps >= 0).all()):
        raise ValueError("terms are not finite")
    if lists.rows.min() < -1 or lists.rows.max() != count - 1:
        raise ValueError("rows are out of range")
    if int(np.bitwise_count(lists.filled).sum()) != count:
        raise ValueError("the number of codes is not that of ids")
