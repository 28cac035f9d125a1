"""Encoding on the nodes of a Ray cluster: each node reads the pictures from its own disks and sends vectors back.

A node needs this program and its requirements, and the pictures under the same path as here. Where its datasets/ and
features/ lie elsewhere, PENTIMENTO_NODE_HOME says so in the environment of its `ray start`.
"""

import os
import socket
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from core import encoders
from core.datasets import Dataset, ImageRecord
from core.encoders import PictureEncoder
from core.errors import UnavailableError
from core.features.cluster import Cluster
from core.features.cluster_pool import GivenUp, WorkPool
from core.features.extraction import Pipeline, encoded
from core.settings import Settings
from core.types import Vectors

if TYPE_CHECKING:
    from core.datasets.catalog import Catalog

_BATCH = 32  # pictures in a task: a second's work, whose sending costs a millisecond
_TASKS_PER_CORE = 4  # at least, so that few pictures occupy all cores and the last tasks end together

Outcome = tuple[Vectors, Mapping[int, str]]  # (n, D) of n records, 0 where unreadable; position -> reason


class NodeEncoder:
    """Encodes pictures where it runs.

    Args:
        settings: of the machine that gave the command.
        name: of the data set.
        facts: of its catalog; the catalog itself stays where it is.
        encoder: its name.
        fingerprint: that it must have.
    """

    def __init__(self, settings: Settings, name: str, facts: Mapping[str, str], encoder: str, fingerprint: str) -> None:
        settings = node_settings(settings)
        self._dataset = Dataset(name, settings.datasets / name, cast("Catalog", _Facts(facts)))
        root = self._dataset.images_root
        if not facts.get("source_url") and not root.is_dir():
            raise UnavailableError(
                f"it has no folder {root} with the pictures of {name}; mount it there, or say by PENTIMENTO_NODE_HOME "
                "where datasets/ lies on that node"
            )
        self._encoder = encoders.load(encoder, settings)
        if self._encoder.fingerprint != fingerprint:
            raise UnavailableError(
                f"its {encoder} is another version than here (fingerprint {self._encoder.fingerprint}, not "
                f"{fingerprint}); install the same requirements and weights on it"
            )
        self._host = socket.gethostname()

    def work(self, task: Sequence[ImageRecord]) -> Outcome:
        """Encode records; one that cannot be read has a reason in the place of a vector."""
        vectors = np.zeros((len(task), self._encoder.dim), np.float32)
        reasons = {}
        for position, record in enumerate(task):
            outcome = encoded(record, self._dataset, self._encoder)
            if isinstance(outcome, str):
                reasons[position] = f"{outcome} (on the node {self._host})"
            else:
                vectors[position] = outcome
        return vectors, reasons


def cluster_pipeline(cluster: Cluster) -> Pipeline:
    """Return the pipeline for `extract` that encodes on every core of a cluster."""

    def pipeline(
        records: Sequence[ImageRecord], dataset: Dataset, encoder: PictureEncoder, settings: Settings
    ) -> Generator[tuple[ImageRecord, Vectors | str], None, None]:
        if not records:
            return
        cores = sum(node.cores for node in cluster.nodes())
        size = max(1, min(_BATCH, len(records) // (_TASKS_PER_CORE * max(1, cores))))
        # What a node does not need stays here.
        slim = {record.image_id: replace(record, title="", label="", split="", fields={}) for record in records}
        whole = {record.image_id: record for record in records}
        tasks = [list(slim.values())[start : start + size] for start in range(0, len(records), size)]
        arguments = (
            sent_settings(settings),
            dataset.name,
            dict(dataset.catalog.meta()),
            encoder.name,
            encoder.fingerprint,
        )
        with WorkPool(cluster, NodeEncoder, *arguments) as pool:
            for task, result in pool.run(tasks):
                if isinstance(result, GivenUp) and len(task) > 1:
                    for record in task:  # one of them is to blame
                        pool.submit([record])
                elif isinstance(result, GivenUp):
                    yield whole[task[0].image_id], f"{task[0].path}: {result.reason}"
                else:
                    vectors, reasons = result
                    for position, record in enumerate(task):
                        yield whole[record.image_id], reasons.get(position, vectors[position])

    return pipeline


def sent_settings(settings: Settings) -> Settings:
    """Return what nodes may know of the settings: not how other servers are reached."""
    return replace(settings, milvus_uri="", milvus_token="")


def node_settings(settings: Settings) -> Settings:
    """Return the settings of the node on which this runs, for one core of it."""
    home = os.environ.get("PENTIMENTO_NODE_HOME")
    return replace(settings, threads=1, root=Path(home).expanduser() if home else settings.root)


class _Facts:
    """The part of a catalog that loading a picture asks for."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._facts = facts

    def meta(self) -> Mapping[str, str]:
        return self._facts
