"""Our own threads for kernels that release Python's lock; Numba's parallel loops abort under concurrent callers."""

import functools
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_LEAST = 16  # rows that are worth another thread: handing over costs some 50 microseconds


def run_chunks(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call work(start, stop) on consecutive pieces of range(count), on up to `threads` threads, and wait for all."""
    pieces = min(threads, count // _LEAST)
    if pieces < 2:
        work(0, count)
        return
    bounds = [count * piece // pieces for piece in range(pieces + 1)]
    waiting = [_pool(threads).submit(work, start, stop) for start, stop in itertools.pairwise(bounds[1:])]
    try:
        work(0, bounds[1])
    finally:
        for future in waiting:
            future.exception()
    for future in waiting:
        future.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="index")
