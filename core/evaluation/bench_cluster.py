"""How much faster two workers of a Ray cluster encode than one: the same pictures, in turns, on the same connection."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core import datasets, encoders
from core.datasets import ImageRecord
from core.features.cluster import Cluster
from core.features.cluster_encode import NodeEncoder, sent_settings
from core.features.cluster_pool import WorkPool
from core.settings import Address, Settings
from core.types import Json, Progress, no_progress

_BATCH = 32


class MeteredEncoder:
    """A `NodeEncoder` that tells what processor time its process has taken."""

    def __init__(self, settings: Settings, name: str, facts: Mapping[str, str], encoder: str, fingerprint: str) -> None:
        self._encoder = NodeEncoder(settings, name, facts, encoder, fingerprint)

    def work(self, task: Sequence[ImageRecord]) -> tuple[int, float, float]:
        """Encode records; return the process, its processor seconds and the wall seconds of this task."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._encoder.work(task)
        return os.getpid(), time.process_time() - cpu, time.perf_counter() - wall


def bench_cluster(
    address: Address,
    settings: Settings,
    cluster: Cluster,
    *,
    pictures: int = 512,
    rounds: int = 5,
    progress: Progress = no_progress,
) -> Json:
    """Encode a gallery's pictures with one worker and with two, in turns; starting the workers is not counted.

    The machine's other work counts against both. `busy` is the share of the wall time that a worker had a core for:
    where it is far below 1 the cores were not there, and `speedup_if_cores_are_free`, from processor time alone, says
    what two free cores would do: twice the rate, less what a picture costs more of it when two work at once.

    Args:
        pictures: encoded in each turn; the gallery's, again and again if it has fewer.
    """
    dataset = datasets.open(address.dataset, settings)
    encoder = encoders.load(address.encoder, settings)
    records = dataset.catalog.records()
    chosen = [records[number % len(records)] for number in range(pictures)]
    tasks = [chosen[start : start + _BATCH] for start in range(0, pictures, _BATCH)]
    arguments = sent_settings(settings), dataset.name, dict(dataset.catalog.meta()), encoder.name, encoder.fingerprint
    turns: dict[int, list[Json]] = {1: [], 2: []}
    for turn in range(rounds):
        for workers in (1, 2):
            progress(2 * turn + workers - 1, 2 * rounds, "encoding with one worker and with two")
            with WorkPool(cluster, MeteredEncoder, *arguments, most=workers) as pool:
                while len({answer[0] for _, answer in pool.run(tasks[:workers])}) < workers:
                    pass  # until each worker has started and done something
                turns[workers].append(_turn(pool, tasks))
    progress(2 * rounds, 2 * rounds, "encoding with one worker and with two")
    walls = {workers: [turn["wall_s"] for turn in done] for workers, done in turns.items()}
    cpus = {workers: float(np.median([turn["cpu_s"] for turn in done])) for workers, done in turns.items()}
    ratios = [one / two for one, two in zip(walls[1], walls[2], strict=True)]
    return {
        "gallery": str(address), "cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1),
        "pictures": pictures, "rounds": rounds,
        "pictures_per_s": {str(workers): pictures / float(np.median(wall)) for workers, wall in walls.items()},
        "cpu_ms_per_picture": {str(workers): 1000 * cpu / pictures for workers, cpu in cpus.items()},
        "busy": {str(workers): float(np.median([turn["busy"] for turn in done])) for workers, done in turns.items()},
        "speedup": float(np.median(ratios)), "speedups": ratios,
        "speedup_if_cores_are_free": 2 * cpus[1] / cpus[2],
    }  # fmt: skip


def _turn(pool: WorkPool, tasks: Sequence[Any]) -> Json:
    started = time.perf_counter()
    answers = [answer for _, answer in pool.run(tasks)]
    wall = time.perf_counter() - started
    cpu = sum(answer[1] for answer in answers)
    return {"wall_s": wall, "cpu_s": cpu, "busy": cpu / sum(answer[2] for answer in answers)}
