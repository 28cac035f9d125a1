"""Work on batches by several threads, results in order, and never more of them in memory than are being worked on."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_order(work: Callable[[Given], Result], batches: Iterable[Given], threads: int) -> Iterator[Result]:
    """Yield the results of `work` in order, `threads` of them in the making and as many waiting."""
    if threads == 1:
        yield from map(work, batches)
        return
    remaining = iter(batches)
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(work, batch) for batch in islice(remaining, 2 * threads)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(work, batch) for batch in islice(remaining, 1)]
        finally:
            for future in waiting:
                future.cancel()
