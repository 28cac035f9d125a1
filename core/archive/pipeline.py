"""Work on batches by several threads, results in order, and never more of them in memory than are being worked on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")

MOST_TOGETHER = 32  # pictures in a batch
_MOST_PIXELS = 1 << 24  # of a batch of several: 50 MB as RGB


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


def batches_of(items: Iterable[Given], pixels: Callable[[Given], int]) -> Iterator[Sequence[Given]]:
    """Yield the items in order, so many together as fit the memory for a batch; a larger picture comes alone."""
    batch: list[Given] = []
    total = 0
    for item in items:
        size = pixels(item)
        if batch and (len(batch) == MOST_TOGETHER or total + size > _MOST_PIXELS):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch
