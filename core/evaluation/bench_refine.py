"""Re-ranking against FAISS's refinement: at several levels of recall, the fastest setting of each method, in turns.

FAISS refines with the float32 vectors themselves, ours with 8 bits per component. Which setting is fastest is found
first, by trying all of them; then those that were chosen take turns. Times are CPU times of one thread.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from core.evaluation.bench_index import Data, K, recall
from core.evaluation.bench_timing import interleaved, ratio
from core.indexes.faiss_adapter import import_faiss
from core.indexes.ivfpq import IVFPQ
from core.types import Ids, Json, Progress, Vectors, no_progress

LEVELS = (0.8, 0.9, 0.95, 0.98)
OURS = "ours IVFPQ, re-ranked (SQ8)"
_N_PROBES = (2, 4, 8, 16, 32, 64)
_REFINED = (20, 30, 60, 100, 200)  # candidates that are compared again
_TRIES = 2  # turns in which the fastest settings are looked for
Setting = tuple[int, int]  # lists to scan, candidates to compare again


class Method(NamedTuple):
    """A built index: bytes per vector, and what finds (Q, K) ids at a setting."""

    n_bytes: float
    search: Callable[[Vectors, Setting], Ids]


def bench_refine(data: Data, *, n_lists: int, rounds: int = 7, progress: Progress = no_progress) -> Json:
    """Return the bytes per vector of each method, and one row for each level of recall@10 that ours reaches.

    A row holds, by method, the setting, its recall@10, queries per second and "ratio": how many times as long it took
    as ours, the median over rounds. A method that does not reach the level is left out of the row.
    """
    import_faiss().omp_set_num_threads(1)
    with threadpool_limits(1, "blas"):
        progress(0, 2, "building indexes to re-rank")
        methods = _methods(data, n_lists)
        progress(1, 2, "re-ranking")
        tried = _tried(data, methods, [setting for setting in _settings() if setting[0] <= n_lists])
        rows = [_row(data, methods, _fastest(tried, level), level, rounds) for level in LEVELS]
        progress(2, 2, "re-ranking")
    n_bytes = {name: method.n_bytes for name, method in methods.items()}
    return {"bytes_per_vector": n_bytes, "levels": [row for row in rows if OURS in row["methods"]]}


def _settings() -> Sequence[Setting]:
    return list(itertools.product(_N_PROBES, _REFINED))


def _methods(data: Data, n_lists: int) -> dict[str, Method]:
    """Build ours, and FAISS's refined: 16 codes of 8 bits, and FastScan's codes of 4 bits for every 4 components."""
    faiss = import_faiss()
    dim = data.vectors.shape[1]
    finer = IVFPQ(dim, n_lists=n_lists, store="sq8").train(data.vectors).add(data.vectors)
    methods = {
        OURS: Method(
            finer.nbytes / len(finer),
            lambda queries, setting: finer.search(queries, K, n_probe=setting[0], n_rerank=setting[1]).ids,
        )
    }
    n_fast = max(count for count in range(1, dim // 4 + 1) if dim % count == 0)
    for name, codes, n_bytes in (
        ("FAISS IVFPQ, refined", "PQ16np", 24.0),  # "np": no polysemous training, minutes that change no answer
        ("FAISS FastScan, refined", f"PQ{n_fast}x4fs", 8 + n_fast / 2),
    ):
        index = faiss.index_factory(dim, f"IVF{n_lists},{codes},RFlat")
        index.train(data.vectors)
        index.add(data.vectors)
        methods[name] = Method(n_bytes + 4 * dim, _by_faiss(faiss, index))
    return methods


def _by_faiss(faiss: Any, index: Any) -> Callable[[Vectors, Setting], Ids]:
    def search(queries: Vectors, setting: Setting) -> Ids:
        faiss.extract_index_ivf(index).nprobe = setting[0]
        index.k_factor = setting[1] / K
        ids: Ids = index.search(queries, K)[1]
        return ids

    return search


def _in_turns(
    data: Data, methods: Mapping[str, Method], chosen: Mapping[str, Setting], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each chosen method in each round."""
    works = {name: lambda name=name: methods[name].search(data.queries, chosen[name]) for name in chosen}
    return interleaved(works, rounds, time.thread_time)


def _tried(data: Data, methods: Mapping[str, Method], settings: Sequence[Setting]) -> list[Json]:
    """Return the recall@10 and the seconds of each method at each setting."""
    rows = []
    for setting in settings:
        seconds = _in_turns(data, methods, dict.fromkeys(methods, setting), _TRIES)
        for name, method in methods.items():
            recall_10 = recall(method.search(data.queries, setting), data.truth, K)
            rows.append({"method": name, "setting": setting, "recall_10": recall_10, "seconds": min(seconds[name])})
    return rows


def _fastest(tried: Sequence[Json], level: float) -> dict[str, Json]:
    """Return, by method, the fastest row that reaches a level of recall@10."""
    good: dict[str, Json] = {}
    for row in sorted(tried, key=lambda row: float(row["seconds"])):
        if row["recall_10"] >= level:
            good.setdefault(row["method"], row)
    return good


def _row(data: Data, methods: Mapping[str, Method], fastest: Mapping[str, Json], level: float, rounds: int) -> Json:
    chosen = {name: fastest[name]["setting"] for name in methods if name in fastest}
    seconds = _in_turns(data, methods, chosen, rounds) if OURS in chosen else {}
    found = {
        name: {
            "setting": chosen[name], "recall_10": fastest[name]["recall_10"],
            "queries_per_s": len(data.queries) / float(np.median(own)), "ratio": ratio(own, seconds[OURS]),
        }
        for name, own in seconds.items()
    }  # fmt: skip
    return {"recall_10": level, "methods": found}


def refine_markdown(found: Json) -> str:
    """Return the results as a table: queries per second, and how many times faster ours is."""
    levels = found["levels"]
    lines = [
        "Re-ranking in turns with FAISS's: queries per second of one thread at the fastest setting (lists scanned, "
        "candidates compared again) that reaches a recall@10, and how many times faster ours is.",
        "",
        "| method | bytes per vector | " + " | ".join(f"{row['recall_10']}" for row in levels) + " |",
        "|---|---:|" + "---|" * len(levels),
    ]
    for name, n_bytes in found["bytes_per_vector"].items():
        cells = [_cell(row["methods"].get(name), name == OURS) for row in levels]
        lines.append(f"| {name} | {n_bytes:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: Json | None, is_ours: bool) -> str:
    if result is None:
        return ""
    n_probe, refined = result["setting"]
    text = f"{result['queries_per_s']:,.0f} ({n_probe}, {refined})"
    return text if is_ours else f"{text}: **{result['ratio']:.1f}x**"
