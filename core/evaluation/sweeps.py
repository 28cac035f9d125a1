"""Which settings of an index are worth measuring: knobs in steps of about the square root of two, and code lengths."""

import itertools
from collections.abc import Iterator, Mapping

from core.evaluation.index_building import Candidate
from core.indexes import Index

Knobs = dict[str, int | float]

CODE_BYTES = (8, 16, 32, 64)
_LISTS_PER_ROOT = 4  # inverted files of ours have up to 4 sqrt(N) lists, FAISS's 2 sqrt(N)
_PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_VALUES: Mapping[str, tuple[int | float, ...]] = {
    "n_probe": _PROBES,
    "n_rerank": (0, 20, 50, 100, 200, 500),
    "n_candidates": (10, 20, 50, 100, 200, 400, 800, 1600, 3200),
    "ef_search": (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512),
    "k_factor": (1.0, 2.0, 4.0, 8.0, 16.0),
}


def series(index: Index) -> Iterator[list[Knobs]]:
    """Yield lists of settings of a filled index, each from the quickest to the most exact, one knob rising.

    The rising knob is the first that the index has; a setting contains only knobs that differ from "none": re-ranking
    of 0 candidates is left out, and so is re-ranking where the index stores no vectors for it.
    """
    names = [name for name in index.knobs if name in _VALUES]
    if "n_rerank" in names and getattr(index, "store", None) is None:
        names.remove("n_rerank")
    if not names:
        yield [{}]
        return
    rising, *others = names
    for rest in itertools.product(*(_fitting(name, index) for name in others)):
        fixed = {name: value for name, value in zip(others, rest, strict=True) if value}
        yield [{rising: value, **fixed} for value in _fitting(rising, index)]


def variants(dim: int) -> list[Candidate]:
    """Return the IVFPQ indexes of other code lengths, with the vectors in bytes beside them for re-ranking."""
    return [
        Candidate("ivfpq", {"n_subspaces": n_bytes, "store": "sq8"})
        for n_bytes in CODE_BYTES
        if n_bytes <= dim and dim % n_bytes == 0
    ]


def _fitting(name: str, index: Index) -> list[int | float]:
    """Return the values of a knob that can make a difference in this index, with the largest that can."""
    count = max(1, len(index))
    if name == "n_probe":
        n_lists = getattr(index, "n_lists", None) or max(1, min(round(_LISTS_PER_ROOT * count**0.5), count // 39))
        most = float(n_lists)
    elif name == "k_factor":
        most = float(count)
    else:
        most = float(count)
    values = [value for value in _VALUES[name] if value <= most]
    if name == "n_probe" and values[-1] < most:
        values.append(int(most))
    knob = index.knobs[name]
    return [value for value in values if knob.low <= value <= knob.high]
