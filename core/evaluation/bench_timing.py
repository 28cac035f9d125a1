"""Timing two programs against one another on a machine that does other things, too: in turns, by CPU time."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Work = Callable[[], object]


def interleaved(
    works: Mapping[str, Work], rounds: int, clock: Callable[[], float], *, pause_s: float = 0
) -> dict[str, list[float]]:
    """Return the seconds of each piece of work in each round; within a round they follow one another.

    Args:
        works: name -> what is to be done.
        rounds: turns, after one that is not counted.
        clock: `time.thread_time`, or `time.perf_counter` where several threads work.
        pause_s: before each piece of work. OpenMP's threads (FAISS's) wait actively for more, 4 to 7 ms of processor
            time after a search, which others who use several threads would be charged with.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            if pause_s:
                time.sleep(pause_s)
            start = clock()
            work()
            if turn:
                seconds[name].append(clock() - start)
    return seconds


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Return the median over rounds of how many times as long the first took as the second."""
    return float(np.median(np.divide(slower, faster)))


def cpu_seconds(work: Work) -> float:
    """Return the CPU time of this thread for one piece of work."""
    start = time.thread_time()
    work()
    return time.thread_time() - start
