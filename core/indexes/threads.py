"""Our own threads for kernels that release Python's lock; Numba's parallel loops abort under concurrent callers."""

import functools
import itertools
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_LEAST = 32  # rows that are worth handing over, which costs some 50 microseconds
_PIECES = 4  # for each thread: whoever is done takes another, so that a busy processor is not waited for


def run_chunks(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call work(start, stop) on consecutive pieces of range(count), on up to `threads` threads, and wait for all."""
    pieces = min(_PIECES * threads, count // _LEAST)
    if threads < 2 or pieces < 2:
        work(0, count)
        return
    waiting = deque(itertools.pairwise(count * piece // pieces for piece in range(pieces + 1)))

    def take_turns() -> None:
        while waiting:
            try:
                start, stop = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            work(start, stop)

    helpers = [_pool(threads).submit(take_turns) for _ in range(threads - 1)]
    try:
        take_turns()
    finally:
        waiting.clear()
        begun = [helper for helper in helpers if not helper.cancel()]
        errors = [helper.exception() for helper in begun]
    for error in errors:
        if error is not None:
            raise error


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="index")
